// How many 900-byte events a second 1,000 rules are matched against, on one core.
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "events/events.h"

namespace {

using tatara::events::Pattern;
using tatara::events::RuleSet;

// Five kinds of rules, as a platform has them.
std::string RuleText(int i) {
  const std::string n = std::to_string(i);
  switch (i % 5) {
    case 0:
      return R"({"source":["tatara.alarm"],"detail":{"alarm":["alarm-)" + n +
             R"("],"state":["ALARM"]}})";
    case 1:
      return R"({"source":["tatara.monitor"],"detail":{"endpoint":["endpoint-)" + n +
             R"("],"value":[{"numeric":[">",0.5]}]}})";
    case 2:
      return R"({"detail":{"job":[{"prefix":"job-)" + n + R"(-"}],"state":["FAILED","LOST"]}})";
    case 3:
      return R"({"source":[{"anything-but":"tatara.jobs"}],"detail":{"model":["model-)" + n +
             R"("]}})";
    default:
      return R"({"detail":{"score":[{"numeric":[">=",)" + n + R"(,"<",)" + std::to_string(i + 1) +
             R"(]}]}})";
  }
}

std::string EventText(int i) {
  const std::string n = std::to_string(i % 1000);
  std::string text = R"({"version":"0","id":"e-0192f0c0a1b2c3d4e5f60718293a4b5c",)"
                     R"("detail-type":"alarm_state_changed","source":"tatara.alarm","account":"",)"
                     R"("time":"2013-05-06T12:00:00Z","region":"","resources":["alarm-)" +
                     n + R"("],"detail":{"alarm":"alarm-)" + n +
                     R"(","state":"ALARM","previous":"OK","value":12.34,"endpoint":"endpoint-)" +
                     n + R"(","job":"job-)" + n + R"(-7","model":"model-)" + n + R"(","score":)" +
                     n + R"(.5,"window":[)";
  for (int point = 0; text.size() < 840; ++point) {
    text += (point > 0 ? "," : "") + std::string(R"({"time":"2013-05-0)") +
            std::to_string(1 + point % 9) + R"(T04:00:00Z","value":11.2})";
  }
  return text + "]}}";
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int main() {
  constexpr int kRules = 1000, kEvents = 500'000;
  RuleSet rules;
  for (int i = 0; i < kRules; ++i)
    rules.Add(static_cast<uint32_t>(i), *Pattern::Compile(RuleText(i)));
  std::vector<std::string> events;
  size_t bytes = 0, matches = 0;
  for (int i = 0; i < 1000; ++i) {
    events.push_back(EventText(i));
    bytes += events.back().size();
  }
  (void)rules.Match(events[0]);  // builds the index
  const double before = CpuSeconds();
  for (int i = 0; i < kEvents; ++i)
    matches += rules.Match(events[static_cast<size_t>(i % 1000)])->size();
  const double seconds = CpuSeconds() - before;
  std::printf("rules %d, event bytes %zu, matches per event %.2f, events/s per core %.0f\n", kRules,
              bytes / events.size(), static_cast<double>(matches) / kEvents, kEvents / seconds);
}
