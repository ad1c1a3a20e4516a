"""Whether a machine is quiet enough to measure on, and whether the instruments tell the truth there."""
