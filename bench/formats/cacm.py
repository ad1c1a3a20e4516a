"""CACM as Anserini ships it: an archive of one HTML page a paper, topics and qrels of TREC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from bench.errors import InputError
from bench.formats import Collection, Passage, archive, qrels, trec, unique
from bench.formats.files import Content, text

END = "</html>"
ZEROS = re.compile(r"(?<=-)0+")


def read(passages: Content, queries: Content, judgments: Content | None) -> Collection:
    """
    The collection of an archive of pages, a file of topics and, maybe, one of qrels.

    A passage is all text of a page, as Anserini indexes it: title and abstract where there is one, then date, authors,
    key words and the numbers of papers that share citations. (Left to title and abstract, 187 papers would be merged
    into others, since many have but a title.) Its id is the name of the page's file.

    The qrels name some passages without their zeros: what they say of CACM-46 is said of CACM-0046.

    Raises InputError for a page that does not end, and for what the archive, topics and qrels are refused for.
    """
    pages = unique(_passages(passages), "passage", passages.path)
    ids = {_without_zeros(page.id): page.id for page in pages}
    judged = None if judgments is None else qrels.read(judgments)
    return Collection(
        pages,
        trec.topics(queries),
        judged and [j._replace(passage=j.passage and ids.get(_without_zeros(j.passage), j.passage)) for j in judged],
    )


def _without_zeros(passage_id: str) -> str:
    return ZEROS.sub("", passage_id)


def _passages(content: Content) -> Iterator[tuple[str, Passage]]:
    for name, data in archive.members(content):
        place = content.path / name
        yield str(place), Passage(PurePosixPath(name).stem, "", _words(Content(place, data)))


def _words(content: Content) -> str:
    """The text of a page as one line."""
    # Not html.parser: on tags that do not end it takes the square of a page's length, 20 s for 64 kB.
    source = text(content)
    if not source.rstrip().lower().endswith(END):
        raise InputError(f"{content.path}: expected a page that ends in {END}, found none: the file is damaged")
    return trec.plain(str(content.path), source)
