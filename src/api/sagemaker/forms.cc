#include "api/sagemaker/forms.h"

#include "api/predict/json_body.h"
#include "api/predict/rows.h"
#include "api/sagemaker/tensors.h"

namespace tatara::api {
namespace {

using inference::Cell;
using serving::Call;
namespace ondemand = simdjson::ondemand;

constexpr size_t kColumnsMax = 100'000;

Result<Cell> CellOf(ondemand::value value) {
  switch (TRY(Take(value.type()))) {
    case ondemand::json_type::null:
      return Cell{};
    case ondemand::json_type::boolean:
      return Cell::Bool(TRY(Take(value.get_bool())));
    case ondemand::json_type::string:
      return Cell::Text(TRY(Take(value.get_string())));
    case ondemand::json_type::number:
      break;
    default:
      return Invalid("a row's value must be a number, a string, a boolean or null");
  }
  const auto number = value.get_number();
  // An integer beyond 64 bits is a number all the same.
  if (number.error() != simdjson::SUCCESS) return Cell::Double(TRY(Take(value.get_double())));
  const ondemand::number got = number.value_unsafe();
  if (got.is_int64()) return Cell::Int(got.get_int64());
  if (got.is_uint64()) return Cell::Uint(got.get_uint64());
  // simdjson 3.0's get_number reads a number of more than 19 digits as 0; its get_double does not.
  if (value.raw_json_token().size() > 19) return Cell::Double(TRY(Take(value.get_double())));
  return Cell::Double(got.get_double());
}

Status ReadNames(ondemand::value value, RowBuilder& rows) {
  ondemand::array list;
  const auto bad = [] {
    return Invalid("'columns' of dataframe_split must be a list of column names");
  };
  if (value.get_array().get(list) != simdjson::SUCCESS) return bad();
  for (auto element : list) {
    std::string_view name;
    if (element.get_string().get(name) != simdjson::SUCCESS) return bad();
    if (rows.columns() >= kColumnsMax) return Invalid("dataframe_split has too many columns");
    TRY(rows.AddColumn(name));
  }
  return rows.CheckColumns();
}

Status ReadSplitRow(ondemand::array row, RowBuilder& rows) {
  const size_t width = rows.columns();
  rows.BeginRow();
  size_t position = 0;
  const auto wrong = [&](std::string_view count) {
    return Invalid("row " + std::to_string(rows.rows() + 1) + " of dataframe_split has " +
                   std::string(count) + " values; there are " + std::to_string(width) + " columns");
  };
  for (auto element : row) {
    ondemand::value value = TRY(Take(std::move(element)));
    if (position == width) return wrong("more");
    const Cell cell = TRY(CellOf(value));
    TRY(rows.Put(position, cell));
    ++position;
  }
  if (position < width) return wrong(std::to_string(position));
  return rows.EndRow();
}

Status ReadSplitData(ondemand::array data, RowBuilder& rows) {
  for (auto element : data) {
    ondemand::value value = TRY(Take(std::move(element)));
    ondemand::array row;
    if (value.get_array().get(row) != simdjson::SUCCESS) {
      return Invalid("'data' of dataframe_split must be a list of rows");
    }
    TRY(ReadSplitRow(std::move(row), rows));
  }
  return {};
}

// Data that came before the columns.
Status ReadLateData(std::string_view text, RowBuilder& rows) {
  const simdjson::padded_string copy(text);
  ondemand::parser parser;
  ondemand::document document = TRY(Take(parser.iterate(copy)));
  return ReadSplitData(TRY(Take(document.get_array())), rows);
}

Status ReadSplit(ondemand::value value, Call& call) {
  TRY(CheckBound(*call.version));
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    return Invalid("'dataframe_split' must be an object with columns and data");
  }
  RowBuilder rows(*call.version);
  bool has_columns = false, has_data = false;
  std::string_view late;
  for (auto field : object) {
    ondemand::field member = TRY(Take(std::move(field)));
    const std::string_view key = TRY(Take(member.unescaped_key()));
    if (key == "columns") {
      if (std::exchange(has_columns, true)) {
        return Invalid("'columns' of dataframe_split is given twice");
      }
      TRY(ReadNames(member.value(), rows));
    } else if (key == "data") {
      if (std::exchange(has_data, true)) return Invalid("'data' of dataframe_split is given twice");
      ondemand::array data;
      if (member.value().get_array().get(data) != simdjson::SUCCESS) {
        return Invalid("'data' of dataframe_split must be a list of rows");
      }
      if (has_columns)
        TRY(ReadSplitData(std::move(data), rows));
      else
        late = TRY(Take(data.raw_json()));
    } else {
      TRY(CheckJson(member.value()));
    }
  }
  if (!has_columns) return Invalid("'columns' of dataframe_split is missing");
  if (!has_data) return Invalid("'data' of dataframe_split is missing");
  if (!late.empty()) TRY(ReadLateData(late, rows));
  rows.Finish(call);
  return {};
}

Status ReadRecords(ondemand::value value, Call& call) {
  TRY(CheckBound(*call.version));
  ondemand::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) {
    return Invalid("'dataframe_records' must be a list of objects");
  }
  RowBuilder rows(*call.version);
  for (auto element : list) {
    ondemand::value item = TRY(Take(std::move(element)));
    ondemand::object record;
    if (item.get_object().get(record) != simdjson::SUCCESS) {
      return Invalid("'dataframe_records' must be a list of objects");
    }
    rows.BeginRow();
    size_t guess = 0;
    for (auto field : record) {
      ondemand::field member = TRY(Take(std::move(field)));
      const std::string_view key = TRY(Take(member.unescaped_key()));
      if (guess >= kColumnsMax) return Invalid("a record has too many fields");
      const size_t position = rows.PositionOf(key, guess++);
      const Cell cell = TRY(CellOf(member.value()));
      TRY(rows.Put(position, cell));
    }
    TRY(rows.EndRow());
  }
  rows.Finish(call);
  return {};
}

// `instances` and `inputs`.
Status ReadTensorForm(std::string_view key, ondemand::value value, Call& call) {
  const Json json = TRY(ToTree(value));
  return ReadTensors(key, json, call);
}

Status ReadForms(ondemand::document& document, Call& call) {
  ondemand::object body =
      TRY(ObjectOf(document,
                   "the body must be a JSON object with one of dataframe_split, "
                   "dataframe_records, instances and inputs"));
  std::string found;
  for (auto field : body) {
    ondemand::field member = TRY(Take(std::move(field)));
    const std::string key(TRY(Take(member.unescaped_key())));
    const bool form = key == "dataframe_split" || key == "dataframe_records" ||
                      key == "instances" || key == "inputs";
    if (!form) {
      TRY(CheckJson(member.value()));
      continue;
    }
    if (!found.empty()) {
      return Invalid(
          "exactly one of dataframe_split, dataframe_records, instances and inputs may "
          "be given, not '" +
          found + "' and '" + key + "'");
    }
    found = key;
    if (key == "dataframe_split")
      TRY(ReadSplit(member.value(), call));
    else if (key == "dataframe_records")
      TRY(ReadRecords(member.value(), call));
    else
      TRY(ReadTensorForm(key, member.value(), call));
  }
  TRY(CheckEnd(document));
  if (!found.empty()) return {};
  return Invalid("one of dataframe_split, dataframe_records, instances and inputs is missing");
}

}  // namespace

Status ReadJsonForm(std::string& body, Call& call) {
  return WithDocument(body,
                      [&](ondemand::document& document) { return ReadForms(document, call); });
}

}  // namespace tatara::api
