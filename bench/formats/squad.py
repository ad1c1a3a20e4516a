"""SQuAD-style JSON: articles of paragraphs with questions. Rajpurkar et al. 2016, "SQuAD: 100,000+ questions ..."."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from bench.formats import Collection, Judgment, Passage, Query, unique
from bench.formats.files import Content, json_document


class _Question(msgspec.Struct):
    id: str | int
    question: str


class _Paragraph(msgspec.Struct):
    context: str
    qas: list[_Question] = []


class _Article(msgspec.Struct):
    paragraphs: list[_Paragraph]


class _Document(msgspec.Struct):
    data: list[_Article]


class _Placed(NamedTuple):
    place: str
    article: int
    passage_id: str
    paragraph: _Paragraph


def read(contents: Sequence[Content]) -> Collection:
    """
    The collection of one or more files, read as one.

    A passage is a context; the article's title is the article's and not joined. Its id is `ARTICLE-PARAGRAPH`, both
    positions from 0, articles counted through all files. A query is a question; its one relevant passage is the
    paragraph it was written on.
    """
    paragraphs = list(_paragraphs(contents))
    path = contents[0].path
    passages = unique(((p.place, Passage(p.passage_id, "", p.paragraph.context)) for p in paragraphs), "passage", path)
    asked = [(p, str(q.id), q.question) for p in paragraphs for q in p.paragraph.qas]
    queries = unique(((p.place, Query(query_id, question)) for p, query_id, question in asked), "query", path)
    return Collection(
        passages,
        queries,
        [Judgment(query_id, p.passage_id, 1) for p, query_id, _ in asked],
        {query_id: str(p.article) for p, query_id, _ in asked},
    )


def _paragraphs(contents: Sequence[Content]) -> Iterator[_Placed]:
    number = 0
    for content in contents:
        for article in json_document(content, _Document).data:
            for index, paragraph in enumerate(article.paragraphs):
                place = f"{content.path}: article {number}, paragraph {index}"
                yield _Placed(place, number, f"{number}-{index}", paragraph)
            number += 1
