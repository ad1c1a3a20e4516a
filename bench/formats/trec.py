"""TREC: tagged text, `<DOC><DOCNO>id</DOCNO> ... </DOC>` and, of topics, `<top><num>id<title> ... </top>`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from bench.errors import InputError
from bench.formats import Collection, Passage, Query, qrels, unique
from bench.formats.files import Content, text

EXCERPT = 60  # characters of what is out of place that its error shows
TOPIC = "<top>"
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
DOCNO = re.compile(r"\s*<DOCNO>([^<>]*)</DOCNO>")
# Closing tags may be missing in topics, and words such as `Number:` stand before their contents.
NUMBER = re.compile(r"<num>(?:\s*Number:)?\s*([^\s<]*)")
TITLE = re.compile(r"<title>(?:\s*Topic:)?(.*?)(?=</?(?:title|desc|narr|num|dom|smry|con|fac|def|top)\b|\Z)", re.DOTALL)


def read(passages: Content, queries: Content, judgments: Content | None) -> Collection:
    """
    The collection of a file of documents, one of topics and, maybe, one of qrels.

    A passage is all text of a document but its id, whatever tags are round it. A query is a topic's title; in a file
    of topics written as documents (CACM's), all text of one.

    Raises InputError for a document or topic without end, without an id, or inside another one, for text between
    them, and for what `qrels.read` refuses.
    """
    documents = ((place, Passage(name, "", words)) for place, name, words in _documents(passages))
    return Collection(
        unique(documents, "passage", passages.path),
        topics(queries),
        None if judgments is None else qrels.read(judgments),
    )


def topics(content: Content) -> list[Query]:
    """The queries of a file of topics, which are `<top>` or `<DOC>` elements."""
    if TOPIC in text(content):
        found = ((place, _topic(place, inside)) for place, inside in _elements(content, "top"))
    else:
        found = ((place, Query(name, words)) for place, name, words in _documents(content))
    return unique(found, "query", content.path)


def _topic(place: str, inside: str) -> Query:
    number, title = NUMBER.search(inside), TITLE.search(inside)
    if number is None or title is None:
        raise InputError(f"{place}: expected <num> and <title> in a topic, found {_excerpt(inside)}")
    return Query(number[1], plain(place, title[1]))


def _documents(content: Content) -> Iterator[tuple[str, str, str]]:
    """Place, id and text of each document."""
    for place, inside in _elements(content, "DOC"):
        name = DOCNO.match(inside)
        if name is None:
            raise InputError(
                f"{place}: expected <DOCNO>id</DOCNO> at the start of a document, found {_excerpt(inside)}"
            )
        yield place, name[1].strip(), plain(place, inside[name.end() :])


def _elements(content: Content, tag: str) -> Iterator[tuple[str, str]]:
    """Place and inside of every element of a tag; nothing but white space stands between them."""
    source, opening, closing = text(content), f"<{tag}>", f"</{tag}>"
    position, line = 0, 1
    while True:
        start = source.find(opening, position)
        between = source[position : start if start >= 0 else len(source)]
        line += between.count("\n")
        place = f"{content.path}:{line}"
        if between.strip():
            raise InputError(
                f"{place}: expected nothing between a {closing} and a {opening}, found {_excerpt(between)}"
            )
        if start < 0:
            return
        end = source.find(closing, start)
        inside = source[start + len(opening) : end]
        if end < 0 or opening in inside:
            found = "another one inside it" if opening in inside else "the end of the file"
            raise InputError(f"{place}: expected {closing} after this {opening}, found {found}: the file is damaged")
        yield place, inside
        line += inside.count("\n")
        position = end + len(closing)


def plain(place: str, marked: str) -> str:
    """Text as one line, without tags and with references resolved: its breaks are the width of a page."""
    try:
        return " ".join(html.unescape(TAG.sub(" ", marked)).split())
    except ValueError as error:  # a reference of thousands of digits
        raise InputError(f"{place}: expected references such as &#233;, found: {error}: the file is damaged") from error


def _excerpt(found: str) -> str:
    return repr(found.strip()[:EXCERPT])
