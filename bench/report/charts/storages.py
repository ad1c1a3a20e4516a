"""
A picture of what each storage weighs and loses: storages down, encoders and passage sets across, as SVG.

Drawn by Vega-Lite (Satyanarayan et al. 2017, "Vega-Lite: A grammar of interactive graphics") on a light ground of its
own with dark letters, so that it reads the same on a light page and a dark one. The same records give the same bytes.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import TypeAlias

from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import rows as flat
from bench.report.numbers import four, sized
from bench.report.tables.lines import RunCell
from bench.report.tables.storages import content, exact_quality, grouped
from bench.report.text import printable

VERSION = "6.4"  # of Vega-Lite, among those that vl-convert carries
WIDTH, HEIGHT, LETTERS = 116, 38, 11  # of a field and what stands in it, in pixels
LINE, GAP = LETTERS + 3, 6  # of heads
LONGEST = 17  # characters of a line above a column: what its width has room for
COLOURS = ["#fdf3cf", "#b3dcb4", "#66abd0"]  # from few bytes to many, all light enough for dark letters
GROUND, REFUSED, INK, FAINT = "#ffffff", "#e4e4e4", "#1a1a1a", "#454545"
FONT = "Arial, Liberation Sans, Helvetica, sans-serif"  # all as wide as what the picture is laid out with
SPARSE, DENSE, UNMADE = "sparse vectors", "dense vectors", "vectors that were not made"

Spec: TypeAlias = dict[str, object]  # a part of a Vega-Lite specification


@dataclass(frozen=True)
class Patch:
    """One cell of a run in the picture."""

    kind: str  # of the encoder's vectors
    across: str  # run, encoder and passage set, a line of the head each
    storage: str
    bytes: float | None  # a passage; None where it was not weighed: no colour
    size: float | None  # the same, predicted where it was not weighed
    first: str
    second: str


def svg(runs: Sequence[Run]) -> str:
    """The picture. InputError without the extra `report`, and where no run pairs an encoder with a storage."""
    drawn = str(_converter().vegalite_to_svg(chart(runs), vl_version=VERSION))
    return re.sub(r"\bgradient_\d+", "colours", drawn)  # numbered through the process: there is one


def png(runs: Sequence[Run]) -> bytes:
    """The same for what shows no SVG, at twice the size."""
    return bytes(_converter().vegalite_to_png(chart(runs), vl_version=VERSION, scale=2))


def _converter() -> ModuleType:
    try:
        import vl_convert
    except ImportError as error:
        raise InputError(
            "--svg: expected vl-convert-python to draw with, found none: pip install 'sparring[report]'"
        ) from error
    converter: ModuleType = vl_convert
    return converter


# What is in the picture


def patches(runs: Sequence[Run]) -> list[Patch]:
    """One a cell, by encoder and passage set as the runs have them; InputError where none pairs one with a storage."""
    cells, engines = grouped(runs)
    if not cells:
        found = ", ".join(dict.fromkeys(engines)) or "none"
        raise InputError(f"--svg: expected cells of an encoder with a storage, found {found}")
    encoders = list(dict.fromkeys(key.encoder for key in cells))
    keys = sorted(cells, key=lambda key: encoders.index(key.encoder))
    made = []
    for key in keys:
        named = f"{key.passage_set}{f' + {key.n_distractors:,}' if key.n_distractors else ''}{content(key, keys)}"
        made += _patches(broken(key.encoder) + broken(named), cells[key], several=len(runs) > 1)
    return made


def by_size(drawn: Sequence[Patch]) -> list[str]:
    """The storages, the smallest first: each stands by the median of what a passage takes in it."""
    sizes: dict[str, list[float]] = {}
    for patch in drawn:
        sizes.setdefault(patch.storage, []).extend([patch.size] if patch.size is not None else [])
    return sorted(sizes, key=lambda storage: statistics.median(sizes[storage] or [float("inf")]))


def _patches(head: Sequence[str], found: Sequence[RunCell], *, several: bool) -> list[Patch]:
    """The cells of one encoder on one passage set, which the head names."""
    exact = exact_quality(found)
    kinds = {SPARSE if m.nonzeros is not None else DENSE for _, _, m in found if m.shape is not None}
    kind = next(iter(kinds), UNMADE)
    made = []
    for name, run, m in found:
        ledger = m.storage_weight.ledger_bytes if m.storage_weight is not None and m.status == "ok" else None
        size = (ledger or m.predicted_bytes or 0) / max(m.n_passages, 1)
        first = m.status if m.status != "ok" else "not weighed" if ledger is None else sized(size)
        refused = f"predicted {sized(size)}" if size and m.status != "unsupported" else ""
        made.append(
            Patch(
                kind=kind,
                across="\n".join(map(printable, [*(broken(name) if several else []), *head])),
                storage=printable(m.storage or ""),
                bytes=size if ledger else None,
                size=size or None,
                first=first,
                second=refused if m.status != "ok" else _quality(m, exact.get(name), flat.primary(run)),
            )
        )
    return made


def _quality(m: Measurement, exact: Mapping[str, float | None] | None, primary: str | None) -> str:
    """What is lost of the primary measure; of an exact storage, and where none is exact, the measure as it is."""
    value, best = ((measured or {}).get(primary or "") for measured in (m.quality, exact))
    if value is None or m.n_distractors:
        return ""
    if m.exact or best is None:
        return f"{'exact ' if m.exact else ''}{four(value)}"
    return f"lost {four(round(best - value, 4) + 0.0)}"


def broken(spelling: str) -> list[str]:
    """A spelling on lines as wide as a column, broken where a name or an option ends as far as that goes."""
    lines = [""]
    for piece in re.findall(rf".{{1,{LONGEST}}}?(?:(?<=[(,=\-_ ])|$)|.{{1,{LONGEST}}}", spelling):
        if len(lines[-1]) + len(piece) > LONGEST:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines if line.strip()]


# How it is drawn


def chart(runs: Sequence[Run]) -> Spec:
    """The picture as a Vega-Lite specification: sparse vectors above, dense ones below, on one scale of colours."""
    drawn = patches(runs)
    weights = [patch.bytes for patch in drawn if patch.bytes is not None]
    least = min(weights, default=1.0)
    most = max(*weights, 2 * least) if weights else 10.0  # a single size has a colour too
    colours: Spec = {"type": "log", "domain": [least, most], "range": COLOURS, "interpolate": "lab"}
    tens = [10.0**power for power in range(math.ceil(math.log10(least)), math.floor(math.log10(most)) + 1)]
    legend: Spec = {
        "title": "bytes a passage",
        "values": tens if len(tens) > 1 else [least, most],
        "format": ".3~s",
        "gradientLength": 140,
        "labelColor": INK,
    }
    colour: Spec = {"field": "bytes", "type": "quantitative", "scale": colours, "legend": legend}
    kinds = [kind for kind in (SPARSE, DENSE, UNMADE) if any(patch.kind == kind for patch in drawn)]
    primary = " / ".join(dict.fromkeys(name for run in runs if (name := flat.primary(run)) is not None))
    judged = any(patch.bytes is not None and patch.second for patch in drawn)
    below = f"and what it loses of {primary} against exact search of the same vectors" if judged else ""
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION.partition('.')[0]}.json",
        "background": GROUND,
        "padding": 20,
        "title": {
            "text": "Bytes of a passage in each storage",
            "subtitle": below,
            "anchor": "start",
            "offset": 12,
            "fontSize": 15,
            "subtitleColor": INK,
        },
        "vconcat": [_panel(kind, [patch for patch in drawn if patch.kind == kind], colour) for kind in kinds],
        "spacing": 24,
        "config": {"font": FONT, "view": {"stroke": None}, "text": {"fontSize": LETTERS}},
    }


def _panel(kind: str, drawn: Sequence[Patch], colour: Spec) -> Spec:
    """One kind of vectors: a patch a cell, what it takes, and below that what it loses or why it did not run."""
    axis: Spec = {
        "title": None,
        "domain": False,
        "ticks": False,
        "labelLimit": 0,
        "labelFontSize": LETTERS,
        "labelColor": INK,
        "labelPadding": GAP,
    }
    below = max(
        patch.across.count("\n") for patch in drawn
    )  # lines: Vega sets the first above the fields, not the last
    heads = axis | {
        "orient": "top",
        "labelAngle": 0,
        "labelExpr": "split(datum.label, '\\n')",
        "labelLineHeight": LINE,
        "labelPadding": GAP + below * LINE,
    }
    refused: Spec = {"test": "datum.bytes === null", "value": REFUSED}
    return {
        "title": {"text": kind, "anchor": "start", "frame": "group", "fontSize": 13, "color": INK},
        "data": {"values": [asdict(patch) | {"head": _raised(patch.across, below)} for patch in drawn]},
        "width": {"step": WIDTH},
        "height": {"step": HEIGHT},
        "encoding": {
            "x": _placed("head", list(dict.fromkeys(_raised(patch.across, below) for patch in drawn)), heads),
            "y": _placed("storage", by_size(drawn), axis),
        },
        "layer": [
            {
                "mark": {"type": "rect", "invalid": None, "stroke": GROUND, "strokeWidth": 2},
                "encoding": {"color": colour | {"condition": refused}},
            },
            {"mark": {"type": "text", "dy": -7, "color": INK, "fontWeight": "bold"}, "encoding": _text("first")},
            {"mark": {"type": "text", "dy": 8, "color": FAINT}, "encoding": _text("second")},
        ],
    }


def _raised(head: str, below: int) -> str:
    """The head with as many lines as the longest, the empty ones first."""
    return "\n" * (below - head.count("\n")) + head


def _placed(field: str, order: Sequence[str], axis: Spec) -> Spec:
    return {"field": field, "type": "nominal", "sort": order, "axis": axis}


def _text(field: str) -> Spec:
    return {"text": {"field": field, "type": "nominal"}}
