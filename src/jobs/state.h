// The states of a job, as data. Moves are stored by compare-and-set.
//
//   SUBMITTED -> PENDING (waits for other jobs) -> RUNNABLE (waits for room) -> STARTING -> RUNNING
//   -> SUCCEEDED | FAILED | CANCELLED | LOST; a failed or lost attempt with retries left goes back
//   to RUNNABLE.
#pragma once

#include <optional>
#include <string_view>

namespace tatara::jobs {

enum class State {
  kSubmitted,
  kPending,
  kRunnable,
  kStarting,
  kRunning,
  kSucceeded,
  kFailed,
  kCancelled,
  kLost,
};

struct Transition {
  State from;
  State to;
  std::string_view why;
};

inline constexpr Transition kTransitions[] = {
    {State::kSubmitted, State::kPending, "it waits for other jobs"},
    {State::kSubmitted, State::kRunnable, "nothing to wait for"},
    {State::kSubmitted, State::kCancelled, "cancelled"},
    {State::kPending, State::kRunnable, "all that it waited for succeeded"},
    {State::kPending, State::kFailed, "one that it waited for did not succeed"},
    {State::kPending, State::kCancelled, "cancelled"},
    {State::kRunnable, State::kStarting, "there is room; the intent is durable"},
    {State::kRunnable, State::kFailed, "no room can ever be enough"},
    {State::kRunnable, State::kCancelled, "cancelled"},
    {State::kStarting, State::kRunning, "the runner is there"},
    {State::kStarting, State::kRunnable, "retry"},
    {State::kStarting, State::kSucceeded, "ended before it was seen running"},
    {State::kStarting, State::kFailed, "ended before it was seen running"},
    {State::kStarting, State::kCancelled, "cancelled"},
    {State::kStarting, State::kLost, "the runner is gone without a record"},
    {State::kRunning, State::kRunnable, "retry"},
    {State::kRunning, State::kSucceeded, "exit code 0"},
    {State::kRunning, State::kFailed, "another exit code, a time-out, out of memory"},
    {State::kRunning, State::kCancelled, "cancelled"},
    {State::kRunning, State::kLost, "the runner is gone without a record"},
};

constexpr bool MayMove(State from, State to) {
  for (const Transition& transition : kTransitions) {
    if (transition.from == from && transition.to == to) return true;
  }
  return false;
}

constexpr bool IsFinal(State state) { return state >= State::kSucceeded; }

constexpr std::string_view StateName(State state) {
  switch (state) {
    case State::kSubmitted:
      return "SUBMITTED";
    case State::kPending:
      return "PENDING";
    case State::kRunnable:
      return "RUNNABLE";
    case State::kStarting:
      return "STARTING";
    case State::kRunning:
      return "RUNNING";
    case State::kSucceeded:
      return "SUCCEEDED";
    case State::kFailed:
      return "FAILED";
    case State::kCancelled:
      return "CANCELLED";
    case State::kLost:
      return "LOST";
  }
  return "";
}

constexpr std::optional<State> StateFromName(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(State::kLost); ++i) {
    if (StateName(static_cast<State>(i)) == name) return static_cast<State>(i);
  }
  return std::nullopt;
}

}  // namespace tatara::jobs
