// The door of tracking: experiments, runs, metrics, params, tags, datasets, logged models and the
// filter language.
//
// Functions over a transaction or a reader; the tables are schema/0002_tracking.sql. Mutators take
// the transaction of the caller, so that several of them (and others' work) are one act, and append
// events of source "tatara.tracking": experiment_created, experiment_deleted, experiment_restored,
// run_created, run_status_changed, run_deleted, run_restored, logged_model_created,
// logged_model_finalized, logged_model_deleted. Subjects: "runs:/ID", "experiments:/ID",
// "models:/m-ID".
//
// Errors: kInvalid for what MLflow calls INVALID_PARAMETER_VALUE, kNotFound for
// RESOURCE_DOES_NOT_EXIST, kConflict for RESOURCE_ALREADY_EXISTS.
#pragma once

#include "tracking/experiments.h"
#include "tracking/filter.h"
#include "tracking/logged_models.h"
#include "tracking/runs.h"
#include "tracking/search.h"
#include "tracking/sql.h"
#include "tracking/types.h"
#include "tracking/validate.h"
