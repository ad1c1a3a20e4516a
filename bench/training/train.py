"""Recipes and a folder -> a model from each seed, what it started from, and a suite that puts them into the ring."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bench import corpora, store
from bench.errors import InputError
from bench.passage_set import PassageSet
from bench.training import card as cards
from bench.training.card import TrainingCard
from bench.training.dev import Dev
from bench.training.fit import CHECKPOINTS, fit, told_of_the_disk
from bench.training.leaks import Leaks, audit
from bench.training.pairs import Mined, Pair, mine, pairs, relevant
from bench.training.recipe import STATIC, Experiment, Recipe
from bench.training.trainer import precision
from retrievers.contract import Role
from retrievers.encoders import models
from retrievers.registry import Registry, parse

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BEGUN = "recipe.json"  # what a folder was begun with
START = "start"
SUITE = "suite.toml"
NEEDED = ("sentence_transformers", "datasets", "accelerate")
COUNTED = 256  # texts whose tokens are counted at a time


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="recipe/1"):
    """What the models of a folder have in common; another recipe, or other data, is another folder."""

    recipe: Recipe
    train: str  # SHA-256 of each set
    dev: str
    test: str
    starts: dict[str, str]  # SHA-256 of each start that is a model


class Material(NamedTuple):
    """What every seed is trained on."""

    train: PassageSet
    dev: PassageSet
    test: PassageSet
    leaks: dict[str, Leaks]  # of the test set, in train and in dev
    pairs: Sequence[Pair]
    mined: Mined | None
    starts: dict[str, str]


def train(
    asked: Experiment, folder: Path, registry: Registry, say: Callable[[str], None], device: str | None = None
) -> list[TrainingCard]:
    """
    Train a model from each seed of a recipe that has none in `folder` yet: folder/seed-1, folder/seed-2 ...; of
    variants in folder/NAME/seed-1 ...

    Beside the models lies `start`, what the first of them started from; folder/suite.toml runs all of them, TF-IDF and
    BM25 on the test set. Begun and stopped, the same call goes on from the last checkpoint. device: "cpu" or "cuda";
    None: a GPU where there is one. The cards of all models that lie there, variant by variant. InputError for whatever
    can not be trained.

    Started by torchrun or `accelerate launch` as several processes, each with a GPU of its own, they share out every
    batch; one of them writes, and the others return no cards.
    """
    missing = [name for name in NEEDED if (spec := find_spec(name)) is None or spec.origin is None]
    if missing:  # a folder called datasets has a spec, and no origin
        raise InputError(f"sparring train: {', '.join(missing)} not found: pip install 'sparring[train]'")
    if asked.varied and (folder / BEGUN).is_file():
        raise InputError(f"{folder} was begun with one recipe: choose another folder with -o for variants")
    from accelerate import PartialState

    device = _device(device)
    processes = PartialState(cpu=device == "cpu")
    say = say if processes.is_main_process else _unsaid
    audits: dict[tuple[str, str], Leaks] = {}
    models_of = []
    for recipe in asked.recipes:
        into, told = folder, say
        if asked.varied:
            into, told = folder / recipe.name, partial(_of_variant, recipe.name, say)
        _train(recipe, into, _material(recipe, registry, audits, told), told, device)
        models_of.append((into, cards.of(into)))
    if not processes.is_main_process:
        return []
    store.write_whole(folder / SUITE, suite(asked.name, models_of).encode())
    return [card for _, found in models_of for card in found]


def _unsaid(_: str) -> None:
    """Of several processes one tells what all of them do."""


def _of_variant(name: str, say: Callable[[str], None], line: str) -> None:
    say(f"{name}: {line}")


def _train(recipe: Recipe, folder: Path, material: Material, say: Callable[[str], None], device: str) -> None:
    from accelerate import PartialState
    from transformers import set_seed

    processes = PartialState()
    if recipe.optimiser.batch % processes.num_processes:
        raise InputError(
            f"optimiser.batch: expected a multiple of the {processes.num_processes} processes that share it out, found "
            f"{recipe.optimiser.batch}"
        )
    with processes.main_process_first():
        _begin(recipe, folder, material)
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
            with told_of_the_disk(f"training of seed {seed}", folder), processes.main_process_first():
                _save_start(model, folder)
        _trained(recipe, seed, model, material, into, say)
        processes.wait_for_everyone()


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


def _material(
    recipe: Recipe, registry: Registry, audits: dict[tuple[str, str], Leaks], say: Callable[[str], None]
) -> Material:
    """What a recipe names, checked; audits: those made before, by SHA-256 of both sets."""
    sets = {part: corpora.load(getattr(recipe.data, part)) for part in ("train", "dev", "test")}
    for part, passage_set in sets.items():
        if passage_set.vectors is not None or not relevant(passage_set):
            raise InputError(
                f"passage set {passage_set.name!r}: expected texts and judgments for data.{part}, "
                f"found {'vectors' if passage_set.vectors is not None else 'no relevant passage'}"
            )
        for other in sets:
            if other != part and sets[other].sha256 == passage_set.sha256:
                raise InputError(
                    f"data.{part}: expected other questions than data.{other}, found the same set, {passage_set.name}: "
                    f"name parts of it, as {passage_set.name}:train, {passage_set.name}:dev and {passage_set.name}:test"
                )
    train_set, dev, test = sets.values()
    for part in ("train", "dev"):
        if (sets[part].sha256, test.sha256) not in audits:
            audits[sets[part].sha256, test.sha256] = audit(sets[part], test)
            say(f"leaks: {audits[sets[part].sha256, test.sha256].told(part)}")
    leaks = {part: audits[sets[part].sha256, test.sha256] for part in ("train", "dev")}
    found: Sequence[Pair] = pairs(train_set, recipe.data.pairs)
    mined = None
    if recipe.negatives is not None:
        found, mined = mine(found, train_set, recipe.negatives, parse(recipe.negatives.retriever, registry))
        say(f"hard negatives: {mined.found:,} by {recipe.negatives.retriever}, {mined.drawn:,} drawn")
    names = {recipe.model.start, recipe.model.query_start or recipe.model.start} - {STATIC}
    try:
        starts = {name: models.find(name).sha256 for name in sorted(names)}
    except ValueError as error:
        raise InputError(f"model.start: {error}") from error
    return Material(train_set, dev, test, leaks, found, mined, starts)


def _begin(recipe: Recipe, folder: Path, material: Material) -> None:
    """Write what the folder is begun with; InputError where it was begun with something else."""
    begun = Begun(
        recipe=msgspec.structs.replace(recipe, seeds=()),  # more of them may be added
        train=material.train.sha256,
        dev=material.dev.sha256,
        test=material.test.sha256,
        starts=material.starts,
    )
    path = folder / BEGUN
    if not path.is_file():
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: expected a new folder, or one of this recipe, found other files in it")
        folder.mkdir(parents=True, exist_ok=True)
        store.write_whole(path, store.pretty(begun))
        return
    try:
        old = msgspec.json.decode(path.read_bytes(), type=Begun)
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: expected what the folder was begun with, found: {error}") from error
    for name in Begun.__struct_fields__:
        if getattr(old, name) != getattr(begun, name):
            raise InputError(f"{folder} was begun with another {name}: choose another folder with -o")


def _model(recipe: Recipe, material: Material, device: str) -> SentenceTransformer:
    """The model to start from; InputError for a question that it would not read to its end."""
    from bench.training.towers import model_of

    texts = [text for pair in material.pairs for text in (pair.query, pair.passage)]
    model = model_of(recipe, list(dict.fromkeys(texts)), device)
    for passage_set in (material.train, material.dev, material.test):
        lengths = _lengths(model, "query", passage_set.queries)
        limit = _limit(model, "query")
        if limit is not None and max(lengths) > limit:
            row = lengths.index(max(lengths))
            raise InputError(
                f"passage set {passage_set.name!r}: expected questions of up to {limit} tokens, as the model reads "
                f"them, found {lengths[row]} in {passage_set.query_ids[row]!r}: raise model.max_length, or leave it out"
            )
    return model


def _trained(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    material: Material,
    into: Path,
    say: Callable[[str], None],
) -> None:
    """Train from one seed, and write the model and its card; the card last, as what says that it is whole."""
    import torch
    from accelerate import PartialState

    from bench import environment

    limit = _limit(model, "passage")
    passages = list(dict.fromkeys(pair.passage for pair in material.pairs))
    cut = None if limit is None else sum(n > limit for n in _lengths(model, "passage", passages)) / len(passages)
    on_gpu = model.device.type == "cuda"
    with told_of_the_disk(f"training of seed {seed}", into):
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
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
        precision=precision(recipe, on_gpu=on_gpu),
        environment=environment.collect(),
    )
    with models.quiet(), told_of_the_disk(f"training of seed {seed}", into):
        _save(model, into)
        cards.write(found, into)
    shutil.rmtree(into / CHECKPOINTS)


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


def _tower(model: SentenceTransformer, role: Role) -> Any:  # Any: a module of sentence-transformers, untyped here
    """The first module of the tower that reads a role."""
    first = model[0]
    towers = getattr(first, "sub_modules", None)
    return first if towers is None else towers["query" if role == "query" else "document"][0]


def _limit(model: SentenceTransformer, role: Role) -> int | None:
    """How many tokens a tower reads; None: any number."""
    limit = getattr(_tower(model, role), "max_seq_length", None)
    return int(limit) if limit is not None and limit < models.NO_LIMIT else None


def _lengths(model: SentenceTransformer, role: Role, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, prompt and special ones included; none counted (0) where a tower reads any number."""
    if _limit(model, role) is None:
        return [0] * len(texts)
    tokenizer, prompt = _tower(model, role).tokenizer, models.own_prompt(model, role)
    found: list[int] = []
    for begin in range(0, len(texts), COUNTED):
        prompted = [prompt + text for text in texts[begin : begin + COUNTED]]
        found += map(len, tokenizer(prompted, truncation=False, padding=False, verbose=False)["input_ids"])
    return found


def suite(name: str, models_of: Sequence[tuple[Path, Sequence[TrainingCard]]]) -> str:
    """
    A suite, as TOML, of trained models, what they started from, TF-IDF and BM25 on their test sets.

    models_of: of each recipe the folder of its models, and their cards, at least one. A start that is another's, too,
    stands there once. Models of Matryoshka dimensions stand there at each of them, and so does their start.
    """
    recipes = [found[0].recipe for _, found in models_of]
    measures = ["R@1", *(f"R@{recipe.stop.k}" for recipe in recipes), "RR@10"]
    tests = list(dict.fromkeys(recipe.data.test for recipe in recipes))
    cells = []
    for test in tests:
        spelled, starts = ["TfIdf() @ CSC()", "BM25() @ CSC()"], set()
        for folder, found in models_of:
            if found[0].recipe.data.test != test:
                continue
            sha256 = models.find(str(folder / START)).sha256
            for dims in (None, *found[0].recipe.loss.matryoshka):
                start = spelled_of(found[0].recipe, folder / START, dims)
                same = (sha256, start.replace(_quoted(_path(folder / START)), ""))  # but for where it lies
                if same not in starts:
                    spelled.append(start)
                    starts.add(same)
                spelled += [spelled_of(card.recipe, folder / f"seed-{card.seed}", dims) for card in found]
        listed = "".join(f"  {_quoted(retriever)},\n" for retriever in spelled)
        passages = f"passages = [{_quoted(test)}]\n" if len(tests) > 1 else ""
        cells.append(f"[[cells]]\n{passages}retrievers = [\n{listed}]\n")
    head = [
        f'name = "{name}"',
        f"passages = [{', '.join(map(_quoted, tests))}]",
        f"measures = [{', '.join(map(_quoted, dict.fromkeys(measures)))}]",
        f'primary = "R@{recipes[0].stop.k}"',
    ]
    if len(tests) == 1:
        head.append(f"baseline = {_quoted(spelled_of(recipes[0], models_of[0][0] / START))}")
    return "\n".join([*head, "", *cells])


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
    """A TOML string: JSON's escapes are TOML's, but for a slash that neither needs."""
    return msgspec.json.encode(text).decode()
