// Search of runs, experiments and logged models by MLflow's filter language, as SQL with bound
// parameters: a fixed number of statements for a page, whatever it holds.
#pragma once

#include "db/db.h"
#include "tracking/types.h"

namespace tatara::tracking {

struct SearchRequest {
  std::string filter;
  std::vector<std::string> order_by;  // "metrics.loss DESC"
  StageView view = StageView::kActive;
  int64_t max_results = 1000;
  std::string page_token;
};

// Default order: newest start first, then run id.
Result<Page<Run>> SearchRuns(db::Reader& reader, const std::vector<int64_t>& experiments,
                             const SearchRequest& request);
// Default order: newest first, then id.
Result<Page<Experiment>> SearchExperiments(db::Reader& reader, const SearchRequest& request);

struct ModelOrder {
  std::string field;  // an attribute, or "metrics.<key>"
  bool ascending = true;
  std::string dataset_name;
  std::string dataset_digest;
};
struct ModelDatasetFilter {
  std::string name;
  std::string digest;  // empty: any
};
struct ModelSearchRequest {
  std::vector<int64_t> experiments;
  std::string filter;
  std::vector<ModelDatasetFilter> datasets;  // metrics are compared on these only
  std::vector<ModelOrder> order_by;
  int64_t max_results = 50;
  std::string page_token;
};
Result<Page<LoggedModel>> SearchLoggedModels(db::Reader& reader, const ModelSearchRequest& request);

// Page tokens: opaque to clients; an offset inside. A bad one is kInvalid.
Result<int64_t> ParsePageToken(std::string_view token);
std::string MakePageToken(int64_t offset);

}  // namespace tatara::tracking
