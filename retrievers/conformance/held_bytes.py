"""What an adapter holds, seen from outside: the arrays and Python objects that its attributes lead to."""

from __future__ import annotations

import sys
from array import array
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

PLAIN = (
    *(str, bytes, bytearray, int, float, complex, range, array, type(None), np.generic, np.dtype),
    *(type, ModuleType, FunctionType, BuiltinFunctionType),
)
MOST_OBJECTS = 2_000_000  # a walk through more would take longer than it tells


class HeldBytes(NamedTuple):
    """Bytes."""

    arrays: int  # of what tells its own `nbytes`, no address twice
    everything: int  # with Python's own objects, and all of an array of which a view is held
    opaque: bool  # whether something was met that tells nothing of what it holds


class AddressRange(NamedTuple):
    """Where numbers lie: addresses from `start` to before `end`; of a view with gaps, `nbytes` of them."""

    start: int
    end: int
    nbytes: int


def held_bytes(adapter: object) -> HeldBytes:
    """What the attributes of an adapter lead to. Classes, functions and modules are not entered."""
    elsewhere, objects, opaque = 0, 0, False
    met: set[int] = set()
    views: set[AddressRange] = set()
    owners: set[AddressRange] = set()
    rest: list[Any] = [adapter]  # Any: whatever an adapter holds
    while rest and len(met) < MOST_OBJECTS:
        found = rest.pop()
        if id(found) in met:
            continue
        met.add(id(found))
        nbytes = _nbytes(found)
        if nbytes is not None:
            memory, owner = _memory(found, nbytes), _memory(_owner(found), nbytes)
            if memory is None or owner is None:
                elsewhere += nbytes
            elif nbytes:
                views.add(memory)
                owners.add(owner)
            continue
        objects += sys.getsizeof(found, 0)
        if isinstance(found, PLAIN):
            continue
        inside = _inside(found)
        opaque |= inside is None
        rest += inside or []
    arrays, owned = addressed(views), addressed(owners)
    return HeldBytes(arrays + elsewhere, objects + max(arrays, owned) + elsewhere, opaque or bool(rest))


def addressed(memories: set[AddressRange]) -> int:
    """Bytes at different addresses, at least: of views with gaps that overlap others only the largest is counted."""
    total, reached, whole, gaps = 0, 0, 0, 0  # of the present stretch of overlapping ranges: its end, its bytes
    for start, end, nbytes in sorted(memories):
        if start >= reached:
            total, whole, gaps = total + max(whole, gaps), 0, 0
            covered = start
        if nbytes >= end - start:
            whole += max(0, end - max(start, covered))
            covered = max(covered, end)
        else:
            gaps = max(gaps, nbytes)
        reached = max(reached, end)
    return total + max(whole, gaps)


def _nbytes(found: Any) -> int | None:  # Any: see held_bytes
    if isinstance(found, PLAIN) or not hasattr(type(found), "nbytes"):
        return None
    nbytes = found.nbytes
    return int(nbytes) if isinstance(nbytes, int | np.integer) else None


def _memory(found: Any, nbytes: int) -> AddressRange | None:  # Any: see held_bytes
    """Where its numbers lie; None where it does not tell."""
    if isinstance(found, np.ndarray):
        return AddressRange(*byte_bounds(found), found.nbytes)
    pointer = getattr(found, "data_ptr", None)  # of a torch tensor
    return AddressRange(start := int(pointer()), start + nbytes, nbytes) if callable(pointer) else None


def _owner(found: Any) -> Any:  # Any: see held_bytes
    """The array whose memory a view shows; the array itself where it is none."""
    while isinstance(found, np.ndarray) and isinstance(found.base, np.ndarray):
        found = found.base
    return found


def _inside(found: Any) -> list[Any] | None:  # Any: see held_bytes
    """What an object leads to; None for one that cannot be looked into."""
    if isinstance(found, dict):
        return [*found.keys(), *found.values()]
    if isinstance(found, list | tuple | set | frozenset):
        return list(found)
    if isinstance(found, MethodType):
        return [found.__self__]
    slots = [name for base in type(found).__mro__ for name in _slots(base)]
    if not hasattr(found, "__dict__") and not slots:
        return None
    inside = [getattr(found, name) for name in slots if hasattr(found, name)]
    return [*inside, *vars(found).values()] if hasattr(found, "__dict__") else inside


def _slots(base: type) -> tuple[str, ...]:
    slots = vars(base).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
