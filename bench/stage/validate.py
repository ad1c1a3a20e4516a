"""What an adapter hands back is checked before it is measured or kept: a broken contract is a failed cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from bench.records.schema import Fact


def check_vectors(vectors: object, n: int, what: str) -> int | None:
    """The number of non-zeros (None: dense); TypeError or ValueError where an encoder broke the contract."""
    if not isinstance(vectors, np.ndarray | csr_array):
        raise TypeError(f"encoding {what}: expected a csr_array or an ndarray, found {type(vectors).__name__}")
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape[0] != n:
        raise ValueError(
            f"encoding {what}: expected float32 of shape ({n}, dims), found {vectors.dtype} of shape {vectors.shape}"
        )
    if isinstance(vectors, csr_array):
        try:
            vectors.check_format(full_check=True)  # a compiled search would read beyond its arrays
        except ValueError as error:
            raise ValueError(f"encoding {what}: expected a csr_array that is sound, found: {error}") from error
    values = vectors if isinstance(vectors, np.ndarray) else vectors.data
    if not np.isfinite(values).all():
        raise ValueError(f"encoding {what}: expected finite numbers, found NaN or infinity")
    return None if isinstance(vectors, np.ndarray) else int(vectors.nnz)


def check_ledger(ledger: object) -> dict[str, int]:
    """The same ledger in Python's own integers; TypeError or ValueError where it is no dict of str to bytes."""
    checked = {}
    for name, nbytes in _items(ledger, "ledger"):
        if not isinstance(nbytes, int | np.integer) or isinstance(nbytes, bool):
            raise TypeError(f"ledger: expected {name!r} in whole bytes, an int, found {nbytes!r}")
        if nbytes < 0:
            raise ValueError(f"ledger: expected {name!r} not below 0, found {nbytes}")
        checked[name] = int(nbytes)
    return checked


def check_facts(facts: object) -> dict[str, Fact]:
    """The same facts in Python's own types; TypeError where they are no dict of str to str, int, float or None."""
    checked: dict[str, Fact] = {}
    for name, fact in _items(facts, "facts"):
        fact = fact.item() if isinstance(fact, np.generic) else fact
        if fact is not None and not isinstance(fact, str | int | float):
            raise TypeError(f"facts: expected {name!r} to be str, int, float or None, found {fact!r}")
        checked[name] = int(fact) if isinstance(fact, bool) else fact  # a record has no true and false
    return checked


def _items(found: object, what: str) -> Iterator[tuple[str, object]]:
    if not isinstance(found, dict):
        raise TypeError(f"{what}: expected a dict, found {type(found).__name__}")
    for name, value in found.items():
        if not isinstance(name, str):
            raise TypeError(f"{what}: expected names as str, found {name!r}")
        yield str(name), value
