"""
The page of the experiment `towers`, a benchmark and not a test: what training brings, and what it costs.

`python -m tests.benchmarks.towers MODELS RUN [MODELS RUN ...] --page FILE --svg FILE`, each MODELS a folder that
`sparring train` made and RUN a run of its suite, from the folder that they were made in. Nothing is measured here.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.analysis.difference import clusters, values
from bench.errors import InputError
from bench.formats.files import write_whole
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report.charts import training
from bench.report.charts.training import DevCurve, Gain, Trainings
from bench.report.numbers import four, megabytes, significant
from bench.statistics import paired
from bench.statistics.paired import Paired
from bench.training import card as cards
from bench.training.card import TrainingCard
from bench.training.suite import START, dims_of, spelled_of
from retrievers import models
from tests.benchmarks.intervals import table

MEASURES = ("R@1", "R@10", "RR@10")
MAIN = "R@10"
PAIRS = (  # variant, held against, what of it is asked
    ("batch-128", "batch-8", "127 negatives against 7, in as many steps of as many pairs"),
    ("batch-128", "batch-64", "127 negatives against 63"),
    ("batch-512", "batch-128", "511 negatives against 127, in a quarter of the steps"),
    ("separate", "batch-128", "two towers against one that both share"),
    ("dot", "batch-128", "inner product against cosine"),
    ("l2", "batch-128", "distance against cosine"),
    ("hard", "batch-64", "a hard negative each beside 63 others"),
    ("hard", "batch-128", "127 negatives, one of them mined for the question and 63 for others, against 127 drawn"),
    ("symmetric", "batch-128", "questions told apart too"),
    ("matryoshka", "batch-128", "trained for its first dimensions too, read whole"),
)


class Variant(NamedTuple):
    """A recipe's models on the test questions."""

    name: str
    cards: Sequence[TrainingCard]
    run: Run
    cells: Sequence[Measurement]  # a seed each
    start: Measurement
    cut: dict[int, Sequence[Measurement]]  # by dimensions: vectors cut to so many, a seed each
    clusters: Sequence[Hashable] | None  # of every judged query

    def values(self, measure: str, dims: int | None = None) -> NDArray[np.float64]:
        """Of every judged query, the mean over seeds: (n,)."""
        cells = self.cells if dims is None else self.cut[dims]
        return np.mean([values(self.run, cell)[measure] for cell in cells], axis=0)

    def seeds(self, measure: str) -> list[float]:
        return [measured(cell, measure) for cell in self.cells]

    def minutes(self) -> list[float]:
        return sorted(card.spent.seconds / 60 for card in self.cards)


def measured(cell: Measurement, measure: str) -> float:
    """A mean that is there; InputError where it is not: nothing missing becomes a number."""
    found = (cell.quality or {}).get(measure)
    if found is None:
        raise InputError(f"cell {cell.retriever} on {cell.passage_set}: expected {measure}, found a cell {cell.status}")
    return float(found)


def counted(place: Path) -> list[tuple[int, str]]:
    """Where a folder's name comes among others: numbers in it as numbers."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", place.name)]


def variants(folder: Path, run: Run) -> Iterator[Variant]:
    """Every recipe's models in a folder that the run has."""
    by_name = {m.retriever: m for m in run.measurements}
    below = sorted((path.parent for path in folder.glob(f"*/{START}")), key=counted)
    places = [folder] if (folder / START).is_dir() else below
    recipes = [cards.of(place)[0].recipe for place in places]
    alike = [
        (models.find(str(place / START)).sha256, recipe.model.similarity)
        for place, recipe in zip(places, recipes, strict=True)
    ]
    spelled = [spelled_of(recipe, place / START) for place, recipe in zip(places, recipes, strict=True)]
    starts = {which: by_name[name] for which, name in zip(alike, spelled, strict=True) if name in by_name}
    for place, which in zip(places, alike, strict=True):
        found = cards.of(place)
        spellings = {
            dims: [spelled_of(card.recipe, place / f"seed-{card.seed}", dims) for card in found]
            for dims in (None, *dims_of(found[0].recipe, recipes))
        }
        cells = {dims: [by_name[name] for name in names] for dims, names in spellings.items()}
        whole = cells.pop(None)
        start = starts[which]
        yield Variant(found[0].recipe.name, found, run, whole, start, cells, clusters(run, start))


def gained(said: Paired) -> str:
    """A difference of means with its interval."""
    if said.interval is None:
        return four(said.difference, "+")
    low, high = (four(end, "+") for end in said.interval)
    return f"{four(said.difference, '+')} [{low}, {high}]"


def adjusted(said: Sequence[Paired]) -> list[str]:
    """The p of each, by Holm over all of them; "-" where there is no test."""
    found = {row: each.p for row, each in enumerate(said) if each.p is not None}
    ps = dict(zip(found, paired.holm(list(found.values())), strict=True))
    return [f"{ps[row]:.2g}" if row in ps else "-" for row in range(len(said))]


def held_against(old: Variant, new: Variant, measure: str, dims: int | None = None) -> Paired:
    """What a variant has more than another."""
    return paired.paired(old.values(measure, dims), new.values(measure, dims), new.clusters)


def by_negatives(found: Sequence[Variant]) -> list[Variant]:
    """The variants that differ in the size of a batch, the smallest first."""
    return sorted((each for each in found if each.name.startswith("batch-")), key=lambda each: each.cards[0].negatives)


def means(found: Variant, measure: str) -> str:
    """The mean over seeds, and the lowest and highest of them."""
    of_seeds = found.seeds(measure)
    return f"{four(float(np.mean(of_seeds)))} ({four(min(of_seeds))}–{four(max(of_seeds))})"


def ring(found: Sequence[Variant]) -> Iterator[str]:
    """What stands on one test set: TF-IDF, BM25, starts and variants."""
    first = found[0]
    passage_set = first.start.passage_set
    baselines = [
        m for m in first.run.measurements if m.passage_set == passage_set and m.retriever.startswith(("TfIdf", "BM25"))
    ]
    bm25 = next(values(first.run, m)[MAIN] for m in baselines if m.retriever.startswith("BM25"))
    head = ("model", "pairs", "negatives", "steps", *MEASURES, f"{MAIN}, more than its start",
            f"{MAIN}, more than BM25", "min", "peak MB", "weights MB")  # fmt: skip
    rows = [(f"`{m.retriever}`", "", "", "", *[four(measured(m, name)) for name in MEASURES], *[""] * 5)
            for m in baselines]  # fmt: skip
    starts = {each.start.retriever: each for each in found}
    tested = [(values(each.run, each.start)[MAIN], each.values(MAIN)) for each in found]
    tested += [(bm25, values(each.run, each.start)[MAIN]) for each in starts.values()]
    tested += [(bm25, each.values(MAIN)) for each in found]
    said = [paired.paired(old, new, first.clusters) for old, new in tested]
    told = [f"{gained(each)}; p {p}" for each, p in zip(said, adjusted(said), strict=True)]
    more_than_start, more_than_bm25 = told[: len(found)], told[len(found) :]
    for row, (spelled, each) in enumerate(starts.items()):
        rows.append((
            f"`{shortened(spelled)}`", "", "", "0", *[four(measured(each.start, name)) for name in MEASURES], "",
            more_than_bm25[row], "", "", "",
        ))  # fmt: skip
    for row, each in enumerate(found):
        card = each.cards[0]
        peaks = [card.spent.peak_bytes for card in each.cards if card.spent.peak_bytes is not None]
        rows.append((
            each.name, f"{card.pairs:,}", f"{card.negatives:,}", f"{max(card.curve.steps for card in each.cards):,}",
            *[means(each, name) for name in MEASURES],
            more_than_start[row], more_than_bm25[len(starts) + row],
            "–".join(significant(each.minutes()[end]) for end in (0, -1)),
            megabytes(max(peaks)) if peaks else "-", megabytes(card.weights_bytes),
        ))  # fmt: skip
    yield f"## {passage_set}: {first.start.n_passages:,} passages, {first.start.n_judged:,} test questions\n"
    yield table(head, rows) + "\n"
    yield "\n".join(f"- Leaks: {leaks.told(part)}." for part, leaks in first.cards[0].leaks.items()) + "\n"


def shortened(spelled: str) -> str:
    """A retriever without the folder that its model lies in."""
    return re.sub(r'"[^"]*?([^"/]+/[^"/]+)"', r'"\1"', spelled, count=1)


def compared(found: Sequence[Variant]) -> Iterator[str]:
    """The questions that the variants were made for."""
    by_name = {each.name: each for each in found}
    asked = [(by_name[new], by_name[old], what) for new, old, what in PAIRS if {new, old} <= by_name.keys()]
    if not asked:
        return
    said = [{name: held_against(old, new, name) for name in MEASURES} for new, old, _ in asked]
    ps = adjusted([each[MAIN] for each in said])
    rows = []
    for (new, old, what), each, p in zip(asked, said, ps, strict=True):
        by_seed = "; ".join(four(b - a, "+") for a, b in zip(old.seeds(MAIN), new.seeds(MAIN), strict=True))
        rows.append((
            new.name, old.name, what, *[gained(each[name]) for name in MEASURES], p, by_seed, longer(old, new),
            f"×{new.cards[0].weights_bytes / old.cards[0].weights_bytes:.2f}",
        ))  # fmt: skip
    yield "### One thing changed at a time\n"
    head = ("variant", "against", "what is asked", *MEASURES, f"p, {MAIN}", f"{MAIN}, seed by seed", "time", "weights")
    yield table(head, rows) + "\n"


def longer(old: Variant, new: Variant) -> str:
    """How many times as long: of the medians over seeds, and from shortest by longest to longest by shortest."""
    before, now = old.minutes(), new.minutes()
    return f"×{np.median(now) / np.median(before):.2f} ({now[0] / before[-1]:.2f}–{now[-1] / before[0]:.2f})"


def by_dims(found: Sequence[Variant]) -> Iterator[str]:
    """What is left of recall where vectors are cut, with training for it and without."""
    rows = [
        (f"{made.name} against {plain.name}", f"{dims:,}",
         *[four(float(each.values(MAIN, dims).mean())) for each in (plain, made)],
         *[gained(held_against(plain, made, name, dims)) for name in MEASURES])
        for made in found
        for plain in found
        if made.cards[0].recipe.loss.matryoshka and not plain.cards[0].recipe.loss.matryoshka
        for dims in made.cut
        if dims in plain.cut
    ]  # fmt: skip
    if rows:
        yield "### Vectors cut to their first dimensions\n"
        head = ("trained for it, and not", "dims", f"{MAIN}, not", f"{MAIN}, trained for it", *MEASURES)
        yield table(head, rows) + "\n"


def curve(found: Sequence[Variant]) -> Iterator[str]:
    """Recall by the negatives of a batch."""
    sizes = by_negatives(found)
    if len(sizes) < 2:
        return
    rows = []
    for each in sizes:
        asked = each.cards[0].recipe.optimiser
        interval = paired.interval_of_mean(each.values(MAIN), each.clusters)
        ends = "" if interval is None else f" [{', '.join(map(four, interval))}]"
        first = sizes[0]
        rows.append((
            f"{asked.batch} × {asked.accumulate}", f"{each.cards[0].negatives:,}", f"{each.cards[0].curve.steps:,}",
            f"{four(float(each.values(MAIN).mean()))}{ends}",
            "; ".join(map(four, each.seeds(MAIN))),
            "" if each is first else gained(held_against(first, each, MAIN)),
            "" if each is first else gained(held_against(first, each, "R@1")),
        ))  # fmt: skip
    yield "### Recall by batch\n"
    head = ("batch × accumulated", "negatives", "steps", MAIN, "seeds", f"{MAIN}, more than the first", "R@1, the same")
    yield table(head, rows) + "\n"


def chart(found: Sequence[Variant]) -> Trainings:
    """What more negatives bring on the test set, and dev recall by step, as plain values."""
    sizes = by_negatives(found)
    gains = []
    for each in sizes[1:]:
        said = held_against(sizes[0], each, MAIN)
        by_seed = zip(sizes[0].seeds(MAIN), each.seeds(MAIN), strict=True)
        seeds = tuple(new - old for old, new in by_seed)
        gains.append(Gain(each.cards[0].negatives, said.difference, said.interval, seeds))
    curves = [
        DevCurve(
            each.name,
            card.seed,
            tuple((one.step, one.recall) for one in card.curve.evaluations if one.recall is not None),
        )
        for each in found
        for card in each.cards
    ]
    return Trainings(
        title="What training brings",
        measure=MAIN,
        curves=tuple(curves),
        fewest=sizes[0].cards[0].negatives if sizes else None,
        gains=tuple(gains),
    )


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.towers", description="the page of the experiment towers"
    )
    options.add_argument("folders", nargs="+", type=Path, help="MODELS RUN, as often as there are")
    options.add_argument("--page", type=Path, required=True)
    options.add_argument("--svg", type=Path)
    chosen = options.parse_args()
    taken = list(zip(chosen.folders[::2], chosen.folders[1::2], strict=True))
    by_set: dict[str, list[Variant]] = {}
    for folder, run in taken:
        for each in variants(folder, run_folder.read(run)):
            by_set.setdefault(each.start.passage_set, []).append(each)
    parts = [part for found in by_set.values() for one in (ring, curve, compared, by_dims) for part in one(found)]
    text = chosen.page.read_text(encoding="utf-8").partition(MARK)[0] if chosen.page.is_file() else ""
    write_whole(chosen.page, (text + MARK + "\n\n" + "\n".join(parts)).encode())
    if chosen.svg is not None:
        drawn = chart(max(by_set.values(), key=len))
        write_whole(chosen.svg, training.svg(drawn).encode())
        figures = msgspec.json.encode(drawn) + b"\n"  # the models are not committed: what the picture shows is
        write_whole(chosen.svg.with_suffix(".json"), figures)


MARK = "<!-- from here on written by tests/benchmarks/towers.py -->"


if __name__ == "__main__":
    main()
