// The Open Inference Protocol (v2) over HTTP: server, health, models, infer.
//
// Where the protocol leaves a choice: a model is an endpoint; a request without a version goes to
// the endpoint's default version and the answer says which; an unknown model or version is 404;
// ready is told by the status code (200, 503) and by the body; BYTES in JSON are UTF-8 strings;
// FP16 in JSON are numbers; numbers must fit the input's type, null fits none; NaN and infinities
// in answers are null; the class names of a ZipMap output stand in its parameters. The binary
// tensor extension is not in this version: 400.
#pragma once

#include <vector>

#include "api/predict/predict.h"

namespace tatara::api {

std::vector<net::Route> OipRoutes(PredictContext context);

}  // namespace tatara::api
