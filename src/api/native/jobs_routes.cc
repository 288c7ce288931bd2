#include "api/native/jobs_routes.h"

#include <algorithm>
#include <atomic>

#include "api/native/reply.h"
#include "base/strings.h"
#include "os/files.h"
#include "os/threads.h"

namespace tatara::api {
namespace {

using jobs::Job;
using net::Role;
using net::RouteKind;
using net::Verb;

Result<jobs::JobSpec> SpecOf(const Json& body) {
  jobs::JobSpec spec;
  spec.name = TRY(body.GetStringOr("name", ""));
  spec.queue = TRY(body.GetStringOr("queue", "local"));
  spec.argv = TRY(body.GetStrings("command"));
  spec.folder = TRY(body.GetString("folder"));
  spec.priority = TRY(body.GetIntOr("priority", 0));
  spec.retries = TRY(body.GetIntOr("retries", 0));
  if (const Json* cpus = body.Find("cpus"); cpus != nullptr)
    spec.cpus = TRY(body.GetDouble("cpus"));
  if (std::string memory = TRY(body.GetStringOr("memory", "")); !memory.empty()) {
    spec.memory = TRY(ParseBytes(memory));
  }
  if (std::string timeout = TRY(body.GetStringOr("timeout", "")); !timeout.empty()) {
    spec.timeout = TRY(ParseDuration(timeout));
  }
  for (std::string& id : TRY(body.GetStrings("after"))) spec.after.emplace_back(std::move(id));
  if (const Json* environment = body.Find("environment"); environment && environment->IsObject()) {
    for (const auto& [name, value] : environment->AsObject()) {
      if (value.IsString()) spec.environment[name] = value.AsString();
    }
  }
  return spec;
}

// The output of a job's attempts one after the other; with `follow` until the job has ended.
class LogStream : public net::ByteSource {
 public:
  LogStream(JobsContext context, JobId id, bool follow, int64_t skip)
      : context_(std::move(context)), id_(std::move(id)), follow_(follow), skip_(skip) {}

  bool MayWait() const override { return follow_; }
  void Cancel() override { cancelled_ = true; }

  Result<size_t> Read(std::span<char> buffer) override {
    while (!cancelled_) {
      const Job job = TRY(Load());
      const std::vector<std::string> paths = context_.jobs.LogPaths(job);
      // Read after the state: what was written before the end was seen is not missed.
      const size_t got = TRY(ReadNext(paths, buffer));
      if (got > 0) return got;
      if (!follow_ || jobs::IsFinal(job.state)) return 0;
      os::SleepFor(std::chrono::milliseconds(50));
    }
    return 0;
  }

 private:
  Result<Job> Load() {
    return context_.database.Read([&](db::Reader& reader) { return jobs::Jobs::Get(reader, id_); });
  }

  Result<size_t> ReadNext(const std::vector<std::string>& paths, std::span<char> buffer) {
    while (attempt_ < paths.size()) {
      if (!file_.is_open()) {
        auto file = os::File::OpenRead(paths[attempt_]);
        if (file) {
          file_ = *std::move(file);
          offset_ = 0;
        }
      }
      const size_t got = file_.is_open() ? TRY(file_.ReadAt(offset_, buffer)) : 0;
      offset_ += static_cast<int64_t>(got);
      if (got > 0) {
        const size_t dropped = std::min<size_t>(got, static_cast<size_t>(skip_));
        skip_ -= static_cast<int64_t>(dropped);
        if (dropped == got) continue;
        std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(dropped),
                  buffer.begin() + static_cast<std::ptrdiff_t>(got), buffer.begin());
        return got - dropped;
      }
      if (attempt_ + 1 >= paths.size()) return 0;
      file_.Close();
      ++attempt_;
    }
    return 0;
  }

  JobsContext context_;
  const JobId id_;
  const bool follow_;
  int64_t skip_;
  size_t attempt_ = 0;
  int64_t offset_ = 0;
  os::File file_;
  std::atomic<bool> cancelled_ = false;
};

Result<Json> SubmitJob(const JobsContext& context, net::Request& request) {
  const jobs::JobSpec spec = TRY(SpecOf(TRY(BodyObject(request))));
  const JobId id =
      TRY(context.database.Write([&](db::Tx& tx) { return context.jobs.Submit(tx, spec); }));
  context.wake();
  return Json::Of({{"id", id.value}});
}

Result<Json> ListJobs(const JobsContext& context, net::Request& request) {
  jobs::JobFilter filter;
  filter.limit = TRY(LimitOf(request));
  filter.owner = request.QueryOr("pipeline_run");
  filter.unfinished = request.QueryOr("unfinished") == "true";
  const auto found = TRY(
      context.database.Read([&](db::Reader& reader) { return jobs::Jobs::List(reader, filter); }));
  Json::Array list;
  for (const Job& job : found) list.push_back(jobs::ToJson(job));
  return Json::Of({{"jobs", std::move(list)}});
}

Result<Json> GetJob(const JobsContext& context, net::Request& request) {
  const JobId id(request.Path("id"));
  const Job job =
      TRY(context.database.Read([&](db::Reader& reader) { return jobs::Jobs::Get(reader, id); }));
  Json out = jobs::ToJson(job);
  if (!jobs::IsFinal(job.state)) out.Set("why", context.jobs.WhyWaiting(id));
  return out;
}

Result<Json> CancelJob(const JobsContext& context, net::Request& request) {
  const JobId id(request.Path("id"));
  TRY(context.database.Write([&](db::Tx& tx) { return context.jobs.Cancel(tx, id); }));
  context.wake();
  return Json::Of({{"id", id.value}, {"cancel_requested", true}});
}

net::Response JobLogs(const JobsContext& context, net::Request& request) {
  const JobId id(request.Path("id"));
  auto job = context.database.Read([&](db::Reader& reader) { return jobs::Jobs::Get(reader, id); });
  if (!job) return Reply(job.error());
  int64_t offset = 0;
  (void)ParseInt(request.QueryOr("offset", "0"), offset);
  net::Response response;
  response.headers.emplace_back("Content-Type", "application/octet-stream");
  response.stream = std::make_unique<LogStream>(context, id, request.QueryOr("follow") == "true",
                                                std::max<int64_t>(0, offset));
  return response;
}

}  // namespace

std::vector<net::Route> JobsRoutes(JobsContext context) {
  const auto with = [&](auto function) {
    return Answer([context, function](net::Request& r) { return function(context, r); });
  };
  const auto logs = [context](net::Request& r) { return JobLogs(context, r); };
  return {
      {Verb::kPost,
       "/api/v1/jobs",
       Role::kEditor,
       RouteKind::kBuffered,
       with(SubmitJob),
       {},
       "Submit a job; answers once it is durable."},
      {Verb::kGet,
       "/api/v1/jobs",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListJobs),
       {},
       "All jobs, newest first."},
      {Verb::kGet,
       "/api/v1/jobs/{id}",
       Role::kViewer,
       RouteKind::kBuffered,
       with(GetJob),
       {},
       "One job with its attempts, and why it waits."},
      {Verb::kPost,
       "/api/v1/jobs/{id}/cancel",
       Role::kEditor,
       RouteKind::kBuffered,
       with(CancelJob),
       {},
       "Cancel a job; answers once the cancel is durable."},
      {Verb::kGet,
       "/api/v1/jobs/{id}/logs",
       Role::kViewer,
       RouteKind::kBuffered,
       logs,
       {},
       "The job's output from ?offset=N; ?follow=true until it ends."},
  };
}

}  // namespace tatara::api
