// text/csv: a header with the columns' names, then rows. RFC 4180 quoting; an empty unquoted field
// is missing.
#include "api/predict/rows.h"
#include "api/sagemaker/forms.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

using inference::Cell;

struct Field {
  std::string text;
  bool quoted = false;
};

class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : rest_(text) {}

  // False at the end.
  bool AtEnd() const { return rest_.empty(); }

  Result<std::vector<Field>> Line() {
    std::vector<Field> fields;
    for (;;) {
      fields.push_back(TRY(Next()));
      if (rest_.empty()) return fields;
      const char separator = rest_.front();
      rest_.remove_prefix(1);
      if (separator == '\n') return fields;
      if (separator == '\r') {
        if (rest_.starts_with('\n')) rest_.remove_prefix(1);
        return fields;
      }
    }
  }

 private:
  Result<Field> Next() {
    if (!rest_.starts_with('"')) {
      const size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
      Field field{std::string(rest_.substr(0, end)), false};
      rest_.remove_prefix(end);
      return field;
    }
    Field field{{}, true};
    rest_.remove_prefix(1);
    for (;;) {
      const size_t quote = rest_.find('"');
      if (quote == std::string_view::npos) return Invalid("a quoted field has no end");
      field.text += rest_.substr(0, quote);
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      field.text += '"';
      rest_.remove_prefix(1);
    }
    if (!rest_.empty() && rest_.find_first_of(",\r\n") != 0) {
      return Invalid("text follows a quoted field");
    }
    return field;
  }

  std::string_view rest_;
};

Cell CellOf(const Field& field, bool wants_text) {
  if (field.text.empty() && !field.quoted) return {};
  int64_t whole = 0;
  double number = 0;
  if (wants_text) return Cell::Text(field.text);
  if (ParseInt(field.text, whole)) return Cell::Int(whole);
  if (ParseDouble(field.text, number)) return Cell::Double(number);
  if (EqualsIgnoreCase(field.text, "true")) return Cell::Bool(true);
  if (EqualsIgnoreCase(field.text, "false")) return Cell::Bool(false);
  return Cell::Text(field.text);
}

}  // namespace

Status ReadCsvForm(std::string_view body, serving::Call& call) {
  TRY(CheckBound(*call.version));
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  CsvReader csv(body);
  if (csv.AtEnd()) return Invalid("the CSV is empty: its first line must name the columns");
  RowBuilder rows(*call.version);
  const std::vector<Field> header = TRY(csv.Line());
  for (const Field& field : header) TRY(rows.AddColumn(field.text));
  TRY(rows.CheckColumns());
  const size_t width = rows.columns();
  while (!csv.AtEnd()) {
    const std::vector<Field> fields = TRY(csv.Line());
    if (fields.size() == 1 && fields[0].text.empty() && width > 1) continue;  // blank line
    if (fields.size() != width) {
      return Invalid("CSV row " + std::to_string(rows.rows() + 1) + " has " +
                     std::to_string(fields.size()) + " fields; the header has " +
                     std::to_string(width));
    }
    rows.BeginRow();
    for (size_t i = 0; i < fields.size(); ++i) {
      TRY(rows.Put(i, CellOf(fields[i], rows.WantsText(i))));
    }
    TRY(rows.EndRow());
  }
  rows.Finish(call);
  return {};
}

}  // namespace tatara::api
