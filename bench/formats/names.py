"""What columns are called that hold the same thing, in tables, judgments and runs: in lower case, first found first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

QUERY_NAMES = ("query-id", "query_id", "qid", "q_id", "queryid", "question-id", "question_id", "topic", "query")
PASSAGE_NAMES = (
    *("corpus-id", "corpus_id", "docno", "docid", "doc_id", "doc-id", "pid", "passage-id", "passage_id"),
    *("document-id", "document_id", "doc", "passage"),
)
GRADE_NAMES = ("relevance", "grade", "rel", "label", "judgment", "score")  # a score beside one of them is a retriever's
SCORE_NAMES, RANK_NAMES = ("score", "sim"), ("rank",)


def first(columns: Iterable[str], known: Sequence[str]) -> str | None:
    """The column that is called by the first of some names that any is; None where none is."""
    return next(iter(every(columns, known)), None)


def every(columns: Iterable[str], known: Sequence[str]) -> list[str]:
    """The columns that are called by any of some names, in the order of these."""
    written = {column.strip().lower().replace(" ", "-"): column for column in columns}
    return [written[name] for name in known if name in written]
