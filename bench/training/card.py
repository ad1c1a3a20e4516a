"""What a trained model is, and what it cost: `training.json` in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bench.formats.files import write_whole
from bench.passages.passage_set import PassageSet
from bench.records import run_folder, upgrades
from bench.records.schema import Environment
from bench.training.fit import Curve, TrainingCost
from bench.training.leaks import Leaks
from bench.training.pairs import HardNegatives
from bench.training.recipe import Recipe

FILE = "training.json"


class SetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A passage set that was taken, as it was."""

    name: str
    sha256: str  # of ids, texts, questions and judgments
    queries: int
    passages: int


class TrainingCard(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="training/2"):
    """One training from one seed."""

    recipe: Recipe
    seed: int
    train: SetRecord
    dev: SetRecord
    test: SetRecord
    leaks: dict[str, Leaks]  # of the test set, in train and in dev
    start_sha256: dict[str, str]  # of each start that is a model: weights, configuration, tokenizer
    pairs: int
    mined: HardNegatives | None
    negatives: int  # in-batch, per query; accumulation adds none
    passages_cut: float | None  # share of the train passages longer than the model reads
    parameters: int
    weights_bytes: int  # of both towers
    curve: Curve
    spent: TrainingCost
    processes: int = 1  # that shared out each batch; seconds and peaks are the first one's
    device: str
    precision: str
    environment: Environment


def taken(passage_set: PassageSet) -> SetRecord:
    """A passage set as a card keeps it."""
    return SetRecord(
        name=passage_set.name,
        sha256=passage_set.sha256,
        queries=len(passage_set.query_ids),
        passages=len(passage_set.passages),
    )


def write(card: TrainingCard, folder: Path) -> None:
    """Write a card into its model's folder, whole or not at all."""
    write_whole(folder / FILE, run_folder.pretty(card))


def read(folder: Path) -> TrainingCard | None:
    """The card of a model that was trained to its end; None where it was not."""
    path = folder / FILE
    if not path.is_file():
        return None
    return msgspec.convert(upgraded(msgspec.json.decode(path.read_bytes())), TrainingCard)


def upgraded(content: dict[str, Any]) -> dict[str, Any]:  # Any: values of JSON
    """A training/1 or recipe/1 as the /2 of today: it called evaluations looks."""
    kind, _, version = content["schema"].partition("/")
    if version == "1":
        for table in (content["recipe"]["stop"], content.get("curve", {})):
            if "looks" in table:
                table["evaluations"] = table.pop("looks")
        content["schema"] = f"{kind}/2"
    if isinstance(content.get("environment"), dict):
        content["environment"] = upgrades.upgraded(content["environment"])
    return content


def of(folder: Path) -> list[TrainingCard]:
    """The cards of the models that lie in a folder, by seed."""
    found = [card for path in folder.glob("seed-*") if (card := read(path)) is not None]
    return sorted(found, key=lambda card: card.seed)
