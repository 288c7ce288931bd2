#include "cli/tools/batch.h"

#include "base/strings.h"
#include "os/files.h"

namespace tatara::cli {
namespace {

Result<Json> AnswerLine(std::string_view text, const BatchLine& answer) {
  const Json line = TRY(ParseJson(text));
  if (!line.IsObject()) return Invalid("a line must be a JSON object");
  return answer(line);
}

}  // namespace

Result<int> RunBatch(Context& context, const std::string& path, const BatchLine& answer) {
  auto input = path == "-" ? os::ReadStandardInput() : os::ReadFile(path);
  if (!input) return Invalid("cannot read the batch: " + input.error().message);
  constexpr size_t kPieceMax = 1 << 20;
  std::string out;
  std::string_view rest = *input;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    auto answered = AnswerLine(rest.substr(0, end), answer);
    out += answered ? answered->Dump() : Json::Of({{"error", answered.error().message}}).Dump();
    out += '\n';
    if (out.size() > kPieceMax) {
      context.out.Print(out);
      out.clear();
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  context.out.Print(out);
  return 0;
}

Status CheckKeys(const Json& object, const std::string& where,
                 const std::vector<std::string>& known) {
  if (!object.IsObject())
    return Invalid(where + " must be an object, not " + std::string(object.TypeName()));
  for (const auto& [name, value] : object.AsObject()) {
    bool found = false;
    for (const std::string& key : known) found = found || key == name;
    if (!found) {
      return Invalid("unknown key '" + name + "' in " + where + DidYouMean(name, known));
    }
  }
  return {};
}

}  // namespace tatara::cli
