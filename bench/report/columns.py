"""The columns that are made from a key of the rows, and which of their values is best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.report.model import Column
from bench.report.numbers import MISSING, change, megabytes, share, significant, whole
from bench.report.rows import Row

SATURATED = "saturated"


@dataclass(frozen=True)
class Field:
    """A column that is made from one key of the rows."""

    key: str
    column: Column
    text: Callable[[float], str]
    better: Literal["high", "low"] | None
    time: bool = False  # not compared across hardware
    unresolved: str = ""  # the key that tells whether the value is below what can be told from noise
    saturated: str = ""  # the key that tells that there is no value since queries came faster than they were answered
    among: str = ""  # the key that tells which rows are compared; empty: all


THREADS = Field("threads", Column("threads", opens=True), whole, None)  # shown where cells differ in them
FIELDS = (
    Field("single_p50_ms", Column("p50 ms", opens=True), significant, "low", time=True),
    Field("single_p95_ms", Column("p95 ms", drop=4), significant, "low", time=True),
    Field("encode_p50_ms", Column("encode ms", drop=9), significant, "low", time=True),
    Field("search_p50_ms", Column("search ms", drop=8), significant, "low", time=True),
    Field("joint_gap", Column("joint gap", drop=10), change, None, time=True),
    Field("batch_qps", Column("batch q/s", drop=2), significant, "high", time=True),
    Field("rate_offered_qps", Column("offered q/s", drop=9, opens=True), significant, None, time=True),
    Field("rate_p50_ms", Column("loaded p50", drop=3), significant, "low", time=True, saturated="rate_saturated"),
    Field("rate_p95_ms", Column("loaded p95", drop=4), significant, "low", time=True, saturated="rate_saturated"),
    Field("ledger_bytes", Column("ledger MB", opens=True), megabytes, "low"),
    Field("resident_bytes", Column("resident MB", drop=3), megabytes, "low", unresolved="resident_under_resolution"),
    Field("disk_bytes", Column("disk MB", drop=6), megabytes, "low"),
    Field(
        "encoder_resident_bytes",
        Column("encoder MB", drop=5),
        megabytes,
        "low",
        unresolved="encoder_resident_under_resolution",
    ),
    Field("overlap_with_exact", Column("overlap exact", drop=7, opens=True), share, None),
)


def best_of(field: Field, rows: Sequence[Row], groups: Sequence[str]) -> list[bool]:
    """Which rows hold the best of a column within their group; those that read equal share it, all equal: none."""
    marked = [False] * len(rows)
    if field.better is None:
        return marked
    for group in set(groups):
        measured = {
            index: (value, text_of(field, row))
            for index, row in enumerate(rows)
            if groups[index] == group and row["status"] == "ok" and isinstance(value := row.get(field.key), int | float)
            if not field.among or row[field.among]
        }
        texts = {text for _, text in measured.values()}
        if len(texts) > 1:
            best = (max if field.better == "high" else min)(measured.values(), key=lambda pair: pair[0])[1]
            for index, (_, text) in measured.items():
                marked[index] = text == best
    return marked


def text_of(field: Field, row: Row) -> str:
    value = row.get(field.key)
    if not isinstance(value, int | float):
        return SATURATED if field.saturated and row[field.saturated] else MISSING
    return "<1" if field.unresolved and row[field.unresolved] else field.text(value)
