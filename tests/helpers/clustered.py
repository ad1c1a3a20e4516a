"""Differences of queries that hang together."""

from __future__ import annotations

import numpy as np

CLOSE = {"rel": 1e-6, "abs": 1e-12}  # of other people's code


def clustered(sizes: list[int], seed: int = 1) -> tuple[np.ndarray, list[str]]:
    """Differences that clusters of these sizes share in part, and the label of each."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(0.1, 0.2, len(sizes)), sizes)
    labels = np.repeat([f"article {cluster}" for cluster in range(len(sizes))], sizes)
    return shared + rng.normal(0.0, 0.3, sum(sizes)), labels.tolist()
