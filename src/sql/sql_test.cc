#include "sql/sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "os/os.h"
#include "sql/message.h"
#include "sql/statement.h"

namespace tatara::sql {
namespace {

using ::testing::HasSubstr;

Query Sql(std::string text) { return {.text = std::move(text), .parameters = {}, .limits = {}}; }

class SqlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "sql_test_" + std::to_string(os::ProcessId());
    ASSERT_TRUE(os::MakeFolders(folder_));
    auto engine = Engine::Open();
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }
  void TearDown() override { (void)os::RemoveTree(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(os::WriteFile(Path(name), text));
  }

  std::string folder_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(SqlTest, Read_KeepsTypesAndExactDigits) {
  const auto table = engine_->Read(
      Sql("SELECT 1::TINYINT a, 1.50::DECIMAL(5,2) b, sum(9223372036854775807) c, 'x' d, "
          "DATE '2020-01-02' e, TIMESTAMPTZ '2020-01-01 00:00:00+02' f, [1, NULL] g, NULL h, "
          "TIMESTAMP_NS '2020-01-01 00:00:00.123456789' i, 0.1::FLOAT j, 'nan'::DOUBLE k "
          "FROM range(2)"));
  ASSERT_TRUE(table) << table.error().message;
  std::string text, json;
  for (const Column& column : table->columns) {
    text += CellText(column, 0) + "|";
    AppendCellJson(json, column, 0);
    json += "|";
  }
  EXPECT_EQ(text,
            "1|1.50|18446744073709551614|x|2020-01-02|2019-12-31T22:00:00Z|[1,null]||"
            "2020-01-01T00:00:00.123456789Z|0.1|nan|");
  EXPECT_EQ(json,
            "1|1.50|18446744073709551614|\"x\"|\"2020-01-02\"|\"2019-12-31T22:00:00Z\"|[1,null]|"
            "null|\"2020-01-01T00:00:00.123456789Z\"|0.1|null|");
}

TEST_F(SqlTest, Read_BindsNamedParameters) {
  const auto table = engine_->Read({.text = "SELECT $a + 1, $b",
                                    .parameters = {{"a", int64_t{2}}, {"b", std::string("x")}},
                                    .limits = {}});
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->columns[0].ints[0], 3);
  EXPECT_EQ(table->columns[1].texts[0], "x");
  const auto missing = engine_->Read(Sql("SELECT $a"));
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("'$a'"));
}

TEST_F(SqlTest, Read_EndsAtItsLimits) {
  Query many = Sql("FROM range(5000)");
  many.limits.rows_max = 4999;
  EXPECT_EQ(engine_->Read(many).error().code, Code::kExhausted);
  many.limits.rows_max = 5000;
  EXPECT_EQ(engine_->Read(many)->rows(), 5000u);
  Query endless = Sql("SELECT count(*) FROM range(1000000000000) t(i) WHERE i * i % 7 = 3");
  endless.limits.timeout = std::chrono::milliseconds(50);
  const auto late = engine_->Read(endless);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kExhausted);
  EXPECT_THAT(late.error().message, HasSubstr("50ms"));
}

TEST_F(SqlTest, Errors_NameLineAndColumn) {
  const auto wrong = engine_->Read(Sql("SELECT 1,\n  nope FROM (SELECT 2 AS yes)"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalid);
  EXPECT_THAT(wrong.error().message, HasSubstr("line 2, column 3: "));
  const auto missing = engine_->Read(Sql("FROM '" + Path("no.parquet") + "'"));
  EXPECT_EQ(missing.error().code, Code::kNotFound);
}

TEST_F(SqlTest, Write_ReplacesTheFileOnlyWhenItIsWhole) {
  Put("out.csv", "old");
  EXPECT_FALSE(engine_->Write(Sql("SELECT error('no') FROM range(3)"), Path("out.csv")));
  EXPECT_EQ(*os::ReadFile(Path("out.csv")), "old");
  ASSERT_TRUE(engine_->Write(Sql("SELECT 1 AS a, '' AS b, NULL AS c"), Path("out.csv")));
  EXPECT_EQ(*os::ReadFile(Path("out.csv")), "a,b,c\n1,\"\",\n");
  EXPECT_EQ(os::ListFolder(folder_)->size(), 1u);  // nothing half done beside it
}

TEST_F(SqlTest, Write_TakesWhatEndsInASemicolonOrComment) {
  for (const char* query : {"SELECT 7 AS x;", "SELECT 7 AS x ; -- done", "FROM (SELECT 7 AS x);;",
                            "VALUES (7)", "DESCRIBE SELECT 7", "SUMMARIZE SELECT 7"}) {
    const auto rows = engine_->Write(Sql(query), Path("o.csv"));
    EXPECT_TRUE(rows && *rows == 1) << query << ": " << (rows ? "" : rows.error().message);
  }
  const auto missing = engine_->Write(Sql("SELECT 1"), Path("none/o.csv"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("no folder"));
}

TEST_F(SqlTest, Write_OfPickedRows_KeepsEveryType) {
  const auto rows = engine_->Fetch(
      Sql("SELECT i, i::DECIMAL(30,2) d, 't' || i t, [i, NULL] l, {'a': i} s, i % 2 = 0 b, "
          "CASE WHEN i = 4 THEN '-0.0'::DOUBLE ELSE 0 END z FROM range(5000) t(i)"));
  ASSERT_TRUE(rows) << rows.error().message;
  const std::vector<int64_t> pick = {4999, -1, 4, 2049};
  std::vector<OutputColumn> columns;
  for (size_t c = 0; c < (*rows)->columns().size(); ++c) {
    columns.push_back({(*rows)->columns()[c].name, rows->get(), c, pick});
  }
  ASSERT_TRUE(engine_->Write(columns, Path("out.parquet")));
  const auto back = engine_->Read(Sql("FROM '" + Path("out.parquet") + "'"));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->columns[1].declared, "DECIMAL(30,2)");
  EXPECT_EQ(back->columns[3].texts,
            (std::vector<std::string>{"[4999,null]", "", "[4,null]", "[2049,null]"}));
  EXPECT_EQ(back->columns[4].texts[3], "{\"a\":2049}");
  EXPECT_EQ(back->columns[0].valid, (std::vector<uint8_t>{1, 0, 1, 1}));
  EXPECT_TRUE(std::signbit(back->columns[6].doubles[2]));
  EXPECT_FALSE(std::signbit(back->columns[6].doubles[0]));
}

TEST_F(SqlTest, Fetch_KeepsOnlyWantedRows) {
  std::vector<uint8_t> wanted(5000);
  wanted[3] = wanted[4500] = 1;
  const auto rows = engine_->Fetch(Sql("FROM range(5000)"), wanted);
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)->Read(0).ints, (std::vector<int64_t>{3, 4500}));
  wanted.pop_back();
  EXPECT_FALSE(engine_->Fetch(Sql("FROM range(5000)"), wanted));
}

TEST_F(SqlTest, CreateTable_TakesColumns) {
  Table table;
  table.columns.push_back({{"x", Type::kDouble, ""}, {1, 0}, {}, {1.5, 0}, {}});
  table.columns.push_back({{"y", Type::kText, ""}, {1, 1}, {}, {}, {"a", "b"}});
  ASSERT_TRUE(engine_->CreateTable("rows", table));
  const auto back = engine_->Read(Sql("SELECT count(x), max(y) FROM rows"));
  EXPECT_EQ(back->columns[0].ints[0], 1);
  EXPECT_EQ(back->columns[1].texts[0], "b");
}

TEST_F(SqlTest, OpenFile_FindsCsvTypesWhateverTheOrder) {
  Put("a.csv",
      "i,d,z,t,b,n\n1,inf,007,2024-01-01T00:00:00Z,true,\n,1.5,1,2024-01-02T00:00:00+02:00,false,"
      "\n");
  const auto file = OpenFile(*engine_, Path("a.csv"));
  ASSERT_TRUE(file) << file.error().message;
  std::string types;
  for (const ColumnInfo& column : file->columns) types += column.declared + "|";
  EXPECT_EQ(types, "BIGINT|DOUBLE|VARCHAR|TIMESTAMP WITH TIME ZONE|BOOLEAN|VARCHAR|");
  EXPECT_TRUE(engine_->Read(Sql("FROM " + file->typed)));
}

TEST_F(SqlTest, OpenFile_SaysWhatIsWrongWithTheFile) {
  struct Case {
    const char *name, *bytes, *says;
  };
  for (const Case& one : {Case{"empty.csv", "", "begins with a header"},
                          Case{"ragged.csv", "a,b\n1\n2,3,4\n", "as many fields"},
                          Case{"bytes.csv", "a\n\xc3(\n", "line "},
                          Case{"not.parquet", "This is no Parquet file", "No magic bytes"}}) {
    Put(one.name, one.bytes);
    const auto file = OpenFile(*engine_, Path(one.name));
    ASSERT_FALSE(file) << one.name;
    EXPECT_EQ(file.error().code, Code::kInvalid) << file.error().message;
    EXPECT_THAT(file.error().message, HasSubstr(one.says));
    EXPECT_THAT(file.error().message, HasSubstr(one.name));
    EXPECT_THAT(file.error().message, ::testing::Not(HasSubstr("column 15")));
  }
}

TEST_F(SqlTest, Command_OfASourceOpensNoOtherFileOfItsFolder) {
  ASSERT_TRUE(os::MakeFolders(Path("project")));
  Put("source.csv", "a\n1\n");
  Put("secret.csv", "a\n2\n");
  SqlCommand command{
      .query = "SELECT a FROM s", .folder = Path("project"), .sources = {{"s", "../source.csv"}}};
  EXPECT_TRUE(RunSqlCommand(command));
  command.query = "SELECT a FROM '" + Path("secret.csv") + "'";
  const auto refused = RunSqlCommand(command);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDenied) << refused.error().message;
}

TEST_F(SqlTest, Command_TellsTheNamesThatThereAre) {
  Put("d.csv", "a\n1\n");
  SqlCommand command{.query = "SHOW TABLES", .folder = folder_, .sources = {{"visits", "d.csv"}}};
  const auto shown = RunSqlCommand(command);
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(shown->rows, 1);
  command.query = "SELECT * FROM visit";
  const auto missed = RunSqlCommand(command);
  ASSERT_FALSE(missed);
  EXPECT_THAT(missed.error().message, HasSubstr("did you mean 'visits'"));
}

TEST(StatementBody, EndsAtTheLastToken) {
  for (const auto& [text, body] : std::initializer_list<std::pair<const char*, const char*>>{
           {"select 1", "select 1"},
           {"select 1 ; ", "select 1"},
           {"select 1 -- ;\n;", "select 1"},
           {"select 1 /* ; /* nested */ */ ;", "select 1"},
           {"select ';--'", "select ';--'"},
           {"select 'it''s;' ;", "select 'it''s;'"},
           {"select e'\\';' ;", "select e'\\';'"},
           {"select \"a;\";", "select \"a;\""},
           {"select $$;--$$ ;", "select $$;--$$"},
           {"select $t$;$$--$t$;", "select $t$;$$--$t$"},
           {"select $a;", "select $a"},
           {" ; -- nothing", ""}}) {
    EXPECT_EQ(StatementBody(text), body) << text;
  }
}

TEST_F(SqlTest, CheckSyntax_LooksAtTheFormOnly) {
  for (const char* text :
       {"SELECT 1", "SELECT avg(nope) > 3 FROM not_here", "SELECT nofunction(1)"}) {
    EXPECT_TRUE(engine_->CheckSyntax(Sql(text))) << text;
  }
  for (const char* text :
       {"SELECT avg(x >> FROM t", "SELECT (a >) FROM t", "SELECT 1; SELECT 2", ""}) {
    EXPECT_EQ(engine_->CheckSyntax(Sql(text)).error().code, Code::kInvalid) << text;
  }
}

TEST_F(SqlTest, CheckReadOnly_RefusesWhatChanges) {
  for (const char* text : {"SELECT 1", "FROM range(3)", "VALUES (1)", "DESCRIBE SELECT 1",
                           "EXPLAIN SELECT 1", "WITH a AS (SELECT 1) FROM a"}) {
    EXPECT_TRUE(engine_->CheckReadOnly(Sql(text))) << text;
  }
  for (const char* text :
       {"CREATE TABLE x (a INT)", "COPY (SELECT 1) TO 'x.csv'", "ATTACH 'x'", "INSTALL httpfs",
        "SET threads=1", "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'"}) {
    EXPECT_EQ(engine_->CheckReadOnly(Sql(text)).error().code, Code::kDenied) << text;
  }
  EXPECT_EQ(engine_->CheckReadOnly(Sql("SELECT 1; SELECT 2")).error().code, Code::kInvalid);
}

TEST_F(SqlTest, Sandbox_ReadsOnlyItsFolders) {
  Put("in.csv", "a\n1\n");
  ASSERT_TRUE(os::MakeFolders(Path("inner")));
  Put("inner/x.csv", "a\n2\n");
  const auto engine = Engine::Open({.sandbox = true, .folders = {Path("inner") + "/"}});
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_TRUE((*engine)->Read(Sql("FROM '" + Path("inner/x.csv") + "'")));
  for (const std::string& path : {Path("in.csv"), Path("inner/../in.csv")}) {
    EXPECT_EQ((*engine)->Read(Sql("FROM '" + path + "'")).error().code, Code::kDenied) << path;
  }
  EXPECT_FALSE((*engine)->Execute("SET enable_external_access=true"));
}

TEST_F(SqlTest, Memory_LimitIsNamed) {
  const auto engine = Engine::Open({.memory_bytes = 50'000'000});
  ASSERT_TRUE(engine);
  const auto big = (*engine)->Read(Sql("SELECT list(i) FROM range(50000000) t(i)"));
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().code, Code::kExhausted);
  EXPECT_THAT(big.error().message, HasSubstr("memory limit"));
}

TEST_F(SqlTest, Command_MissingSourceMattersOnlyWhenNamed) {
  Put("s.csv", "a\n1\n");
  SqlCommand command{.query = "SELECT * FROM good", .folder = folder_};
  command.sources = {{"good", "s.csv"}, {"bad", "none.csv"}};
  const auto result = RunSqlCommand(command);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(SqlJson(*result), "{\"columns\":[\"a\"],\"rows\":[[1]]}");
  command.query = "SELECT * FROM bad";
  const auto missing = RunSqlCommand(command);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("source 'bad'"));
}

TEST(ErrorOfMessage, FindsThePlaceInACutLine) {
  const std::string query =
      "SELECT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, nope";
  const Error error = ErrorOfMessage(
      "Binder Error: no column nope\n\nLINE 1: ...aaaa, nope\n                 ^", query);
  EXPECT_EQ(error.code, Code::kInvalid);
  EXPECT_EQ(error.message.substr(0, 19), "line 1, column 68: ");
}

}  // namespace
}  // namespace tatara::sql
