"""Engines: they train the runs of an experiment in processes on one machine, in one program, or on a cluster."""
