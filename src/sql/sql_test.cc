#include "sql/sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tatara::sql {
namespace {
TEST(Engine, Reads_ASelect) {
  auto e = Engine::Open();
  ASSERT_TRUE(e) << e.error().message;
  auto t = (*e)->Read({.text = "SELECT 1 AS a, 'x' AS b, 1.50::DECIMAL(5,2) AS c, [1,2] AS d, DATE "
                               "'2020-01-02' AS e, sum(3) f, uuid() g, INTERVAL 1 day h",
                       .parameters = {},
                       .limits = {}});
  ASSERT_TRUE(t) << t.error().message;
  for (auto& c : t->columns)
    printf("%s %s %s\n", c.name.c_str(), c.declared.c_str(), CellText(c, 0).c_str());
}
}  // namespace
}  // namespace tatara::sql
