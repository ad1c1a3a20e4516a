"""How many tokens a tower reads, and how many a text has to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.passages.passage_set import PassageSet
from retrievers import models
from retrievers.contract import Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


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
    prompt = models.own_prompt(model, role)
    return models.token_counts(_tower(model, role).tokenizer, [prompt + text for text in texts])


def refuse_long(model: SentenceTransformer, passage_set: PassageSet) -> None:
    """InputError for a question that the model would not read to its end."""
    limit, lengths = limit_of(model, "query"), lengths_of(model, "query", passage_set.queries)
    if limit is not None and max(lengths) > limit:
        row = lengths.index(max(lengths))
        raise InputError(
            f"passage set {passage_set.name!r}: expected questions of up to {limit} tokens, as the model reads them, "
            f"found {lengths[row]} in {passage_set.query_ids[row]!r}: raise model.max_length, or leave it out"
        )
