// Reads a YAML map whose keys are known: typed fields with errors that name the line and what was
// wanted, and an error for each key that nobody asked for, with the nearest one that exists.
//
//   YamlFields fields(node, "alarm 'x'");
//   spec.when = fields.Text("when");            // required
//   spec.period = fields.DurationOr("period", ...);
//   TRY(fields.Finish());                       // the first error of all, or the unknown key
//
// After an error the getters return empty values, so that a reader needs one check, at the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/yaml.h"

namespace tatara {

// "line 12: message" (line 0: just the message).
Error YamlError(const Yaml& node, std::string message);
// Names the file of an error: "line 12: message" becomes "FILE:12: message", else "FILE: message".
Error InFile(std::string_view file, Error error);

class YamlFields {
 public:
  // `where` names the map in messages. A node that is no map is an error.
  YamlFields(const Yaml& node, std::string where);

  // The node under a key, marked as known; null when absent or null.
  const Yaml* Node(std::string_view key);
  const Yaml* RequiredNode(std::string_view key);
  std::string Text(std::string_view key);
  std::string TextOr(std::string_view key, std::string_view otherwise);
  std::optional<std::string> OptionalText(std::string_view key);
  int64_t IntOr(std::string_view key, int64_t otherwise);
  double DoubleOr(std::string_view key, double otherwise);
  bool BoolOr(std::string_view key, bool otherwise);
  Duration DurationOr(std::string_view key, Duration otherwise);
  std::vector<std::string> TextsOr(std::string_view key);  // a list of scalars, or one scalar
  // Keys that exist in the language but not in this version: refused by name.
  void Refuse(std::string_view key, std::string_view why);
  void Fail(Error error);  // the first one counts

  Status Finish();
  int line() const { return node_.line; }

 private:
  const Yaml* Scalar(std::string_view key);

  const Yaml& node_;
  std::string where_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace tatara
