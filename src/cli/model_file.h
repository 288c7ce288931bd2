// From what a user writes after --model to a file on this machine: an ONNX file is taken as it is
// and needs no home; models:/ and runs:/ URIs are asked of the home or server.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/session.h"
#include "evaluation/evaluation.h"

namespace tatara::cli {

bool IsUri(const std::string& text);  // models:/..., runs:/...

// A model ready for evaluation; a downloaded copy goes with it.
class ModelFile {
 public:
  // `session` is opened on the first URI.
  static Result<ModelFile> Open(const Globals& globals, const std::string& uri);
  ModelFile(ModelFile&& other) noexcept
      : source_(std::move(other.source_)), temporary_(std::exchange(other.temporary_, {})) {}
  ~ModelFile();
  const evaluation::ModelSource& source() const { return source_; }

 private:
  ModelFile() = default;
  evaluation::ModelSource source_;
  std::string temporary_;  // a folder to be removed
};

// Streams the body of GET `address` into the file `target`, whole or not at all.
Status Download(Session& session, const std::string& address, const std::string& target);

}  // namespace tatara::cli
