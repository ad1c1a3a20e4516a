"""A recipe and a folder -> a model from each seed, what it started from, and a suite that puts them into the ring."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
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
from bench.training.recipe import STATIC, Recipe
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
    recipe: Recipe, folder: Path, registry: Registry, say: Callable[[str], None], device: str | None = None
) -> list[TrainingCard]:
    """
    Train a model from each seed of the recipe that has none in `folder` yet: folder/seed-1, folder/seed-2 ...

    folder/start is what the first of them started from, and folder/suite.toml runs it, every model there, TF-IDF and
    BM25 on the test set. Begun and stopped, the same call goes on from the last checkpoint. device: "cpu" or "cuda";
    None: a GPU where there is one. InputError for whatever can not be trained.
    """
    missing = [name for name in NEEDED if (spec := find_spec(name)) is None or spec.origin is None]
    if missing:  # a folder called datasets has a spec, and no origin
        raise InputError(f"sparring train: {', '.join(missing)} not found: pip install 'sparring[train]'")
    from transformers import set_seed

    device = _device(device)
    material = _material(recipe, registry, say)
    _begin(recipe, folder, material)
    for seed in recipe.seeds:
        into = folder / f"seed-{seed}"
        if cards.read(into) is not None:
            say(f"seed {seed}: trained before, in {into}")
            shutil.rmtree(into / CHECKPOINTS, ignore_errors=True)
            continue
        set_seed(seed)
        with models.quiet():
            model = _model(recipe, material, device)
            with told_of_the_disk(f"training of seed {seed}", folder):
                _save_start(model, folder)
        _trained(recipe, seed, model, material, into, say)
    found = cards.of(folder)
    store.write_whole(folder / SUITE, suite(recipe, folder, [card.seed for card in found]).encode())
    return found


def _device(asked: str | None) -> str:
    """What torch calls the device; InputError where there is no such, or there are several processes on it."""
    import torch

    on_gpu = torch.cuda.is_available()
    if asked not in (None, "cpu", "cuda") or (asked == "cuda" and not on_gpu):
        raise InputError(
            f"--device: expected {'cpu or cuda, the GPU by CUDA_VISIBLE_DEVICES' if on_gpu else 'cpu'}, as torch "
            f"{torch.__version__} finds {'a GPU' if on_gpu else 'no GPU'} here, found {asked!r}"
        )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            f"sparring train: expected one process, found WORLD_SIZE={os.environ['WORLD_SIZE']}: it trains on one "
            "device; start it without torchrun or accelerate launch"
        )
    return asked or ("cuda" if on_gpu else "cpu")


def _material(recipe: Recipe, registry: Registry, say: Callable[[str], None]) -> Material:
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
    leaks = {part: audit(sets[part], test) for part in ("train", "dev")}
    for part, found_there in leaks.items():
        say(f"leaks: {found_there.told(part)}")
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

    from bench import environment

    limit = _limit(model, "passage")
    passages = list(dict.fromkeys(pair.passage for pair in material.pairs))
    cut = None if limit is None else sum(n > limit for n in _lengths(model, "passage", passages)) / len(passages)
    on_gpu = model.device.type == "cuda"
    with told_of_the_disk(f"training of seed {seed}", into):
        into.mkdir(parents=True, exist_ok=True)
    curve, spent = fit(recipe, seed, model, material.pairs, Dev(material.dev, recipe), into, say)
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


def suite(recipe: Recipe, folder: Path, seeds: Sequence[int]) -> str:
    """A suite, as TOML, of the trained models, their start, TF-IDF and BM25 on the test set."""
    similarity = "" if recipe.model.similarity == "cosine" else f', similarity="{recipe.model.similarity}"'
    names = [START, *(f"seed-{seed}" for seed in seeds)]
    paths = [_quoted(_path(folder / name)) for name in names]
    if recipe.model.head == "splade":
        spelled = [f"SparseEncoder({path}) @ CSC()" for path in paths]
    else:
        spelled = [f"BiEncoder({path}{similarity}) @ Flat()" for path in paths]
    measure = f"R@{recipe.stop.k}"
    lines = [
        f'name = "{recipe.name}"',
        f"passages = [{_quoted(recipe.data.test)}]",
        f'measures = ["R@1", {"" if measure == "R@1" else _quoted(measure) + ", "}"RR@10"]',
        f'primary = "{measure}"',
        f"baseline = {_quoted(spelled[0])}",
        "",
        "[[cells]]",
        "retrievers = [",
        '  "TfIdf() @ CSC()",',
        '  "BM25() @ CSC()",',
        *(f"  {_quoted(retriever)}," for retriever in spelled),
        "]",
    ]
    return "\n".join(lines) + "\n"


def _path(folder: Path) -> str:
    """A folder as a model's name: one of two words, as `models/start`, could be the hub's."""
    return f"./{folder}" if not folder.is_absolute() and len(folder.parts) < 3 else str(folder)


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, but for a slash that neither needs."""
    return msgspec.json.encode(text).decode()
