#include "pipelines/visit.h"

#include <algorithm>

namespace tatara::pipelines {
namespace {

// A visit reports what it has after this time, so that jobs can begin.
constexpr auto kVisitMax = std::chrono::milliseconds(100);

StageState StateAfter(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::kSkip:
      return StageState::kSkipped;
    case Verdict::Kind::kRun:
      return StageState::kRunning;
    case Verdict::Kind::kCached:
      return StageState::kCached;
    case Verdict::Kind::kRecorded:
      return StageState::kSucceeded;
    case Verdict::Kind::kFailed:
      break;
  }
  return StageState::kFailed;
}

class Visitor {
 public:
  Visitor(Visit visit, Digests& digests)
      : visit_(std::move(visit)),
        queue_(visit_.check),
        work_(visit_.project, *visit_.locks, digests) {}

  std::vector<Outcome> Run() {
    if (const Status made = InitProject(visit_.project->root); !made) {
      const Verdict failed{Verdict::Kind::kFailed, made.error().message};
      for (const size_t place : visit_.record) outcomes_.push_back({place, true, failed});
      for (const size_t place : visit_.check) outcomes_.push_back({place, false, failed});
      return std::move(outcomes_);
    }
    for (const size_t place : visit_.record) {
      Record(place);
      if (watch_.Elapsed() > kVisitMax) break;
    }
    for (size_t next = 0; next < queue_.size() && visit_.may_run > 0; ++next) {
      if ((failed_ && !visit_.keep_going) || watch_.Elapsed() > kVisitMax) break;
      CheckStage(queue_[next]);
    }
    Status written = visit_.locks->Flush();
    if (written && visit_.locks->unsynced().Due()) written = visit_.locks->unsynced().Sync();
    if (!written) FailWritten(written.error());
    return std::move(outcomes_);
  }

 private:
  void Record(size_t place) {
    const Status status = work_.Commit(visit_.project_places[place], place);
    Verdict verdict{Verdict::Kind::kRecorded, ""};
    if (!status) verdict = {Verdict::Kind::kFailed, status.error().message};
    Found(place, true, std::move(verdict));
  }

  void CheckStage(size_t place) {
    const bool forced_by_need =
        visit_.force_downstream && std::ranges::any_of(visit_.needs[place], [&](size_t need) {
          return visit_.states[need] == StageState::kCached ||
                 visit_.states[need] == StageState::kSucceeded;
        });
    Verdict verdict = work_.Check(
        visit_.project_places[place],
        {.force = visit_.force || forced_by_need, .run_cache = visit_.run_cache, .order = place});
    if (verdict.kind == Verdict::Kind::kRun) --visit_.may_run;
    Found(place, false, std::move(verdict));
  }

  void Found(size_t place, bool recorded, Verdict verdict) {
    const StageState state = StateAfter(verdict.kind);
    failed_ = failed_ || state == StageState::kFailed;
    visit_.states[place] = state;
    outcomes_.push_back({place, recorded, std::move(verdict)});
    if (!EndedWell(state)) return;
    for (size_t other = place + 1; other < visit_.needs.size(); ++other) {
      const auto& needs = visit_.needs[other];
      const bool now_ready =
          std::ranges::find(needs, place) != needs.end() &&
          visit_.states[other] == StageState::kPending &&
          std::ranges::all_of(needs, [&](size_t need) { return EndedWell(visit_.states[need]); });
      if (now_ready && std::ranges::find(queue_, other) == queue_.end()) queue_.push_back(other);
    }
  }

  void FailWritten(const Error& error) {
    for (Outcome& outcome : outcomes_) {
      const Verdict::Kind kind = outcome.verdict.kind;
      if (kind == Verdict::Kind::kSkip || kind == Verdict::Kind::kRun) continue;
      outcome.verdict = {Verdict::Kind::kFailed, error.message};
    }
  }

  Visit visit_;
  std::vector<size_t> queue_;
  StageWork work_;
  const os::Stopwatch watch_;
  bool failed_ = false;
  std::vector<Outcome> outcomes_;
};

}  // namespace

std::vector<Outcome> CarryOut(Visit visit, Digests& digests) {
  return Visitor(std::move(visit), digests).Run();
}

}  // namespace tatara::pipelines
