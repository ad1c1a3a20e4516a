"""The search that is judged is the one that is timed."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.analysis import export, show
from bench.errors import InputError
from bench.instruments import quality
from bench.records import run_folder
from tests.helpers.tiny import registry, run, suite, tiny_set

NEAR = """
import numpy as np
from retrievers.contract import top_k


class Near:
    'Looks at the first k passages alone: what it finds depends on how many are asked for.'

    exact = False

    def build(self, vectors):
        self.vectors = vectors

    def search(self, queries, k):
        found = np.zeros((queries.shape[0], self.vectors.shape[0]), np.float32)
        found[:, :k] = (queries @ self.vectors[:k].T).toarray()
        return top_k(found, k, positive=True)


class Forgetful:
    'Answers None when it is asked for one query.'

    exact = True

    def build(self, vectors):
        self.vectors = vectors

    def search(self, queries, k):
        if queries.shape[0] == 1:
            return None
        return top_k((queries @ self.vectors.T).toarray().astype(np.float32), k, positive=True)
"""


@pytest.fixture
def near(tmp_path):
    path = tmp_path / "near.py"
    path.write_text(NEAR)
    return path


def measured(near, folder, *retrievers, **changes):
    """The cells of those retrievers on 30 passages and 20 queries, the i-th of which asks for the i-th passage."""
    cells = suite(*retrievers, **changes)
    cells = msgspec.structs.replace(cells, measures=("R@10", "R@20"), primary="R@10", k=10, depth=20)
    return run(cells, folder, tiny_set(), registry(near), (near,))


@pytest.mark.slow
class TestDepth:
    def test_measures_up_to_k_are_of_the_search_for_k(self, near, tmp_path):
        """
        R@10 is of the ten that a search for ten finds, R@20 of the search for the depth; both are what a script finds.
        """
        (found,) = measured(near, tmp_path / "run", "TfIdf() @ Near()").values()

        top = run_folder.read_timed(tmp_path / "run", found.cell, 10, apart=True)
        passage_set = tiny_set()
        values = quality.measure(top, passage_set.passage_ids, passage_set.query_ids, passage_set.qrels, ["R@10"])
        assert {"R@10": 0.5, "R@20": 1.0} == found.quality
        assert found.quality["R@10"] == pytest.approx(values["R@10"].mean(), abs=1e-9)
        assert 10 == found.n_unanswered

    def test_an_exact_one_is_searched_once(self, near, tmp_path):
        """
        The first ten of an exact storage are those of a deeper search, and no other file is kept.
        """
        (found,) = measured(near, tmp_path / "run", "TfIdf() @ CSR()").values()

        assert {"hits", "quality"} == {name for name in found.files if "-" not in name}
        assert not run_folder.hits_file(tmp_path / "run", found.cell, 10).exists()

    def test_both_are_exported(self, near, tmp_path):
        """
        Each search has its run file, whose tag says which it is.
        """
        measured(near, tmp_path / "run", "TfIdf() @ Near()", "TfIdf() @ CSR()")

        paths = export.export(run_folder.read(tmp_path / "run"), tmp_path / "files")

        tags = {path.name: path.read_text().split()[5] for path in paths if path.suffix == ".run"}
        assert {
            "TfIdf-Near.run": "TfIdf()@Near()-depth20",
            "TfIdf-Near.k10.run": "TfIdf()@Near()-k10",
            "TfIdf-CSR.run": "TfIdf()@CSR()",
        } == tags

    def test_the_timed_ten_come_first(self, near, tmp_path):
        """
        What is shown of a query are the ten that are timed, then what else the deeper search found.
        """
        (found,) = measured(near, tmp_path / "run", "TfIdf() @ Near()").values()

        ranking = run_folder.read_ranking(tmp_path / "run", found.cell, 10, apart=True)
        (shown,) = show.show(run_folder.read(tmp_path / "run"), "q15", registry(near)).found

        deep = run_folder.read_hits(tmp_path / "run", found.cell)
        assert 15 in ranking.rows[15].tolist()
        assert sorted(deep.rows[15].tolist()) == sorted(ranking.rows[15].tolist())
        assert {"p15": 1 + ranking.rows[15].tolist().index(15)} == shown.gold_ranks


@pytest.mark.slow
def test_another_answer_than_the_judged_one_fails(near, tmp_path):
    """
    A storage that answers single queries otherwise than a batch fails, and the reason shows the first query.
    """
    (found,) = measured(near, tmp_path / "run", "TfIdf() @ Forgetful()", modes=("single",)).values()

    assert "failed" == found.status
    assert "what is timed is not what is judged: first pass, query " in found.reason
    assert "found NoneType" in found.reason
    assert found.single is None


def test_a_ranking_has_each_passage_once(tmp_path):
    """
    Timed hits stand first, then those of the deeper search that are not among them, padding last.
    """
    (tmp_path / "hits").mkdir()
    deep = {"rows": np.array([[4, 1, 2], [5, -1, -1]]), "scores": np.array([[3, 2, 1], [1, -np.inf, -np.inf]])}
    top = {"rows": np.array([[1, 3], [-1, -1]]), "scores": np.array([[2, 1], [-np.inf, -np.inf]])}
    np.savez(run_folder.hits_file(tmp_path, "c"), **deep)
    np.savez(run_folder.hits_file(tmp_path, "c", 2), **top)

    found = run_folder.read_ranking(tmp_path, "c", 2, apart=True)

    assert [[1, 3, 4], [5, -1, -1]] == found.rows.tolist()
    assert [[2, 1, 3], [1, -np.inf, -np.inf]] == found.scores.tolist()


def test_timed_hits_that_are_gone(tmp_path):
    """
    Where the hits of the search for k are to be there and are not, those of the other are not taken for them.
    """
    (tmp_path / "hits").mkdir()
    np.savez(run_folder.hits_file(tmp_path, "c"), rows=np.array([[4, 1]]), scores=np.array([[3, 2]], np.float32))

    with pytest.raises(InputError, match="expected the hits of cell c, found none that can be read"):
        run_folder.read_timed(tmp_path, "c", 1, apart=True)

    assert [[4]] == run_folder.read_timed(tmp_path, "c", 1, apart=False).rows.tolist()
