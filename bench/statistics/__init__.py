"""Numbers in, numbers out: paired differences, one bootstrap, the sequential test."""
