// How good the classes are that an endpoint answered with: its captured rows against their truths.
// Pure.
#pragma once

#include "sql/sql.h"
#include "stats/stats.h"

namespace tatara::monitor {

// Whether the rows are answers of a classifier: a class is text, or class probabilities stand
// beside it (an output behind `prediction`).
bool AreClasses(const sql::Table& rows);

// The figures of `tatara evaluate` over the labelled rows. The classes are those that the
// probabilities name, else the sorted ones of all predictions and truths of `rows`. Where the
// probabilities do not fit them (a window without one of the classes) what needs probabilities is
// undefined. Two classes with probabilities: binary, the last class is the positive one; else
// multiclass.
stats::Metrics JudgeClasses(const sql::Table& rows, const std::vector<size_t>& labelled);

}  // namespace tatara::monitor
