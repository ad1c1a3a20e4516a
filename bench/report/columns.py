"""The columns that are made from a key of the rows, and which of their values is best."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeGuard

from bench.report import doubts
from bench.report.model import Column
from bench.report.numbers import MISSING, change, megabytes, money, share, significant, whole
from bench.report.rows import Row
from bench.report.text import joined

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
    quality: bool = False  # over all judged queries: unknown of a cell that was stopped before the last


def _loaded(key: str, column: Column) -> Field:
    """The field of a latency under load, which has no value where queries came too fast."""
    return Field(key, column, significant, "low", time=True, saturated="rate_saturated")


def _growth(name: str, column: Column) -> Field:
    """The field of what a clean process grew by, which may be too little to be told from noise."""
    return Field(f"{name}_bytes", column, megabytes, "low", unresolved=f"{name}_under_resolution")


EXACT = "overlap_with_exact"
SERVICE = "service time of one query, text to ids"
LOADED = "latency, waiting included, of queries that arrive at random at the offered rate"
UNSEEN = "service time of a query that the process had not seen before"
HELD = "highest rate of queries at random at which p99 stayed within the time given"
PASSAGES = "time to fit the encoder and encode all passages"
BUILDING = "time from vectors to an index; of an engine from text"
PEAK = "above what the process held when the stage began"
RUNTIME = "growth of a clean process that imports the libraries: no part of encoder or index"
THREADS = Field("threads", Column("threads", opens=True), whole, None)  # shown where cells differ in them
FIELDS = (
    Field("single_p50_ms", Column("p50 ms", opens=True, meaning=SERVICE), significant, "low", time=True),
    Field("single_p95_ms", Column("p95 ms", drop=6, meaning=SERVICE), significant, "low", time=True),
    Field("new_p50_ms", Column("new p50", drop=10, meaning=UNSEEN), significant, "low", time=True),
    Field("new_p95_ms", Column("new p95", drop=11, meaning=UNSEEN), significant, "low", time=True),
    Field("encode_p50_ms", Column("encode ms", drop=10, meaning="query encoding, p50"), significant, "low", time=True),
    Field("search_p50_ms", Column("search ms", drop=9, meaning="search, p50"), significant, "low", time=True),
    Field(
        "joint_gap",
        Column("joint gap", drop=11, meaning="p50 with encoder and storage in one process, over the sum of both apart"),
        change,
        None,
        time=True,
    ),
    Field(
        "cpu_p50_ms",
        Column("CPU ms", drop=11, meaning="CPU time of one query, of all processes of the retriever"),
        significant,
        "low",
        time=True,
    ),
    Field("batch_qps", Column("batch q/s", drop=3), significant, "high", time=True),
    Field("rate_offered_qps", Column("offered q/s", drop=10, opens=True), significant, None, time=True),
    _loaded("rate_p50_ms", Column("loaded p50", drop=5, meaning=LOADED)),
    _loaded("rate_p95_ms", Column("loaded p95", drop=6, meaning=LOADED)),
    Field("capacity_qps", Column("capacity q/s", drop=7, meaning=HELD), significant, "high", time=True),
    Field("ledger_bytes", Column("index MB", opens=True, meaning="index size (exact)"), megabytes, "low"),
    Field(
        "index_seconds",
        Column("index s", drop=4, meaning="time to encode and index all passages, in full where cells share it"),
        significant,
        "low",
        time=True,
    ),
    Field(
        "deployment_bytes",
        Column(
            "deployment MB",
            drop=8,
            meaning="the most that one process takes which turns text into ids, libraries included",
        ),
        megabytes,
        "low",
    ),
    _growth("resident", Column("resident MB", drop=5, meaning="growth of a clean process that loads the index")),
    Field("disk_bytes", Column("disk MB", drop=8, meaning="the saved index"), megabytes, "low"),
    _growth(
        "encoder_resident",
        Column("encoder MB", drop=7, meaning="growth of a clean process that loads the encoder"),
    ),
    Field("runtime_bytes", Column("runtime MB", drop=11, meaning=RUNTIME), megabytes, "low"),
    Field("encoder_runtime_bytes", Column("encoder runtime MB", drop=11, meaning=RUNTIME), megabytes, "low"),
    Field(
        EXACT,
        Column(
            "overlap exact",
            drop=1,  # the last of all: it is the point of an approximate index
            opens=True,
            meaning="share of the top 10 that exact search finds too; exact: it is exact search",
        ),
        share,
        None,
    ),
)
# Beside the primary measure and RECALL what the default table has of them; --wide has all.
SHOWN = ("single_p50_ms", "ledger_bytes", "index_seconds", "deployment_bytes", EXACT)
RECALL = "R@10"
# What has a heading, a meaning or a text of its own and stands in no table unless it is asked for.
OTHERS = (
    Field("single_p99_ms", Column("p99 ms", meaning=SERVICE), significant, "low", time=True),
    Field("search_p95_ms", Column("search p95 ms", meaning="search, p95"), significant, "low", time=True),
    Field(
        "search_batch_qps",
        Column("search q/s", meaning="search of all queries at once"),
        significant,
        "high",
        time=True,
    ),
    _loaded("rate_p99_ms", Column("loaded p99", meaning=LOADED)),
    Field("encode_seconds", Column("encode s", meaning=PASSAGES), significant, "low", time=True),
    Field("build_seconds", Column("build s", meaning=BUILDING), significant, "low", time=True),
    Field("load_seconds", Column("load s", meaning="time to load the saved index"), significant, "low", time=True),
    *(
        Field(f"peak_{stage}_bytes", Column(f"peak {stage} MB", meaning=PEAK), megabytes, "low")
        for stage in ("encode", "query", "build", "search")
    ),
)
PRICED = (  # with --prices; what they mean stands beside the prices themselves
    Field("price_a_month", Column("price a month", drop=1, opens=True), money, "low", time=True),
    Field("price_per_1000", Column("price / 1,000", drop=1), money, "low", time=True),
    Field("price_index", Column("price index", drop=1), money, "low", time=True),
)
PRICE = "price"  # names all of them, and begins every key that --prices adds
_KNOWN = {field.key: field for field in (THREADS, *FIELDS, *OTHERS, *PRICED)}
UNITS = {  # how a key ends that is no column by itself -> the unit of its heading, and how it is written
    "_bytes": (" MB", megabytes),
    "_seconds": (" s", significant),
    "_qps": (" q/s", significant),
    "_ms": (" ms", significant),
}
SPELLINGS = ("encoder", "storage", "resolved")
TIMES = ("_seconds", "_qps", "_ms")
SHARES = re.compile(r"overlap_with_.+|(tie_rate|batch_overlap)@\d+|.+_ceiling|(passages|queries)_cut")


def chosen(keys: Sequence[str], fields: Sequence[Field], rows: Sequence[Row]) -> list[Field]:
    """The fields of some keys of the rows, in their order; where there is no room for all, the last go first."""
    known = {field.key: field for field in fields}
    found = (known.get(key) or field_of(key, rows) for key in keys)
    return [replace(field, column=replace(field.column, drop=1)) for field in found]


def field_of(key: str, rows: Sequence[Row] = ()) -> Field:
    """The field of any key of the rows; one without a column of its own has its heading from its words and its unit."""
    known = _KNOWN.get(key)
    if known is not None:
        return known
    if key in SPELLINGS or any(isinstance(row.get(key), str | list | dict) for row in rows):
        is_code = key in SPELLINGS
        column = Column(key.replace("_", " "), right=False, opens=True, code=is_code, prose=not is_code)
        return Field(key, column, _number, None)
    for ending, (unit, text) in UNITS.items():
        if key.endswith(ending):
            head = key.removesuffix(ending).replace("_", " ") + unit
            return Field(key, Column(head), text, None, time=ending in TIMES)
    if key.startswith(f"{PRICE}_"):
        return Field(key, Column(key.replace("_", " ")), money, None)
    return Field(key, Column(key.replace("_", " ")), share if SHARES.fullmatch(key) else _number, None)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of a row is a figure."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    return whole(value) if float(value).is_integer() else significant(value)


def best_of(field: Field, rows: Sequence[Row], groups: Sequence[str]) -> list[bool]:
    """
    Which rows hold the best of a column within their group; those that read equal share it, all equal: none.

    None too where something speaks against the best: the second is not the best for that. Nor is any the best of a
    quality beside a cell that was stopped before its last query, which may well be better.
    """
    marked = [False] * len(rows)
    if field.better is None:
        return marked
    for group in set(groups):
        if field.quality and any(row["stopped"] for row, of in zip(rows, groups, strict=True) if of == group):
            continue
        measured = {
            index: (value, text_of(field, row))
            for index, row in enumerate(rows)
            if groups[index] == group and row["status"] == "ok"
            if is_number(value := doubts.value(row, field.key))
            if not field.among or row[field.among]
        }
        texts = {text for _, text in measured.values()}
        if len(texts) > 1:
            best = (max if field.better == "high" else min)(measured.values(), key=lambda pair: pair[0])[1]
            holders = [index for index, (_, text) in measured.items() if text == best]
            if not any(doubts.is_doubtful(rows[index], field.key) for index in holders):
                for index in holders:
                    marked[index] = True
    return marked


def text_of(field: Field, row: Row) -> str:
    """How the table writes a row's value of a column."""
    value = doubts.value(row, field.key)
    if is_number(value):
        return "<1" if field.unresolved and row[field.unresolved] else field.text(value)
    if value is None:
        missing = MISSING if field.column.right else ""  # no text is nothing that a measurement lacks
        return SATURATED if field.saturated and row[field.saturated] else missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(joined(value)).split())
