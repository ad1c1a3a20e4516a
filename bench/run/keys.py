"""
The children that some cells come to, and what the journal has each under: a key holds the identity of all that decides
its numbers.

A build is that of all cells that differ in search-time options alone, a query stage that of all with one encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.instruments.modes import chosen
from bench.records.schema import Stage, digest
from bench.run.cells import Cell
from bench.run.suite import Suite
from retrievers.contract import spell


def encode_key(matrix_key: str) -> str:
    """Of encoding."""
    return f"encode-{matrix_key}"


def build_key(cell: Cell) -> str:
    """Of a build."""
    return "build-" + digest([cell.passage_set.passages_sha256, cell.build_spelling, cell.identity])[:16]


def query_key(cell: Cell, number: int) -> str:
    """Of the encoder in one round."""
    return f"query-{digest([cell.queries_key, cell.threads])[:16]}-{number}"


def search_key(cell: Cell, number: int) -> str:
    """Of the storage or the engine in one round."""
    return f"search-{digest([cell.key, cell.identity])[:16]}-{number}"


def joint_key(cell: Cell, number: int) -> str:
    """Of both in one process, in one round."""
    return f"joint-{digest([cell.key, cell.identity])[:16]}-{number}"


def deploy_key(cell: Cell) -> str:
    """Of what only answers queries."""
    return f"deploy-{digest([cell.key, cell.identity])[:16]}"


def in_one_process(suite: Suite) -> bool:
    """Whether a mode has encoder and storage in one process."""
    return any(mode.one_process for mode in chosen(suite.modes))


def timed_keys(cell: Cell, suite: Suite) -> Iterator[str]:
    """Of every stage that times a cell: without one of them it is not measured."""
    for number in range(suite.rounds):
        yield search_key(cell, number)
        if cell.timed_apart:
            yield query_key(cell, number)
        if cell.joinable and in_one_process(suite):
            yield joint_key(cell, number)


def is_deployed(cell: Cell, suite: Suite) -> bool:
    """Whether it goes from text to ids, and is timed as it does: vectors made elsewhere have no encoder to deploy."""
    return not cell.given and bool(suite.modes)


class Child(NamedTuple):
    """What a child does, and of what; all of one kind take about as long."""

    stage: Stage
    subject: str


def children_of(cells: Sequence[Cell], suite: Suite) -> dict[str, Child]:
    """Every child that the cells of one passage set come to, if none fails, by the key of its task."""
    found: dict[str, Child] = {}
    for cell in cells:
        if cell.problem:
            continue
        whole = spell(cell.retriever)
        if cell.matrix_key is not None:
            found[encode_key(cell.matrix_key)] = Child("encode", cell.encoder or "")
        found[build_key(cell)] = Child("build", cell.build_spelling)  # of what cannot be saved a trial
        for number in range(suite.rounds):
            found[search_key(cell, number)] = Child("search", whole)
            if cell.timed_apart:
                found[query_key(cell, number)] = Child("query", cell.encoder or "")
            if cell.joinable and in_one_process(suite):
                found[joint_key(cell, number)] = Child("joint", whole)
        if is_deployed(cell, suite):
            found[deploy_key(cell)] = Child("deploy", whole)
    return found
