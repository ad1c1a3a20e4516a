"""Finished runs, read again: compared, explained, shown, followed over time, exported."""
