"""What a retriever makes of a text, as its record tells: sparse vectors, dense ones, or what shows none."""

from __future__ import annotations

import ast
from typing import Literal, TypeAlias

from bench.records.schema import Measurement

Vectors: TypeAlias = Literal["sparse", "dense", "fused", "engine"]  # an engine shows none
PARTS = 2  # retrievers, or more, in the spelling of one that fuses them


def vectors_of(m: Measurement) -> Vectors:
    """Of a measured cell, whatever holds its vectors."""
    return vectors(m.encoder, m.nonzeros, m.resolved)


def vectors(encoder: object, nonzeros: object, spelling: str) -> Vectors:
    """
    Args:
        encoder: its spelling; None of what is searched as a whole.
        nonzeros: None of dense vectors.
        spelling: of the retriever: fused is what is made of several.
    """
    if encoder is not None:
        return "dense" if nonzeros is None else "sparse"
    return "fused" if _n_parts(spelling) >= PARTS else "engine"


def _n_parts(spelling: str) -> int:
    """How many adapters are given to a constructor as it is spelled; 0 of what is no call."""
    try:
        call = ast.parse(spelling, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # a record's text, of whoever wrote it
        return 0
    if not isinstance(call, ast.Call):
        return 0
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    listed = [part for one in given for part in (one.elts if isinstance(one, ast.List | ast.Tuple) else [one])]
    return sum(isinstance(part, ast.Call | ast.BinOp) for part in listed)
