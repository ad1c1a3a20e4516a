"""SQuAD-style JSON: articles of paragraphs with questions. Rajpurkar et al. 2016, "SQuAD: 100,000+ questions ..."."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query, unique
from bench.formats.files import Content, json_document


class _Answer(msgspec.Struct):
    text: str


class _Question(msgspec.Struct):
    id: str | int
    question: str
    answers: list[_Answer] = []
    is_impossible: bool = False  # SQuAD 2.0: the paragraph does not answer it


class _Paragraph(msgspec.Struct):
    context: str
    qas: list[_Question] = []


class _Article(msgspec.Struct):
    paragraphs: list[_Paragraph]


class _Document(msgspec.Struct):
    data: list[_Article]


class _LocatedParagraph(NamedTuple):
    place: str
    article: int
    passage_id: str
    context: str
    qas: list[_Question]


def read(contents: Sequence[Content], distractors: Sequence[Content] = ()) -> Collection:
    """
    The collection of one or more files, read as one; of `distractors` the passages alone, after the others.

    A passage is a context; the article's title is the article's and not joined. Its id is `ARTICLE-PARAGRAPH`, both
    positions from 0, articles counted through all files. A query is a question; its one relevant passage is the
    paragraph it was written on, and its answers are the different texts that its file gives (None where no file gives
    any). A question marked impossible has no relevant passage.
    """
    paragraphs = list(_paragraphs(contents, distractors))
    path = contents[0].path
    passages = unique(((p.place, Passage(p.passage_id, "", p.context)) for p in paragraphs), "passage", path)
    asked = [(p, str(question.id), question) for p in paragraphs for question in p.qas]
    queries = unique(((p.place, Query(query_id, question.question)) for p, query_id, question in asked), "query", path)
    possible = [(p, query_id, question) for p, query_id, question in asked if not question.is_impossible]
    if not possible:
        raise InputError(
            f"{path}: expected at least one question with an answer, found {len(queries)} that are marked is_impossible"
        )
    answers: dict[str, dict[str, None]] = {}  # the inner one as an ordered set; an empty text is in every passage
    for _, query_id, question in possible:
        answers.setdefault(query_id, {}).update((answer.text, None) for answer in question.answers if answer.text)
    return Collection(
        passages,
        queries,
        [Judgment(query_id, p.passage_id, 1) for p, query_id, _ in possible],
        {query_id: str(p.article) for p, query_id, _ in possible},
        {query_id: tuple(texts) for query_id, texts in answers.items()} if any(answers.values()) else None,
    )


def _paragraphs(contents: Sequence[Content], distractors: Sequence[Content]) -> Iterator[_LocatedParagraph]:
    """Every paragraph with its questions; none are taken from a distractor's."""
    number = 0
    for position, content in enumerate((*contents, *distractors)):
        for article in json_document(content, _Document).data:
            for index, paragraph in enumerate(article.paragraphs):
                place = f"{content.path}: article {number}, paragraph {index}"
                qas = paragraph.qas if position < len(contents) else []
                yield _LocatedParagraph(place, number, f"{number}-{index}", paragraph.context, qas)
            number += 1
