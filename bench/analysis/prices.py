"""
What a cell costs: a month of it, a thousand queries, its index.

A month costs what stands ready however much is asked, and what each query takes:

    month = hours * (GB of the deployment * ram_gb_hour + gpu_hour) + queries * core-hours of a query * core_hour
    index = hours to encode and build * (cores * core_hour + gpu_hour), once

What that assumes:

- Memory is paid for all month, cores by the time that they work. Queries come evenly, and one deployment answers them;
  `Price.cores_at` says how many cores a volume keeps at work on average. Beyond its declared threads further processes
  are needed, whose memory is in no price.
- Memory is the whole process from text to ids, libraries included. Disk, network and the passages' text are not priced.
- A query takes the CPU time of the median one: records have no mean. Where a few queries take far longer it is more.
- Where CPU time was not measured it is at most p50 times the declared threads. Of a cell that remembers, CPU time is
  that of repeated queries, and a user's next query is a new one: at most the p50 of new queries times the threads, or
  times the cores that repeated ones kept at work, where these are more. Both are upper bounds (`Price.basis`).
- Indexing keeps every core that it was given, and a GPU that it ran on, for as long as it takes.
- A GPU is paid for where the record names a device that is no CPU: it is the one that the passages were encoded on.
  Query encoding is taken to be on it too, and to hold it all month, but where the vectors came from the cache and the
  machine has no GPU. An adapter that names no device is taken to use none.

Of all that, times alone have an interval: low and high of a price are those of its p50. Memory is weighed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from bench import toml
from bench.errors import InputError
from bench.formats import files
from bench.instruments import stability
from bench.records.run_folder import Run
from bench.records.schema import Latency, Measurement

Basis: TypeAlias = Literal["CPU time", "wall time", "new queries"]  # the last two times threads: upper bounds
Interval: TypeAlias = tuple[float, float]

GB = 1e9  # bytes, as MB is 10^6 elsewhere
HOUR = 3600.0  # seconds
MS = 1e-3  # seconds
HOURS_A_MONTH = 8760 / 12
LONGEST_MONTH = 31 * 24  # hours
MOST = 1e12  # of a price and of queries, so that no product of them is endless
LONGEST_CURRENCY = 12  # letters: it stands in a line under the table


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What is paid, and for how much; all prices are of one currency."""

    currency: str
    ram_gb_hour: float  # of 10^9 bytes
    core_hour: float
    gpu_hour: float | None = None
    queries_a_month: float
    hours_a_month: float = HOURS_A_MONTH


class CoreTime(NamedTuple):
    """What a query takes of a core, in seconds, and where that is known from."""

    seconds: float
    interval: Interval | None
    basis: Basis


@dataclass(frozen=True)
class Price:
    """What a cell costs; None where a part of it was not measured, or has no price."""

    queries: float  # a month
    fixed: float | None = None  # a month, however much is asked: memory, and a GPU
    query: float | None = None  # each
    query_interval: Interval | None = None  # 95 %, as that of its p50
    basis: Basis | None = None  # of `query`
    index: float | None = None  # once
    load: float | None = None  # cores that one query a month keeps at work, on average

    def at(self, queries: float) -> float | None:
        """A month with so many queries."""
        return None if self.fixed is None or self.query is None else self.fixed + queries * self.query

    def cores_at(self, queries: float) -> float | None:
        """The cores that so many queries a month keep at work on average."""
        return None if self.load is None else self.load * queries

    @property
    def month(self) -> float | None:
        """A month with the queries that are asked."""
        return self.at(self.queries)

    @property
    def per_1000(self) -> float | None:
        """A thousand of these queries, with their part of what stands ready; None where none are asked."""
        return None if self.month is None or not self.queries else self.month / self.queries * 1000

    @property
    def low(self) -> float | None:
        """The lower end of a month's interval."""
        return self._end(0)

    @property
    def high(self) -> float | None:
        """The upper end of it."""
        return self._end(1)

    def _end(self, which: int) -> float | None:
        if self.fixed is None or self.query_interval is None:
            return None
        return self.fixed + self.queries * self.query_interval[which]


# The file


def read(path: Path) -> Prices:
    """The prices in a TOML file; InputError for one that cannot be read, another key, and a number out of range."""
    where = f"prices {path}"
    try:
        text = files.read(path).data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: expected UTF-8, found byte {error.start} that is none") from error
    prices = toml.struct(text, where, Prices, {})
    for key, problem in _problems(prices):
        raise InputError(f"{where}: {key}: {problem}")
    return prices


def _problems(prices: Prices) -> Iterator[tuple[str, str]]:
    """Each key whose value is none, and what was expected and found."""
    for key in ("ram_gb_hour", "core_hour", "gpu_hour", "queries_a_month"):
        value = getattr(prices, key)
        if value is not None and not 0 <= value <= MOST:  # NaN is neither
            yield key, f"expected a number from 0 to {MOST:.0e}, found {value}"
    if 0 < prices.queries_a_month < 1:
        yield "queries_a_month", f"expected 0, or 1 and more, found {prices.queries_a_month}"
    if not 0 < prices.hours_a_month <= LONGEST_MONTH:
        yield "hours_a_month", f"expected more than 0 and at most {LONGEST_MONTH}, found {prices.hours_a_month}"
    if not 0 < len(prices.currency.strip()) <= len(prices.currency) <= LONGEST_CURRENCY:
        found = f"{len(prices.currency)} characters" if prices.currency.strip() else "none"
        yield "currency", f"expected a text of 1 to {LONGEST_CURRENCY} characters, such as EUR, found {found}"


# One cell


def price_of(m: Measurement, run: Run, prices: Prices) -> Price:
    """
    What a cell costs.

    Args:
        m: the cell.
        run: its run, which says on how many cores an engine was built, and whether the machine has a GPU.
        prices: what is paid.
    """
    if m.status != "ok":
        return Price(prices.queries_a_month)
    taken = core_time(m)
    fixed, index = _fixed(m, run, prices), _index(m, run, prices)
    if taken is None:
        return Price(prices.queries_a_month, fixed=fixed, index=index)
    per_second = prices.core_hour / HOUR
    return Price(
        prices.queries_a_month,
        fixed=fixed,
        query=taken.seconds * per_second,
        query_interval=None if taken.interval is None else _times(taken.interval, per_second),
        basis=taken.basis,
        index=index,
        load=taken.seconds / (prices.hours_a_month * HOUR),
    )


def core_time(m: Measurement) -> CoreTime | None:
    """What a user's next query takes of a core; None where neither CPU time nor p50 was measured."""
    remembers = stability.remembers(m.flags)
    if m.cpu_p50 is not None and not remembers:
        return CoreTime(m.cpu_p50 * MS, _around(m.single, m.cpu_p50 * MS), "CPU time")
    latency = m.new if remembers else m.single
    if latency is None or latency.p50 is None:
        return None
    repeated = m.single.p50 if m.single is not None else None
    at_work = m.cpu_p50 / repeated if m.cpu_p50 is not None and repeated else 0.0
    most = latency.p50 * MS * max(m.threads, at_work)
    return CoreTime(most, _around(latency, most), "new queries" if remembers else "wall time")


def _around(latency: Latency | None, value: float) -> Interval | None:
    """The interval of a value that is in proportion to a p50."""
    if latency is None or not latency.p50 or latency.p50_interval is None:
        return None
    return _times(latency.p50_interval, value / latency.p50)


def _times(interval: Interval, factor: float) -> Interval:
    return interval[0] * factor, interval[1] * factor


def _fixed(m: Measurement, run: Run, prices: Prices) -> float | None:
    gpu = _gpu_hour(prices, used=answers_on_gpu(m, run))
    if m.deployment_bytes is None or gpu is None:
        return None
    return prices.hours_a_month * (m.deployment_bytes / GB * prices.ram_gb_hour + gpu)


def _index(m: Measurement, run: Run, prices: Prices) -> float | None:
    gpu = _gpu_hour(prices, used=encodes_on_gpu(m))
    if m.index_seconds is None or gpu is None:
        return None
    return m.index_seconds / HOUR * (_index_cores(m, run) * prices.core_hour + gpu)


def _index_cores(m: Measurement, run: Run) -> int:
    """The cores that encoding and building were given: of an engine as its suite says, by default all."""
    given = m.encode_threads or msgspec.convert(run.record.suite.get("encode_threads"), int | None)
    return given or run.environment.cores


def _gpu_hour(prices: Prices, *, used: bool) -> float | None:
    """What an hour of a GPU adds; None where it is used and has no price."""
    return prices.gpu_hour if used else 0.0


def encodes_on_gpu(m: Measurement) -> bool:
    """Whether the record names a device for the passages that is no CPU."""
    device = m.facts.get("device")
    return isinstance(device, str) and not device.startswith("cpu")


def answers_on_gpu(m: Measurement, run: Run) -> bool:
    """Whether queries were encoded there too; vectors from the cache may have been made on another machine."""
    return encodes_on_gpu(m) and not (m.reused_matrix and run.environment.accelerator is None)
