"""Schedules written for other tools: a file for each has `to_x`, and `source` if what that returns is no JSON."""
