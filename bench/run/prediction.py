"""A storage's ledger before it takes any byte, and whether it is refused for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import psutil

from bench.records.schema import Status
from bench.stage.validate import check_ledger
from retrievers.contract import Adapter, Predictable, Unsupported, spell

if TYPE_CHECKING:
    from bench.run.suite import Suite

# In the cache before; counted on all passages; told by a model of fixed dims; or grown from a share of the passages.
Source: TypeAlias = Literal["cached", "counted", "predicted"]


class Shape(NamedTuple):
    """The size of an encoder's matrix of passages, and how it is known."""

    dims: int
    nonzeros: int | None  # None: dense
    source: Source


class Prediction(NamedTuple):
    """The ledger that a storage predicts, and whether it is refused for it. None: it predicts none."""

    ledger: dict[str, int] | None = None
    status: Status = "ok"
    reason: str = ""


def predict(searcher: Adapter, n: int, shape: Shape, suite: Suite) -> Prediction:
    """
    The ledger of a storage of n passages; over the suite's limit of memory, or the machine's, it is refused.

    What is free at the moment is no limit: the same run would be refused today and not tomorrow.
    """
    if not isinstance(searcher, Predictable):
        return Prediction()
    try:
        ledger = check_ledger(searcher.predict_ledger(n, shape.dims, shape.nonzeros))
    except Unsupported as error:
        return Prediction(None, "unsupported", str(error))
    except Exception as error:  # an adapter may raise anything, and breaks its own row alone
        return Prediction(None, "failed", f"predict_ledger: {type(error).__name__}: {error}")
    limit, predicted = memory_limit(suite), sum(ledger.values())
    if predicted > limit:
        reason = f"{spell(searcher)} would take {predicted:,} bytes, the limit is {limit:,}"
        return Prediction(ledger, "over-budget", reason)
    return Prediction(ledger)


def memory_limit(suite: Suite) -> int:
    """Bytes that a stage may take: the suite's limit, or all that the machine has."""
    return min(suite.limits.memory_bytes, psutil.virtual_memory().total)
