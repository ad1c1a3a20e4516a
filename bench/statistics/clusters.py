"""
Clusters of queries: what was drawn is an article or a paragraph, and the queries on it rise and fall together.

Every interval and p of a mean over queries is computed from the clusters' sums.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOISE = 1e-12  # what rounding leaves of two equal values, or of a sum that is 0


def without_noise(differences: Floats) -> Floats:
    """Differences, of which those that are only rounding are 0."""
    return np.where(np.abs(differences) <= NOISE, 0.0, differences)


def totals(values: Floats, clusters: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """
    The sum and the number of the values of each cluster: (n_clusters,) float64 both, clusters as they come first.

    Raises ValueError where there is not one label per value.
    """
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ValueError(
            f"clusters: expected one label a query, {len(values)}, found {len(clusters)}: "
            f"keep the labels of the judged queries"
        )
    position = {label: place for place, label in enumerate(dict.fromkeys(clusters))}
    codes = np.fromiter((position[label] for label in clusters), np.int64, len(values))
    sums: Floats = np.bincount(codes, weights=values, minlength=len(position)).astype(np.float64)
    sums[np.abs(sums) <= NOISE] = 0.0
    return sums, np.bincount(codes, minlength=len(position)).astype(np.float64)


def spread(sums: Floats, sizes: Floats) -> tuple[Floats, Floats, float]:
    """
    The mean over all queries, its standard error, and the degrees of freedom of the t that goes with them.

    sums: (..., n_clusters), of one sample or of many; sizes: (n_clusters,), at least two. Returns (...,), (...,) and a
    number. The cluster-robust error with each cluster's residual scaled up by its share of the queries (CR2), and
    Satterthwaite's degrees of freedom for it: R. Bell, D. McCaffrey 2002, "Bias reduction in standard errors for linear
    regression with multi-stage samples", Survey Methodology 28; G. Imbens, M. Kolesár 2016, "Robust standard errors in
    small samples", Review of Economics and Statistics 98. Of equal clusters it is Student's t on their means; of
    unequal ones (articles of SQuAD hold 96 to 810 questions) it still covers where n_clusters - 1 degrees do not.
    """
    n_queries = sizes.sum()
    mean = sums.sum(axis=-1) / n_queries
    residuals = sums - mean[..., None] * sizes
    left = 1 - sizes / n_queries  # share of the queries outside each cluster
    error = np.sqrt((residuals**2 / left).sum(axis=-1)) / n_queries
    # The squared error is a quadratic form of diag(own) less an outer product: trace squared / trace of the square.
    own, crossed = sizes / left, sizes**2 / left / n_queries
    freedom = n_queries**2 / ((own**2).sum() - 2 * (own * crossed).sum() + crossed.sum() ** 2)
    return mean, error, float(freedom)
