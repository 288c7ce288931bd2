// The door of stats: distances between samples, metrics of predictions, the paired bootstrap and
// the drift report. Pure functions over columns: no I/O, no clock, no state; any thread.
//
// A number is missing when it is NaN; a text is missing when its mark in `present` is 0. The law
// of every figure is written in the project's docs and repeated beside its function.
#pragma once

#include "stats/bootstrap.h"
#include "stats/distances.h"
#include "stats/distributions.h"
#include "stats/drift.h"
#include "stats/metrics.h"
#include "stats/random.h"
