"""Trained models -> a suite that benchmarks them beside what they started from, TF-IDF and BM25."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import tomli_w

from bench.training.card import TrainingCard
from bench.training.recipe import Recipe
from retrievers import model_folders

START = "start"  # the folder of what the first of the models beside it started from


def suite(name: str, models_of: Sequence[tuple[Path, Sequence[TrainingCard]]]) -> str:
    """
    A suite, as TOML, of trained models, what they started from, TF-IDF and BM25 on their test sets.

    models_of: of each recipe the folder of its models, and their cards, at least one. A start that is another's, too,
    stands there once. Models of Matryoshka dimensions stand there at each of them, and so do their start and the
    models of a recipe that is the same but for them.
    """
    recipes = [found[0].recipe for _, found in models_of]
    measures = ["R@1", *(recipe.stop.measure for recipe in recipes), "RR@10"]
    tests = list(dict.fromkeys(recipe.data.test for recipe in recipes))
    cells: list[dict[str, list[str]]] = []
    for test in tests:
        spelled, starts = ["TfIdf() @ CSC()", "BM25() @ CSC()"], set()
        for folder, found in models_of:
            if found[0].recipe.data.test != test:
                continue
            sha256 = model_folders.find(str(folder / START)).sha256
            for dims in (None, *dims_of(found[0].recipe, recipes)):
                start = spelled_of(found[0].recipe, folder / START, dims)
                same = (sha256, start.replace(_quoted(_path(folder / START)), ""))  # but for where it lies
                if same not in starts:
                    spelled.append(start)
                    starts.add(same)
                spelled += [spelled_of(card.recipe, folder / f"seed-{card.seed}", dims) for card in found]
        cells.append(({"passages": [test]} if len(tests) > 1 else {}) | {"retrievers": spelled})
    head: dict[str, object] = {
        "name": name,
        "passages": tests,
        "measures": list(dict.fromkeys(measures)),
        "primary": recipes[0].stop.measure,
    }
    if len(tests) == 1:
        head["baseline"] = spelled_of(recipes[0], models_of[0][0] / START)
    return tomli_w.dumps(head | {"cells": cells})


def dims_of(recipe: Recipe, recipes: Sequence[Recipe]) -> list[int]:
    """The dimensions that a recipe's vectors are cut to in the suite: its own, and those of recipes otherwise alike."""
    alike = [other for other in recipes if _but_for_matryoshka(other) == _but_for_matryoshka(recipe)]
    return sorted({dims for other in alike for dims in other.loss.matryoshka}, reverse=True)


def _but_for_matryoshka(recipe: Recipe) -> Recipe:
    return msgspec.structs.replace(recipe, name="", loss=msgspec.structs.replace(recipe.loss, matryoshka=()))


def spelled_of(recipe: Recipe, folder: Path, dims: int | None = None) -> str:
    """The model in a folder as a retriever; dims: its vectors cut to so many."""
    if recipe.model.head == "splade":
        return f"SparseEncoder({_quoted(_path(folder))}) @ CSC()"
    similarity = "" if recipe.model.similarity == "cosine" else f', similarity="{recipe.model.similarity}"'
    cut = "" if dims is None else f", dims={dims}"
    return f"BiEncoder({_quoted(_path(folder))}{similarity}{cut}) @ Flat()"


def _path(folder: Path) -> str:
    """A folder as a model's name: one of two words, as `models/start`, could be the hub's."""
    return f"./{folder}" if not folder.is_absolute() and len(folder.parts) < 3 else str(folder)


def _quoted(text: str) -> str:
    """A string as a spelling has it."""
    return msgspec.json.encode(text).decode()
