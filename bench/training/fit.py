"""
One training: pairs and a model -> the model at its best dev recall, and what became of loss and recall on the way.

A checkpoint counts when it is whole, and says what was spent up to it: stopped and gone on with, a training ends, on a
CPU, with the very weights of one that was not.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import InputError
from bench.formats.files import write_whole
from bench.instruments import memory
from bench.instruments.energy import Energy
from bench.records import journal, run_folder
from bench.training.dev_recall import Dev
from bench.training.pairs import Pair
from bench.training.recipe import Recipe
from bench.training.trainer import trainer_of
from retrievers.models import quiet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHECKPOINTS = "checkpoints"
STATE = "trainer_state.json"  # the last file of a checkpoint that its maker writes
SPENT = "spent.json"  # and the last that we do
FULL = 64_000_000  # free bytes under which a write that failed is taken to have found no room


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What stood at a step: the mean loss since the last one, the dev recall, or both."""

    step: int
    loss: float | None = None
    recall: float | None = None


class TrainingCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a training took, over all its sessions."""

    seconds: float = 0.0  # with evaluations and checkpoints
    joules: float | None = 0.0  # of the machine's processors, other work on them too; None: not readable
    peak_bytes: int | None = 0  # the process's high-water mark in that time, all that it held before included
    device_peak_bytes: int | None = None  # the same of a GPU's memory


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """How a training went."""

    evaluations: tuple[Evaluation, ...]
    best_step: int
    best_recall: float
    steps: int  # that were made


class _State(msgspec.Struct):
    """What is read of a checkpoint's state; the trainer's own has the same fields."""

    global_step: int
    max_steps: int
    best_global_step: int
    best_metric: float
    log_history: list[dict[str, float]]
    stateful_callbacks: dict[str, Any]  # Any: each callback's own

    def ended(self, patience: int) -> bool:
        """Whether nothing was left to train when it was written."""
        counted = self.stateful_callbacks.get("EarlyStoppingCallback", {}).get("attributes", {})
        without_gain = counted.get("early_stopping_patience_counter", 0)
        return self.global_step >= self.max_steps or 0 < patience <= without_gain


def fit(
    recipe: Recipe,
    seed: int,
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    dev: Dev,
    folder: Path,
    say: Callable[[str], None],
) -> tuple[Curve, TrainingCost]:
    """
    Train `model` in place, and leave it at its best dev recall.

    Checkpoints lie in folder/checkpoints; where some are there, it goes on from the last whole one. say: takes a line
    of progress. InputError for too few pairs, a loss that is not finite and a disk that is full; the last whole
    checkpoint stays.
    """
    from accelerate import PartialState

    checkpoints = (folder / CHECKPOINTS).resolve()
    with PartialState().main_process_first():
        resumed = last_whole(checkpoints)
    before = (
        TrainingCost() if resumed is None else msgspec.json.decode((resumed / SPENT).read_bytes(), type=TrainingCost)
    )
    meter = _Meter(before, on_gpu=model.device.type == "cuda")

    def on_evaluate(step: int, steps: int, loss: float | None, recall: float) -> None:
        seconds = meter.spent().seconds
        told = "" if loss is None else f", loss {loss:.3f}"
        left = f", about {seconds * (steps - step) / step / 60:.0f} min left" if step else ""
        say(f"seed {seed}: step {step:,} of {steps:,}{told}, dev {dev.measure} {recall:.4f}{left}")

    def on_save(checkpoint: Path) -> None:
        if PartialState().is_main_process:
            write_whole(checkpoint / SPENT, run_folder.pretty(meter.spent()))

    with disk_errors_explained(f"training of seed {seed}", checkpoints), quiet():
        state = None if resumed is None else _state(resumed)
        if state is not None and state.ended(recipe.stop.patience):
            best = checkpoints / f"checkpoint-{state.best_global_step}"
            model.load_state_dict(type(model)(str(best), device=str(model.device)).state_dict())
            return _curve(state, dev.measure), before
        trainer = trainer_of(
            recipe,
            seed,
            model,
            pairs,
            dev,
            checkpoints,
            resumed=resumed is not None,
            on_evaluate=on_evaluate,
            on_save=on_save,
        )
        trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    return _curve(trainer.state, dev.measure), meter.spent()


def _curve(state: _State, measure: str) -> Curve:
    found: dict[int, dict[str, float]] = {}
    for line in state.log_history:
        for key, name in (("loss", "loss"), (f"eval_{measure}", "recall")):
            if key in line:
                found.setdefault(int(line["step"]), {})[name] = float(line[key])
    return Curve(
        evaluations=tuple(Evaluation(step=step, **values) for step, values in sorted(found.items())),
        best_step=state.best_global_step,
        best_recall=float(state.best_metric),
        steps=state.global_step,
    )


class _Meter:
    """What this session takes, on top of what those before took."""

    def __init__(self, before: TrainingCost, *, on_gpu: bool) -> None:
        import torch

        memory.collect_and_trim()  # of the training before this one in the same process
        memory.reset_peak()
        self._before = before
        self._begin = time.perf_counter()
        self._energy = Energy()
        self._device_peak = torch.cuda.max_memory_allocated if on_gpu else None
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()

    def spent(self) -> TrainingCost:
        self._energy.tick()
        before, joules = self._before, self._energy.joules
        peaks = [before.peak_bytes, memory.peak()]
        device_peak = None if self._device_peak is None else int(self._device_peak())
        return TrainingCost(
            seconds=before.seconds + time.perf_counter() - self._begin,
            joules=None if joules is None or before.joules is None else before.joules + joules,
            peak_bytes=None if None in peaks else max(peak for peak in peaks if peak is not None),
            device_peak_bytes=None if device_peak is None else max(device_peak, before.device_peak_bytes or 0),
        )


@contextmanager
def disk_errors_explained(who: str, folder: Path) -> Iterator[None]:
    """What a full or read-only disk refuses, as an InputError that says how to go on; all else as it is."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have types of their own for it
        refused = isinstance(error, OSError) and error.errno in journal.OF_THE_DISK
        if not refused and (isinstance(error, OSError) or shutil.disk_usage(_there(folder)).free > FULL):
            raise
        said = error.strerror if isinstance(error, OSError) and error.strerror else errno.errorcode[errno.ENOSPC]
        raise InputError(
            f"{who}: {folder} could not be written ({said}): make room; the same command goes on from the last "
            "checkpoint"
        ) from error


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.resolve().parents) if path.exists())


def last_whole(checkpoints: Path) -> Path | None:
    """The checkpoint of the highest step that was written to its end; those that were not are removed."""
    whole = {}
    for path in checkpoints.glob("checkpoint-*"):
        try:
            step = _state(path).global_step
            msgspec.json.decode((path / SPENT).read_bytes(), type=TrainingCost)
        except (OSError, msgspec.DecodeError):
            step = None
        if step is None or not any(path.rglob("*.safetensors")):
            shutil.rmtree(path)
        else:
            whole[step] = path
    return whole[max(whole)] if whole else None


def _state(checkpoint: Path) -> _State:
    return msgspec.json.decode((checkpoint / STATE).read_bytes(), type=_State)
