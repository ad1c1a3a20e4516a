"""Passage sets: cards, loading, splits, download."""
