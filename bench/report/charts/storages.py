"""
A picture of what each storage weighs and loses: storages down, encoders and passage sets across.

The colour is what a passage takes, on one logarithmic scale, light enough everywhere for dark letters. In each field
stands what a passage takes, and what is lost of the primary measure, or why the cell did not run.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import rows as flat
from bench.report.charts import axes
from bench.report.charts.svg import (
    LINE,
    MARGIN,
    SMALL,
    SPELLED,
    TITLE,
    WIDTH,
    WORDS,
    Markup,
    document,
    element,
    escaped,
    paragraph,
    text,
    width,
    wrapped,
)
from bench.report.model import STOPPED
from bench.report.numbers import four, sized
from bench.report.tables.lines import RunCell
from bench.report.tables.picture_cells import several_of
from bench.report.tables.storages import content, exact_quality, grouped

ACROSS = 4  # columns of a panel at most: what a field's words have room for
NAMES = 150  # width of the storages' names, in pixels
FIELD = (WIDTH - 2 * MARGIN - NAMES) / ACROSS  # width of a column
ROW = 27  # height of a field of two lines
BETWEEN, HEADED, AFTER = 2, 6, 14  # pixels between fields, below heads, below a panel
SWATCH = 14  # of the legend
COLOURS = ((253, 243, 207), (179, 220, 180), (102, 171, 208))  # from few bytes to many
REFUSED = "#e4e4e4"
Part = TypeVar("Part")
SPARSE, DENSE, UNMADE = "sparse vectors", "dense vectors", "vectors that were not made"


@dataclass(frozen=True)
class Patch:
    """One cell in the picture."""

    vectors: str  # of the encoder: SPARSE, DENSE or UNMADE
    column: tuple[str, ...]  # the head of its column: run, encoder and passage set, as far as they tell columns apart
    storage: str
    bytes: float | None  # a passage; None where it was not weighed: no colour
    size: float | None  # the same, predicted where it was not weighed
    first: str
    second: str


@dataclass(frozen=True)
class Storages:
    """What is drawn."""

    primary: str  # the measure that is lost of; empty where there is none
    patches: tuple[Patch, ...]
    remarks: tuple[str, ...] = ()


# What is in the picture


def read(runs: Sequence[Run]) -> Storages:
    """The cells by encoder and passage set as the runs have them; InputError where none pairs one with a storage."""
    cells, engines = grouped(runs)
    if not cells:
        found = ", ".join(dict.fromkeys(engines)) or "none"
        raise InputError(f"picture of storages: expected cells of an encoder with a storage, found {found}")
    encoders = list(dict.fromkeys(key.encoder for key in cells))
    made: list[Patch] = []
    for key in sorted(cells, key=lambda key: encoders.index(key.encoder)):
        grown = f" + {key.n_distractors:,}" if key.n_distractors else ""
        head = (key.encoder, f"{key.passage_set}{grown}{content(key, cells)}")
        made += _patches(head, cells[key], several=len(runs) > 1)
    primary = " / ".join(dict.fromkeys(name for run in runs if (name := flat.primary(run)) is not None))
    remarks = (f"no storage of its own, not drawn: {several_of(list(dict.fromkeys(engines)))}",) if engines else ()
    return Storages(primary, tuple(made), remarks)


def by_size(patches: Sequence[Patch]) -> list[str]:
    """The storages, the smallest first: each stands by the median of what a passage takes in it."""
    sizes: dict[str, list[float]] = {}
    for patch in patches:
        sizes.setdefault(patch.storage, []).extend([patch.size] if patch.size is not None else [])
    return sorted(sizes, key=lambda storage: statistics.median(sizes[storage] or [float("inf")]))


def _patches(head: tuple[str, ...], found: Sequence[RunCell], *, several: bool) -> list[Patch]:
    """The cells of one encoder on one passage set, which the head names."""
    exact = exact_quality(found)
    kinds = {SPARSE if m.nonzeros is not None else DENSE for _, _, m in found if m.shape is not None}
    threads = len({m.threads for _, _, m in found}) > 1
    made = []
    for name, run, m in found:
        ledger = m.storage_weight.ledger_bytes if m.storage_weight is not None and m.status == "ok" else None
        size = (ledger or m.predicted_bytes or 0) / max(m.n_passages, 1)
        needs = f"needs {sized(size)}" if size and m.status != "unsupported" else ""
        made.append(
            Patch(
                vectors=next(iter(kinds), UNMADE),
                column=(*([name] if several else []), *head, *([f"threads {m.threads}"] if threads else [])),
                storage=m.storage or "",
                bytes=size if ledger else None,
                size=size or None,
                first=_first(m, ledger, size),
                second=needs if m.status != "ok" else _quality(m, exact.get(name), flat.primary(run)),
            )
        )
    return made


def _first(m: Measurement, ledger: int | None, size: float) -> str:
    """What a passage takes, or why it is not known."""
    if m.status != "ok":
        return m.status
    return "not weighed" if ledger is None else sized(size)


def _quality(m: Measurement, exact: Mapping[str, float | None] | None, primary: str | None) -> str:
    """
    What is lost of the primary measure; of an exact storage, and where none is exact, the measure as it is.

    Of a cell that was stopped before its last query, that it was.
    """
    if m.is_stopped:
        return STOPPED
    value, best = ((measured or {}).get(primary or "") for measured in (m.quality, exact))
    if value is None or m.n_distractors:
        return ""
    if m.exact or best is None:
        return f"{'exact ' if m.exact else ''}{four(value)}"
    return f"lost {four(round(best - value, 4) + 0.0)}"


# How it is drawn


def svg(storages: Storages) -> str:
    """The picture: sparse vectors above, dense ones below, on one scale of colours."""
    weights = [patch.bytes for patch in storages.patches if patch.bytes is not None]
    scale = (min(weights, default=1.0), max(weights, default=1.0))
    judged = any(patch.bytes is not None and patch.second for patch in storages.patches)
    below = f"Bold: bytes. Below: what is lost of {storages.primary} against exact search of the same vectors."
    title = "Bytes of a passage in each storage"
    drawn, y = paragraph(TITLE + MARGIN, [title], size=TITLE, weight="bold")
    said, y = paragraph(y, wrapped(below, WIDTH - 2 * MARGIN) if judged else [])
    legend = _legend(scale, y) if weights else []
    drawn += [*said, *legend]
    y += SWATCH + WORDS if weights else 0
    for vectors in (SPARSE, DENSE, UNMADE):
        of_these = [patch for patch in storages.patches if patch.vectors == vectors]
        columns = list(dict.fromkeys(patch.column for patch in of_these))
        for part in evenly(columns, ACROSS):
            shown = [patch for patch in of_these if patch.column in part]
            rows = [storage for storage in by_size(of_these) if storage in {patch.storage for patch in shown}]
            panel, y = _panel(vectors, shown, part, rows, scale, y)
            drawn.append(panel)
    remarks = [line for remark in storages.remarks for line in wrapped(remark, WIDTH - 2 * MARGIN, SMALL)]
    notes, y = paragraph(y + 4, remarks, size=SMALL, class_="faint")
    return document("storages", y + 4, title, _about(storages), *drawn, *notes)


def evenly(columns: Sequence[Part], most: int) -> list[list[Part]]:
    """Columns in their order, in as few parts of at most so many as there have to be, the first the larger."""
    parts = max(-(-len(columns) // most), 1)
    ends = [-(-len(columns) * part // parts) for part in range(parts + 1)]
    return [list(columns[first:last]) for first, last in itertools.pairwise(ends) if last > first]


def colour(value: float, scale: tuple[float, float]) -> str:
    """The colour of a size, on a logarithmic scale; of a single size the middle."""
    least, most = scale
    share = math.log(value / least) / math.log(most / least) if most > least else 0.5
    at = share * (len(COLOURS) - 1)
    first = min(int(at), len(COLOURS) - 2)
    mixed = [a + (b - a) * (at - first) for a, b in zip(COLOURS[first], COLOURS[first + 1], strict=True)]
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def _about(storages: Storages) -> str:
    """The picture in words: how many fields, and the lightest and the heaviest."""
    weighed = sorted((patch for patch in storages.patches if patch.bytes), key=lambda patch: patch.bytes or 0)
    said = [f"{len(storages.patches)} pairings of an encoder and a storage."]
    if weighed:
        ends = [f"{patch.first} ({patch.storage}, {', '.join(patch.column)})" for patch in (weighed[0], weighed[-1])]
        said.append(f"A passage takes from {ends[0]} to {ends[1]}.")
    return " ".join([*said, *(f"{remark}." for remark in storages.remarks)])


def _legend(scale: tuple[float, float], y: float) -> list[Markup]:
    """The colours of the powers of ten between the ends, or of the ends where there are fewer than two."""
    least, most = scale
    tens = [float(f"1e{power}") for power in range(math.ceil(math.log10(least)), math.floor(math.log10(most)) + 1)]
    shown = tens if len(tens) > 1 else sorted({least, most})
    drawn, x = [text(MARGIN, y, "bytes of a passage:")], MARGIN + width("bytes of a passage:") + 12
    for value in shown:
        drawn.append(element("rect", x=x, y=y - SWATCH + 3, width=SWATCH, height=SWATCH, fill=colour(value, scale)))
        drawn.append(text(x + SWATCH + 4, y, axes.rounded(value)))
        x += SWATCH + 4 + width(axes.rounded(value)) + 16
    return [element("g", *drawn, class_="legend")]


def _panel(
    vectors: str,
    patches: Sequence[Patch],
    columns: Sequence[tuple[str, ...]],
    rows: Sequence[str],
    scale: tuple[float, float],
    y: float,
) -> tuple[Markup, float]:
    """Some columns of one kind of vectors, heads above and storages at the left; and where the next one begins."""
    lefts = {column: MARGIN + NAMES + row * FIELD for row, column in enumerate(columns)}
    heads = {column: [line for part in column for line in wrapped(part, FIELD - 8, SMALL, after=SPELLED)]
             for column in columns}  # fmt: skip
    most = max(map(len, heads.values()))
    bottom = y + (most - 1) * SMALL * LINE
    drawn = [text(MARGIN, bottom, vectors, weight="bold")]
    for column, head in heads.items():
        for row, line in enumerate(head):
            above = (len(head) - 1 - row) * SMALL * LINE
            drawn.append(text(lefts[column] + FIELD / 2, bottom - above, line, size=SMALL, anchor="middle"))
    y = bottom + HEADED
    for storage in rows:
        name = wrapped(storage, NAMES - 6, SMALL, after=SPELLED)
        height = max(ROW, len(name) * SMALL * LINE)
        first = y + height / 2 - (len(name) - 1) * SMALL * LINE / 2 + SMALL / 3
        drawn += [text(MARGIN, first + row * SMALL * LINE, line, size=SMALL) for row, line in enumerate(name)]
        drawn += [_field(patch, lefts[patch.column], y, height, scale) for patch in patches if patch.storage == storage]
        y += height
    return element("g", *drawn, class_="panel"), y + AFTER + SMALL


def _field(patch: Patch, left: float, top: float, height: float, scale: tuple[float, float]) -> Markup:
    """A cell: its colour, what a passage takes, and below that what is lost or why it did not run."""
    fill = REFUSED if patch.bytes is None else colour(patch.bytes, scale)
    middle, centre = left + FIELD / 2, top + height / 2
    told = ", ".join(filter(None, (f"{patch.storage}, {', '.join(patch.column)}: {patch.first}", patch.second)))
    parts = [
        element("title", escaped(told)),
        element("rect", x=left, y=top, width=FIELD - BETWEEN, height=height - BETWEEN, fill=fill),
        text(
            middle,
            centre - (3 if patch.second else -4),
            patch.first,
            size=SMALL if patch.bytes is not None else SMALL - 1,  # words are longer than figures
            anchor="middle",
            weight="bold",
            class_="on",
        ),
    ]
    if patch.second:
        parts.append(text(middle, centre + SMALL - 3, patch.second, size=SMALL - 1, anchor="middle", class_="on"))
    return element("g", *parts, class_="field")
