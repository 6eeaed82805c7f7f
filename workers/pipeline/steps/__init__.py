"""The pipeline, one module a step: plan (resolve, count, judge), delete, verify."""
