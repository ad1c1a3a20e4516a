"""
PubMedQA's JSON: one object of articles by PubMed id. Jin et al. 2019, "PubMedQA: A Dataset for Biomedical Research
Question Answering", EMNLP.
"""

from __future__ import annotations

import msgspec

from bench.formats import Collection, Judgment, Passage, Query, unique
from bench.formats.files import Content, json_document


class _PubMedArticle(msgspec.Struct):
    """LONG_ANSWER stays out: it is the abstract's conclusion, written as the answer to the question."""

    question: str = msgspec.field(name="QUESTION")
    contexts: list[str] = msgspec.field(name="CONTEXTS")


def read(content: Content) -> Collection:
    """
    The collection of one file, known item: a query is an article's title, asked as a question, and its one relevant
    passage the abstract under that title, its sections joined by spaces. Both have the article's PubMed id.
    """
    articles = json_document(content, dict[str, _PubMedArticle])
    placed = [(f"{content.path}: article {key!r}", key, article) for key, article in articles.items()]
    return Collection(
        unique(((place, Passage(key, "", " ".join(a.contexts))) for place, key, a in placed), "passage", content.path),
        unique(((place, Query(key, a.question)) for place, key, a in placed), "query", content.path),
        [Judgment(key, key, 1) for key in articles],
    )
