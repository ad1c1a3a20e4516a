"""The page of the experiment `towers`: what it makes of the values of questions, the seeds and the costs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from bench.errors import InputError
from tests.benchmarks import towers
from tests.benchmarks.towers import MEASURES, Variant

QUESTIONS = 8


def cell(name: str, found: list[float]) -> SimpleNamespace:
    """A cell whose questions have these values in every measure."""
    quality = dict.fromkeys(MEASURES, float(np.mean(found)))
    return SimpleNamespace(
        retriever=name, passage_set="book", status="ok", quality=quality, n_passages=9, n_judged=QUESTIONS, found=found
    )


def variant(name: str, by_seed: list[list[float]], *, minutes=(1.0, 1.0), negatives=7, weights=100, **more) -> Variant:
    cards = [
        SimpleNamespace(
            recipe=SimpleNamespace(
                loss=SimpleNamespace(matryoshka=more.get("matryoshka", ())),
                optimiser=SimpleNamespace(batch=negatives + 1, accumulate=2),
            ),
            pairs=64,
            negatives=negatives,
            weights_bytes=weights,
            seed=seed,
            curve=SimpleNamespace(
                steps=5, evaluations=[SimpleNamespace(step=0, recall=0.5), SimpleNamespace(step=5, recall=None)]
            ),
            spent=SimpleNamespace(seconds=60 * each, peak_bytes=None),
            leaks={},
        )
        for seed, each in enumerate(minutes)
    ]
    start = cell(f'BiEncoder("models/{name}/start") @ Flat()', [0.0] * QUESTIONS)
    run = SimpleNamespace(measurements=[cell("TfIdf() @ CSC()", [0.5] * 8), cell("BM25() @ CSC()", [1.0] * 8), start])
    cut = {dims: [cell("", values) for values in cells] for dims, cells in more.get("cut", {}).items()}
    return Variant(name, cards, run, [cell("", values) for values in by_seed], start, cut, None)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_files(monkeypatch):
    """Values as the cells have them, not from a run folder."""
    monkeypatch.setattr(towers, "values", lambda _, cell: dict.fromkeys(MEASURES, np.array(cell.found)))


def cells(text: str, first: str) -> list[str]:
    """The cells of the line that begins with `first`."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [part.strip() for part in line.strip("|").split("|")]


def test_one_thing_changed():
    """
    A difference is of means over seeds, question by question; beside it stand each seed's own, and the costs.
    """
    few = variant("batch-8", [[0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]], minutes=(1.0, 2.0))
    many = variant("batch-128", [[1, 1, 1, 1, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]], minutes=(2.0, 4.0), weights=200)

    found = cells("".join(towers.compared([few, many])), "batch-128")

    assert ["batch-128", "batch-8"] == found[:2]
    assert all(each.startswith("+.2500 [") for each in found[3:6])
    assert ["+.5000; +.0000", "×2.00 (1.00–4.00)", "×2.00"] == found[7:]


def test_a_cell_without_a_value():
    """
    A cell that was not measured is refused by its name: nothing missing becomes a number.
    """
    same = [[0.0, 1.0] * 4] * 2
    without = variant("hard", same)
    without.cells[0].quality, without.cells[0].status, without.cells[0].retriever = None, "failed", "hard/seed-1"

    with pytest.raises(InputError, match=r"cell hard/seed-1 on book: expected R@10, found a cell failed"):
        "".join(towers.compared([variant("batch-64", same), without]))


def test_more_than_start_and_bm25():
    """
    A variant's line says what it has more than its start and than BM25, and from the shortest to the longest training.
    """
    found = cells("".join(towers.ring([variant("batch-8", [[0.5] * 8, [0.5] * 8], minutes=(2.0, 1.0))])), "batch-8")

    assert ["64", "7", "5", ".5000 (.5000–.5000)"] == found[1:5]
    assert found[7].startswith("+.5000")
    assert found[8].startswith("-.5000")
    assert ["1.00–2.00", "-", "0.0001"] == found[9:]


def test_by_batch():
    """
    The curve goes by negatives, each with what it has more than the fewest.
    """
    large = variant("batch-128", [[1.0, 0.5] * 4] * 2, negatives=127)
    small = variant("batch-8", [[0.5, 0.0] * 4] * 2)

    text = "".join(towers.curve([large, small]))

    assert text.index("| 8 × 2 |") < text.index("| 128 × 2 |")
    assert cells(text, "128 × 2")[3].startswith(".7500 [")
    assert cells(text, "128 × 2")[5].startswith("+.5000")
    assert ["", ""] == cells(text, "8 × 2")[5:]


def test_vectors_cut():
    """
    What was trained for few dimensions is held against what is the same but for it, at each of them.
    """
    plain = variant("batch-128", [[1.0] * 8], minutes=(1.0,), cut={32: [[0.25] * 8]})
    made = variant("matryoshka", [[1.0] * 8], minutes=(1.0,), cut={32: [[0.75] * 8]}, matryoshka=(32,))

    found = cells("".join(towers.by_dims([plain, made])), "matryoshka against batch-128")

    assert ["32", ".2500", ".7500"] == found[1:4]
    assert all(each.startswith("+.5000") for each in found[4:])


def test_the_picture_is_of_the_same_values():
    """
    The picture has what more negatives bring beside the fewest, seed by seed, and each evaluation that has a recall.
    """
    large = variant("batch-128", [[1.0, 0.5] * 4, [0.5, 0.0] * 4], negatives=127)
    small = variant("batch-8", [[0.5, 0.0] * 4] * 2)

    drawn = towers.chart([large, small])

    (gain,) = drawn.gains
    assert (7, 127, 0.25, (0.5, 0.0)) == (drawn.fewest, gain.negatives, gain.difference, gain.seeds)
    assert [("batch-128", 0), ("batch-128", 1), ("batch-8", 0), ("batch-8", 1)] == [
        (curve.variant, curve.seed) for curve in drawn.curves
    ]
    assert {((0, 0.5),)} == {curve.points for curve in drawn.curves}
