"""TOML -> a training: data, model, loss, negatives and optimiser named apart, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec

from bench import toml
from bench.errors import InputError
from bench.run.suite_rules import NAME

Similarity: TypeAlias = Literal["cosine", "dot", "l2"]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
AtLeast1: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
AtLeast2: TypeAlias = Annotated[int, msgspec.Meta(ge=2)]
Above0: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=10_000)]
Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=10_000)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]

FOLDER = Path(__file__).parent / "recipes"
STATIC = "static"  # the start that is no pretrained model
TEMPERATURE = {"cosine": 0.05, "dot": 1.0, "l2": 1.0}  # of a recipe that names none; Karpukhin et al. 2020: dot, 1


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Passage sets with judgments, as `--passages` takes them. A pair is a question and a passage relevant to it."""

    train: str
    dev: str  # evaluated for early stopping
    test: str  # held against leaks and lengths; never evaluated while training
    pairs: AtLeast2 | None = None  # train on so many at most, a seeded sample; None: on all


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is trained."""

    start: (
        str  # a model as `BiEncoder` takes it, or "static": vectors of tokens, by a tokenizer made of the train texts
    )
    query_start: str | None = None  # of the tower of questions; None: `start`
    towers: Literal["shared", "separate"] = "shared"
    layers: AtLeast1 | None = None  # keep the first so many of a transformer; None: all
    pooling: Literal["mean", "cls"] | None = None  # of token vectors; None: the start's
    head: Literal["dense", "splade"] = "dense"  # "splade": a weight a term of the vocabulary (Formal et al. 2021)
    similarity: Similarity = "cosine"
    max_length: AtLeast1 | None = None  # tokens: passages are cut there, and no question is longer; None: the start's
    dims: AtLeast1 = 256  # of a static start
    vocabulary: Annotated[int, msgspec.Meta(ge=300)] = 16_000  # tokens of a static start


class Loss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cross-entropy of a question's passage among all passages of its batch."""

    temperature: Above0 | None = None  # similarities are divided by it; None: TEMPERATURE
    symmetric: bool = False  # also of a passage's question among all questions (Günther et al. 2024)
    cached: AtLeast1 | None = None  # texts in memory at once (GradCache, Gao et al. 2021); None: the whole batch
    query_flops: Weight | None = None  # of "splade": what a question's terms cost (Paria et al. 2020); None: 5e-5
    passage_flops: Weight | None = None  # the same of a passage's; None: 3e-5
    matryoshka: tuple[AtLeast1, ...] = ()  # also of vectors cut to so many dimensions (Kusupati et al. 2022); cosine


class Negatives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hard negatives: passages of the train set that a retriever finds for a question and that are not relevant."""

    retriever: str = "BM25() @ CSC()"
    each: AtLeast1 = 1  # of a question
    depth: AtLeast1 = 30  # how deep they are looked for
    below: Share = 0.95  # of the relevant passage's score: what scores more is taken for relevant, too


class Optimiser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW with a linear schedule (Loshchilov & Hutter 2019), gradients clipped to a norm of 1."""

    batch: AtLeast2 = 64  # questions, each with its passage: what negatives there are
    accumulate: AtLeast1 = 1  # batches a step; adds no negatives
    epochs: Above0 = 1.0
    learning_rate: Above0 = 5e-5
    warmup: Share = 0.1  # of the steps: in these the rate grows
    weight_decay: Share = 0.01
    precision: Literal["float32", "bfloat16"] | None = None  # of computation; None: bfloat16 on a GPU, else float32


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Early stopping: the checkpoint with the best dev recall is the result."""

    k: AtLeast1 = 10
    evaluations: AtLeast1 = 4  # of an epoch
    patience: Natural = 3  # evaluations without a better one; 0: train to the end
    passages: AtLeast1 = 1_000  # of the dev corpus: the relevant ones, then a seeded sample of the others

    @property
    def measure(self) -> str:
        """What stops it, as measures are spelled."""
        return f"R@{self.k}"


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One recipe: a model is trained from each seed."""

    name: str
    data: Data
    model: Model
    loss: Loss = Loss()
    negatives: Negatives | None = None
    optimiser: Optimiser = Optimiser()
    stop: Stop = Stop()
    seeds: tuple[Natural, ...] = (1, 2, 3)

    @property
    def temperature(self) -> float:
        return TEMPERATURE[self.model.similarity] if self.loss.temperature is None else self.loss.temperature

    @property
    def separate(self) -> bool:
        """Whether questions and passages have towers of their own."""
        return self.model.towers == "separate" or self.model.query_start is not None

    @property
    def at_once(self) -> int:
        """How many questions, or passages, are in memory at once: in evaluations too, so that a batch in parts fits."""
        return self.loss.cached or self.optimiser.batch

    @property
    def negatives_each(self) -> int:
        """
        In-batch negatives of a query: all other passages of its batch, everyone's hard negatives among them.

        Batches are full and apart, so it is the same for every question; accumulation adds none.
        """
        return self.optimiser.batch * (1 + (self.negatives.each if self.negatives else 0)) - 1


TABLES: dict[str, type[msgspec.Struct]] = {
    "data": Data,
    "model": Model,
    "loss": Loss,
    "negatives": Negatives,
    "optimiser": Optimiser,
    "stop": Stop,
}


class Experiment(NamedTuple):
    """What a recipe's file asks for: one recipe, or variants of it, each with a name of its own."""

    name: str
    recipes: tuple[Recipe, ...]

    @property
    def varied(self) -> bool:
        return len(self.recipes) > 1 or self.recipes[0].name != self.name


def load(name: str) -> Experiment:
    """Read a recipe: a path, or the name of one that ships. InputError says which key, what was expected and found."""
    text, path = toml.read(name, "recipe", FOLDER)
    return parse(text, f"recipe {path}")


def parse(text: str, where: str) -> Experiment:
    """
    What is written in `text`; `where` names it in errors.

    A `[[variants]]` is the recipe above it, but for the keys that it names.
    """
    found = toml.loads(text, where)
    variants = found.pop("variants", None)
    whole = _recipe(found, where)
    if variants is None:
        return Experiment(whole.name, (whole,))
    if not isinstance(variants, list) or not all(isinstance(each, dict) and "name" in each for each in variants):
        raise InputError(f"{where}: variants: expected [[variants]], each with a name, found others")
    recipes = []
    for each in variants:
        merged = dict(found)
        for key, value in each.items():
            below = merged.get(key)
            merged[key] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
        recipes.append(_recipe(merged, f"{where}: variant {each['name']!r}"))
    names = [recipe.name for recipe in recipes]
    if not names or len(set(names)) < len(names):
        raise InputError(f"{where}: variants: expected at least one, each name once, found {names}")
    if reserved := {"ring", "start", "suite.toml"}.intersection(names):  # each variant is a folder beside these
        raise InputError(f"{where}: variants: expected other names than {', '.join(sorted(reserved))}")
    if len({recipe.stop.k for recipe in recipes}) > 1:
        raise InputError(f"{where}: variants: expected one stop.k for all, as one table has them, found several")
    return Experiment(whole.name, tuple(recipes))


def _recipe(found: Mapping[str, Any], where: str) -> Recipe:  # Any: whatever TOML has
    recipe = toml.convert(found, where, Recipe, TABLES)
    if not NAME.fullmatch(recipe.name):
        raise InputError(
            f"{where}: name: expected a letter or digit, then letters, digits, '_', '.' and '-', found {recipe.name!r}"
        )
    if not recipe.seeds or len(set(recipe.seeds)) < len(recipe.seeds):
        raise InputError(f"{where}: seeds: expected at least one, each once, found {list(recipe.seeds)}")
    if STATIC in (recipe.model.start, recipe.model.query_start) and (recipe.model.layers or recipe.model.pooling):
        raise InputError(f"{where}: model: expected neither layers nor pooling: a static start has none")
    if STATIC in (recipe.model.start, recipe.model.query_start) and recipe.loss.cached:
        raise InputError(f"{where}: loss.cached: expected none with a static start, whose batches fit memory whole")
    if recipe.model.head == "splade":
        _splade(recipe, where)
    elif recipe.loss.query_flops is not None or recipe.loss.passage_flops is not None:
        raise InputError(f'{where}: loss: expected query_flops and passage_flops with model.head = "splade" alone')
    if recipe.loss.matryoshka and recipe.model.similarity != "cosine":
        raise InputError(
            f'{where}: loss.matryoshka: expected similarity "cosine" with it, found '
            f"{recipe.model.similarity!r}: vectors are cut and made unit ones"
        )
    return recipe


def _splade(recipe: Recipe, where: str) -> None:
    """Refuse what a learned-sparse model has not."""
    if recipe.model.similarity != "dot":
        raise InputError(
            f'{where}: model.similarity: expected "dot" with head "splade", whose weights are searched by their inner '
            f"product, found {recipe.model.similarity!r}"
        )
    if STATIC in (recipe.model.start, recipe.model.query_start):
        raise InputError(f'{where}: model.start: expected a masked-language model with head "splade", found "static"')
    if recipe.model.pooling or recipe.loss.matryoshka:
        raise InputError(f'{where}: expected neither model.pooling nor loss.matryoshka with head "splade"')
