#include "serving/serving.h"

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "os/os.h"
#include "registry/registry.h"
#include "serving/batcher.h"
#include "serving/flusher.h"
#include "serving/load.h"
#include "serving/store.h"

namespace tatara::serving {
namespace {

constexpr size_t kIdPrefix = 8;  // random characters, new with each start
constexpr size_t kIdCount = 7;   // base 36: seventy-eight thousand million ids

std::string MakeIdPrefix() {
  std::string prefix;
  for (const char byte : os::RandomBytes(kIdPrefix)) {
    prefix += "0123456789abcdefghijklmnopqrstuv"[static_cast<uint8_t>(byte) % 32];
  }
  return prefix + std::string(kIdCount, '0');
}

struct LoadResult {
  Action action;
  ModelFile file;
  Result<std::shared_ptr<Version>> version;
};

std::string UriOf(const std::string& model, int64_t version) {
  return "models:/" + model + "/" + std::to_string(version);
}

// The file of a registered version. Reads the database and the artifact store.
Result<ModelFile> FindFile(db::Database& database, artifacts::Store& artifacts,
                           const std::string& uri) {
  const auto resolved =
      TRY(database.Read([&](db::Reader& reader) { return registry::Resolve(reader, uri); }));
  if (resolved.artifact_path.empty()) {
    return Unsupported(uri +
                       " keeps its files elsewhere; only artifacts of this server are served");
  }
  auto onnx = registry::FindOnnx(artifacts, resolved.artifact_path);
  if (!onnx) return std::unexpected(Prefixed(uri, onnx.error()));
  return ModelFile{uri, std::move(onnx->path), std::move(onnx->inputs)};
}

std::string WaitingText(const Snapshot& snapshot, const EndpointRow& row, bool loading) {
  if (loading) return "is loading its version; try again in a second";
  for (const DeploymentRow& deployment : snapshot.deployments) {
    if (deployment.endpoint == row.name && deployment.state == "FAILED") {
      return "has no version that works; the last one failed: " + deployment.reason;
    }
  }
  if (!row.alias.empty() && !snapshot.aliases.contains({row.model, row.alias})) {
    return "waits: models:/" + row.model + " has no alias '" + row.alias + "' yet";
  }
  return "has no version yet; deploy one with `tatara deploy`";
}

EndpointStatus StatusOf(const Snapshot& snapshot, const EndpointRow& row) {
  EndpointStatus status;
  status.name = row.name;
  status.project = row.project;
  status.sample = row.sample;
  for (const DeploymentRow* ready : ReadyOf(snapshot.deployments, row.name)) {
    status.versions.push_back(std::to_string(ready->version));
    if (status.uri.empty()) status.uri = ready->uri;
  }
  if (!status.versions.empty()) status.version = status.versions.front();
  if (!row.alias.empty()) status.uri = "models:/" + row.model + "@" + row.alias;
  if (row.alias.empty() && row.wanted_version > 0 && status.uri.empty()) {
    status.uri = UriOf(row.model, row.wanted_version);
  }
  // The newest deployment says whether the last wish came true.
  for (const DeploymentRow& deployment : snapshot.deployments) {
    if (deployment.endpoint != row.name || deployment.state != "FAILED") continue;
    if (status.reason.empty()) status.reason = deployment.reason;
  }
  if (!status.versions.empty()) {
    status.state = "READY";
  } else if (!status.reason.empty()) {
    status.state = "FAILED";
  } else if (WishOf(snapshot, row)) {
    status.state = "LOADING";
  } else {
    status.state = "WAITING";
    status.reason = WaitingText(snapshot, row, false);
  }
  return status;
}

Result<EndpointRow> RowOf(const EndpointSpec& spec, std::string_view project) {
  const ModelUri uri = TRY(ParseModelUri(spec.model));
  EndpointRow row;
  row.name = spec.name;
  row.project = project;
  row.model = uri.model;
  row.alias = uri.alias;
  row.wanted_version = uri.version;
  row.sample = spec.sample;
  row.keep_versions = spec.keep_versions;
  return row;
}

bool IsSameWish(const EndpointRow& a, const EndpointRow& b) {
  return a.project == b.project && a.alias == b.alias && a.wanted_version == b.wanted_version &&
         a.sample == b.sample && a.keep_versions == b.keep_versions;
}

Status CheckSameModel(const EndpointRow& stands, const std::string& model) {
  if (stands.model == model) return {};
  const auto what = [](const std::string& name) {
    return name.empty() ? std::string("files") : "models:/" + name;
  };
  return Conflict("endpoint '" + stands.name + "' belongs to " + what(stands.model) + ", not to " +
                  what(model) + "; use another endpoint");
}

}  // namespace

Json ToJson(const EndpointStatus& status) {
  Json::Array versions;
  for (const std::string& version : status.versions) versions.emplace_back(version);
  return Json::Of({{"name", status.name},
                   {"state", status.state},
                   {"reason", status.reason},
                   {"model", status.uri},
                   {"version", status.version.empty() ? Json(nullptr) : Json(status.version)},
                   {"versions", std::move(versions)},
                   {"sample", status.sample},
                   {"project", status.project},
                   {"capture_failure", status.capture.failure},
                   {"capture_lost_rows", status.capture.lost_rows}});
}

class Serving::Impl {
 public:
  Impl(db::Database& database, artifacts::Store& artifacts, const os::Clock& clock,
       os::WorkPool& pool, Options options)
      : database_(database),
        artifacts_(artifacts),
        clock_(clock),
        pool_(pool),
        options_(std::move(options)),
        id_prefix_(MakeIdPrefix()),
        flusher_([this] { return Endpoints(); }, pool),
        batcher_(options_.after_wake_up, options_.infer_threads,
                 [](const Call& call, const Result<inference::RunOutput>& output) {
                   Count(call, output);
                 }) {}

  Status Recover() {
    flusher_.Start();
    const Snapshot snapshot = TRY(database_.Read(LoadSnapshot));
    for (const EndpointRow& row : snapshot.endpoints) {
      TRY(AddEndpoint(row));
      const auto ready = ReadyOf(snapshot.deployments, row.name);
      if (ready.empty()) continue;
      // One that fails here is loaded again by the first Tick, which records the failure.
      auto version = LoadRow(*ready.front());
      if (version) Keep({row.name, ready.front()->version}, *std::move(version));
    }
    return PublishAll();
  }

  void Stop() {
    batcher_.Stop();
    flusher_.Stop();
  }

  // --- The planner ---

  void Tick() {
    std::vector<LoadResult> results;
    {
      std::lock_guard lock(mutex_);
      results.swap(results_);
    }
    for (LoadResult& result : results) Report("a loaded version", Finish(result));
    Report("the plan", Act(!results.empty()));
  }

  bool Busy() {
    std::lock_guard lock(mutex_);
    return !loading_.empty() || !results_.empty();
  }

  bool Settled() {
    if (Busy()) return false;
    const auto actions = PlanNow();
    return actions && actions->empty();
  }

  bool IsDeployed(std::string_view model, std::string_view alias) {
    const auto snapshot = database_.Read(LoadSnapshot);
    if (!snapshot) return false;
    return std::ranges::none_of(snapshot->endpoints, [&](const EndpointRow& row) {
      return row.model == model && row.alias == alias && WishOf(*snapshot, row);
    });
  }

  // --- Deploy ---

  Result<Deployed> Deploy(const DeployRequest& request) {
    TRY(CheckEndpointName(request.endpoint));
    std::lock_guard one(deploy_mutex_);
    NewDeployment deployment;
    deployment.endpoint = request.endpoint;
    deployment.uri = request.uri;
    ModelUri uri;
    ModelFile file{request.uri, request.path, {}};
    if (request.path.empty()) {
      uri = TRY(ParseModelUri(request.uri));
      TRY(ResolveWish(uri, deployment));
      file = TRY(FindFile(database_, artifacts_, deployment.uri));
    }
    deployment.model = uri.model;
    deployment.path = file.path;
    deployment.signature = file.signature;
    TRY(CheckMayDeploy(deployment));
    const VersionKey key{request.endpoint, deployment.version};
    {
      std::lock_guard lock(mutex_);
      loading_.insert(key);
    }
    auto deployed = LoadAndRecord(uri, file, deployment);
    {
      std::lock_guard lock(mutex_);
      loading_.erase(key);
    }
    options_.wake();
    return deployed;
  }

  // --- What is ---

  Result<std::shared_ptr<Endpoint>> Find(std::string_view name) const {
    {
      std::lock_guard lock(mutex_);
      const auto found = endpoints_.find(name);
      if (found != endpoints_.end()) return found->second;
    }
    const auto row =
        TRY(database_.Read([&](db::Reader& reader) { return FindEndpoint(reader, name); }));
    if (row) {
      return Unavailable("endpoint '" + std::string(name) +
                         "' is being made; try again in a second");
    }
    return NotFound("no endpoint '" + std::string(name) + "'");
  }

  std::vector<std::shared_ptr<Endpoint>> Endpoints() const {
    std::vector<std::shared_ptr<Endpoint>> out;
    std::lock_guard lock(mutex_);
    for (const auto& [name, endpoint] : endpoints_) out.push_back(endpoint);
    return out;
  }

  Result<std::vector<EndpointStatus>> List() const {
    const Snapshot snapshot = TRY(database_.Read(LoadSnapshot));
    std::vector<EndpointStatus> out;
    for (const EndpointRow& row : snapshot.endpoints) {
      out.push_back(StatusOf(snapshot, row));
      std::lock_guard lock(mutex_);
      const auto endpoint = endpoints_.find(row.name);
      if (endpoint != endpoints_.end()) out.back().capture = endpoint->second->capture().health();
      const bool answers =
          endpoint != endpoints_.end() && !endpoint->second->live()->versions.empty();
      if (out.back().state == "READY" && !answers) out.back().state = "LOADING";
    }
    return out;
  }

  void Submit(Call call) {
    call.submitted = os::Stopwatch::Now();
    batcher_.Submit(std::move(call));
  }
  Status CheckLoad() const { return batcher_.CheckLoad(); }

  // Fifteen characters: a std::string keeps them without an allocation.
  std::string NewInferenceId() {
    constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::string id = id_prefix_;
    uint64_t count = id_count_.fetch_add(1, std::memory_order_relaxed);
    for (size_t i = id.size(); i-- > kIdPrefix;) {
      id[i] = kDigits[count % kDigits.size()];
      count /= kDigits.size();
    }
    return id;
  }

 private:
  static void Count(const Call& call, const Result<inference::RunOutput>& output) {
    EndpointCounters& counters = call.endpoint->counters();
    ++counters.requests;
    counters.latency_nanos +=
        std::chrono::duration_cast<std::chrono::nanoseconds>(os::Stopwatch::Now() - call.submitted)
            .count();
    if (!output) {
      ++counters.errors;
      return;
    }
    counters.rows += call.rows;
    call.endpoint->capture().Append(call, *output, counters);
  }

  static void Report(std::string_view what, const Status& status) {
    if (!status) Log::Error("serving", std::string(what) + ": " + status.error().message);
  }

  Status AddEndpoint(const EndpointRow& row) {
    {
      std::lock_guard lock(mutex_);
      if (endpoints_.contains(row.name)) return {};
    }
    auto capture =
        std::make_shared<Capture>(os::JoinPath(os::JoinPath(options_.home, "capture"), row.name),
                                  row.name, database_, [this] { flusher_.Wake(); });
    TRY(capture->Recover());
    capture->SetSample(row.sample);
    if (capture->HasClosed()) flusher_.Wake();
    std::lock_guard lock(mutex_);
    endpoints_.emplace(row.name, std::make_shared<Endpoint>(row.name, std::move(capture)));
    return {};
  }

  void Keep(const VersionKey& key, std::shared_ptr<const Version> version) {
    std::lock_guard lock(mutex_);
    loaded_[key] = std::move(version);
  }

  Result<std::shared_ptr<Version>> LoadRow(const DeploymentRow& row) {
    return LoadVersion(artifacts_, {row.uri, row.path, row.signature}, row.endpoint,
                       std::to_string(row.version));
  }

  // Fills in what is loaded.
  Result<Snapshot> SnapshotNow() {
    Snapshot snapshot = TRY(database_.Read(LoadSnapshot));
    std::lock_guard lock(mutex_);
    for (const auto& [key, version] : loaded_) snapshot.loaded.insert(key);
    snapshot.loading = loading_;
    for (const auto& [name, endpoint] : endpoints_) snapshot.known.insert(name);
    return snapshot;
  }
  Result<std::vector<Action>> PlanNow() { return Plan(TRY(SnapshotNow())); }

  Status Act(bool changed) {
    const Snapshot snapshot = TRY(SnapshotNow());
    const std::vector<Action> actions = Plan(snapshot);
    for (const Action& action : actions) TRY(CarryOut(snapshot, action));
    for (const EndpointRow& row : snapshot.endpoints) SetSample(row);
    // An alias that is not there yet is named by what the endpoint answers.
    if (!actions.empty() || changed) return PublishAll();
    return {};
  }

  void SetSample(const EndpointRow& row) {
    std::lock_guard lock(mutex_);
    const auto found = endpoints_.find(row.name);
    if (found != endpoints_.end()) found->second->capture().SetSample(row.sample);
  }

  Status CarryOut(const Snapshot& snapshot, const Action& action) {
    using Kind = Action::Kind;
    switch (action.kind) {
      case Kind::kAddEndpoint:
        return AddEndpoint(
            *std::ranges::find(snapshot.endpoints, action.endpoint, &EndpointRow::name));
      case Kind::kRemoveEndpoint:
        return Remove(action.endpoint);
      case Kind::kHandle:
        return database_.Write(
            [&](db::Tx& tx) { return MarkHandled(tx, action.endpoint, action.wish); });
      case Kind::kUnload: {
        std::lock_guard lock(mutex_);
        loaded_.erase({action.endpoint, action.version});
        return {};
      }
      case Kind::kDeploy:
        LoadInBackground(
            action, *std::ranges::find(snapshot.endpoints, action.endpoint, &EndpointRow::name));
        return {};
      case Kind::kLoad:
        LoadAgainInBackground(action, snapshot);
        return {};
    }
    return {};
  }

  Status Remove(const std::string& name) {
    std::shared_ptr<Endpoint> endpoint;
    {
      std::lock_guard lock(mutex_);
      const auto found = endpoints_.find(name);
      if (found == endpoints_.end()) return {};
      endpoint = std::move(found->second);
      endpoints_.erase(found);
    }
    return endpoint->capture().Flush(true);
  }

  // Loads on the work pool; the result comes back as an input of Tick.
  void Load(const Action& action, std::function<LoadResult()> work) {
    const VersionKey key{action.endpoint, action.version};
    {
      std::lock_guard lock(mutex_);
      loading_.insert(key);
    }
    const bool posted = pool_.Post([this, work = std::move(work)] {
      LoadResult result = work();
      {
        std::lock_guard lock(mutex_);
        results_.push_back(std::move(result));
      }
      options_.wake();
    });
    if (posted) return;
    std::lock_guard lock(mutex_);
    loading_.erase(key);
  }

  void LoadInBackground(const Action& action, const EndpointRow& row) {
    Load(action, [this, action, uri = UriOf(row.model, action.version)]() -> LoadResult {
      auto file = FindFile(database_, artifacts_, uri);
      if (!file) return {action, {.uri = uri}, std::unexpected(file.error())};
      auto version =
          LoadVersion(artifacts_, *file, action.endpoint, std::to_string(action.version));
      return {action, *std::move(file), std::move(version)};
    });
  }

  void LoadAgainInBackground(const Action& action, const Snapshot& snapshot) {
    const auto row =
        std::ranges::find_if(snapshot.deployments, [&](const DeploymentRow& candidate) {
          return candidate.endpoint == action.endpoint && candidate.version == action.version;
        });
    Load(action, [this, action, row = *row]() -> LoadResult {
      return {action, {row.uri, row.path, row.signature}, LoadRow(row)};
    });
  }

  // Records what a load gave, and lets it answer. The version goes to where Publish finds it before
  // its row is READY.
  Status Finish(LoadResult& result) {
    const Action& action = result.action;
    const VersionKey key{action.endpoint, action.version};
    if (result.version) Keep(key, *result.version);
    const Status recorded =
        action.kind == Action::Kind::kDeploy ? RecordDeploy(result) : RecordLoad(result);
    const Status published = PublishAll();
    std::lock_guard lock(mutex_);
    loading_.erase(key);
    return recorded ? published : recorded;
  }

  Status RecordDeploy(const LoadResult& result) {
    const Action& action = result.action;
    const Time now = clock_.Now();
    return database_.Write([&](db::Tx& tx) -> Status {
      const Snapshot snapshot = TRY(LoadSnapshot(tx));
      const auto row = std::ranges::find(snapshot.endpoints, action.endpoint, &EndpointRow::name);
      if (row == snapshot.endpoints.end()) return {};
      const auto wish = WishOf(snapshot, *row);
      if (!wish || wish->mark != action.wish) return {};  // something newer is wanted by now
      const NewDeployment deployment{action.endpoint,  row->model,
                                     action.version,   UriOf(row->model, action.version),
                                     result.file.path, result.file.signature,
                                     action.wish,      action.cause};
      if (result.version) {
        (void)TRY(RecordDeployed(tx, deployment, now));
        return {};
      }
      Log::Error("serving", "endpoint '" + action.endpoint + "': " + deployment.uri +
                                " does not load: " + result.version.error().message);
      return RecordFailed(tx, deployment, result.version.error().message, now);
    });
  }

  Status RecordLoad(const LoadResult& result) {
    if (result.version) return {};
    const Action& action = result.action;
    Log::Error("serving", "endpoint '" + action.endpoint + "', version " +
                              std::to_string(action.version) +
                              " does not load any more: " + result.version.error().message);
    return database_.Write([&](db::Tx& tx) {
      const DeploymentRow row{
          .endpoint = action.endpoint, .version = action.version, .uri = result.file.uri};
      return MarkFailed(tx, row, result.version.error().message, clock_.Now());
    });
  }

  // The version, mark and cause of a models:/ uri.
  Status ResolveWish(const ModelUri& uri, NewDeployment& deployment) {
    deployment.version = uri.version;
    const Snapshot snapshot = TRY(database_.Read(LoadSnapshot));
    const auto row = std::ranges::find(snapshot.endpoints, deployment.endpoint, &EndpointRow::name);
    // A version that is deployed by hand stands until the alias moves again.
    if (row != snapshot.endpoints.end()) {
      if (const auto wish = WishOf(snapshot, *row)) deployment.mark = wish->mark;
    }
    if (!uri.alias.empty()) {
      const auto resolved = TRY(database_.Read([&](db::Reader& reader) {
        return registry::Resolve(reader, "models:/" + uri.model + "@" + uri.alias);
      }));
      deployment.version = resolved.version->version;
      deployment.mark = resolved.alias_event.value;
      deployment.cause = resolved.alias_event;
    }
    deployment.uri = UriOf(uri.model, deployment.version);
    return {};
  }

  Status CheckMayDeploy(const NewDeployment& deployment) {
    const auto row = TRY(database_.Read(
        [&](db::Reader& reader) { return FindEndpoint(reader, deployment.endpoint); }));
    return row ? CheckSameModel(*row, deployment.model) : Status();
  }

  Result<Deployed> LoadAndRecord(const ModelUri& uri, const ModelFile& file,
                                 NewDeployment& deployment) {
    auto loaded =
        LoadVersion(artifacts_, file, deployment.endpoint, std::to_string(deployment.version));
    const Time now = clock_.Now();
    if (!loaded) {
      TRY(database_.Write(
          [&](db::Tx& tx) { return RecordFailed(tx, deployment, loaded.error().message, now); }));
      return std::unexpected(loaded.error());
    }
    if (deployment.version > 0) Keep({deployment.endpoint, deployment.version}, *loaded);
    const Recorded recorded = TRY(database_.Write([&](db::Tx& tx) -> Result<Recorded> {
      TRY(PutFollower(tx, uri, deployment, now));
      return RecordDeployed(tx, deployment, now);
    }));
    if (deployment.version == 0) {
      (*loaded)->name = std::to_string(recorded.version);
      Keep({deployment.endpoint, recorded.version}, *loaded);
    }
    const auto row = TRY(database_.Read(
        [&](db::Reader& reader) { return FindEndpoint(reader, deployment.endpoint); }));
    if (row) TRY(AddEndpoint(*row));
    TRY(PublishAll());
    return Deployed{deployment.endpoint, deployment.uri, std::to_string(recorded.version),
                    recorded.event};
  }

  // Makes the endpoint if it is not there; a deployed alias is followed from now on.
  static Status PutFollower(db::Tx& tx, const ModelUri& uri, const NewDeployment& deployment,
                            Time now) {
    auto row = TRY(FindEndpoint(tx, deployment.endpoint));
    if (row) {
      TRY(CheckSameModel(*row, deployment.model));
      if (uri.alias.empty() || row->alias == uri.alias) return {};
      row->alias = uri.alias;
      row->wanted_version = 0;
      return PutEndpoint(tx, *row, false, now);
    }
    EndpointRow fresh;
    fresh.name = deployment.endpoint;
    fresh.model = deployment.model;
    fresh.alias = uri.alias;
    return PutEndpoint(tx, fresh, true, now);
  }

  // Lets each endpoint answer with what its rows say and what is loaded.
  Status PublishAll() {
    std::lock_guard one(publish_mutex_);
    const Snapshot snapshot = TRY(database_.Read(LoadSnapshot));
    std::lock_guard lock(mutex_);
    for (const EndpointRow& row : snapshot.endpoints) {
      const auto endpoint = endpoints_.find(row.name);
      if (endpoint == endpoints_.end()) continue;
      Live live;
      const auto ready = ReadyOf(snapshot.deployments, row.name);
      for (const DeploymentRow* deployment : ready) {
        const auto version = loaded_.find({row.name, deployment->version});
        if (version != loaded_.end()) live.versions.push_back(version->second);
      }
      const bool loading = !ready.empty() || WishOf(snapshot, row).has_value();
      live.waiting = WaitingText(snapshot, row, loading);
      endpoint->second->Publish(std::move(live));
    }
    return {};
  }

  db::Database& database_;
  artifacts::Store& artifacts_;
  const os::Clock& clock_;
  os::WorkPool& pool_;
  const Options options_;
  const std::string id_prefix_;  // and zeros where the count goes
  std::atomic<uint64_t> id_count_{0};

  std::mutex deploy_mutex_;   // one Deploy at a time
  std::mutex publish_mutex_;  // rows are read and published in one order; taken before mutex_
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, std::shared_ptr<Endpoint>, std::less<>> endpoints_;
  std::map<VersionKey, std::shared_ptr<const Version>> loaded_;
  std::set<VersionKey> loading_;
  std::vector<LoadResult> results_;

  Flusher flusher_;
  Batcher batcher_;
};

Serving::Serving(db::Database& database, artifacts::Store& artifacts, const os::Clock& clock,
                 os::WorkPool& pool, Options options)
    : impl_(std::make_unique<Impl>(database, artifacts, clock, pool, std::move(options))) {}
Serving::~Serving() { Stop(); }

Status Serving::Recover() { return impl_->Recover(); }
void Serving::Stop() { impl_->Stop(); }

Status Serving::SetEndpoints(db::Tx& tx, std::string_view project,
                             const std::vector<EndpointSpec>& wanted, Time now) {
  std::set<std::string> names;
  for (const EndpointSpec& spec : wanted) {
    names.insert(spec.name);
    EndpointRow row = TRY(RowOf(spec, project));
    const auto stands = TRY(FindEndpoint(tx, spec.name));
    if (!stands) {
      TRY(PutEndpoint(tx, row, true, now));
      continue;
    }
    if (!stands->project.empty() && stands->project != project) {
      return Conflict("endpoint '" + spec.name + "' belongs to project '" + stands->project + "'");
    }
    TRY(CheckSameModel(*stands, row.model));
    row.handled = stands->handled;
    if (!IsSameWish(*stands, row)) TRY(PutEndpoint(tx, row, false, now));
  }
  for (const EndpointRow& row : TRY(LoadEndpoints(tx))) {
    if (row.project == project && !names.contains(row.name)) TRY(RemoveEndpoint(tx, row, now));
  }
  return {};
}

Result<std::vector<EndpointSpec>> Serving::EndpointsOf(db::Reader& reader,
                                                       std::string_view project) {
  std::vector<EndpointSpec> out;
  for (const EndpointRow& row : TRY(LoadEndpoints(reader))) {
    if (row.project != project) continue;
    const std::string uri = row.alias.empty() ? UriOf(row.model, row.wanted_version)
                                              : "models:/" + row.model + "@" + row.alias;
    out.push_back({row.name, uri, row.sample, row.keep_versions});
  }
  return out;
}

Result<Deployed> Serving::Deploy(const DeployRequest& request) { return impl_->Deploy(request); }
std::string Serving::NewInferenceId() { return impl_->NewInferenceId(); }
Result<std::shared_ptr<Endpoint>> Serving::Find(std::string_view name) const {
  return impl_->Find(name);
}
std::vector<std::shared_ptr<Endpoint>> Serving::Endpoints() const { return impl_->Endpoints(); }
Result<std::vector<EndpointStatus>> Serving::List() const { return impl_->List(); }

Result<std::vector<EndpointStatus>> Serving::ListRows(db::Reader& reader) {
  const Snapshot snapshot = TRY(LoadSnapshot(reader));
  std::vector<EndpointStatus> out;
  for (const EndpointRow& row : snapshot.endpoints) out.push_back(StatusOf(snapshot, row));
  return out;
}

bool Serving::Settled() { return impl_->Settled(); }
bool Serving::IsDeployed(std::string_view model, std::string_view alias) {
  return impl_->IsDeployed(model, alias);
}
void Serving::Submit(Call call) { impl_->Submit(std::move(call)); }
Status Serving::CheckLoad() const { return impl_->CheckLoad(); }

Result<sql::Table> Serving::Window(std::string_view endpoint, Time from, Time to) {
  return TRY(Find(endpoint))->capture().Window(from, to);
}

Status Serving::FlushCapture() {
  for (const auto& endpoint : Endpoints()) TRY(endpoint->capture().Flush(true));
  return {};
}

void Serving::Tick(const control::Moment&) { impl_->Tick(); }
bool Serving::Busy() { return impl_->Busy(); }

}  // namespace tatara::serving
