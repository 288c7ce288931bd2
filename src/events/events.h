// The door of events: the log, patterns, schedules, rules with their deliveries, notices.
#pragma once

#include "events/log.h"
#include "events/notices.h"
#include "events/pattern.h"
#include "events/rules.h"
#include "events/schedule.h"
#include "events/spec.h"
#include "events/target.h"
