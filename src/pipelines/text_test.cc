// Values, YAML text, templates, parameters, lock files, .dvc files: the pure text half.
#include <gtest/gtest.h>

#include <cmath>

#include "base/yaml.h"
#include "pipelines/data_file.h"
#include "pipelines/lock.h"
#include "pipelines/params.h"
#include "pipelines/templating.h"
#include "pipelines/value.h"
#include "pipelines/yaml_text.h"

namespace tatara::pipelines {
namespace {

Value Read(const std::string& text) {
  const auto node = ParseYaml(text);
  EXPECT_TRUE(node) << text;
  auto value = FromYaml(*node);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
  return value.value_or(Value());
}

TEST(Value, Scalars_AreReadAsYaml12AndPrintedAsPython) {
  const std::pair<const char*, const char*> table[] = {
      {"012", "12"},
      {"0o17", "15"},
      {"0x1F", "31"},
      {"1_000", "1000"},
      {"1e5", "100000.0"},
      {"1e-5", "1e-05"},
      {"1e16", "1e+16"},
      {"1e15", "1000000000000000.0"},
      {"0.0001", "0.0001"},
      {"5.", "5.0"},
      {".5", "0.5"},
      {".inf", "inf"},
      {"-.inf", "-inf"},
      {"null", "None"},
      {"~", "None"},
      {"true", "true"},
      {"yes", "yes"},
      {"on", "on"},
      {"1:30", "1:30"},
      {"'012'", "012"},
      {"-0.0", "-0.0"},
      {"1.50", "1.5"},
      {"0b101", "5"},
      {"1.5.2", "1.5.2"},
      {"123456789012345680.0", "1.2345678901234568e+17"},
  };
  for (const auto& [yaml, text] : table) EXPECT_EQ(ScalarText(Read(yaml)), text) << yaml;
}

TEST(Value, Date_IsRefusedWithItsLine) {
  for (const char* text : {"2013-04-01", "2013-04-01T10:00:00", "2013-4-1 10:00:00"}) {
    const auto node = ParseYaml(std::string("a: 1\nb: ") + text);
    ASSERT_TRUE(node);
    const auto value = FromYaml(*node);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, Code::kInvalid);
    EXPECT_TRUE(value.error().message.starts_with("line 2")) << value.error().message;
  }
}

TEST(Value, Equals_IsPythons) {
  EXPECT_TRUE(Equals(Read("1"), Read("1.0")));
  EXPECT_TRUE(Equals(Read("1"), Read("true")));
  EXPECT_FALSE(Equals(Read("1"), Read("'1'")));
  EXPECT_FALSE(Equals(Read("null"), Read("false")));
  EXPECT_TRUE(Equals(Read("{a: 1, b: [2, x]}"), Read("{b: [2.0, x], a: 1}")));
  EXPECT_FALSE(Equals(Read("[1, 2]"), Read("[2, 1]")));
}

TEST(Value, PythonJson_IsWhatDvcHashes) {
  EXPECT_EQ(PythonJson(Read("{b: [1, 1e-5, null], a: \"\\u00e9\\n\", size: 3}"), {"size"}),
            R"({"a": "\u00e9\n", "b": [1, 1e-05, null]})");
  EXPECT_EQ(PythonJson(Read("{2: x, 10: y}")), R"({"2": "x", "10": "y"})");
  EXPECT_EQ(PythonJson(Read("[]")), "[]");
}

TEST(YamlText, Scalars_AreQuotedAsRuamelDoes) {
  const std::pair<const char*, const char*> table[] = {
      {"'yes'", "k: yes\n"},
      {"'3'", "k: '3'\n"},
      {"''", "k: ''\n"},
      {"null", "k:\n"},
      {"'null'", "k: 'null'\n"},
      {"'a: b'", "k: 'a: b'\n"},
      {"'# x'", "k: '# x'\n"},
      {"'it''s'", "k: it's\n"},
      {"\"a\\nb\"", "k: \"a\\nb\"\n"},
      {"' x'", "k: ' x'\n"},
      {"1e-5", "k: 1e-05\n"},
      {"[]", "k: []\n"},
      {"{}", "k: {}\n"},
      {"[1, [2, {a: 3}]]", "k:\n- 1\n- - 2\n  - a: 3\n"},
      {".inf", "k: .inf\n"},
      {"true", "k: true\n"},
      {"\"\\t\"", "k: \"\\t\"\n"},
      {"'- x'", "k: '- x'\n"},
      {"'''q'''", "k: \"'q'\"\n"},
  };
  for (const auto& [yaml, text] : table) {
    EXPECT_EQ(YamlText(Value(Value::Map{{"k", Read(yaml)}})), text) << yaml;
  }
}

TEST(YamlText, LongText_IsFoldedAt80Columns) {
  const std::string words =
      "mkdir -p d/sub && echo 1 > d/x && echo 2 > d/sub/y && echo \"long long long long long\" > o";
  EXPECT_EQ(YamlText(Value(Value::Map{{"cmd", Value(words)}}), 4),
            "    cmd: mkdir -p d/sub && echo 1 > d/x && echo 2 > d/sub/y && echo \"long long \n"
            "      long long long\" > o\n");
}

TEST(Templating, Expressions) {
  Variables variables;
  ASSERT_TRUE(variables.Merge(Read("{a: {b: [10, {c: x}]}, lr: 1e-5, on: true, n: null}"), "v"));
  const auto resolve = [&](const std::string& text) {
    const auto value = variables.ResolveText(text, "deps");
    return value ? ScalarText(*value) : "error: " + value.error().message;
  };
  EXPECT_EQ(resolve("x-${a.b[0]}-${ a.b[1].c }"), "x-10-x");
  EXPECT_EQ(resolve("${lr} ${on} ${n}"), "1e-05 true None");
  EXPECT_EQ(resolve("\\${lr}"), "${lr}");
  EXPECT_EQ(resolve("${a.b[-1].c}"), "x");
  EXPECT_EQ(resolve("${missing}"), "error: Could not find 'missing'");
  EXPECT_TRUE(resolve("${}").starts_with("error"));
  EXPECT_TRUE(resolve("${a..b}").starts_with("error"));
  EXPECT_EQ(resolve("x ${a.b}"), "error: Cannot interpolate data of type 'list'");
  EXPECT_TRUE(variables.ResolveText("${lr}", "deps")->IsFloat());
}

TEST(Templating, MapInCommand_BecomesOptions) {
  Variables variables;
  ASSERT_TRUE(variables.Merge(
      Read("{t: {lr: 0.1, yes: true, no: false, l: [1, a b], e: [], s: '', n: null, m: {k: 2}}}"),
      "v"));
  EXPECT_EQ(variables.ResolveText("run ${t}", "cmd")->AsString(),
            "run --lr 0.1 --yes --l 1 'a b' --s '' --n None --m.k 2");
  Variables other(TemplateStyle{.boolean_optional = true, .append_lists = true});
  ASSERT_TRUE(other.Merge(Read("{t: {no: false, l: [1, 2]}}"), "v"));
  EXPECT_EQ(other.ResolveText("run ${t}", "cmd")->AsString(), "run --no-no --l 1 --l 2");
}

TEST(Templating, Merge_RefusesASecondValue) {
  Variables variables;
  ASSERT_TRUE(variables.Merge(Read("{a: {b: 1}}"), "one"));
  EXPECT_TRUE(variables.Merge(Read("{a: {c: 2}}"), "two"));
  const auto again = variables.Merge(Read("{a: {b: 3}}"), "three");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "cannot redefine 'a.b' from 'three': it exists already");
  variables.SetLoop(Value(1), nullptr);
  EXPECT_FALSE(variables.Merge(Read("{item: 3}"), "four"));
}

TEST(Params, Python_IsRefusedByName) {
  const auto read = ParseParams("p.py", "a = 1");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kUnsupported);
  EXPECT_NE(read.error().message.find("p.py"), std::string::npos);
}

TEST(Params, Toml_KeepsTypesAndTheFilesOrder) {
  const auto read = ParseParams("p.toml",
                                "z = 1.0\na = 0x10\nt = true\n[n.inner]\nb = 'x'\na = [1, 2.5]\n"
                                "[[list]]\nk.v = 1e-5\n[[list]]\n[empty]\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(YamlText(*read),
            "z: 1.0\na: 16\nt: true\nn:\n  inner:\n    b: x\n    a:\n    - 1\n    - 2.5\n"
            "list:\n- k:\n    v: 1e-05\n- {}\nempty: {}\n");
  EXPECT_EQ(ParseParams("p.toml", "a = 1\nb =\n").error().message.substr(0, 10), "p.toml:2: ");
  EXPECT_EQ(ParseParams("p.toml", "a = 2020-01-01\n").error().message.substr(0, 10), "p.toml:1: ");
}

TEST(Params, JsonAndAnEmptyFile) {
  EXPECT_EQ(ParseParams("p.json", "{\"a\": [1]}")->At("a.0")->AsInt(), 1);
  EXPECT_TRUE(ParseParams("p.yaml", "")->IsMap());
}

TEST(Params, SetYamlScalar_KeepsTheRestOfTheText) {
  const std::string text =
      "# top\ndata:\n  start: \"2013-01-01\"   # first day\n  end: 'x'\nn: {a: 1, b: two}\n";
  EXPECT_EQ(*SetYamlScalar(text, "data.start", Value("2013-02-01")),
            "# top\ndata:\n  start: \"2013-02-01\"   # first day\n  end: 'x'\nn: {a: 1, b: two}\n");
  EXPECT_EQ(
      *SetYamlScalar(text, "n.a", Value(25)),
      "# top\ndata:\n  start: \"2013-01-01\"   # first day\n  end: 'x'\nn: {a: 25, b: two}\n");
  EXPECT_EQ(SetYamlScalar(text, "n.c", Value(1)).error().code, Code::kNotFound);
  EXPECT_EQ(SetYamlScalar(text, "n", Value(1)).error().code, Code::kInvalid);
}

constexpr std::string_view kLock =
    "schema: '2.0'\n"
    "stages:\n"
    "  one:\n"
    "    cmd: a   # by hand\n"
    "    outs:\n"
    "    - path: d\n"
    "      hash: md5\n"
    "      md5: dafe5b4f934665fba7722eb4d182f64e.dir\n"
    "      size: 4\n"
    "      nfiles: 2\n"
    "  two:\n"
    "    cmd: b\n"
    "    deps:\n"
    "    - path: old\n"
    "      md5: 0123456789abcdef0123456789abcdef\n"
    "      isexec: true\n";

TEST(LockFile, Set_KeepsOtherEntriesAndTheirPlace) {
  auto lock = LockFile::Parse(std::string(kLock));
  ASSERT_TRUE(lock) << lock.error().message;
  EXPECT_EQ(lock->Text(), kLock);
  EXPECT_TRUE(lock->Find("two")->FindDep("old")->legacy);
  EXPECT_TRUE(lock->Find("two")->FindDep("old")->executable);
  EXPECT_EQ(lock->Find("one")->FindOut("d")->file_count, 2);
  LockEntry entry;
  entry.command = Value("c");
  // Whichever stage ended first: new entries stand in the order of the stages.
  lock->Set("four", entry, 7);
  lock->Set("two", entry, 0);
  lock->Set("three", entry, 5);
  const std::string one(kLock.substr(0, kLock.find("  two:")));
  EXPECT_EQ(lock->Text(), one +
                              "  two:\n    cmd: c\n  three:\n    cmd: c\n"
                              "  four:\n    cmd: c\n");
}

TEST(LockFile, OtherSchema_IsRefused) {
  EXPECT_EQ(LockFile::Parse("schema: '1.0'\nstages: {}\n").error().code, Code::kUnsupported);
  EXPECT_EQ(LockFile::Parse("a:\n  cmd: x\n").error().code, Code::kUnsupported);
  EXPECT_TRUE(LockFile::Parse(""));
}

// Key and value as the real DVC 3.67.1 named them for this entry.
TEST(LockFile, RunCacheNames_AreDvcs) {
  LockEntry entry;
  entry.command = Read("[cat d/x > b.txt, 'echo \"{}\" > m.json']");
  const auto item = [](const char* path, const char* md5, int64_t size) {
    return LockItem{.path = path, .md5 = md5, .size = size};
  };
  entry.deps = {item("d/", "dafe5b4f934665fba7722eb4d182f64e.dir", 4),
                item("o.txt", "d604ddacf53ad27114a857ed174d3c86", 60)};
  entry.deps[0].file_count = 2;
  entry.params = Read(
      "{params.yaml: {l: [], m: {}, n: null, x: 1e-5, y: 'yes', "
      "z: {a: [1, {b: 2, c: null}], 'e:f': '3'}}}");
  entry.outs = {item("b.txt", "b026324c6904b2a9cb4b88d6d61c81d1", 2),
                item("m.json", "8a80554c91d9fca8acb82f023de02f11", 3)};
  EXPECT_EQ(RunCacheKey(entry), "232f08f5a379d384c172e51e83e53c8ce768dd2f4075d0cdcc1b4e23522c7bee");
  EXPECT_EQ(RunCacheValue(entry),
            "341eba585572bd3405c67e651f994f7d26d3ed942a9157afee225995259be7fa");
}

TEST(DataFile, SetDataItems_ChangesTheValuesOnly) {
  const std::string text =
      "# mine\nouts:\n- md5: aaaa\n  size: 4\n  hash: md5\n  path: x.csv\nmeta: {a: 1}\n";
  auto items = ParseDataItems(text);
  ASSERT_TRUE(items);
  EXPECT_FALSE((*items)[0].legacy);
  EXPECT_EQ(*SetDataItems(text, *items), text);
  (*items)[0].md5 = "bbbbbb.dir";
  (*items)[0].size = 12;
  (*items)[0].file_count = 2;
  EXPECT_EQ(*SetDataItems(text, *items),
            "# mine\nouts:\n- md5: bbbbbb.dir\n  size: 12\n  hash: md5\n  path: x.csv\n"
            "  nfiles: 2\nmeta: {a: 1}\n");
}

}  // namespace
}  // namespace tatara::pipelines
