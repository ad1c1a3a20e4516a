"""What an adapter holds, seen from outside: the arrays and Python objects that its attributes lead to."""

from __future__ import annotations

import sys
from array import array
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

PLAIN = (
    *(str, bytes, bytearray, int, float, complex, range, array, type(None), np.generic, np.dtype),
    *(type, ModuleType, FunctionType, BuiltinFunctionType),
)
MOST_OBJECTS = 2_000_000  # a walk through more would take longer than it tells


class Held(NamedTuple):
    """Bytes."""

    arrays: int  # of what tells its own `nbytes`, each memory once
    everything: int  # with Python's own objects
    opaque: bool  # whether something was met that tells nothing of what it holds


def held_bytes(adapter: object) -> Held:
    """What the attributes of an adapter lead to. Classes, functions and modules are not entered."""
    arrays, objects, opaque = 0, 0, False
    met: set[int] = set()
    memories: set[tuple[int, int]] = set()
    rest: list[Any] = [adapter]  # Any: whatever an adapter holds
    while rest and len(met) < MOST_OBJECTS:
        found = rest.pop()
        if id(found) in met:
            continue
        met.add(id(found))
        nbytes = _nbytes(found)
        if nbytes is not None:
            memory = (_address(found), nbytes)
            if memory not in memories:
                memories.add(memory)
                arrays += nbytes
            continue
        objects += sys.getsizeof(found, 0)
        if isinstance(found, PLAIN):
            continue
        inside = _inside(found)
        opaque |= inside is None
        rest += inside or []
    return Held(arrays, objects + arrays, opaque or bool(rest))


def _nbytes(found: Any) -> int | None:  # Any: see held_bytes
    if isinstance(found, PLAIN) or not hasattr(type(found), "nbytes"):
        return None
    nbytes = found.nbytes
    return int(nbytes) if isinstance(nbytes, int | np.integer) else None


def _address(found: Any) -> int:  # Any: see held_bytes
    """Where its numbers begin, so that two views of the same are one."""
    if isinstance(found, np.ndarray):
        return int(found.__array_interface__["data"][0])
    pointer = getattr(found, "data_ptr", None)  # of a torch tensor
    return int(pointer()) if callable(pointer) else id(found)


def _inside(found: Any) -> list[Any] | None:  # Any: see held_bytes
    """What an object leads to; None for one that can not be looked into."""
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
