"""
sentence-transformers' trainer, as it is handed a recipe: the batches, the optimiser, when it evaluates and saves.

Every batch is full and apart: none of its texts stands twice in it, and none is known to be relevant to another one's
question. So each question has as many in-batch negatives, and none of them is known to answer it. Several processes
share out a batch, and the negatives of a question are the passages of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.errors import InputError
from bench.training.dev_recall import Dev
from bench.training.losses import loss_of
from bench.training.model import KINDS
from bench.training.pairs import Pair
from bench.training.recipe import Recipe

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LOGS = 10  # losses between two evaluations
CLIPPED = 1.0  # norm that gradients are clipped to


class Schedule(NamedTuple):
    """How many steps a training makes at most, and after how many it evaluates and saves each time."""

    steps: int
    every: int


def trainer_of(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    dev: Dev,
    checkpoints: Path,
    *,
    resumed: bool,
    on_evaluate: Callable[[int, int, float | None, float], None],
    on_save: Callable[[Path], None],
) -> Any:  # Any: sentence-transformers is untyped here
    """
    The trainer, with everything it is handed.

    Args:
        checkpoints: folder that it saves into.
        resumed: whether it goes on from one of them.
        on_evaluate: is told the step, how many there are, the last loss and the dev recall of each evaluation.
        on_save: is told the folder of each checkpoint.

    Raises InputError where pairs are too few for full batches.
    """
    from transformers import PrinterCallback

    columns = ["query", "passage", *(f"negative_{i + 1}" for i in range(len(pairs[0].negatives)))]
    roles = {name: "query" if name == "query" else "document" for name in columns}
    batches = batches_of(recipe, seed, pairs)
    schedule = _schedule(recipe, len(batches))
    trainer = _trainer_class(KINDS[recipe.model.head], batches, f"training of seed {seed}", checkpoints)(
        model=model,
        args=_arguments(recipe, seed, model, roles, schedule, checkpoints, resumed=resumed),
        train_dataset=_table(columns, [(pair.query, pair.passage, *pair.negatives) for pair in pairs]),
        loss=loss_of(recipe, model),
        evaluator=_evaluator(dev),
        callbacks=_callbacks(recipe, dev.measure, checkpoints, on_evaluate, on_save),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _schedule(recipe: Recipe, n_batches: int) -> Schedule:
    """n_batches: of an epoch."""
    steps = math.ceil(n_batches / recipe.optimiser.accumulate)
    return Schedule(math.ceil(steps * recipe.optimiser.epochs), max(1, steps // recipe.stop.evaluations))


def _trainer_class(kind: str, batches: Any, who: str, checkpoints: Path) -> Any:  # Any: as in trainer_of
    """
    The library's trainer of a kind of model, fed with our batches, and ended by a loss that is not finite.

    The classes of this module are made when a training begins: their bases take seconds to import.
    """
    import sentence_transformers as library
    import torch

    base: Any = getattr(library, f"{kind}Trainer")  # Any: as above

    class Trainer(base):  # type: ignore[misc]  # sentence-transformers is untyped here
        def add_model_card_callback(self, _: object) -> None:
            """None: `bench.training.card` says more."""

        def get_batch_sampler(self, *_: object, **__: object) -> Any:  # Any: as above
            return batches

        def compute_loss(self, *arguments: Any, **options: Any) -> Any:  # Any: as above
            loss = super().compute_loss(*arguments, **options)
            value = loss[0] if isinstance(loss, tuple) else loss
            if not torch.isfinite(value):
                raise InputError(
                    f"{who}: expected a finite loss, found {value.item()} at step {self.state.global_step + 1}: lower "
                    f"optimiser.learning_rate or raise loss.temperature; checkpoints up to then lie in {checkpoints}"
                )
            return loss

        def _load_best_model(self) -> None:
            """As above it, which only logs where it could not."""
            self._load_from_checkpoint(str(self.state.best_model_checkpoint))

    return Trainer


def _evaluator(dev: Dev) -> Any:  # Any: as in trainer_of
    from sentence_transformers.base.evaluation import BaseEvaluator

    class DevRecall(BaseEvaluator):  # type: ignore[misc]  # sentence-transformers is untyped here
        def __call__(self, model: Any, *_: object, **__: object) -> dict[str, float]:  # Any: as above
            return {dev.measure: dev.recall(model)}

    return DevRecall()


def _callbacks(
    recipe: Recipe,
    measure: str,
    checkpoints: Path,
    on_evaluate: Callable[[int, int, float | None, float], None],
    on_save: Callable[[Path], None],
) -> list[Any]:  # Any: as in trainer_of
    """Who is called after each evaluation and checkpoint: the caller, and early stopping."""
    from transformers import EarlyStoppingCallback, TrainerCallback

    class Reporter(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ARG002  # their names
            on_save(checkpoints / f"checkpoint-{state.global_step}")

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: object) -> None:  # noqa: ARG002
            last = next((line["loss"] for line in reversed(state.log_history) if "loss" in line), None)
            on_evaluate(state.global_step, state.max_steps, last, metrics[f"eval_{measure}"])

    stopping = [EarlyStoppingCallback(recipe.stop.patience)] if recipe.stop.patience else []
    return [Reporter(), *stopping]


def _arguments(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    roles: dict[str, str],
    schedule: Schedule,
    checkpoints: Path,
    *,
    resumed: bool,
) -> Any:  # Any: as in trainer_of
    """The library's table of training arguments. roles: of the columns, "query" or "document"."""
    import sentence_transformers as library
    from sentence_transformers.base.modules import Router

    optimiser, on_gpu = recipe.optimiser, model.device.type == "cuda"
    arguments = getattr(library, f"{KINDS[recipe.model.head]}TrainingArguments")(
        output_dir=str(checkpoints),
        seed=seed,
        max_steps=schedule.steps,
        per_device_train_batch_size=optimiser.batch,
        gradient_accumulation_steps=optimiser.accumulate,
        learning_rate=optimiser.learning_rate,
        weight_decay=optimiser.weight_decay,
        warmup_steps=math.ceil(optimiser.warmup * schedule.steps),
        max_grad_norm=CLIPPED,
        bf16=precision(recipe, on_gpu=on_gpu) == "bfloat16",
        use_cpu=not on_gpu,
        accelerator_config={"split_batches": True},  # of several processes each takes its part of a batch
        dataloader_drop_last=True,
        dataloader_pin_memory=on_gpu,
        eval_strategy="steps",
        eval_steps=schedule.every,
        eval_on_start=not resumed,  # a second evaluation at one step would count as one without a gain
        save_strategy="steps",
        save_steps=schedule.every,
        save_total_limit=2,  # the best and the last
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{recipe.stop.measure}",
        greater_is_better=True,
        logging_steps=max(1, schedule.every // LOGS),
        logging_nan_inf_filter=False,
        restore_callback_states_from_checkpoint=True,
        router_mapping=roles if isinstance(model[0], Router) else {},
        prompts=_prompts(model, roles),
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # with more, torch would put as many batches into one
    return arguments


def precision(recipe: Recipe, *, on_gpu: bool) -> str:
    """Of computation: "float32" or "bfloat16"."""
    return recipe.optimiser.precision or ("bfloat16" if on_gpu else "float32")


def batches_of(recipe: Recipe, seed: int, pairs: Sequence[Pair]) -> Any:  # Any: a batch sampler, untyped here
    """
    What says which pairs are a batch: full ones alone, and apart.

    InputError where an epoch of them cannot be made.
    """
    import torch
    from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

    batch = recipe.optimiser.batch
    most = max(len(pair.known) for pair in pairs)
    # Two rows with a text in common are never in one batch. Beside its own texts a row has what is known to be
    # relevant to its question, as often as the columns ask for.
    held = [(pair.query, pair.passage, *pair.negatives, *_filled(pair.known, most)) for pair in pairs]
    table = _table([f"text_{i}" for i in range(len(held[0]))], held)
    sampler = NoDuplicatesBatchSampler(table, batch_size=batch, drop_last=True, generator=torch.Generator(), seed=seed)
    made = sum(1 for _ in sampler)
    if not len(sampler) or made < len(sampler):
        hard = " and their hard negatives" if pairs[0].negatives else ""
        raise InputError(
            f"optimiser.batch: expected a batch that {len(pairs):,} pairs{hard} fill without a text twice, of "
            f"{len({pair.passage for pair in pairs}):,} passages, found {batch:,}: lower it"
        )
    return sampler


def _filled(texts: Sequence[str], length: int) -> list[str]:
    return [*texts, *[texts[0]] * (length - len(texts))]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:  # Any: a Dataset, untyped here
    from datasets import Dataset

    return Dataset.from_dict(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))


def _prompts(model: SentenceTransformer, roles: dict[str, str]) -> dict[str, str]:
    """What the model puts before a text, a column each; none where it puts nothing."""
    from retrievers.models import own_prompt

    found = {name: own_prompt(model, "query" if role == "query" else "passage") for name, role in roles.items()}
    return {name: prompt for name, prompt in found.items() if prompt}
