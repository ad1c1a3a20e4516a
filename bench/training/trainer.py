"""
sentence-transformers' trainer, as it is handed a recipe: the batches, the optimiser, when it looks and saves.

Every batch is full and apart: none of its texts stands twice in it, and none is known to be relevant to another one's
question. So each question is told from as many passages, and none that is known to answer it is held off. Several
processes share out a batch, and tell each question from the passages of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.training.dev_recall import Dev
from bench.training.losses import loss_of
from bench.training.model import KINDS
from bench.training.pairs import Pair
from bench.training.recipe import Recipe

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LOGS = 10  # losses between two looks
CLIPPED = 1.0  # norm that gradients are clipped to


def trainer_of(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    dev: Dev,
    checkpoints: Path,
    *,
    resumed: bool,
    looked: Callable[[int, int, float | None, float], None],
    saved: Callable[[Path], None],
) -> Any:  # Any: sentence-transformers is untyped here
    """
    The trainer, with everything it is handed.

    looked: is told the step, how many there are, the last loss and the dev recall of each look; saved: the folder of
    each checkpoint. InputError where pairs are too few for full batches.
    """
    import sentence_transformers as library
    import torch
    from sentence_transformers.base.evaluation import BaseEvaluator
    from sentence_transformers.base.modules import Router
    from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

    asked, measure = recipe.optimiser, dev.measure
    columns = ["query", "passage", *(f"negative_{i + 1}" for i in range(len(pairs[0].negatives)))]
    roles = {name: "query" if name == "query" else "document" for name in columns}
    batches = batches_of(recipe, seed, pairs)
    steps = math.ceil(len(batches) / asked.accumulate)
    every, total = max(1, steps // recipe.stop.looks), math.ceil(steps * asked.epochs)
    on_gpu = model.device.type == "cuda"

    class Recall(BaseEvaluator):  # type: ignore[misc]  # sentence-transformers is untyped here
        def __call__(self, model: Any, *_: object, **__: object) -> dict[str, float]:
            return {measure: dev.recall(model)}

    kind = KINDS[recipe.model.head]
    base: Any = getattr(library, f"{kind}Trainer")

    class Trainer(base):  # type: ignore[misc]  # as above
        def add_model_card_callback(self, _: object) -> None:
            """None: `bench.training.card` says more."""

        def get_batch_sampler(self, *_: object, **__: object) -> Any:
            return batches

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

        def _load_best_model(self) -> None:
            """As above it, which only logs where it could not."""
            self._load_from_checkpoint(str(self.state.best_model_checkpoint))

    class Told(TrainerCallback):  # type: ignore[misc]  # as above
        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ARG002  # their names
            saved(checkpoints / f"checkpoint-{state.global_step}")

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: object) -> None:  # noqa: ARG002
            last = next((line["loss"] for line in reversed(state.log_history) if "loss" in line), None)
            looked(state.global_step, state.max_steps, last, metrics[f"eval_{measure}"])

    callbacks: list[Any] = [Told()]
    if recipe.stop.patience:
        callbacks.append(EarlyStoppingCallback(recipe.stop.patience))
    arguments = getattr(library, f"{kind}TrainingArguments")(
        output_dir=str(checkpoints),
        seed=seed,
        max_steps=total,
        per_device_train_batch_size=asked.batch,
        gradient_accumulation_steps=asked.accumulate,
        learning_rate=asked.learning_rate,
        weight_decay=asked.weight_decay,
        warmup_steps=math.ceil(asked.warmup * total),
        max_grad_norm=CLIPPED,
        bf16=precision(recipe, on_gpu=on_gpu) == "bfloat16",
        use_cpu=not on_gpu,
        accelerator_config={"split_batches": True},  # of several processes each takes its part of a batch
        dataloader_drop_last=True,
        dataloader_pin_memory=on_gpu,
        eval_strategy="steps",
        eval_steps=every,
        eval_on_start=not resumed,  # a second look at one step would count as one without a gain
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the best and the last
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{measure}",
        greater_is_better=True,
        logging_steps=max(1, every // LOGS),
        logging_nan_inf_filter=False,
        restore_callback_states_from_checkpoint=True,
        router_mapping=roles if isinstance(model[0], Router) else {},
        prompts=_prompts(model, roles),
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # with more, torch would put as many batches into one
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=_table(columns, [(pair.query, pair.passage, *pair.negatives) for pair in pairs]),
        loss=loss_of(recipe, model),
        evaluator=Recall(),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def precision(recipe: Recipe, *, on_gpu: bool) -> str:
    """Of computation: "float32" or "bfloat16"."""
    return recipe.optimiser.precision or ("bfloat16" if on_gpu else "float32")


def batches_of(recipe: Recipe, seed: int, pairs: Sequence[Pair]) -> Any:  # Any: a batch sampler, untyped here
    """
    What says which pairs are a batch: full ones alone, and apart.

    InputError where an epoch of them can not be made.
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
