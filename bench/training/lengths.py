"""How many tokens a tower reads, and how many a text has to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrievers.contract import Role
from retrievers.encoders import models

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

COUNTED = 256  # texts whose tokens are counted at a time


def _tower(model: SentenceTransformer, role: Role) -> Any:  # Any: a module of sentence-transformers, untyped here
    """The first module of the tower that reads a role."""
    first = model[0]
    towers = getattr(first, "sub_modules", None)
    return first if towers is None else towers["query" if role == "query" else "document"][0]


def limit_of(model: SentenceTransformer, role: Role) -> int | None:
    """How many tokens a tower reads; None: any number."""
    limit = getattr(_tower(model, role), "max_seq_length", None)
    return int(limit) if limit is not None and limit < models.NO_LIMIT else None


def lengths_of(model: SentenceTransformer, role: Role, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, prompt and special ones included; none counted (0) where a tower reads any number."""
    if limit_of(model, role) is None:
        return [0] * len(texts)
    tokenizer, prompt = _tower(model, role).tokenizer, models.own_prompt(model, role)
    found: list[int] = []
    for begin in range(0, len(texts), COUNTED):
        prompted = [prompt + text for text in texts[begin : begin + COUNTED]]
        found += map(len, tokenizer(prompted, truncation=False, padding=False, verbose=False)["input_ids"])
    return found
