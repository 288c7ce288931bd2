// Endpoints as SageMaker clients see them: invocations (with MLflow's scoring forms) and ground
// truth.
//
//   POST /endpoints/{endpoint}/invocations    X-Amzn-SageMaker-Inference-Id names the request,
//        X-Event-Time its time (RFC 3339; else the time of arrival). 200 {"predictions": [...]},
//        one for each row; the headers say the id and, as x-Amzn-Invoked-Production-Variant, the
//        version that answered.
//   POST /endpoints/{endpoint}/ground-truth   JSON lines {"groundTruthData": {"data": "227.0",
//        "encoding": "CSV"}, "eventMetadata": {"eventId": ID}, "eventVersion": "0"}; 200 once
//        durable, {"accepted", "unknown", "repeated"}; a bad line is 400 and nothing is taken.
#pragma once

#include <vector>

#include "api/predict/predict.h"

namespace tatara::api {

std::vector<net::Route> SagemakerRoutes(PredictContext context);

}  // namespace tatara::api
