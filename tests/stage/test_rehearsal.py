"""Rehearsals: what a part is given where a sample has to stand for a whole set."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stage import matrices, rehearsal
from retrievers.similarity import l2_augmented
from retrievers.storages.faiss import Faiss

POINTS = np.random.default_rng(3).standard_normal((40, 8)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "passages", "queries"),
    [
        ("l2", l2_augmented(POINTS, "passage"), l2_augmented(POINTS, "query")),
        ("inner product", POINTS, POINTS),
    ],
)
def test_a_sample_is_compared_as_the_set_will_be(tmp_path, metric, passages, queries):
    """
    A sample that is taken again, moved a little, stands for L2 where the set does: else another index is rehearsed.
    """
    matrices.save(tmp_path, "passages", passages)
    matrices.save(tmp_path, "queries", queries)
    storage = Faiss("SQ8")

    rehearsal.of_storage(storage, tmp_path, tmp_path, 200, 5)

    vectors = storage.index.reconstruct_n(0, 200)
    assert (metric, 200, 8) == (storage.describe()["metric"], storage.index.ntotal, storage.index.d)
    assert 200 > len(np.unique(vectors, axis=0)) >= 40
