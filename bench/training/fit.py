"""
One training: pairs and a model -> the model at its best dev recall, and what became of loss and recall on the way.

The loop is sentence-transformers' trainer. Ours are the order of what it is handed, what it looks at, and that a
checkpoint counts when it is whole.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench import quality, store
from bench.errors import InputError
from bench.passage_set import PassageSet
from bench.training.losses import loss_of
from bench.training.pairs import SEED, Pair, relevant
from bench.training.recipe import Recipe
from retrievers.contract import top_k
from retrievers.encoders.biencoder import shaped
from retrievers.encoders.models import own_prompt, quiet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHECKPOINTS = "checkpoints"
STATE = "trainer_state.json"  # the last file of a checkpoint that is written
CLOCK = "seconds.json"  # of all that was done up to a checkpoint
LOGS = 10  # losses between two looks


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What stood at a step: the mean loss since the last one, the dev recall, or both."""

    step: int
    loss: float | None = None
    recall: float | None = None


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """How a training went."""

    looks: tuple[Look, ...]
    best_step: int
    best_recall: float
    steps: int  # that were made
    seconds: float  # over all sittings, with looks and checkpoints


class Dev:
    """The dev questions, and a corpus small enough to be encoded at every look."""

    def __init__(self, passage_set: PassageSet, recipe: Recipe) -> None:
        known = relevant(passage_set)
        others = [name for name in passage_set.passage_ids if name not in known]
        random.Random(SEED).shuffle(others)  # noqa: S311  # a sample, no secret
        chosen = {*known, *others[: max(recipe.stop.passages - len(known), 0)]}
        texts = zip(passage_set.passage_ids, passage_set.passages, strict=True)
        self.passages = {name: text for name, text in texts if name in chosen}
        self.query_ids = passage_set.query_ids
        self.queries = passage_set.queries
        self.qrels = passage_set.qrels or {}
        self.recipe = recipe

    @property
    def measure(self) -> str:
        return f"R@{self.recipe.stop.k}"

    def recall(self, model: SentenceTransformer) -> float:
        """Mean recall of the dev questions, by exact search."""
        batch = self.recipe.optimiser.batch
        similarity = self.recipe.model.similarity

        def encoded(encode: Callable[..., object], texts: Sequence[str]) -> NDArray[np.float32]:
            return np.asarray(encode(list(texts), batch_size=batch, show_progress_bar=False), np.float32)

        passages = shaped(encoded(model.encode_document, list(self.passages.values())), "passage", similarity, None)
        queries = shaped(encoded(model.encode_query, self.queries), "query", similarity, None)
        hits = top_k(queries @ passages.T, self.recipe.stop.k, positive=False)
        values = quality.measure(hits, tuple(self.passages), self.query_ids, self.qrels, [self.measure])
        return float(values[self.measure].mean())


def fit(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    dev: Dev,
    folder: Path,
    say: Callable[[str], None],
) -> Curve:
    """
    Train `model` in place, and leave it at its best dev recall.

    Checkpoints lie in folder/checkpoints; where some are there, it goes on from the last whole one and ends as if it
    had never been stopped. say: takes a line of progress. InputError for too few pairs, a loss that is not finite and
    a disk that is full; the last whole checkpoint stays.
    """
    checkpoints = folder / CHECKPOINTS
    resumed = last_whole(checkpoints)
    before = 0.0 if resumed is None else json.loads((resumed / CLOCK).read_text())
    begin = time.perf_counter()

    def seconds() -> float:
        return before + time.perf_counter() - begin

    try:
        with quiet():
            trainer = _trainer(recipe, seed, model, pairs, dev, checkpoints, say, seconds)
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    except OSError as error:
        raise InputError(
            f"training of seed {seed}: {checkpoints} could not be written ({error.strerror or error}): make room; "
            "the same command goes on from the last checkpoint"
        ) from error
    state = trainer.state
    return Curve(
        looks=tuple(_looks(state.log_history, f"eval_{dev.measure}")),
        best_step=state.best_global_step or 0,
        best_recall=float(state.best_metric),
        steps=state.global_step,
        seconds=seconds(),
    )


def last_whole(checkpoints: Path) -> Path | None:
    """The checkpoint of the highest step that was written to its end; those that were not are removed."""
    whole = {}
    for path in checkpoints.glob("checkpoint-*"):
        try:
            json.loads((path / STATE).read_text())
            json.loads((path / CLOCK).read_text())
            whole[int(path.name.rpartition("-")[2])] = path
        except (OSError, ValueError):
            shutil.rmtree(path)
    return whole[max(whole)] if whole else None


def _looks(history: Sequence[dict[str, float]], recall: str) -> list[Look]:
    found: dict[int, dict[str, float]] = {}
    for line in history:
        for key, name in (("loss", "loss"), (recall, "recall")):
            if key in line:
                found.setdefault(int(line["step"]), {})[name] = float(line[key])
    return [Look(step=step, **values) for step, values in sorted(found.items())]


def _trainer(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    dev: Dev,
    checkpoints: Path,
    say: Callable[[str], None],
    seconds: Callable[[], float],
) -> Any:  # Any: sentence-transformers is untyped here
    """The trainer, with everything it is handed."""
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.base.evaluation import BaseEvaluator
    from sentence_transformers.base.training_args import BatchSamplers
    from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

    asked = recipe.optimiser
    steps = len(pairs) // asked.batch // asked.accumulate
    distinct = len({pair.passage for pair in pairs})
    if steps == 0 or distinct < asked.batch:
        raise InputError(
            f"optimiser.batch: expected at most {min(len(pairs) // asked.accumulate, distinct)}, as there are "
            f"{len(pairs):,} pairs with {distinct:,} different passages and none stands twice in a batch, "
            f"found {asked.batch}{f' times {asked.accumulate}' if asked.accumulate > 1 else ''}"
        )
    every = max(1, steps // recipe.stop.looks)
    total = max(1, math.ceil(steps * asked.epochs))
    measure = dev.measure
    on_gpu = model.device.type == "cuda"
    precision = asked.precision or ("bfloat16" if on_gpu else "float32")
    columns = ["query", "passage", *(f"negative_{i + 1}" for i in range(len(pairs[0].negatives)))]
    routes = {name: "query" if name == "query" else "document" for name in columns}
    rows = [(pair.query, pair.passage, *pair.negatives) for pair in pairs]

    class Recall(BaseEvaluator):  # type: ignore[misc]  # sentence-transformers is untyped here
        def __call__(self, model: Any, *_: object, **__: object) -> dict[str, float]:
            return {measure: dev.recall(model)}

    class Trainer(SentenceTransformerTrainer):  # type: ignore[misc]  # as above
        def add_model_card_callback(self, _: object) -> None:
            """None: `bench.training.card` says more."""

        def compute_loss(self, *arguments: Any, **options: Any) -> Any:
            loss = super().compute_loss(*arguments, **options)
            value = loss[0] if isinstance(loss, tuple) else loss
            if not torch.isfinite(value):
                raise InputError(
                    f"training of seed {seed}: expected a finite loss, found {value.item()} at step "
                    f"{self.state.global_step + 1}: lower optimiser.learning_rate or raise loss.temperature; "
                    f"checkpoints up to then lie in {checkpoints}"
                )
            return loss

    class Progress(TrainerCallback):  # type: ignore[misc]  # as above
        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ARG002  # transformers' names
            store.write_whole(checkpoints / f"checkpoint-{state.global_step}" / CLOCK, json.dumps(seconds()).encode())

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: object) -> None:  # noqa: ARG002
            last = next((line["loss"] for line in reversed(state.log_history) if "loss" in line), None)
            loss = "" if last is None else f", loss {last:.3f}"
            done = state.global_step / state.max_steps
            left = f", about {seconds() * (1 - done) / done / 60:.0f} min left" if done else ""
            found = metrics[f"eval_{measure}"]
            say(f"seed {seed}: step {state.global_step} of {state.max_steps}{loss}, dev {measure} {found:.4f}{left}")

    callbacks: list[Any] = [Progress()]
    if recipe.stop.patience:
        callbacks.append(EarlyStoppingCallback(recipe.stop.patience))
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        seed=seed,
        max_steps=total,
        per_device_train_batch_size=asked.batch,
        gradient_accumulation_steps=asked.accumulate,
        learning_rate=asked.learning_rate,
        weight_decay=asked.weight_decay,
        warmup_steps=math.ceil(asked.warmup * total),
        bf16=precision == "bfloat16",
        use_cpu=not on_gpu,
        batch_sampler=BatchSamplers.NO_DUPLICATES,  # the same text twice would be its own negative
        dataloader_drop_last=True,  # every question is told from as many passages
        dataloader_pin_memory=on_gpu,
        eval_strategy="steps",
        eval_steps=every,
        eval_on_start=True,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the best and the last
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{measure}",
        greater_is_better=True,
        logging_steps=max(1, every // LOGS),
        logging_nan_inf_filter=False,
        restore_callback_states_from_checkpoint=True,
        router_mapping=routes if recipe.separate else {},
        prompts=_prompts(model, columns),
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))),
        loss=loss_of(recipe, model),
        evaluator=Recall(),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _prompts(model: SentenceTransformer, columns: Sequence[str]) -> dict[str, str]:
    """The model's own prompts, as `BiEncoder` puts them before a text, a column each."""
    found = {name: own_prompt(model, "query" if name == "query" else "passage") for name in columns}
    return {name: prompt for name, prompt in found.items() if prompt}
