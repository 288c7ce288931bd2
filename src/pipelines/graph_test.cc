// dvc.yaml files, graphs, ignore rules, the decision what changed, the plan: tables.
#include "pipelines/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "pipelines/changes.h"
#include "pipelines/command.h"
#include "pipelines/dvcfile.h"
#include "pipelines/ignore.h"
#include "pipelines/params.h"
#include "pipelines/plan.h"

namespace tatara::pipelines {
namespace {

Result<std::vector<Stage>> Parse(const std::string& text,
                                 const std::map<std::string, std::string>& files = {}) {
  const DvcFileContext context{.root = "/p",
                               .file = "/p/dvc.yaml",
                               .style = {},
                               .read_params = [&](const std::string& path) -> Result<Value> {
                                 const auto found = files.find(path);
                                 if (found == files.end()) return NotFound("no " + path);
                                 return ParseParams(path, found->second);
                               }};
  auto parsed = ParseDvcYaml(text, context);
  if (!parsed) return std::unexpected(parsed.error());
  return std::move(parsed->stages);
}

std::vector<std::string> Names(const std::vector<Stage>& stages) {
  std::vector<std::string> names;
  for (const Stage& stage : stages) names.push_back(stage.name);
  return names;
}

TEST(DvcYaml, Foreach_NamesByValueIndexOrKey) {
  const auto stages = Parse(
      "stages:\n"
      "  a: {foreach: [x, 1.0], do: {cmd: 'echo ${item}'}}\n"
      "  b: {foreach: [{n: 1}, {n: 2}], do: {cmd: 'echo ${item.n}'}}\n"
      "  c: {foreach: {k: 1, l: 2}, do: {cmd: 'echo ${key} ${item}'}}\n"
      "  d: {matrix: {m: [p, q], s: [1, {z: 0}]}, cmd: 'echo ${item.m} ${key}'}\n");
  ASSERT_TRUE(stages) << stages.error().message;
  EXPECT_EQ(Names(*stages), (std::vector<std::string>{"a@x", "a@1.0", "b@0", "b@1", "c@k", "c@l",
                                                      "d@p-1", "d@p-s1", "d@q-1", "d@q-s1"}));
  EXPECT_EQ((*stages)[4].command.AsString(), "echo k 1");
  EXPECT_EQ((*stages)[7].command.AsString(), "echo p p-s1");
}

TEST(DvcYaml, ParamsYaml_IsLoadedFirstAndVarsMayNotRedefineIt) {
  const std::map<std::string, std::string> files = {{"/p/params.yaml", "lr: 1e-5\n"},
                                                    {"/p/v.yaml", "a: 1\nb: 2\n"}};
  const auto good =
      Parse("vars: ['v.yaml:a', {c: 3}]\nstages: {s: {cmd: 'x ${lr} ${a} ${c}'}}", files);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ((*good)[0].command.AsString(), "x 1e-05 1 3");
  const auto hidden = Parse("vars: ['v.yaml:a']\nstages: {s: {cmd: 'x ${b}'}}", files);
  EXPECT_FALSE(hidden);
  const auto twice = Parse("vars: [{lr: 2}]\nstages: {s: {cmd: x}}", files);
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("cannot redefine 'lr'"), std::string::npos);
}

TEST(DvcYaml, Mistakes_NameFileLineAndNearestKey) {
  const std::tuple<const char*, const char*> table[] = {
      {"stages:\n  s:\n    cmd: x\n    dep: [a]\n", "dvc.yaml:4: stages.s: unknown key 'dep'; did"},
      {"stages:\n  s:\n    deps: [a]\n", "'cmd' is missing"},
      {"stage: {}\n", "dvc.yaml:1: the file: unknown key 'stage'"},
      {"stages:\n  s:\n    cmd: x\n    outs:\n    - a: {cahce: false}\n", "dvc.yaml:5: "},
      {"stages:\n  s: {cmd: '${nope}'}\n", "'stages.s.cmd': Could not find 'nope'"},
      {"stages:\n  s: {cmd: x, deps: ['s3://b/k']}\n", "only files of this machine"},
      {"stages:\n  s: {cmd: x, outs: [/etc/x]}\n", "outside of the project"},
      {"stages:\n  s: {cmd: x, outs: [.]}\n", "the whole project"},
      {"stages:\n  s: {foreach: [1], do: {cmd: x}, cmd: y}\n", "unknown key 'cmd'"},
      {"stages:\n  s: [\n", "dvc.yaml:"},
  };
  for (const auto& [text, message] : table) {
    const auto stages = Parse(text);
    ASSERT_FALSE(stages) << text;
    EXPECT_NE(stages.error().message.find(message), std::string::npos) << text << "\n"
                                                                       << stages.error().message;
  }
}

TEST(DvcYaml, OutputsAndParams_AreMerged) {
  const auto good = Parse(
      "stages:\n  s:\n    cmd: x\n    wdir: w\n    outs:\n    - a\n    - a: {cache: false}\n"
      "    - /p/w/b\n    params:\n    - k\n    - other.yaml: [x]\n    - other.yaml: [y]\n"
      "    - all.yaml:\n    metrics: [m]\n    frozen: true\n    meta: {cpus: 2}\n");
  ASSERT_TRUE(good) << good.error().message;
  const Stage& stage = (*good)[0];
  ASSERT_EQ(stage.outs.size(), 3u);
  EXPECT_FALSE(stage.outs[0].cache);
  EXPECT_EQ(stage.outs[1].path, "b");
  EXPECT_EQ(stage.outs[1].absolute, "/p/w/b");
  EXPECT_TRUE(stage.outs[2].metric);
  ASSERT_EQ(stage.params.size(), 3u);
  EXPECT_EQ(stage.params[1].keys, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(stage.params[2].keys.empty());
  EXPECT_EQ(ResourcesFor(stage, {})->cpus, 2);
}

Stage Make(const std::string& name, std::vector<std::string> deps, std::vector<std::string> outs) {
  Stage stage;
  stage.file = "/p/dvc.yaml";
  stage.name = stage.id = name;
  stage.wdir = "/p";
  stage.command = Value("run");
  for (const std::string& dep : deps) stage.deps.push_back({dep, "/p/" + dep});
  for (const std::string& out : outs) stage.outs.push_back({.path = out, .absolute = "/p/" + out});
  return stage;
}

TEST(Graph, Edges_LeadToOutputsAroundAndBelow) {
  const std::vector<Stage> stages = {Make("file", {}, {"d/x"}), Make("folder", {}, {"e"}),
                                     Make("reads", {"d", "e/deep/y"}, {"z"})};
  const auto graph = BuildGraph(stages);
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ(graph->needs[2], (std::vector<size_t>{0, 1}));
  EXPECT_TRUE(graph->needs[0].empty());
}

TEST(Graph, Mistakes) {
  const auto message = [](const std::vector<Stage>& stages) {
    const auto graph = BuildGraph(stages);
    return graph ? std::string() : graph.error().message;
  };
  EXPECT_EQ(message({Make("a", {"y"}, {"x"}), Make("b", {"x"}, {"y"})}),
            "stages need each other in a circle: 'a' <- 'b' <- 'a'");
  EXPECT_EQ(message({Make("a", {}, {"x"}), Make("b", {}, {"x"})}),
            "the output 'x' belongs to two stages: 'a' and 'b'");
  std::vector<Stage> placed = {Make("a", {}, {"x"}), Make("b", {}, {"x"})};
  placed[1].line = 7;
  EXPECT_EQ(message(placed), "dvc.yaml:7: the output 'x' belongs to two stages: 'a' and 'b'");
  EXPECT_NE(message({Make("a", {}, {"x"}), Make("b", {}, {"x/y"})}).find("must not overlap"),
            std::string::npos);
  EXPECT_NE(message({Make("a", {"x"}, {"x"})}).find("circle"), std::string::npos);
  std::vector<Stage> inside = {Make("a", {}, {"sub"}), Make("b", {}, {"z"})};
  inside[1].file = "/p/sub/dvc.yaml";
  EXPECT_NE(message(inside).find("is defined inside the output"), std::string::npos);
}

TEST(Graph, Selection) {
  std::vector<Stage> stages = {Make("a", {}, {"a1"}), Make("b", {"a1"}, {"b1"}),
                               Make("c", {"b1"}, {"c1"}), Make("lone", {}, {"l"})};
  const Graph graph = *BuildGraph(stages);
  using Places = std::vector<size_t>;
  EXPECT_EQ(SelectStages(stages, graph, {.targets = {1}}), (Places{0, 1}));
  EXPECT_EQ(SelectStages(stages, graph, {.targets = {1}, .single_item = true}), (Places{1}));
  EXPECT_EQ(SelectStages(stages, graph, {.targets = {1}, .downstream = true}), (Places{1, 2}));
  EXPECT_EQ(SelectStages(stages, graph, {.targets = {1}, .pipelines = true}), (Places{0, 1, 2}));
  EXPECT_EQ(SelectStages(stages, graph, {}).size(), 4u);
  stages[1].frozen = true;
  EXPECT_EQ(SelectStages(stages, *BuildGraph(stages), {.targets = {2}}), (Places{1, 2}));
}

TEST(Ignore, Patterns) {
  struct Case {
    const char *line, *path;
    bool folder, hit;
  };
  const Case table[] = {
      {"*.csv", "a/b.csv", false, true},
      {"/x", "x", false, true},
      {"/x", "a/x", false, false},
      {"d/", "d", true, true},
      {"d/", "d", false, false},
      {"a/*.txt", "a/b.txt", false, true},
      {"a/*.txt", "a/b/c.txt", false, false},
      {"**/z", "a/b/z", false, true},
      {"**/z", "z", false, true},
      {"a/**", "a/b/c", false, true},
      {"a/**/c", "a/c", false, true},
      {"f?[0-9]", "fx3", false, true},
      {"f?[!0-9]", "fx3", false, false},
      {"\\#x", "#x", false, true},
  };
  for (const Case& c : table) {
    const auto patterns = ParseIgnoreFile(c.line);
    ASSERT_EQ(patterns.size(), 1u) << c.line;
    EXPECT_EQ(MatchesIgnorePattern(patterns[0], c.path, c.folder), c.hit)
        << c.line << " on " << c.path;
  }
  EXPECT_TRUE(ParseIgnoreFile("# no\n\n  \n").empty());
  EXPECT_TRUE(ParseIgnoreFile("!keep")[0].negated);
}

struct ChangesTest : ::testing::Test {
  ChangesTest() {
    stage = Make("s", {"in"}, {"out"});
    stage.params = {{"params.yaml", "/p/params.yaml", {"data.end", "n"}}};
    entry.command = Value("run");
    entry.deps = {{.path = "in", .md5 = "1"}};
    entry.outs = {{.path = "out", .md5 = "2"}};
    Value values = Value::MakeMap();
    values.Set("data.end", Value("2013-04-01"));
    values.Set("n", Value(1));
    entry.params.Set("params.yaml", values);
    facts.deps = {{.exists = true, .md5 = "1"}};
    facts.outs = {{.exists = true, .md5 = "2", .in_cache = true}};
    SetParams("2013-04-01", Value(1));
  }
  void SetParams(const char* end, Value n) {
    Value file = Value::MakeMap();
    file.Set("data", Value(Value::Map{{"end", Value(end)}}));
    file.Set("n", std::move(n));
    facts.params = {file};
  }
  std::string Why() { return FindChanges(stage, &entry, facts).Why(); }

  Stage stage;
  LockEntry entry;
  StageFacts facts;
};

TEST_F(ChangesTest, Nothing) { EXPECT_EQ(Why(), ""); }
TEST_F(ChangesTest, Never_Run) {
  EXPECT_EQ(FindChanges(stage, nullptr, facts).Why(), "it has not run yet");
}
TEST_F(ChangesTest, EachReason_IsTold) {
  SetParams("2013-05-06", Value(1.0));  // 1 and 1.0 are the same
  EXPECT_EQ(Why(), "params.yaml: data.end changed 2013-04-01 -> 2013-05-06");
  SetParams("2013-04-01", Value("1"));
  EXPECT_EQ(Why(), "params.yaml: n changed 1 -> \"1\"");
  facts.params = {std::nullopt};
  EXPECT_EQ(Why(), "params.yaml is missing");
  SetParams("2013-04-01", Value(1));
  facts.deps[0].md5 = "9";
  EXPECT_EQ(Why(), "in changed");
  facts.deps[0].md5 = "1";
  facts.outs[0].in_cache = false;
  EXPECT_EQ(Why(), "the output out is not in the cache");
  stage.outs[0].cache = false;
  EXPECT_EQ(Why(), "");
  facts.outs[0].exists = false;
  EXPECT_EQ(Why(), "the output out is missing");
  stage.command = Value("other");
  EXPECT_EQ(Why(), "its command changed, the output out is missing");
}
TEST_F(ChangesTest, NestedParameters_NameTheLeaf) {
  const auto parsed = [](const char* text) { return *FromYaml(*ParseYaml(text)); };
  const char* then = "{rate: 0.1, leaves: 31, tags: [a, b], deep: {x: 1, y: {z: 2}}, e: {}}";
  const std::pair<const char*, const char*> cases[] = {
      {"{leaves: 31, rate: 0.10, tags: [a, b], deep: {x: 1.0, y: {z: 2}}, e: {}}", ""},
      {"{rate: 0.1, leaves: 63, tags: [a, b], deep: {x: 1, y: {z: 2}}, e: {}}",
       "params.yaml: n.leaves changed 31 -> 63"},
      {"{rate: 0.1, leaves: '31', tags: [a, c, d], deep: {x: 1, y: {z: 2}}, e: {}}",
       "params.yaml: n.leaves changed 31 -> \"31\", params.yaml: n.tags.1 changed b -> c, "
       "params.yaml: n.tags.2 is new"},
      {"{rate: 0.1, leaves: 31, tags: [a], deep: {x: 1, y: {z: 3}, w: 4}, e: {}}",
       "params.yaml: n.tags.1 is gone, params.yaml: n.deep.y.z changed 2 -> 3, "
       "params.yaml: n.deep.w is new"},
      {"{rate: 0.1, leaves: 31, tags: [a, b], deep: 5, e: {}}",
       "params.yaml: n.deep changed {\"x\": 1, \"y\": {\"z\": 2}} -> 5"},
      {"{rate: 0.1, leaves: 31, tags: [a, b], deep: {x: 1, y: {z: 2}}, e: []}",
       "params.yaml: n.e changed {} -> []"},
      {"{rate: 1, leaves: 1, tags: 1, deep: {x: 2}}",
       "params.yaml: n.rate changed 0.1 -> 1, params.yaml: n.leaves changed 31 -> 1, "
       "params.yaml: n.tags changed [\"a\", \"b\"] -> 1 and 3 more"},
      {"7",
       "params.yaml: n changed {\"deep\": {\"x\": 1, \"y\": {\"z\": 2}}, \"e\": {}, \"leaves\": "
       "31, \"ra... -> 7"},
  };
  entry.params.Find("params.yaml")->Set("n", parsed(then));
  for (const auto& [now, why] : cases) {
    SetParams("2013-04-01", parsed(now));
    EXPECT_EQ(Why(), why) << now;
  }
  stage.params[0].keys.clear();  // the whole file
  entry.params.Set("params.yaml", parsed("{model: {leaves: 31}, old: 1}"));
  facts.params = {parsed("{model: {leaves: 63}, new: 1}")};
  EXPECT_EQ(Why(),
            "params.yaml: model.leaves changed 31 -> 63, params.yaml: new is new, "
            "params.yaml: old is gone");
}
TEST_F(ChangesTest, RemovedInputs_ChangeNothing) {
  stage.deps.clear();
  stage.params.clear();
  facts.deps.clear();
  facts.params.clear();
  EXPECT_EQ(Why(), "");
}
TEST_F(ChangesTest, Frozen_LooksAtOutputsOnly) {
  stage.frozen = true;
  facts.deps[0].md5 = "9";
  EXPECT_EQ(Why(), "");
}
TEST_F(ChangesTest, Callback_AlwaysRuns) {
  stage = Make("s", {}, {});
  EXPECT_EQ(FindChanges(stage, &entry, {}).Why(), "it has neither inputs nor outputs");
}

using State = StageState;

Snapshot Chain(std::vector<State> states) {
  Snapshot snapshot;
  for (size_t i = 0; i < states.size(); ++i) {
    snapshot.stages.push_back({"s" + std::to_string(i), states[i], {}});
    if (i > 0) snapshot.stages[i].needs = {i - 1};
  }
  return snapshot;
}

TEST(Plan, Stage_IsCheckedOnceItsNeedsEndedWell) {
  EXPECT_EQ(PlanRun(Chain({State::kPending, State::kPending})).check, (std::vector<size_t>{0}));
  EXPECT_EQ(PlanRun(Chain({State::kSkipped, State::kPending})).check, (std::vector<size_t>{1}));
  EXPECT_TRUE(PlanRun(Chain({State::kRunning, State::kPending})).check.empty());
  EXPECT_EQ(PlanRun(Chain({State::kMade, State::kPending})).record, (std::vector<size_t>{0}));
}

TEST(Plan, Failure_BlocksTheRestUnlessKeepGoing) {
  Snapshot snapshot = Chain({State::kFailed, State::kPending});
  snapshot.stages.push_back({"free", State::kPending, {}});
  Plan plan = PlanRun(snapshot);
  EXPECT_EQ(plan.block.size(), 2u);
  EXPECT_TRUE(plan.check.empty());
  EXPECT_TRUE(plan.finished);
  snapshot.keep_going = true;
  plan = PlanRun(snapshot);
  ASSERT_EQ(plan.block.size(), 1u);
  EXPECT_EQ(plan.block[0].second, "'s0' did not succeed");
  EXPECT_EQ(plan.check, (std::vector<size_t>{2}));
  EXPECT_FALSE(plan.finished);
}

TEST(Plan, Failure_LetsRunningStagesEnd) {
  Snapshot snapshot = Chain({State::kFailed});
  snapshot.stages.push_back({"runs", State::kRunning, {}});
  EXPECT_FALSE(PlanRun(snapshot).finished);
}

TEST(Plan, Cancelled_BeginsNothingAndWaitsForJobs) {
  Snapshot snapshot = Chain({State::kRunning, State::kPending});
  snapshot.cancelled = true;
  const Plan plan = PlanRun(snapshot);
  EXPECT_EQ(plan.cancel, (std::vector<size_t>{1}));
  EXPECT_TRUE(plan.check.empty());
  EXPECT_FALSE(plan.finished);
  EXPECT_TRUE([&] {
    snapshot.stages[0].state = State::kCancelled;
    return PlanRun(snapshot).finished;
  }());
}

TEST(Plan, JobsMax_LimitsWhatMayRun) {
  Snapshot snapshot = Chain({State::kRunning});
  snapshot.stages.push_back({"x", State::kPending, {}});
  snapshot.jobs_max = 2;
  EXPECT_EQ(PlanRun(snapshot).may_run, 1u);
  snapshot.jobs_max = 1;
  EXPECT_TRUE(PlanRun(snapshot).check.empty());
}

TEST(Plan, Empty_IsFinished) { EXPECT_TRUE(PlanRun({}).finished); }

TEST(Command, Argv) {
  Stage stage = Make("s", {}, {"o'1", "o2"});
  using Words = std::vector<std::string>;
  EXPECT_EQ(StageArgv(stage, "/bin/bash", false),
            (Words{"/bin/bash", "--noprofile", "--norc", "-c", "run"}));
  stage.command = Value("one\n\ntwo 'x'\n");
  EXPECT_EQ(StageArgv(stage, "", false),
            (Words{"/bin/sh", "-c",
                   "/bin/sh -c one || exit\n/bin/sh -c 'two '\"'\"'x'\"'\"'' || exit\n"}));
  stage.outs[1].persist = true;
  EXPECT_TRUE(StageArgv(stage, "", true)[2].starts_with("rm -rf -- '/p/o'\"'\"'1' || exit\n"));
}

}  // namespace
}  // namespace tatara::pipelines
