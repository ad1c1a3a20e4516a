"""
How an adapter is written: as the call that makes it, in code, on the command line, in suites and in records.

`retrievers.registry.parse` reads it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrievers.contract import Storage, VectorRetriever


def options_of(adapter: object) -> dict[str, Any]:  # Any: an option is whatever its constructor takes
    """
    Every constructor option of an adapter with its present value, in constructor order.

    An adapter keeps each option under its own name, as scikit-learn's estimators do; raises TypeError where not.
    """
    options = {}
    for name, parameter in inspect.signature(type(adapter)).parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise TypeError(f"{type(adapter).__name__} takes *{name}: options are named one by one, so that they print")
        try:
            options[name] = getattr(adapter, name)
        except AttributeError:
            raise TypeError(
                f"{type(adapter).__name__} does not keep its option {name!r}: expected the attribute self.{name}"
            ) from None
    return options


def spell(value: object) -> str:
    """
    The spelling of an adapter or an option: `BM25(k1=1.2) @ CSR()`. It parses back (`retrievers.registry.parse`).

    Options without a default come first, unnamed; of the others only those that differ from their defaults are
    printed, in constructor order.
    """
    from retrievers.contract import VectorRetriever  # late: it prints as it is spelled here

    if isinstance(value, VectorRetriever):
        return f"{spell(value.encoder)} @ {spell(value.storage)}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(spell(item) for item in value) + "]"
    parameters = inspect.signature(type(value)).parameters
    arguments = []
    for name, option in options_of(value).items():
        spelled, parameter = spell(option), parameters[name]
        if parameter.default is not inspect.Parameter.empty:
            if spelled != spell(parameter.default):
                arguments.append(f"{name}={spelled}")
        else:
            arguments.append(f"{name}={spelled}" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else spelled)
    return f"{type(value).__name__}({', '.join(arguments)})"


def mistyped(signature: inspect.Signature, options: Sequence[object], named: Mapping[str, object]) -> str:
    """Which option is of another kind than its default, as a sentence; empty where none is, or one lacks or is over."""
    try:
        given = signature.bind(*options, **named).arguments
    except TypeError:
        return ""
    for name, value in given.items():
        expected = _kind(signature.parameters[name].default)
        if expected and _kind(value) not in ("", expected):
            return f"expected {name} to be {expected}, found {value!r}"
    return ""


def _kind(value: object) -> str:
    kinds = (((bool,), "True or False"), ((int, float), "a number"), ((str,), "a text"), ((list, tuple), "a list"))
    return next((name for types, name in kinds if isinstance(value, types)), "")


class Spelled:
    """Prints as it is spelled, and pairs with `@`. An adapter may inherit it, and works without."""

    def __repr__(self) -> str:
        return spell(self)

    def __matmul__(self, storage: Storage) -> VectorRetriever:
        from retrievers.contract import VectorRetriever

        return VectorRetriever(self, storage)  # type: ignore[arg-type]  # checked there
