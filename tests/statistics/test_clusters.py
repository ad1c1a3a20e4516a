"""Means over clusters and their errors: held to other people's code."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api
from scipy import linalg

from bench.statistics.clusters import spread, totals, without_noise
from tests.helpers.clustered import CLOSE, clustered


class TestTotals:
    def test_by_hand(self):
        """
        Each cluster has the sum and the number of its values, in the order in which clusters come first.
        """
        sums, sizes = totals(np.array([0.25, 0.5, 1.0, 0.0]), ["b", "a", "b", "c"])

        assert ([1.25, 0.5, 0.0], [2.0, 1.0, 1.0]) == (sums.tolist(), sizes.tolist())

    def test_rounding_is_nothing(self):
        """
        What floating point leaves of values that cancel out is no sum.
        """
        sums, _ = totals(np.array([0.1, 0.2, -0.3]), ["a", "a", "a"])

        assert [0.0] == sums.tolist()

    def test_differences_without_noise(self):
        """
        A difference that is only rounding is none; any other stays as it is.
        """
        differences = np.array([0.1 + 0.2 - 0.3, -0.25, 1e-9, 0.0])

        assert [0.0, -0.25, 1e-9, 0.0] == without_noise(differences).tolist()

    def test_one_label_per_value(self):
        """
        Labels of other queries are refused.
        """
        with pytest.raises(ValueError, match="expected one label a query, 2, found 1"):
            totals(np.array([1.0, 0.0]), ["a"])


class TestSpread:
    def test_error_of_unequal_clusters_is_statsmodels(self):
        """
        Where clusters are unequal, the error is HC2's of the weighted regression of their means on a constant.
        """
        differences, labels = clustered([1, 2, 3, 5, 8, 40])
        sums, counts = totals(differences, labels)
        fit = statsmodels.api.WLS(sums / counts, np.ones(6), weights=counts).fit(cov_type="HC2")

        mean, error, _ = spread(sums, counts)

        assert pytest.approx((fit.params[0], fit.bse[0]), **CLOSE) == (mean, error)

    def test_it_is_that_of_the_whole_matrices(self):
        """
        Error and degrees of freedom are Bell and McCaffrey's as written for any regression, with matrices of queries.
        """
        sizes = [1, 2, 3, 5, 8]
        differences, labels = clustered(sizes)
        n_queries, ones = sum(sizes), np.ones((sum(sizes), 1))
        hat = ones @ ones.T / n_queries
        residuals = differences - differences.mean()
        variance, columns = 0.0, []
        for end, size in zip(np.cumsum(sizes), sizes, strict=True):
            own = slice(end - size, end)
            adjust = linalg.inv(linalg.sqrtm(np.eye(size) - hat[own, own]))
            variance += (ones[own].T @ adjust @ residuals[own]).item() ** 2 / n_queries**2
            columns.append((np.eye(n_queries) - hat)[:, own] @ adjust @ ones[own, 0] / n_queries)
        products = np.array(columns) @ np.array(columns).T

        mean, error, freedom = spread(*totals(differences, labels))

        assert pytest.approx((differences.mean(), np.sqrt(variance)), **CLOSE) == (mean, error)
        assert pytest.approx(np.trace(products) ** 2 / np.trace(products @ products), **CLOSE) == freedom
