"""What a cell's quality leaves in its run folder."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.run.quality_fields import quality_fields
from retrievers.contract import no_hits
from tests.helpers.tiny import suite, tiny_set


@pytest.mark.parametrize(
    ("clusters", "expected"),
    [(None, [0, 1, 3, 4]), (("late", "early", "early", "late", "early"), [0, 1, 0, 1])],
)
def test_each_judged_query_has_the_number_of_its_cluster(tmp_path, clusters, expected):
    """
    Beside the values stand the numbers of the judged queries' clusters, as they come first, and none of their names.
    """
    known = tiny_set(n_queries=5)
    judgments = {query: given for query, given in known.qrels.items() if query != "q2"}
    passage_set = msgspec.structs.replace(known, clusters=clusters, qrels=judgments)

    (tmp_path / "quality").mkdir()
    quality_fields("key", no_hits(5, 100), suite("TfIdf() @ CSR()"), passage_set, tmp_path)

    with np.load(tmp_path / "quality" / "key.npz") as kept:
        assert expected == kept["clusters"].tolist()
        assert len(expected) == len(kept["nDCG@10"])
