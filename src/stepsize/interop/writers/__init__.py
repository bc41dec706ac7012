"""Schedules written for other tools: one file per tool, with `to_x` and the `source` that `stepsize convert` prints."""
