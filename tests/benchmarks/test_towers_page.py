"""The page of the experiment `towers`: what it makes of the values of questions, the seeds and the costs."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.training.recipe import Data, Loss, Model, Optimiser, Recipe
from tests.benchmarks.towers import page, trials
from tests.benchmarks.towers.trials import MEASURES, Found, HeldOut, Letters, Trial
from tests.helpers.records import run_of

QUESTIONS = 8


def cell(name: str, found: list[float]) -> Found:
    """A cell whose questions have these values in every measure."""
    return Found(name, Letters.of(np.repeat(np.array(found)[:, None], len(MEASURES), axis=1)))


def variant(name: str, by_seed: list[list[float]], *, minutes=(1.0, 1.0), negatives=7, weights=100, **more) -> Trial:
    models = tuple(
        trials.Model(
            seed=seed,
            pairs=64,
            negatives=negatives,
            steps=5,
            dev=((0, 0.5),),
            kept=0.5,
            seconds=60 * each,
            peak_bytes=None,
            weights_bytes=weights,
        )
        for seed, each in enumerate(minutes)
    )
    tested = HeldOut(
        passage_set="book",
        n_passages=9,
        clusters=None,
        baselines=(cell("TfIdf() @ CSC()", [0.5] * 8), cell("BM25() @ CSC()", [1.0] * 8)),
        start=cell(f'BiEncoder("models/{name}/start") @ Flat()', [0.0] * QUESTIONS),
        seeds=tuple(cell("", values) for values in by_seed),
        cut={dims: tuple(cell("", values) for values in cells) for dims, cells in more.get("cut", {}).items()},
    )
    recipe = Recipe(
        name=name,
        data=Data("a", "b", "c"),
        model=Model("static" if name == "static" else "a model"),
        loss=Loss(matryoshka=more.get("matryoshka", ())),
        optimiser=Optimiser(batch=negatives + 1, accumulate=2),
    )
    return Trial(
        recipe=recipe,
        sets=dict.fromkeys(("train", "dev", "test"), "00"),
        models=models,
        leaks=("of 1 passage none",),
        device="cpu",
        precision="float32",
        environment=run_of().environment,
        tested=tested,
    )


def cells(text: str, first: str) -> list[str]:
    """The cells of the line that begins with `first`."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [part.strip() for part in line.strip("|").split("|")]


class TestRecords:
    @given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.1, 1 / 3, 1.0])] * 2), min_size=1, max_size=30))
    def test_values_come_back(self, rows):
        """
        A letter for each question gives its values back, through JSON too.
        """
        found = msgspec.json.decode(msgspec.json.encode(Letters.of(np.array(rows))), type=Letters)

        assert rows == [tuple(row) for row in found.rows()]

    def test_too_many_values(self):
        """
        More rows that differ than there are letters are refused.
        """
        with pytest.raises(InputError, match=r"expected at most \d+ rows that differ, found 200"):
            Letters.of(np.arange(200.0)[:, None])

    def test_what_is_made(self, tmp_path):
        """
        A variant has its record, until a word of its recipe changes, or the dimensions that its vectors are cut to.
        """
        found = variant("batch-8", [[1.0] * 8])
        part = trials.Part(found.recipe, (), True, tmp_path / "batch-8.json")
        other = msgspec.structs.replace(found.recipe, seeds=(4,))
        assert trials.made(part) is None
        part.record.write_bytes(msgspec.json.encode(found))

        assert found == trials.made(part)
        assert trials.made(part._replace(recipe=other)) is None
        assert trials.made(part._replace(dims=(32,))) is None
        assert trials.made(part._replace(is_tested=False)) is None
        assert trials.folder_of(part, tmp_path) != trials.folder_of(part._replace(recipe=other), tmp_path)
        part.record.write_bytes(b"{}")
        assert trials.made(part) is None

    def test_a_variant_that_was_not_tested(self):
        """
        Nothing missing becomes a number.
        """
        with pytest.raises(InputError, match="batch-8: expected a variant that was held to the test questions"):
            page.means(msgspec.structs.replace(variant("batch-8", [[1.0] * 8]), tested=None), "R@10")


class TestTables:
    def test_one_thing_changed(self):
        """
        A difference is of means over seeds, question by question; beside it stand each seed's own, and the costs.
        """
        few = variant("batch-8", [[0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]], minutes=(1.0, 2.0))
        many = variant(
            "batch-128", [[1, 1, 1, 1, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]], minutes=(2.0, 4.0), weights=200
        )

        found = cells("".join(page.compared([few, many])), "batch-128")

        assert ["batch-128", "batch-8"] == found[:2]
        assert all(each.startswith("+.2500 [") for each in found[3:6])
        assert ["+.5000; +.0000", "×2.00 (1.00–4.00)", "×2.00"] == found[7:]

    def test_seeds_that_differ_make_an_interval_wider(self):
        """
        Two pairs of models with the same mean of every question: where seeds disagree, less is known.
        """
        small = variant("batch-8", [[0.0] * 8] * 3)
        alike, apart = (
            variant("batch-128", [[0.3 + shift, 0.5 + shift] * 4 for shift in (-by, 0.0, by)]) for by in (0.0, 0.05)
        )

        intervals = [page.held_against(small, each, "R@10").interval for each in (alike, apart)]

        assert intervals[1][0] < intervals[0][0] < 0.4 < intervals[0][1] < intervals[1][1]

    def test_more_than_start_and_bm25(self):
        """
        A variant's line says what it has more than its start and than BM25, and from shortest to longest training.
        """
        found = cells("".join(page.ring([variant("batch-8", [[0.5] * 8, [0.5] * 8], minutes=(2.0, 1.0))])), "batch-8")

        assert ["64", "7", "5", ".5000 (.5000–.5000)"] == found[1:5]
        assert found[7].startswith("+.5000")
        assert found[8].startswith("-.5000")
        assert ["1.00–2.00", "-", "0.0001"] == found[9:]

    def test_by_batch(self):
        """
        The curve goes by negatives, each with what it has more than the fewest.
        """
        large = variant("batch-128", [[1.0, 0.5] * 4] * 2, negatives=127)
        small = variant("batch-8", [[0.5, 0.0] * 4] * 2)

        text = "".join(page.curve([large, small]))

        assert text.index("| 8 × 2 |") < text.index("| 128 × 2 |")
        assert cells(text, "128 × 2")[3].startswith(".7500 [")
        assert cells(text, "128 × 2")[5].startswith("+.5000")
        assert ["", ""] == cells(text, "8 × 2")[5:]

    def test_vectors_cut(self):
        """
        What was trained for few dimensions is held against what is the same but for it, at each of them.
        """
        plain = variant("batch-128", [[1.0] * 8], minutes=(1.0,), cut={32: [[0.25] * 8]})
        made = variant("matryoshka", [[1.0] * 8], minutes=(1.0,), cut={32: [[0.75] * 8]}, matryoshka=(32,))

        found = cells("".join(page.by_dims([plain, made])), "matryoshka against batch-128")

        assert ["32", ".2500", ".7500"] == found[1:4]
        assert all(each.startswith("+.5000") for each in found[4:])

    def searched(self, *recalls: float) -> list[Trial]:
        """Variants that were not tested, at temperatures of .05, .1 and .2, with these dev recalls."""
        made = variant("cosine", [[1.0] * 8])
        return [
            msgspec.structs.replace(
                made,
                tested=None,
                recipe=msgspec.structs.replace(made.recipe, loss=Loss(temperature=temperature)),
                models=tuple(msgspec.structs.replace(model, kept=recall) for model in made.models),
            )
            for temperature, recall in zip((0.05, 0.1, 0.2), recalls, strict=True)
        ]

    def test_temperatures(self):
        """
        Of each similarity stand the temperatures with the dev recall of each seed, the best of them bold.
        """
        inside, edge = (
            "".join(page.temperatures(self.searched(*found))) for found in ((0.5, 0.75, 0.6), (0.5, 0.6, 0.7))
        )

        assert "| cosine | 0.1 | **.7500** | .7500; .7500 |  |" in inside
        assert "| cosine | 0.05 | .5000 | .5000; .5000 |  |" in inside
        assert "| cosine | 0.2 | **.7000** | .7000; .7000 | at the edge of the grid |" in edge

    def test_another_temperature_than_the_best(self):
        """
        What was trained at another temperature than the best that was searched is on no page.
        """
        tested = variant("batch-8", [[0.5] * 8] * 2)
        text = f"Above.\n{page.MARK}\nold"

        assert page.written(text, [*self.searched(0.75, 0.6, 0.5), tested]).startswith(
            f"Above.\n{page.MARK}\n\n8 models"
        )
        with pytest.raises(InputError, match=r"recipe batch-8: expected the temperature .* 0\.1, found 0\.05"):
            page.written(text, [*self.searched(0.6, 0.75, 0.5), tested])

    def test_pages_without_their_mark(self):
        """
        A page whose tables cannot be told from its words is not written.
        """
        with pytest.raises(InputError, match="found it 0 times"):
            page.written("another page", [variant("batch-8", [[0.5] * 8])])

    def test_sets_of_one_name(self):
        """
        Variants that were held to two versions of a set are in no one table.
        """
        first = variant("batch-8", [[0.5] * 8])
        other = msgspec.structs.replace(first, sets=first.sets | {"test": "01"})

        with pytest.raises(InputError, match="book: expected one set for all variants"):
            page.written(page.MARK, [first, other])

    def test_a_static_start(self):
        """
        A static start is drawn by its seed, and that of the first is kept: the first model alone is held to it.
        """
        found = cells("".join(page.ring([variant("static", [[0.25] * 8, [0.75] * 8])])), "static")

        assert ".5000 (.2500–.7500)" == found[5]
        assert found[7].startswith("+.2500")

    @pytest.mark.parametrize(("by_seed", "told"), [([[1.0] * 8], "1.0000 ["), ([[0.98] * 7 + [1.0]] * 2, ".9825 [")])
    def test_a_mean_near_one(self, by_seed, told):
        """
        The interval of a mean ends at 1.
        """
        text = page.mean_with_interval(np.array(by_seed), None)

        assert text.startswith(told)
        assert float(text.rstrip("]").rpartition(" ")[2]) <= 1


def test_the_picture_is_of_the_same_values():
    """
    The picture has what more negatives bring beside the fewest, seed by seed, and each evaluation that has a recall.
    """
    large = variant("batch-128", [[1.0, 0.5] * 4, [0.5, 0.0] * 4], negatives=127)
    small = variant("batch-8", [[0.5, 0.0] * 4] * 2)

    drawn = page.chart([large, small])

    (gain,) = drawn.gains
    assert (7, 127, 0.25, (0.5, 0.0)) == (drawn.fewest, gain.negatives, gain.difference, gain.seeds)
    assert [("batch-128", 0), ("batch-128", 1), ("batch-8", 0), ("batch-8", 1)] == [
        (curve.variant, curve.seed) for curve in drawn.curves
    ]
    assert {((0, 0.5),)} == {curve.points for curve in drawn.curves}
