"""
What is kept of a variant: the models that were trained of it, and what each finds for every test question.

A variant is one part of the benchmark: `sparring train`, `sparring run` on the test questions, and its record, from
which the page is made. No text and no id of a set is in it.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import tomli_w
from numpy.typing import NDArray

from bench.analysis.difference import clusters, values
from bench.errors import InputError
from bench.formats.files import write_whole
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.records.schema import Environment, Measurement
from bench.training import card as cards
from bench.training import recipe as recipes
from bench.training.card import TrainingCard
from bench.training.recipe import Recipe
from bench.training.suite import START, dims_of, spelled_of

MEASURES = ("R@1", "R@10", "RR@10")
MAIN = "R@10"
LETTERS = string.digits + string.ascii_letters + "!#$%&()*+,-./:;<=>?@[]^_{|}~"
BASELINES = ("TfIdf() @ CSC()", "BM25() @ CSC()")


class Letters(msgspec.Struct, frozen=True):
    """One of a few values for each of many questions: a letter each, for its place among them."""

    values: tuple[tuple[float, ...], ...]
    text: str

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Letters:
        """Of (n_questions, n_columns). InputError where more rows differ than there are letters."""
        distinct, places = np.unique(rows, axis=0, return_inverse=True)
        if len(distinct) > len(LETTERS):
            raise InputError(f"a record: expected at most {len(LETTERS)} rows that differ, found {len(distinct)}")
        return cls(tuple(map(tuple, distinct.tolist())), "".join(LETTERS[place] for place in places.ravel()))

    def rows(self) -> NDArray[np.float64]:
        """(n_questions, n_columns) float64."""
        found: NDArray[np.float64] = np.array(self.values)[[LETTERS.index(letter) for letter in self.text]]
        return found


class Found(msgspec.Struct, frozen=True):
    """What one retriever finds: MEASURES of every judged question."""

    retriever: str
    letters: Letters

    def values(self, measure: str) -> NDArray[np.float64]:
        return self.letters.rows()[:, MEASURES.index(measure)]

    def mean(self, measure: str) -> float:
        return float(self.values(measure).mean())


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One training, as its card has it."""

    seed: int
    pairs: int
    negatives: int
    steps: int
    dev: tuple[tuple[int, float], ...]  # step, recall of the dev questions
    kept: float  # the best of them after the first step: that of the model
    seconds: float
    peak_bytes: int | None
    weights_bytes: int

    @classmethod
    def of(cls, card: TrainingCard) -> Model:
        return cls(
            seed=card.seed,
            pairs=card.pairs,
            negatives=card.negatives,
            steps=card.curve.steps,
            dev=tuple((one.step, one.recall) for one in card.curve.evaluations if one.recall is not None),
            kept=card.curve.best_recall,
            seconds=card.spent.seconds,
            peak_bytes=card.spent.peak_bytes,
            weights_bytes=card.weights_bytes,
        )


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """What models, the start and others find for the test questions."""

    passage_set: str
    n_passages: int
    clusters: Letters | None  # a number for the article of every question; None: each is its own
    baselines: tuple[Found, ...]
    start: Found
    seeds: tuple[Found, ...]
    cut: dict[int, tuple[Found, ...]]  # by dimensions: vectors cut to so many, a seed each


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One variant."""

    recipe: Recipe
    sets: dict[str, str]  # SHA-256 of train, dev and test
    models: tuple[Model, ...]
    leaks: tuple[str, ...]
    device: str
    precision: str
    environment: Environment  # of the first seed
    tested: HeldOut | None  # None: dev recall is all that was asked

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def on_test(self) -> HeldOut:
        """InputError where it was not tested."""
        if self.tested is None:
            raise InputError(f"{self.name}: expected a variant that was held to the test questions, found none")
        return self.tested

    @property
    def clusters(self) -> Sequence[Hashable] | None:
        found = self.on_test.clusters
        return None if found is None else list(found.text)

    def by_seed(self, measure: str, dims: int | None = None) -> NDArray[np.float64]:
        """Of every seed and every judged question: (n_seeds, n_questions) float64."""
        cells = self.on_test.seeds if dims is None else self.on_test.cut[dims]
        return np.stack([cell.values(measure) for cell in cells])

    def seeds(self, measure: str) -> list[float]:
        return [cell.mean(measure) for cell in self.on_test.seeds]

    def minutes(self) -> list[float]:
        return sorted(model.seconds / 60 for model in self.models)


class Part(NamedTuple):
    """A variant that is to be trained."""

    recipe: Recipe
    dims: tuple[int, ...]  # its vectors are read cut to so many, too
    is_tested: bool
    record: Path


def parts(recipe: Path | str, records: Path, *, is_tested: bool = True) -> Iterator[Part]:
    """The variants of a recipe, each with its record: RECORDS/EXPERIMENT/VARIANT.json."""
    asked = recipes.load(str(recipe))
    for each in asked.recipes:
        dims = tuple(dims_of(each, asked.recipes))
        yield Part(each, dims, is_tested, records / asked.name / f"{each.name}.json")


def made(part: Part) -> Trial | None:
    """Its record; None where there is none, and where it is of another recipe, or of another version of a record."""
    if not part.record.is_file():
        return None
    try:
        found = msgspec.json.decode(part.record.read_bytes(), type=Trial)
    except msgspec.DecodeError:
        return None
    cut = tuple(found.tested.cut) if found.tested else ()
    is_same = found.recipe == part.recipe and (found.tested is not None) == part.is_tested
    return found if is_same and (cut == part.dims or not part.is_tested) else None


def folder_of(part: Part, models: Path) -> Path:
    """Where its models go: another recipe of that name has another folder."""
    sha256 = hashlib.sha256(msgspec.json.encode(part.recipe)).hexdigest()
    return models / part.record.parent.name / sha256[:8] / part.recipe.name


def files(part: Part, folder: Path) -> tuple[Path, Path]:
    """Write its recipe as a file of its own, and the suite of its models in a folder: the two."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe, suite = folder.with_name(f"{folder.name}.toml"), folder.with_name(f"{folder.name}.suite.toml")
    write_whole(recipe, tomli_w.dumps(_without_none(msgspec.to_builtins(part.recipe))).encode())
    cells = [*BASELINES, *spelled(part, folder)]
    asked = {"name": part.recipe.name, "passages": [part.recipe.data.test], "measures": [*MEASURES], "primary": MAIN}
    write_whole(suite, tomli_w.dumps(asked | {"cells": [{"retrievers": cells}]}).encode())
    return recipe, suite


def spelled(part: Part, folder: Path) -> list[str]:
    """The start, then the models, then those of vectors that are cut."""
    seeds = [
        spelled_of(part.recipe, folder / f"seed-{seed}", dims)
        for dims in (None, *part.dims)
        for seed in part.recipe.seeds
    ]
    return [spelled_of(part.recipe, folder / START), *seeds]


def keep(part: Part, folder: Path, ring: Path) -> None:
    """Write the record of the models in a folder, and of their run."""
    found = cards.of(folder)
    if [card.seed for card in found] != sorted(part.recipe.seeds) or any(card.recipe != part.recipe for card in found):
        raise InputError(f"{folder}: expected a model of each seed of {part.recipe.name}, found {len(found)} or others")
    first = found[0]
    trial = Trial(
        recipe=part.recipe,
        sets={name: getattr(first, name).sha256 for name in ("train", "dev", "test")},
        models=tuple(map(Model.of, found)),
        leaks=tuple(leaks.told(name) for name, leaks in first.leaks.items()),
        device=first.device,
        precision=first.precision,
        environment=first.environment,
        tested=_tested(part, folder, run_folder.read(ring)) if part.is_tested else None,
    )
    part.record.parent.mkdir(parents=True, exist_ok=True)
    write_whole(part.record, msgspec.json.encode(trial) + b"\n")


def _tested(part: Part, folder: Path, run: Run) -> HeldOut:
    by_name = {m.retriever: m for m in run.measurements}
    start, *seeds = (_found(run, by_name[name]) for name in spelled(part, folder))
    n_seeds = len(part.recipe.seeds)
    first = by_name[start.retriever]
    labels = clusters(run, first)
    numbers = None if labels is None else np.unique(np.array(list(map(str, labels))), return_inverse=True)[1]
    cut = {dims: seeds[n_seeds * row : n_seeds * (row + 1)] for row, dims in enumerate(part.dims, start=1)}
    return HeldOut(
        passage_set=first.passage_set,
        n_passages=first.n_passages,
        clusters=None if numbers is None else Letters.of(numbers[:, None].astype(np.float64)),
        baselines=tuple(_found(run, by_name[name]) for name in BASELINES),
        start=start,
        seeds=tuple(seeds[:n_seeds]),
        cut={dims: tuple(cells) for dims, cells in cut.items()},
    )


def _found(run: Run, m: Measurement) -> Found:
    """InputError of a cell that has no values: nothing missing becomes a number."""
    if m.status != "ok":
        raise InputError(f"cell {m.retriever} on {m.passage_set}: expected {MAIN}, found a cell {m.status}: {m.reason}")
    of_cell = values(run, m)
    return Found(m.retriever, Letters.of(np.stack([of_cell[measure] for measure in MEASURES], axis=1)))


def _without_none(found: object) -> object:
    """TOML has no null: what is not named is the default."""
    if isinstance(found, dict):
        return {key: _without_none(value) for key, value in found.items() if value is not None}
    return found
