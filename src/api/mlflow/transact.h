// Inside the MLflow dialect: one transaction for one request.
#pragma once

#include "api/mlflow/endpoints.h"

namespace tatara::api {

// fn(tx, now) -> Status; the answer is {}.
template <class Fn>
Result<std::string> Change(const MlflowContext& context, Fn&& fn) {
  return context.database.Write([&](db::Tx& tx) -> Result<std::string> {
    TRY(fn(tx, context.clock.Now()));
    return std::string(kEmptyObject);
  });
}

// fn(tx, now) -> Result<std::string>: the body of the answer.
template <class Fn>
Result<std::string> ChangeAndShow(const MlflowContext& context, Fn&& fn) {
  return context.database.Write(
      [&](db::Tx& tx) -> Result<std::string> { return fn(tx, context.clock.Now()); });
}

// fn(reader) -> Result<std::string>: the body of the answer.
template <class Fn>
Result<std::string> Show(const MlflowContext& context, Fn&& fn) {
  return context.database.Read(
      [&](db::Reader& reader) -> Result<std::string> { return fn(reader); });
}

}  // namespace tatara::api
