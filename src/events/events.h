// The door of events: the log, patterns, schedules, rules and their deliveries.
#pragma once

#include "events/log.h"
