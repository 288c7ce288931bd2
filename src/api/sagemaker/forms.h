// The bodies of POST /endpoints/E/invocations: MLflow's scoring forms. Exactly one of
// dataframe_split, dataframe_records, instances and inputs; or CSV with a header.
//
// Rows with named columns bind by name (inference/binding.h): columns that the model does not know
// are ignored, `index` too; null is missing. Lists without names are the tensor of a model's only
// input.
#pragma once

#include <string>
#include <string_view>

#include "serving/serving.h"

namespace tatara::api {

// Fills inputs, rows and cells of a call whose version is set. kInvalid says what is wrong.
Status ReadJsonForm(std::string& body, serving::Call& call);
Status ReadCsvForm(std::string_view body, serving::Call& call);

}  // namespace tatara::api
