"""What a recipe names -> what every seed is trained on: passage sets, pairs, hard negatives, starts, all checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bench.errors import InputError
from bench.passages import loader
from bench.passages.passage_set import PassageSet
from bench.run.resolve import parse_retriever, resolve_language
from bench.training.leaks import Leaks, audit
from bench.training.pairs import HardNegatives, Pair, mine, pairs, relevant
from bench.training.recipe import STATIC, Recipe
from retrievers import model_folders
from retrievers.registry import Registry, SpellingError


class TrainingData(NamedTuple):
    """What every seed is trained on."""

    train: PassageSet
    dev: PassageSet
    test: PassageSet
    leaks: dict[str, Leaks]  # of the test set, in train and in dev
    pairs: Sequence[Pair]
    mined: HardNegatives | None
    starts: dict[str, str]


def gather(
    recipe: Recipe,
    registry: Registry,
    known: dict[str, PassageSet],
    audits: dict[tuple[str, str], Leaks],
    say: Callable[[str], None],
) -> TrainingData:
    """What a recipe names, checked; known: sets loaded before, audits: those made, by SHA-256 of both sets."""
    names = {part: str(getattr(recipe.data, part)) for part in ("train", "dev", "test")}
    known |= {name: loader.load(name) for name in names.values() if name not in known}
    sets = {part: known[name] for part, name in names.items()}
    _check(sets)
    train_set, dev, test = sets.values()
    for part in ("train", "dev"):
        if (sets[part].sha256, test.sha256) not in audits:
            audits[sets[part].sha256, test.sha256] = audit(sets[part], test)
            say(f"leaks: {audits[sets[part].sha256, test.sha256].told(part)}")
    leaks = {part: audits[sets[part].sha256, test.sha256] for part in ("train", "dev")}
    found: Sequence[Pair] = pairs(train_set, recipe.data.pairs)
    mined = None
    if recipe.negatives is not None:
        try:
            retriever = resolve_language(parse_retriever(recipe.negatives.retriever, registry), train_set.language)
            found, mined = mine(found, train_set, recipe.negatives, retriever)
        except SpellingError:
            raise
        except (ValueError, ImportError) as error:  # of a model that is not there, say
            raise InputError(f"negatives.retriever: {error}") from error
        say(f"hard negatives: {mined.found:,} by {mined.retriever}, {mined.drawn:,} drawn")
    pretrained = {recipe.model.start, recipe.model.query_start or recipe.model.start} - {STATIC}
    try:
        starts = {name: model_folders.find(name).sha256 for name in sorted(pretrained)}
    except ValueError as error:
        raise InputError(f"model.start: {error}") from error
    return TrainingData(train_set, dev, test, leaks, found, mined, starts)


def _check(sets: Mapping[str, PassageSet]) -> None:
    """InputError for a set, by what it is for, that nothing can be trained on or held to, and for one of two uses."""
    for part, passage_set in sets.items():
        if passage_set.vectors is not None or not relevant(passage_set):
            raise InputError(
                f"passage set {passage_set.name!r}: expected texts and judgments for data.{part}, "
                f"found {'vectors' if passage_set.vectors is not None else 'no relevant passage'}"
            )
        if passage_set.has_parts:
            raise InputError(
                f"passage set {passage_set.name!r}: expected judgments of passages for data.{part}, found documents in "
                "parts: no judgment says which part answers"
            )
        for other in sets:
            if other != part and sets[other].sha256 == passage_set.sha256:
                raise InputError(
                    f"data.{part}: expected other questions than data.{other}, found the same set, {passage_set.name}: "
                    f"name parts of it, as {passage_set.name}:train, {passage_set.name}:dev and {passage_set.name}:test"
                )
