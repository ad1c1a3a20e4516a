"""Recipes and a folder -> a model from each seed, what it started from, and a suite that benchmarks them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bench.errors import InputError
from bench.formats.files import write_whole
from bench.instruments import environment
from bench.lock import LOCK, held
from bench.passages.passage_set import PassageSet
from bench.records import run_folder
from bench.records.schema import Environment
from bench.training import card as cards
from bench.training.card import TrainingCard
from bench.training.data import TrainingData, gather
from bench.training.dev_recall import Dev
from bench.training.fit import CHECKPOINTS, disk_errors_explained, fit
from bench.training.leaks import Leaks
from bench.training.lengths import lengths_of, limit_of, refuse_long
from bench.training.recipe import Experiment, Recipe
from bench.training.suite import START, suite
from bench.training.trainer import precision
from retrievers import models
from retrievers.registry import Registry

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BEGUN = "recipe.json"  # what a folder was begun with
SUITE = "suite.toml"
NEEDED = ("sentence_transformers", "datasets", "accelerate")


class FolderRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="recipe/2"):
    """What the models of a folder have in common; another recipe, or other data, is another folder."""

    recipe: Recipe
    train: str  # SHA-256 of each set
    dev: str
    test: str
    starts: dict[str, str]  # SHA-256 of each start that is a model


class Training(NamedTuple):
    """What is trained of one recipe, into which folder, and who is told."""

    recipe: Recipe
    material: TrainingData
    folder: Path
    say: Callable[[str], None]


def train(
    asked: Experiment, folder: Path, registry: Registry, say: Callable[[str], None], device: str | None = None
) -> list[TrainingCard]:
    """
    Train a model from each seed of a recipe that has none in `folder` yet: folder/seed-1, folder/seed-2 ...; of
    variants in folder/NAME/seed-1 ...

    Beside the models lies `start`, what the first of them started from; folder/suite.toml runs all of them, TF-IDF and
    BM25 on the test set. Begun and stopped, the same call goes on from the last checkpoint. device: "cpu" or "cuda";
    None: a GPU where there is one. The cards of all models that lie there, variant by variant. InputError for whatever
    cannot be trained, of any variant, before the first is begun.

    Started by torchrun or `accelerate launch` as several processes, each with a GPU of its own, they share out every
    batch; one of them writes, and the others return no cards.
    """
    missing = [name for name in NEEDED if (spec := find_spec(name)) is None or spec.origin is None]
    if missing:  # a folder called datasets has a spec, and no origin
        raise InputError(f"sparring train: {', '.join(missing)} not found: pip install 'sparring[train]'")
    if asked.varied:
        _refuse_other(folder)
    for recipe in asked.recipes:
        into = folder / recipe.name if asked.varied else folder
        if _others(into) and not (into / BEGUN).is_file():
            raise InputError(f"{into}: expected a new folder, or one of this recipe, found other files in it")
    from accelerate import PartialState

    device = _device(device)
    processes = PartialState(cpu=device == "cpu")
    say = say if processes.is_main_process else _unsaid
    ran = environment.collect()  # now: hours later the checkout may hold other code than what runs
    sets: dict[str, PassageSet] = {}
    audits: dict[tuple[str, str], Leaks] = {}
    trainings = []
    for recipe in asked.recipes:
        into, told = folder, say
        if asked.varied:
            into, told = folder / recipe.name, partial(_of_variant, recipe.name, say)
        with _variant_named(recipe.name if asked.varied else None):
            trainings.append(Training(recipe, gather(recipe, registry, sets, audits, told), into, told))
            _check(trainings[-1], device)
    with (
        disk_errors_explained("sparring train", folder),
        held(folder, "training") if processes.is_main_process else contextlib.nullcontext(),
    ):
        with processes.main_process_first():
            for each in trainings:
                _begin(each)
        for each in trainings:
            _train(each, device, ran)
        if not processes.is_main_process:
            return []
        models_of = [(each.folder, cards.of(each.folder)) for each in trainings]
        write_whole(folder / SUITE, suite(asked.name, models_of).encode())
    return [card for _, found in models_of for card in found]


def _refuse_other(folder: Path) -> None:
    """InputError for a folder that variants cannot share with what is in it."""
    if (folder / BEGUN).is_file():
        raise InputError(f"{folder} was begun with one recipe: choose another folder with -o for variants")
    if _others(folder) and not any(folder.glob(f"*/{BEGUN}")):
        raise InputError(f"{folder}: expected a new folder, or one of variants, found other files in it")


def _others(folder: Path) -> bool:
    """Whether more is in a folder than what beginning leaves there."""
    return folder.exists() and any(path.name != LOCK and path.suffix != ".part" for path in folder.iterdir())


def _unsaid(_: str) -> None:
    """Of several processes one tells what all of them do."""


def _of_variant(name: str, say: Callable[[str], None], line: str) -> None:
    say(f"{name}: {line}")


@contextlib.contextmanager
def _variant_named(name: str | None) -> Iterator[None]:
    """Let an error say which variant has it."""
    try:
        yield
    except InputError as error:
        raise error if name is None else InputError(f"variant {name!r}: {error}") from error


def _check(training: Training, device: str) -> None:
    """InputError for what would show only when its turn comes: after hours, of the last variant."""
    from accelerate import PartialState

    from bench.training.trainer import batches_of

    recipe, material, folder, _ = training
    processes = PartialState().num_processes
    if recipe.optimiser.batch % processes:
        raise InputError(
            f"optimiser.batch: expected a multiple of the {processes} processes that share it out, "
            f"found {recipe.optimiser.batch}"
        )
    if recipe.separate and recipe.loss.cached is None and processes > 1:  # torch gathers gradients of one pass a step
        raise InputError(
            f"model.towers: expected one process for two towers, or loss.cached (with the batch it is the same loss), "
            f"found {processes} processes"
        )
    if any(cards.read(folder / f"seed-{seed}") is None for seed in recipe.seeds):
        batches_of(recipe, recipe.seeds[0], material.pairs)
        with models.quiet():
            model = _model(recipe, material, device)
        for passage_set in (material.train, material.dev, material.test):
            refuse_long(model, passage_set)


def _train(training: Training, device: str, ran: Environment) -> None:
    from accelerate import PartialState
    from transformers import set_seed

    processes = PartialState()
    recipe, material, folder, say = training
    for seed in recipe.seeds:
        into = folder / f"seed-{seed}"
        if cards.read(into) is not None:
            say(f"seed {seed}: trained before, in {into}")
            if processes.is_main_process:
                shutil.rmtree(into / CHECKPOINTS, ignore_errors=True)
            continue
        set_seed(seed)
        with models.quiet():
            model = _model(recipe, material, device)
            with disk_errors_explained(f"training of seed {seed}", folder), processes.main_process_first():
                _save_start(model, folder)
        _trained(recipe, seed, model, material, into, say, ran)
        processes.wait_for_everyone()  # every one reads the best checkpoint at its end
        if processes.is_main_process:
            shutil.rmtree(into / CHECKPOINTS)


def _device(asked: str | None) -> str:
    """What torch calls the device of this process; InputError where there is no such."""
    import torch

    on_gpu = torch.cuda.is_available()
    if asked not in (None, "cpu", "cuda") or (asked == "cuda" and not on_gpu):
        raise InputError(
            f"--device: expected {'cpu or cuda, the GPU by CUDA_VISIBLE_DEVICES' if on_gpu else 'cpu'}, as torch "
            f"{torch.__version__} finds {'a GPU' if on_gpu else 'no GPU'} here, found {asked!r}"
        )
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if on_gpu and asked != "cpu" else "cpu"


def _begin(training: Training) -> None:
    """Write what the folder is begun with; InputError where it was begun with something else."""
    recipe, material, folder, _ = training
    begun = FolderRecord(
        recipe=msgspec.structs.replace(recipe, seeds=()),  # more of them may be added
        train=material.train.sha256,
        dev=material.dev.sha256,
        test=material.test.sha256,
        starts=material.starts,
    )
    path = folder / BEGUN
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, run_folder.pretty(begun))
        return
    try:
        old = msgspec.convert(cards.upgraded(msgspec.json.decode(path.read_bytes())), FolderRecord)
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: expected what the folder was begun with, found: {error}: choose another folder with -o"
        ) from error
    for name in FolderRecord.__struct_fields__:
        if getattr(old, name) != getattr(begun, name):
            raise InputError(f"{folder} was begun with another {name}: choose another folder with -o")


def _model(recipe: Recipe, material: TrainingData, device: str) -> SentenceTransformer:
    """The model to start from."""
    from bench.training.model import model_of

    texts = [text for pair in material.pairs for text in (pair.query, pair.passage)]
    return model_of(recipe, list(dict.fromkeys(texts)), device)


def _trained(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    material: TrainingData,
    into: Path,
    say: Callable[[str], None],
    ran: Environment,
) -> None:
    """Train from one seed, and write the model and its card; the card last, as what says that it is whole."""
    import torch
    from accelerate import PartialState

    limit = limit_of(model, "passage")
    passages = list(dict.fromkeys(pair.passage for pair in material.pairs))
    cut = None if limit is None else sum(n > limit for n in lengths_of(model, "passage", passages)) / len(passages)
    on_gpu = model.device.type == "cuda"
    with disk_errors_explained(f"training of seed {seed}", into):
        into.mkdir(parents=True, exist_ok=True)
    curve, spent = fit(recipe, seed, model, material.pairs, Dev(material.dev, recipe), into, say)
    if not PartialState().is_main_process:
        return
    weights = list(model.parameters())
    found = TrainingCard(
        recipe=recipe,
        seed=seed,
        train=cards.taken(material.train),
        dev=cards.taken(material.dev),
        test=cards.taken(material.test),
        leaks=material.leaks,
        start_sha256=material.starts,
        pairs=len(material.pairs),
        mined=material.mined,
        negatives=recipe.negatives_each,
        passages_cut=cut,
        parameters=sum(tensor.numel() for tensor in weights),
        weights_bytes=sum(tensor.numel() * tensor.element_size() for tensor in weights),
        curve=curve,
        spent=spent,
        processes=PartialState().num_processes,
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
        precision=precision(recipe, on_gpu=on_gpu),
        environment=ran,
    )
    with models.quiet(), disk_errors_explained(f"training of seed {seed}", into):
        _save(model, into)
        cards.write(found, into)


def _save(model: SentenceTransformer, folder: Path) -> None:
    model.save_pretrained(str(folder), create_model_card=False)


def _save_start(model: SentenceTransformer, folder: Path) -> None:
    """What the first seed starts from: all of it, or nothing."""
    if (folder / START).exists():
        return
    part = folder / f"{START}.part"
    shutil.rmtree(part, ignore_errors=True)
    _save(model, part)
    part.rename(folder / START)
