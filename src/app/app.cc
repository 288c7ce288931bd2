#include "app/app.h"

#include "api/mlflow/mlflow.h"
#include "api/native/alarms_routes.h"
#include "api/native/endpoints_routes.h"
#include "api/native/events_routes.h"
#include "api/native/jobs_routes.h"
#include "api/native/pipelines_routes.h"
#include "api/native/project_routes.h"
#include "api/native/registry_routes.h"
#include "api/native/system_routes.h"
#include "api/oip/oip.h"
#include "api/prometheus/prometheus.h"
#include "api/sagemaker/sagemaker.h"
#include "app/parts.h"
#include "base/log.h"
#include "base/strings.h"
#include "project/project.h"

namespace tatara::app {
namespace {

constexpr size_t kWorkThreads = 8;
constexpr int kDefaultPort = 7700;

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

jobs::QueueLimits WholeMachine() {
  const auto memory = os::ReadFile("/proc/meminfo", 65536);
  int64_t kib = 0;
  if (memory) {
    for (const std::string& line : Split(*memory, '\n')) {
      if (line.starts_with("MemTotal:")) {
        (void)ParseInt(Trim(ReplaceAll(line.substr(9), "kB", "")), kib);
      }
    }
  }
  return {static_cast<double>(os::CpuCount()), kib > 0 ? kib * 1024 : INT64_MAX};
}

}  // namespace

void ClockKeeper::Save() {
  if (clock_ == nullptr || clock_->Now() == saved_) return;
  const Time now = clock_->Now();
  Status written =
      database_.Write([&](db::Tx& tx) { return SetFact(tx, "replay_clock", FormatTime(now)); });
  if (!written) return Log::Error("clock", "cannot save the clock: " + written.error().message);
  saved_ = now;
}

App::App(AppOptions options) : options_(std::move(options)), parts_(std::make_unique<Parts>()) {}

App::~App() {
  if (parts_) Stop();
}

Result<std::unique_ptr<App>> App::Open(AppOptions options) {
  if (!IsLoopback(options.host) && !options.insecure) {
    return Denied("tatara listens on loopback only: " + options.host +
                  " needs tokens and TLS, which this version does not have; --insecure allows it "
                  "without them");
  }
  auto app = std::unique_ptr<App>(new App(std::move(options)));
  TRY(app->OpenHome());
  TRY(app->OpenClock());
  TRY(app->MakeParts());
  app->AddRoutes();
  return app;
}

Status App::OpenHome() {
  Parts& parts = *parts_;
  const std::string& home = options_.home;
  const bool owner = options_.mode != Mode::kReadOnly;
  if (owner) {
    TRY(PrepareHome(home));
    auto lock = os::FileLock::TryLock(home + "/lock");
    if (!lock && lock.error().code == Code::kConflict) {
      const auto record = RunningServer(home);
      return Conflict("home " + home + " is in use by " +
                      (record && record->pid > 0
                           ? "`tatara " + record->command + "` (process " +
                                 std::to_string(record->pid) + ", " + record->url + ")"
                           : std::string("another process")));
    }
    parts.lock = TRY(std::move(lock));
    (void)os::RemoveFile(home + "/server.json");
  }
  parts.database = TRY(db::Database::Open(home + "/tatara.db",
                                          owner ? db::OpenMode::kOwner : db::OpenMode::kReadOnly));
  return {};
}

// A home remembers its clock: one that was replayed stands where it stood.
Status App::OpenClock() {
  Parts& parts = *parts_;
  const std::string stored =
      TRY(parts.database->Read([](db::Reader& reader) { return GetFact(reader, "replay_clock"); }));
  if (stored.empty() && !options_.replay_from) return {};
  if (stored.empty()) {
    const int64_t events = TRY(parts.database->Read(
        [](db::Reader& reader) { return reader.Count("SELECT COUNT(*) FROM events", {}); }));
    if (events > 0) {
      return Conflict("home " + options_.home +
                      " has lived on real time; give --replay-from a fresh one (--home)");
    }
    parts.replay = std::make_unique<os::ManualClock>(*options_.replay_from);
    return {};
  }
  const Time stood = TRY(ParseTime(stored));
  if (options_.replay_from && *options_.replay_from < stood) {
    return Conflict("the clock of home " + options_.home + " stands at " + FormatTime(stood) +
                    " and never goes back; give --replay-from a fresh home (--home)");
  }
  // A server that was killed had admitted requests up to the last one that it captured.
  const Time captured = serving::LastEventTime(options_.home).value_or(Time::min());
  parts.replay =
      std::make_unique<os::ManualClock>(std::max(options_.replay_from.value_or(stood), captured));
  return {};
}

Status App::MakeParts() {
  Parts& parts = *parts_;
  const std::string& home = options_.home;
  parts.tokens = std::make_unique<auth::AttemptTokens>(options_.mode == Mode::kReadOnly
                                                           ? auth::AttemptTokens("")
                                                           : TRY(auth::AttemptTokens::Open(home)));
  parts.artifacts = TRY(artifacts::OpenLocalStore(options_.artifacts.empty() ? home + "/artifacts"
                                                                             : options_.artifacts));
  parts.pool = std::make_unique<os::WorkPool>("work", kWorkThreads);
  parts.control = std::make_unique<control::Control>(parts.clock(), parts.replay.get());
  parts.process_engine = std::make_unique<jobs::ProcessEngine>(
      home + "/jobs", os::JoinPath(os::LibraryFolder(), "tatara-runner"));
  MakeJobs();
  MakeServing();
  MakeWatchers();
  parts.clock_keeper = std::make_unique<ClockKeeper>(*parts.database, parts.replay.get());
  return {};
}

std::function<void()> App::Waker() const {
  return [control = parts_->control.get()] { control->Wake(); };
}

// Jobs, and the pipelines and releases that are made of them. A command that owns the home runs
// only what it started.
void App::MakeJobs() {
  Parts& parts = *parts_;
  const bool limited = options_.mode == Mode::kOwner;
  jobs::Options jobs_options;
  jobs_options.queues = {{"local", WholeMachine()}};
  jobs_options.wake = Waker();
  jobs_options.environment = [this](const jobs::AttemptKey& key, const std::string& owner,
                                    os::Environment& environment) {
    AddJobEnvironment(key, owner, environment);
  };
  if (limited) {
    jobs_options.may_start = [&parts](const JobId& id, const std::string& owner) {
      return parts.allowed.Has(id.value) || (!owner.empty() && parts.allowed.Has(owner));
    };
  }
  parts.jobs = std::make_unique<jobs::Jobs>(*parts.database, parts.clock(), *parts.process_engine,
                                            *parts.pool, std::move(jobs_options));
  std::function<bool(const PipelineRunId&)> may_run;
  if (limited) may_run = [&parts](const PipelineRunId& id) { return parts.allowed.Has(id.value); };
  parts.pipelines = std::make_unique<pipelines::Pipelines>(
      *parts.database, parts.clock(), *parts.jobs, *parts.pool,
      pipelines::Options{options_.home + "/workspaces", Waker(), may_run});
  release::Options release_options{Waker(), may_run, nullptr};
  if (!limited) {
    release_options.deployed = [&parts](const std::string& model, const std::string& alias) {
      return parts.serving->IsDeployed(model, alias);
    };
  }
  parts.release =
      std::make_unique<release::Release>(*parts.database, parts.clock(), *parts.pipelines,
                                         *parts.artifacts, *parts.pool, std::move(release_options));
}

void App::MakeServing() {
  Parts& parts = *parts_;
  serving::Options options;
  options.home = options_.home;
  options.wake = Waker();
  options.after_wake_up = [&parts](std::function<void()> task) {
    parts.server->AfterWakeUp(std::move(task));
  };
  parts.serving = std::make_unique<serving::Serving>(*parts.database, *parts.artifacts,
                                                     parts.clock(), *parts.pool, options);
}

// What watches and reacts: monitors, alarms, rules, notices.
void App::MakeWatchers() {
  Parts& parts = *parts_;
  parts.alarms = std::make_unique<telemetry::Alarms>(*parts.database);
  parts.monitor = std::make_unique<monitor::Monitor>(*parts.database, *parts.serving,
                                                     *parts.artifacts, *parts.pool, Waker());
  parts.pipeline_target = std::make_unique<PipelineTarget>(*parts.pipelines);
  parts.notices = std::make_unique<events::Notices>(*parts.database, parts.clock(), *parts.pool,
                                                    events::NoticeOptions{.wake = Waker()});
  events::RulesOptions rules_options;
  rules_options.run = parts.pipeline_target.get();
  rules_options.notify = parts.notices.get();
  rules_options.alarm = [](db::Reader& reader, const std::string& name,
                           Time at) -> Result<std::optional<events::AlarmNow>> {
    const auto status = TRY(telemetry::Alarms::FindAt(reader, name, at));
    if (!status) return std::nullopt;
    return events::AlarmNow{status->state == telemetry::AlarmState::kAlarm, status->detail};
  };
  parts.rules = std::make_unique<events::Rules>(*parts.database, std::move(rules_options));
  parts.meter = std::make_unique<EndpointMeter>(*parts.database, *parts.serving, parts.metrics,
                                                parts.clock().Now(), parts.replay != nullptr);
}

void App::AddRoutes() {
  Parts& parts = *parts_;
  const auto wake = Waker();
  parts.router.Add(api::SystemRoutes({.control = *parts.control,
                                      .clock = parts.clock(),
                                      .replay = parts.replay != nullptr,
                                      .home = options_.home,
                                      .command = options_.command,
                                      .router = parts.router,
                                      .request_stop = [&parts] { parts.stop_requested = true; },
                                      .cancel_all = [this] { return CancelAll(); }}));
  parts.router.Add(api::JobsRoutes({*parts.database, *parts.jobs, wake}));
  parts.router.Add(
      api::PipelinesRoutes({*parts.database, *parts.pipelines, wake, project::Resolve}));
  parts.router.Add(api::PrometheusRoutes(parts.metrics, [&parts] { parts.meter->Refresh(); }));
  parts.router.Add(api::EventsRoutes({*parts.database}));
  parts.router.Add(api::AlarmsRoutes({*parts.database}));
  parts.router.Add(api::ProjectRoutes({*parts.database, parts.clock(), [this] { AfterApply(); }}));
  parts.router.Add(api::RegistryRoutes({*parts.database, *parts.artifacts, parts.clock()}));
  parts.router.Add(api::MlflowRoutes({*parts.database, *parts.artifacts, parts.clock(), wake}));
  AddServingRoutes();
}

void App::AddServingRoutes() {
  Parts& parts = *parts_;
  const bool serves = options_.mode != Mode::kReadOnly;
  parts.router.Add(api::EndpointsRoutes(
      {*parts.database, *parts.artifacts, serves ? parts.serving.get() : nullptr}));
  if (!serves) return;
  const api::PredictContext context{
      *parts.serving, *parts.control, parts.clock(), *parts.pool,
      [&parts](std::function<void()> task) { parts.server->AfterWakeUp(std::move(task)); }};
  parts.router.Add(api::OipRoutes(context));
  parts.router.Add(api::SagemakerRoutes(context));
}

void App::AddJobEnvironment(const jobs::AttemptKey& key, const std::string& owner,
                            os::Environment& environment) const {
  const std::string path = environment["PATH"];
  environment["PATH"] = os::ParentOf(os::ExecutablePath()) + (path.empty() ? "" : ":" + path);
  environment["MLFLOW_TRACKING_URI"] = parts_->url;
  environment["MLFLOW_TRACKING_TOKEN"] = parts_->tokens->Issue(key.Text());
  environment["TATARA_URL"] = parts_->url;
  environment["TATARA_JOB_ID"] = key.job.value;
  environment["TATARA_ATTEMPT"] = key.Text();
  if (!owner.empty()) environment["TATARA_RUN"] = owner;
  environment.erase("TATARA_HOME");  // the address decides, wherever the job works
}

Status App::Start() {
  CHECK(options_.mode != Mode::kReadOnly);
  os::RaiseFileLimit();
  TRY(StartServer());
  TRY(RecoverWork());
  Parts& parts = *parts_;
  AddPlanners();
  parts.control->Start();
  parts.started = true;
  return WriteServerRecord(options_.home, {parts.url, os::ProcessId(), options_.command});
}

void App::AddPlanners() {
  Parts& parts = *parts_;
  const bool server = options_.mode == Mode::kServer;
  if (server) {
    parts.control->Add(*parts.meter);
    parts.control->Add(*parts.monitor);
    parts.control->Add(*parts.alarms);
    parts.control->Add(*parts.rules);
  }
  parts.control->Add(*parts.pipelines);
  parts.control->Add(*parts.jobs);
  parts.control->Add(*parts.release);
  if (server) {
    parts.control->Add(*parts.serving);
    parts.control->Add(*parts.notices);
  }
  parts.control->Add(*parts.clock_keeper);
}

// Pipeline runs first, so that they submit no more jobs.
Result<int64_t> App::CancelAll() {
  Parts& parts = *parts_;
  const int64_t count = TRY(parts.database->Write([&](db::Tx& tx) -> Result<int64_t> {
    int64_t cancelled = 0;
    for (const pipelines::Run& run : TRY(pipelines::Pipelines::List(tx, 0))) {
      if (run.ended) continue;
      TRY(parts.pipelines->Cancel(tx, run.id));
      ++cancelled;
    }
    for (const jobs::Job& job : TRY(jobs::Jobs::List(tx, {.unfinished = true}))) {
      TRY(parts.jobs->Cancel(tx, job.id));
      ++cancelled;
    }
    return cancelled;
  }));
  parts.control->Wake();
  return count;
}

void App::AfterApply() {
  Parts& parts = *parts_;
  auto queues = parts.database->Read(
      [](db::Reader& reader) { return project::QueuesOf(reader, WholeMachine()); });
  if (queues)
    parts.jobs->SetQueues(*std::move(queues));
  else
    Log::Error("app", "queues: " + queues.error().message);
  parts.control->Wake();
}

Status App::StartServer() {
  Parts& parts = *parts_;
  const std::string last =
      TRY(parts.database->Read([](db::Reader& reader) { return GetFact(reader, "port"); }));
  int64_t last_port = 0;
  (void)ParseInt(last, last_port);
  // A home takes its last port again if that is free, so that running jobs reach it.
  std::vector<int> candidates;
  if (options_.port.value_or(0) != 0) {
    candidates = {*options_.port};
  } else {
    if (last_port > 0) candidates.push_back(static_cast<int>(last_port));
    if (!options_.port && last_port == 0) candidates.push_back(kDefaultPort);
    candidates.push_back(0);
  }
  const bool loopback = IsLoopback(options_.host);
  Status started;
  for (const int port : candidates) {
    parts.server = std::make_unique<net::HttpServer>(
        parts.router, *parts.pool, net::ServerOptions{.host = options_.host, .port = port},
        [this, loopback](net::Request& request, const net::Route&) {
          auto refusal = auth::RefuseForeign(request, loopback);
          if (!refusal) request.caller = auth::CallerOf(request, *parts_->tokens);
          return refusal;
        });
    started = parts.server->Start();
    if (started || started.error().code != Code::kConflict) break;
  }
  TRY(std::move(started));
  const std::string host =
      options_.host.find(':') == std::string::npos ? options_.host : "[" + options_.host + "]";
  parts.url = "http://" + host + ":" + std::to_string(parts.server->port());
  if (parts.server->port() == last_port) return {};
  return parts.database->Write(
      [&](db::Tx& tx) { return SetFact(tx, "port", std::to_string(parts.server->port())); });
}

Status App::RecoverWork() {
  Parts& parts = *parts_;
  const std::string identity = TRY(HomeIdentity(options_.home));
  const std::string stored =
      TRY(parts.database->Read([](db::Reader& reader) { return GetFact(reader, "identity"); }));
  const bool moved = !stored.empty() && stored != identity;
  if (moved) Log::Warn("app", "this home was moved or copied: what ran in it is LOST");
  AfterApply();  // the queues of projects that were applied before
  TRY(parts.jobs->Recover(moved));
  TRY(parts.pipelines->Recover());
  if (options_.mode == Mode::kServer) TRY(parts.serving->Recover());
  if (stored == identity) return {};
  return parts.database->Write([&](db::Tx& tx) { return SetFact(tx, "identity", identity); });
}

void App::Stop(std::chrono::milliseconds deadline) {
  Parts& parts = *parts_;
  if (!parts.started) return;
  parts.started = false;
  parts.control->Stop();  // answers parked requests
  parts.server->Stop(deadline);
  parts.pool->Stop();
  parts.serving->Stop();
  parts.clock_keeper->Save();
  (void)os::RemoveFile(options_.home + "/server.json");
}

std::string App::url() const { return parts_->url; }

net::Response App::Dispatch(net::Request request) {
  auto match = parts_->router.Find(request.verb, request.path);
  if (match.route == nullptr || !match.route->handler) {
    return net::Router::NotFoundResponse(match, request.verb, request.path);
  }
  request.path_parameters = std::move(match.parameters);
  return match.route->handler(request);
}

bool App::stop_requested() const { return parts_->stop_requested; }
void App::AllowJob(const std::string& id) {
  parts_->allowed.Add(id);
  parts_->control->Wake();
}
void App::AllowPipelineRun(const std::string& id) { AllowJob(id); }
void App::Settle() { parts_->control->Settle(); }

}  // namespace tatara::app
