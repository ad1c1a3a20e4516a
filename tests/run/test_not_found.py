"""A model or a file that a cell names, and that is not there: told before the run, and nothing is written."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import InputError
from bench.run import plan
from bench.run.cells import make_cells
from retrievers.contract import NotFound
from tests.helpers.places import KNOWN
from tests.helpers.tiny import registry, run, suite, tiny_set

SPELLINGS = {
    'BiEncoder("./none") @ Flat()': "model './none': expected a folder there, found none",
    'BiEncoder("models/of/none") @ Flat()': "model 'models/of/none': expected a folder there, found none",
    'BiEncoder("./empty") @ Flat()': "model './empty': expected modules.json or config.json",
    'SparseEncoder("./none") @ CSR()': "model './none': expected a folder there",
    'Vectors(passages="none.npy", queries="q.npy") @ Flat()': "none.npy: expected a file of vectors, found: No such",
    'Vectors(passages="q.npy", queries="none.npz") @ Flat()': "none.npz: expected a file of vectors, found: No such",
    'Vectors(passages="folder.npy", queries="q.npy") @ Flat()': "folder.npy: expected a file of vectors, found: Is a",
}


@pytest.fixture
def folder(tmp_path, monkeypatch, cache):
    """The present folder: with one file of vectors, and what is none."""
    monkeypatch.chdir(tmp_path)
    np.save("q.npy", np.eye(4, dtype=np.float32))
    for name in ("empty", "folder.npy"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.parametrize(("spelling", "expected"), SPELLINGS.items())
def test_a_run_does_not_begin(folder, spelling, expected):
    """
    Whatever option of a built-in adapter names it, the error has the cell, its set and what is not there.
    """
    with pytest.raises(InputError) as caught:
        run(suite("BM25() @ CSR()", spelling), folder / "run")

    assert str(caught.value).startswith(f"{spelling} on tiny: {expected}")
    assert not (folder / "run").exists()


def test_the_second_of_two_models(folder):
    """
    The model of the queries is looked for as that of the passages is.
    """
    from tests.helpers.dense_models import saved_model

    saved_model(folder / "there")
    with pytest.raises(InputError, match=r"query_model.*model './none'"):
        run(suite('BiEncoder("./there", query_model="./none") @ Flat()'), folder / "run")


def test_a_plan_does_not_begin(folder):
    """
    A plan says it as a run does.
    """
    with pytest.raises(InputError, match=r"on tiny: model './none'"):
        plan.plan(suite('BiEncoder("./none") @ Flat()'), [tiny_set()], registry())


def test_a_name_that_is_on_no_hub(folder, no_network):
    """
    A model of the hub that cannot be had is told before the run too.
    """
    with pytest.raises(InputError, match=r"bge-m3.* on tiny: .*Did you mean BAAI/bge-m3\?"):
        run(suite('BiEncoder("bge-m3") @ Flat()'), folder / "run")


@pytest.mark.parametrize(
    ("raised", "expected"), [("NotFound", "before"), ("FileNotFoundError", "row"), ("ValueError", "row")]
)
def test_a_plugin(folder, raised, expected):
    """
    What a plug-in's encoder raises when it is asked for its model is its own row's, unless it says NotFound itself.
    """
    (folder / "mine.py").write_text(
        "from retrievers.contract import NotFound\n\n\n"
        "class Mine:\n    def fit(self, passages): ...\n    def encode(self, texts, role): ...\n"
        f"    def fingerprint(self):\n        raise {raised}('no table.bin')\n"
    )
    known = registry(KNOWN, folder / "mine.py")

    if expected == "before":
        with pytest.raises(InputError, match=r"Mine\(\) @ Flat\(\) on tiny: no table.bin"):
            make_cells(suite("Mine() @ Flat()"), [tiny_set()], known)
    else:
        (cell,) = make_cells(suite("Mine() @ Flat()"), [tiny_set()], known)
        assert "no table.bin" == cell.problem


def test_lenient(folder):
    """
    Where a revision is run beside the present one, what is not there yet is a row.
    """
    (cell,) = make_cells(suite('BiEncoder("./none") @ Flat()'), [tiny_set()], registry(), lenient=True)

    assert cell.problem.startswith("model './none': expected a folder there")
    assert issubclass(NotFound, ValueError)
