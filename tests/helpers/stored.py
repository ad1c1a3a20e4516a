"""Cells of one encoder in many storages, for the tables and the picture of storages."""

from __future__ import annotations

from bench.records.schema import Footprint, Measurement
from tests.helpers.records import measurement


def cell(storage: str, r10: float | None = 0.5, *, ledger: dict[str, int] | None = None, **changes) -> Measurement:
    """A cell of an encoder of 150 passages, 1,000 dims and 3,000 non-zeros."""
    known = {
        "encoder": "BM25()",
        "storage": storage,
        "retriever": f"BM25() @ {storage}",
        "shape": (150, 1_000),
        "nonzeros": 3_000,
        "quality": {"R@10": r10, "RR@10": 0.25},
        "storage_weight": Footprint(ledger=ledger, disk_bytes=None, resident=None) if ledger else None,
    }
    return measurement(**known | changes)


def exact(storage: str, r10: float = 0.8, **changes) -> Measurement:
    """The same in a storage that is exact."""
    return cell(storage, r10, exact=True, **changes)
