"""
MedQuAD: an archive of XML files, each of questions and answers on one page of a health site. Ben Abacha and
Demner-Fushman 2019, "A question-entailment approach to question answering".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query, archive, unique
from bench.formats.files import Content, text

SUFFIX = ".xml"
LAYOUT = ("Document", "DiseaseFile")  # root elements of files that hold <QAPair>
OTHER_LAYOUT = "doc"  # of the four files (16 pairs) that the published counts leave out


class _Pair(NamedTuple):
    place: str
    document: str  # the file's path in the archive
    id: str
    question: str
    answer: str


def read(passages: Content) -> Collection:
    """
    The collection of an archive of XML files; its other files are left alone.

    A passage is an answer, a query a question: one for each different text, by the id of its first pair, and every
    answer to it is relevant. Pairs without an answer are left out. Ids are `FILE-PAIR`, a query's article is the file
    of its first pair.

    Raises InputError for what is no XML, for a document type (it could declare entities), for a pair without id,
    question or answer element, and for what the archive is refused for.
    """
    pairs = [pair for pair in _pairs(passages) if pair.answer]
    first: dict[str, _Pair] = {}
    for pair in pairs:
        first.setdefault(pair.question, pair)
    return Collection(
        unique(((pair.place, Passage(pair.id, "", pair.answer)) for pair in pairs), "passage", passages.path),
        unique(((pair.place, Query(pair.id, question)) for question, pair in first.items()), "query", passages.path),
        [Judgment(first[pair.question].id, pair.id, 1) for pair in pairs],
        {pair.id: pair.document for pair in first.values()},
    )


def _pairs(content: Content) -> Iterator[_Pair]:
    for name, data in archive.members(content):
        if not name.endswith(SUFFIX):
            continue
        place = str(content.path / name)
        root = _root(Content(content.path / name, data))
        if root.tag not in (*LAYOUT, OTHER_LAYOUT):
            raise InputError(f"{place}: expected <{'> or <'.join(LAYOUT)}> as its root, found <{root.tag}>")
        document = name.removesuffix(SUFFIX)
        for pair in root.iter("QAPair"):
            yield _pair(pair, place, document)


def _root(content: Content) -> ElementTree.Element:
    source = text(content)
    if "<!DOCTYPE" in source:
        raise InputError(f"{content.path}: expected XML without a document type, found one: it could declare entities")
    try:
        return ElementTree.fromstring(source)  # noqa: S314  # without a document type there are no entities to fear
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(
            f"{content.path}: expected XML, found: {error}: the file is damaged, or another one"
        ) from error


def _pair(pair: ElementTree.Element, place: str, document: str) -> _Pair:
    number, question, answer = pair.get("pid", "").strip(), pair.find("Question"), pair.find("Answer")
    if not number or question is None or answer is None:
        raise InputError(f"{place}: expected pid, Question and Answer in every QAPair, found one without")
    asked, answered = ("".join(element.itertext()).strip() for element in (question, answer))
    if not asked:
        raise InputError(f"{place}: expected a question in pair {number}, found an empty one")
    return _Pair(f"{place}: pair {number}", document, f"{document}-{number}", asked, answered)
