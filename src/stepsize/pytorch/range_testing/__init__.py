"""The range test: a short run at rising rates, which leaves everything as it was."""

from stepsize.pytorch.range_testing.run import range_test as range_test
