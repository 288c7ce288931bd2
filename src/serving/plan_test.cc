#include "serving/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tatara::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Action::Kind;

EndpointRow Follows(std::string alias, std::string handled = "") {
  return {.name = "delay", .model = "m", .alias = std::move(alias), .handled = std::move(handled)};
}
DeploymentRow Row(int64_t version, int64_t number, std::string state = "READY") {
  return {.endpoint = "delay", .version = version, .number = number, .state = std::move(state)};
}

struct PlanTest : testing::Test {
  PlanTest() { snapshot.known = {"delay"}; }
  void Alias(int64_t version, std::string event) {
    snapshot.aliases[{"m", "champion"}] = {version, EventId(std::move(event))};
  }
  std::vector<Kind> Kinds() const {
    std::vector<Kind> kinds;
    for (const Action& action : Plan(snapshot)) kinds.push_back(action.kind);
    return kinds;
  }
  Snapshot snapshot;
};

TEST_F(PlanTest, AnAliasThatIsNotThere_Waits) {
  snapshot.endpoints = {Follows("champion")};
  EXPECT_THAT(Plan(snapshot), IsEmpty());
}

TEST_F(PlanTest, AnUnknownEndpoint_IsAddedFirst) {
  snapshot.known.clear();
  snapshot.endpoints = {Follows("champion")};
  Alias(1, "e-1");
  EXPECT_THAT(Kinds(), ElementsAre(Kind::kAddEndpoint, Kind::kDeploy));
}

TEST_F(PlanTest, ANewAlias_IsDeployedWithItsEventAsCause) {
  snapshot.endpoints = {Follows("champion")};
  Alias(3, "e-1");
  EXPECT_THAT(Plan(snapshot),
              ElementsAre(Action{Kind::kDeploy, "delay", 3, "e-1", EventId("e-1")}));
}

TEST_F(PlanTest, WhatIsLoading_IsNotLoadedTwice) {
  snapshot.endpoints = {Follows("champion")};
  Alias(3, "e-1");
  snapshot.loading = {{"delay", 3}};
  EXPECT_THAT(Plan(snapshot), IsEmpty());
}

TEST_F(PlanTest, AMoveThatWasHandled_IsNotTriedAgain) {
  snapshot.endpoints = {Follows("champion", "e-1")};
  Alias(3, "e-1");
  snapshot.deployments = {Row(3, 1, "FAILED")};
  EXPECT_THAT(Plan(snapshot), IsEmpty());
}

TEST_F(PlanTest, AVersionDeployedByHand_StandsUntilTheAliasMoves) {
  snapshot.endpoints = {Follows("champion", "e-1")};
  Alias(3, "e-1");
  snapshot.deployments = {Row(2, 9), Row(3, 1)};
  snapshot.loaded = {{"delay", 2}, {"delay", 3}};
  EXPECT_THAT(Plan(snapshot), IsEmpty());
  Alias(4, "e-2");
  EXPECT_THAT(Kinds(), ElementsAre(Kind::kDeploy));
}

TEST_F(PlanTest, AnAliasOnTheDefaultVersion_IsOnlyRemembered) {
  snapshot.endpoints = {Follows("champion", "e-1")};
  Alias(3, "e-2");
  snapshot.deployments = {Row(3, 1)};
  snapshot.loaded = {{"delay", 3}};
  EXPECT_THAT(Kinds(), ElementsAre(Kind::kHandle));
}

TEST_F(PlanTest, AnAliasOnAnOlderLoadedVersion_MakesItTheDefaultAgain) {
  snapshot.endpoints = {Follows("champion", "e-2")};
  Alias(1, "e-3");
  snapshot.deployments = {Row(2, 2), Row(1, 1)};
  snapshot.loaded = {{"delay", 1}, {"delay", 2}};
  EXPECT_THAT(Kinds(), ElementsAre(Kind::kDeploy));
}

TEST_F(PlanTest, AfterARestart_ReadyVersionsAreLoaded) {
  snapshot.endpoints = {Follows("champion", "e-1")};
  Alias(3, "e-1");
  snapshot.deployments = {Row(3, 2), Row(2, 1), Row(1, 0, "RETIRED")};
  EXPECT_THAT(Plan(snapshot), ElementsAre(Action{Kind::kLoad, "delay", 3, "", EventId()},
                                          Action{Kind::kLoad, "delay", 2, "", EventId()}));
}

TEST_F(PlanTest, WhatIsRetired_IsUnloaded) {
  snapshot.endpoints = {Follows("champion", "e-1")};
  Alias(3, "e-1");
  snapshot.deployments = {Row(3, 2), Row(2, 1, "RETIRED")};
  snapshot.loaded = {{"delay", 3}, {"delay", 2}};
  EXPECT_THAT(Plan(snapshot), ElementsAre(Action{Kind::kUnload, "delay", 2, "", EventId()}));
}

TEST_F(PlanTest, AVersionBeingDeployedByHand_IsNotUnloaded) {
  snapshot.endpoints = {Follows("champion", "e-1")};
  Alias(3, "e-1");
  snapshot.loaded = {{"delay", 5}};
  snapshot.loading = {{"delay", 5}};
  EXPECT_THAT(Plan(snapshot), IsEmpty());
}

TEST_F(PlanTest, ARemovedEndpoint_Goes) {
  snapshot.loaded = {{"delay", 3}};
  EXPECT_THAT(Kinds(), ElementsAre(Kind::kUnload, Kind::kRemoveEndpoint));
}

TEST_F(PlanTest, AVersionThatTheProjectNames_IsDeployedOnceForEachWish) {
  EndpointRow row = Follows("");
  row.wanted_version = 7;
  row.event = EventId("e-5");
  snapshot.endpoints = {row};
  EXPECT_THAT(Kinds(), ElementsAre(Kind::kDeploy));
  snapshot.endpoints[0].handled = "e-5";
  EXPECT_THAT(Plan(snapshot), IsEmpty());
}

}  // namespace
}  // namespace tatara::serving
