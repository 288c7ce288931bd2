// The door of telemetry: time series, alarms over them, and the process's own metrics.
#pragma once

#include "telemetry/alarm.h"
#include "telemetry/alarms.h"
#include "telemetry/metrics.h"
#include "telemetry/series.h"
