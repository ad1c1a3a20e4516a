"""What trainings cost, and what they gained on their dev questions, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING, four, megabytes, significant
from bench.training.card import TrainingCard

LEGEND = (
    "start, best: dev recall among stop.passages passages, before the first step and at the step whose model was kept. "
    "negatives: in-batch negatives per query. min, kJ: over all sessions, kJ of the processors alone. "
    "peak: high-water mark of the process that trained, of several the first. weights: of both towers."
)


def costs(name: str, cards: Sequence[TrainingCard]) -> Grid:
    """A line a model. cards: of one recipe or of its variants, at least one."""
    first = cards[0]
    varied = {card.recipe.name for card in cards} != {name}
    measure = first.recipe.stop.measure
    columns = (
        *([Column("variant", right=False), Column("pairs")] if varied else []),
        Column("seed"),
        Column(f"start {measure}", opens=True),
        Column(f"best {measure}"),
        Column("at step"),
        Column("of"),
        Column("min", opens=True),
        Column("peak MB"),
        Column("kJ"),
        Column("weights MB", opens=True),
        Column("negatives"),
    )
    pairs = f"{first.dev.queries:,} questions of {first.dev.name}"
    pairs = pairs if varied else f"{first.pairs:,} pairs of {first.train.name}, {pairs}"
    notes = [leaks.told(part) for part, leaks in first.leaks.items()]
    if first.passages_cut and not varied:
        notes.append(f"{first.passages_cut:.1%} of the train passages are longer than the model reads")
    towers = "two towers" if first.recipe.separate else "one shared tower"
    title = f"{name}: {pairs}" if varied else f"{name}: {towers}, {first.recipe.model.similarity}; {pairs}"
    lines = tuple(_line(card, varied=varied) for card in cards)
    return Grid(title, columns, lines, tuple(notes), legend=(LEGEND,))


def _line(card: TrainingCard, *, varied: bool) -> tuple[TableCell, ...]:
    curve, spent = card.curve, card.spent
    start = next((one.recall for one in curve.evaluations if one.step == 0), None)
    return tuple(
        TableCell(text)
        for text in (
            *([card.recipe.name, f"{card.pairs:,}"] if varied else []),
            str(card.seed),
            MISSING if start is None else four(start),
            four(curve.best_recall),
            f"{curve.best_step:,}",
            f"{curve.steps:,}",
            significant(spent.seconds / 60),
            MISSING if spent.peak_bytes is None else megabytes(spent.peak_bytes),
            MISSING if spent.joules is None else significant(spent.joules / 1000),
            megabytes(card.weights_bytes),
            f"{card.negatives:,}",
        )
    )
