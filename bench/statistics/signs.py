"""
Tests that flip the signs of whole clusters: one difference, or all pairs of several retrievers at once.

Were old and new alike, each cluster's difference could as well have the other sign. A total as far out as the observed
one under so many patterns of signs is its p. No distribution is assumed, and no number of clusters is too few.
"""

from __future__ import annotations

import numpy as np

from bench.statistics.clusters import NOISE, Floats, without_noise

FLIPS = 10_000
LEAST = 1 / (FLIPS + 1)  # the least p that drawn patterns can give: more exact it is not told
SEED = 7
TOGETHER = 8  # clusters whose signs are one drawn byte
PATTERNS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1].astype(np.float64) * 2 - 1


def flipped(sums: Floats, *, flips: int = FLIPS, seed: int = SEED) -> float:
    """
    The two-sided p of a total when the sign of each cluster's sum is a coin's; 1 where no sum differs from 0.

    sums: (n_clusters,). Where no more than `flips` patterns of signs exist, each is taken once, and a total just as far
    out as the observed one counts half: differences of 0 and 1 give many, and counting them whole rejects far less
    often than it says (the mid-p of Lancaster 1961; for pairs of 0 and 1, Fagerland, Lydersen & Laake 2013, "The
    McNemar test for binary matched-pairs data"). Otherwise `flips` are drawn, those count half too, and what was
    observed counts whole as one more, so that p is never below 1 / (flips + 1) (Phipson & Smyth 2010, "Permutation
    p-values should never be zero").
    """
    # Only sizes matter, in a fixed order: neither swapping old and new nor the order of the queries changes p.
    sizes = np.sort(np.abs(sums[np.abs(sums) > NOISE]))[::-1]
    if not len(sizes):
        return 1.0
    totals = np.abs(signed(sizes[None], flips=flips, seed=seed)[0])
    beyond, rounding = totals - abs(float(sums.sum())), NOISE * (1 + float(sizes.sum()))
    out = float((beyond > rounding).sum() + (np.abs(beyond) <= rounding).sum() / 2)
    itself = 0 if is_exact(len(sizes), flips) else 1
    return (out + itself) / (len(totals) + itself)


def is_exact(n_clusters: int, flips: int = FLIPS) -> bool:
    """Whether so few clusters differ that every pattern of their signs is taken."""
    return n_clusters < flips.bit_length()  # 2 ** n_clusters <= flips


def signed(sums: Floats, *, flips: int = FLIPS, seed: int = SEED) -> Floats:
    """
    The totals of some rows under the same patterns of signs: (n_rows, n_patterns).

    sums: (n_rows, n_clusters). Every pattern once where `is_exact`, otherwise `flips` drawn ones. Eight clusters at a
    time: what each of the 256 patterns of their signs adds is reckoned once, and looked up (the "four Russians", V.
    Arlazarov et al. 1970).
    """
    n_rows, n_clusters = sums.shape
    exact = is_exact(n_clusters, flips)
    rng, every = np.random.default_rng(seed), np.arange(2**n_clusters if exact else 0)
    found = np.zeros((n_rows, len(every) if exact else flips))
    for start in range(0, n_clusters, TOGETHER):
        here = sums[:, start : start + TOGETHER]
        added = here @ PATTERNS[:, : here.shape[1]].T  # (n_rows, 256)
        chosen = every >> start & 255 if exact else np.frombuffer(rng.bytes(flips), np.uint8)
        found += added[:, chosen]
    return found


def all_pairs(sums: Floats, *, flips: int = FLIPS, seed: int = SEED) -> Floats:
    """
    Each pair's p, adjusted for all pairs of some retrievers: whichever two one then looks at. (n_retrievers,) squared.

    sums: (n_retrievers, n_clusters), the sums of each cluster's values. A pair's statistic is |total difference| / root
    of the sum of its squared clusters, which flips of signs leave as wide for each pair; its adjusted p is how often
    the greatest over all pairs, under one pattern of signs for all, is as far out. P. Westfall, S. Young 1993,
    "Resampling-based multiple testing", section 2.3 (max-T, single step); for retrieval B. Carterette 2012, "Multiple
    testing in statistical analysis of systems-based information retrieval experiments", ACM TOIS 30. That the best of
    them was chosen by the same data is so paid for. A pair that does not differ is none: 1, as on the diagonal.
    """
    n = len(sums)
    p = np.ones((n, n))
    first, second = np.triu_indices(n, 1)
    scales = np.array([_scale(sums[one] - sums[other]) for one, other in zip(first, second, strict=True)])
    differ = scales > 0
    first, second, scales = first[differ], second[differ], scales[differ]
    if not len(scales):
        return p
    totals = sums.sum(axis=1)
    # Clusters in which all are alike say nothing; the fewer are left, the sooner every pattern is taken.
    telling = np.ptp(sums, axis=0) > NOISE
    drawn = signed(sums[:, telling] - sums[:, telling].mean(axis=0), flips=flips, seed=seed)
    greatest = np.zeros(drawn.shape[1])
    for one, other, scale in zip(first, second, scales, strict=True):
        np.maximum(greatest, np.abs(drawn[one] - drawn[other]) / scale, out=greatest)
    observed = np.abs(totals[first] - totals[second]) / scales
    out = len(greatest) - np.searchsorted(np.sort(greatest), observed - NOISE * (1 + observed))
    itself = 0 if is_exact(int(telling.sum()), flips) else 1
    p[first, second] = p[second, first] = (out + itself) / (len(greatest) + itself)
    return p


def _scale(differences: Floats) -> float:
    """The root of the sum of the squared differences, of those that are more than rounding."""
    return float(np.sqrt((without_noise(differences) ** 2).sum()))
