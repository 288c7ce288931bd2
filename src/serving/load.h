// From an ONNX file to a version that can answer: loaded, bound, tried.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "artifacts/artifacts.h"
#include "serving/version.h"

namespace tatara::serving {

// Where a version's model lies.
struct ModelFile {
  std::string uri;
  std::string path;                    // in the artifact store
  std::vector<std::string> signature;  // the inputs' names of its MLflow signature
};

// May take long (tens of milliseconds and more). kInvalid: the file is no model that can be loaded.
Result<std::shared_ptr<Version>> LoadVersion(artifacts::Store& store, const ModelFile& file,
                                             const std::string& endpoint, const std::string& name);

// The columns that capture keeps: the bound ones, else one for each input of one number a row, and
// name_0, name_1, ... of small matrices. Pure.
void SetLayout(Version& version);

}  // namespace tatara::serving
