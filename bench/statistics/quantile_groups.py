"""Queries in groups of about equal size by a number that each of them has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def quantile_groups(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """
    The group of each value: (n_values,) int64, 0 for the lowest, one number after the other; -1 where it is NaN.

    values: (n_values,). n: how many groups there are at most, ValueError below 1. A group ends at the smallest value
    that its share of the known ones does not exceed. Equal values stay together, so groups may differ in size, and
    there may be fewer.
    """
    if n < 1:
        raise ValueError(f"quantile_groups: expected at least one group, found {n}")
    known = ~np.isnan(values)
    groups = np.full(len(values), -1, np.int64)
    if known.any():
        edges = np.quantile(values[known], np.arange(1, n) / n, method="inverted_cdf")
        groups[known] = np.unique(np.searchsorted(edges, values[known]), return_inverse=True)[1]
    return groups
