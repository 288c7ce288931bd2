#include "api/mlflow/encode.h"

#include <cmath>

namespace tatara::api {
namespace {

void WriteText(JsonWriter& out, std::string_view name, std::string_view text) {
  out.Key(name).String(text);
}

void WriteTextIfAny(JsonWriter& out, std::string_view name, std::string_view text) {
  if (!text.empty()) WriteText(out, name, text);
}

void WriteTags(JsonWriter& out, std::string_view name,
               const std::vector<tracking::KeyValue>& pairs) {
  if (pairs.empty()) return;
  out.Key(name);
  WriteKeyValues(out, pairs);
}

void WriteDatasetInput(JsonWriter& out, const tracking::DatasetInput& input) {
  const auto& dataset = input.dataset;
  out.BeginObject();
  WriteTags(out, "tags", input.tags);
  out.Key("dataset").BeginObject();
  WriteText(out, "name", dataset.name);
  WriteText(out, "digest", dataset.digest);
  WriteText(out, "source_type", dataset.source_type);
  WriteText(out, "source", dataset.source);
  if (dataset.schema) WriteText(out, "schema", *dataset.schema);
  if (dataset.profile) WriteText(out, "profile", *dataset.profile);
  out.EndObject().EndObject();
}

void WriteRunData(JsonWriter& out, const tracking::Run& run) {
  out.BeginObject();
  if (!run.metrics.empty()) {
    out.Key("metrics").BeginArray();
    for (const auto& metric : run.metrics) WriteMetric(out, metric);
    out.EndArray();
  }
  WriteTags(out, "params", run.params);
  WriteTags(out, "tags", run.tags);
  out.EndObject();
}

void WriteRunInputs(JsonWriter& out, const tracking::Run& run) {
  out.BeginObject();
  if (!run.datasets.empty()) {
    out.Key("dataset_inputs").BeginArray();
    for (const auto& input : run.datasets) WriteDatasetInput(out, input);
    out.EndArray();
  }
  if (!run.input_models.empty()) {
    out.Key("model_inputs").BeginArray();
    for (const auto& model : run.input_models) {
      out.BeginObject().Key("model_id").String(model.model_id).EndObject();
    }
    out.EndArray();
  }
  out.EndObject();
}

void WriteRunOutputs(JsonWriter& out, const tracking::Run& run) {
  out.BeginObject();
  if (!run.output_models.empty()) {
    out.Key("model_outputs").BeginArray();
    for (const auto& model : run.output_models) {
      out.BeginObject().Key("model_id").String(model.model_id);
      out.Key("step").Int(model.step).EndObject();
    }
    out.EndArray();
  }
  out.EndObject();
}

}  // namespace

void WriteMetricValue(JsonWriter& out, double value) {
  if (std::isnan(value)) {
    out.String("NaN");
  } else if (std::isinf(value)) {
    out.String(value > 0 ? "Infinity" : "-Infinity");
  } else {
    out.Double(value);
  }
}

void WriteKeyValues(JsonWriter& out, const std::vector<tracking::KeyValue>& pairs) {
  out.BeginArray();
  for (const auto& [key, value] : pairs) {
    out.BeginObject().Key("key").String(key).Key("value").String(value).EndObject();
  }
  out.EndArray();
}

void WriteExperiment(JsonWriter& out, const tracking::Experiment& experiment) {
  out.BeginObject();
  WriteText(out, "experiment_id", std::to_string(experiment.id));
  WriteText(out, "name", experiment.name);
  WriteText(out, "artifact_location", experiment.artifact_location);
  WriteText(out, "lifecycle_stage", tracking::StageName(experiment.stage));
  out.Key("last_update_time").Int(experiment.last_update_ms);
  out.Key("creation_time").Int(experiment.creation_ms);
  WriteTags(out, "tags", experiment.tags);
  out.EndObject();
}

void WriteRunInfo(JsonWriter& out, const tracking::RunInfo& info) {
  out.BeginObject();
  WriteText(out, "run_uuid", info.id.value);
  WriteText(out, "experiment_id", std::to_string(info.experiment_id));
  WriteText(out, "run_name", info.name);
  WriteText(out, "user_id", info.user_id);
  WriteText(out, "status", tracking::StatusName(info.status));
  if (info.start_ms) out.Key("start_time").Int(*info.start_ms);
  if (info.end_ms) out.Key("end_time").Int(*info.end_ms);
  WriteText(out, "artifact_uri", info.artifact_uri);
  WriteText(out, "lifecycle_stage", tracking::StageName(info.stage));
  WriteText(out, "run_id", info.id.value);
  out.EndObject();
}

void WriteRun(JsonWriter& out, const tracking::Run& run) {
  out.BeginObject();
  out.Key("info");
  WriteRunInfo(out, run.info);
  out.Key("data");
  WriteRunData(out, run);
  out.Key("inputs");
  WriteRunInputs(out, run);
  out.Key("outputs");
  WriteRunOutputs(out, run);
  out.EndObject();
}

void WriteMetric(JsonWriter& out, const tracking::Metric& metric) {
  out.BeginObject();
  WriteText(out, "key", metric.key);
  out.Key("value");
  WriteMetricValue(out, metric.value);
  out.Key("timestamp").Int(metric.timestamp_ms);
  out.Key("step").Int(metric.step);
  WriteTextIfAny(out, "dataset_name", metric.dataset_name);
  WriteTextIfAny(out, "dataset_digest", metric.dataset_digest);
  WriteTextIfAny(out, "model_id", metric.model_id);
  WriteTextIfAny(out, "run_id", metric.run_id);
  out.EndObject();
}

void WriteLoggedModel(JsonWriter& out, const tracking::LoggedModel& model) {
  out.BeginObject().Key("info").BeginObject();
  WriteText(out, "model_id", model.id);
  WriteText(out, "experiment_id", std::to_string(model.experiment_id));
  WriteText(out, "name", model.name);
  out.Key("creation_timestamp_ms").Int(model.creation_ms);
  out.Key("last_updated_timestamp_ms").Int(model.last_updated_ms);
  WriteText(out, "artifact_uri", model.artifact_location);
  switch (model.status) {
    case tracking::ModelStatus::kPending:
      WriteText(out, "status", "LOGGED_MODEL_PENDING");
      break;
    case tracking::ModelStatus::kReady:
      WriteText(out, "status", "LOGGED_MODEL_READY");
      break;
    case tracking::ModelStatus::kUploadFailed:
      WriteText(out, "status", "LOGGED_MODEL_UPLOAD_FAILED");
      break;
  }
  WriteText(out, "model_type", model.model_type);
  WriteText(out, "source_run_id", model.source_run_id);
  WriteTags(out, "tags", model.tags);
  out.EndObject().Key("data").BeginObject();
  WriteTags(out, "params", model.params);
  if (!model.metrics.empty()) {
    out.Key("metrics").BeginArray();
    for (const auto& metric : model.metrics) WriteMetric(out, metric);
    out.EndArray();
  }
  out.EndObject().EndObject();
}

void WriteModel(JsonWriter& out, const registry::Model& model) {
  out.BeginObject();
  WriteText(out, "name", model.name);
  out.Key("creation_timestamp").Int(model.creation_ms);
  out.Key("last_updated_timestamp").Int(model.last_updated_ms);
  WriteText(out, "description", model.description);
  if (!model.latest_versions.empty()) {
    out.Key("latest_versions").BeginArray();
    for (const auto& version : model.latest_versions) WriteVersion(out, version);
    out.EndArray();
  }
  WriteTags(out, "tags", model.tags);
  if (!model.aliases.empty()) {
    out.Key("aliases").BeginArray();
    for (const auto& alias : model.aliases) {
      out.BeginObject();
      WriteText(out, "alias", alias.alias);
      WriteText(out, "version", std::to_string(alias.version));
      out.EndObject();
    }
    out.EndArray();
  }
  out.EndObject();
}

void WriteVersion(JsonWriter& out, const registry::Version& version) {
  out.BeginObject();
  WriteText(out, "name", version.name);
  WriteText(out, "version", std::to_string(version.version));
  out.Key("creation_timestamp").Int(version.creation_ms);
  out.Key("last_updated_timestamp").Int(version.last_updated_ms);
  WriteTextIfAny(out, "user_id", version.user_id);
  WriteText(out, "current_stage", version.stage);
  WriteText(out, "description", version.description);
  WriteText(out, "source", version.source);
  WriteText(out, "run_id", version.run_id);
  WriteText(out, "status", version.status);
  WriteTags(out, "tags", version.tags);
  WriteText(out, "run_link", version.run_link);
  if (!version.aliases.empty()) {
    out.Key("aliases").BeginArray();
    for (const auto& alias : version.aliases) out.String(alias);
    out.EndArray();
  }
  WriteTextIfAny(out, "model_id", version.model_id);
  out.EndObject();
}

}  // namespace tatara::api
