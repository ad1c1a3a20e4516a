"""Numbers in, numbers out: paired differences, percentiles with one bootstrap, sequential tests."""
