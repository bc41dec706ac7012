"""Schedules written for other tools: each file has `to_x`, and `source` if its output is not JSON."""
