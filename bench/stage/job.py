"""What one child is to do, and the texts that it reads for it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from bench.instruments.modes import Scope, Settings
from bench.records.schema import Stage
from bench.stage.turns import Turns

if TYPE_CHECKING:
    from bench.hit_rules import HitRules
    from retrievers.contract import Hits

Synthetic: TypeAlias = Literal["texts", "vectors"]
JobFields: TypeAlias = dict[str, Any]  # Any: fields of a Job, of their several types


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One stage to do; paths are absolute, spellings resolved."""

    stage: Stage
    encoder: str | None = None
    storage: str | None = None  # the storage, or the engine, that serves
    engine: bool = False  # `storage` spells a whole retriever
    entries: tuple[tuple[str, str, str, str], ...]  # group, name, target, package of every adapter that may be named
    passages: str | None = None  # JSON array of texts
    queries: str | None = None
    warm: str | None = None  # JSON array of synthetic queries, for what comes before the clock
    matrix: str | None = None  # folder of the passages' vectors
    query_matrix: str | None = None  # of the queries'
    encoder_folder: str | None = None  # a saved encoder
    storage_folder: str | None = None  # a saved storage or engine; None: build it here, in the serving process
    alignment: str | None = None  # JSON: by role, each text's row in the collection's files, and how many they have
    vectors: str | None = None  # the file of a passage set that holds vectors and no text
    out: str | None = None  # folder to write a matrix or a storage into
    query_out: str | None = None  # to write the vectors of the queries into
    blocks: str | None = None  # where the blocks of a matrix are kept until it is whole
    result: str
    samples: str | None = None
    hits: str | None = None  # where the hits of all queries are to be kept
    judged: str | None = None  # where an earlier round kept them
    looks: tuple[tuple[int, ...], ...] = ()  # of a search that may be stopped: positions of the queries, look by look
    exact: bool = False  # what is found is what brute force finds
    searched_apart: bool = False  # the first k hits are those of a search for k
    sample: tuple[int, ...] = ()  # positions of the queries to time
    modes: tuple[str, ...] = ()  # names of `bench.instruments.modes.MODES`
    settings: Settings = Settings()
    scope: Scope = "part"  # what a stage that answers queries holds
    number: int = 0  # of the round
    round_seconds: float | None = None  # a round repeats its queries for so long; None: the latency instrument says
    turns: Turns | None = None  # of a side that takes turns with another
    k: int = 10
    depth: int = 100
    n_parts: int = 1  # hits that are asked for in place of one, where parts of documents are searched
    n_excluded: int = 0  # and beside them, since so many may be left out
    hit_rules: str | None = None  # JSON: which hits count; None: all
    n_passages: int = 0  # synthetic ones among them
    distractors: int = 0  # how many of them are synthetic; the three after the next decide which
    synthetic: Synthetic = "texts"  # what an encoder is given of them: their texts, or vectors in place of its own
    seed: int = 0
    language: str = ""
    passage_set: str = ""  # the sha256 of its passages' texts
    runtime: tuple[str, ...] = ()  # modules of other distributions that the adapters run on, in order of import
    kernels: tuple[str, ...] = ()  # of ours, compiled for them
    report_imports: bool = False  # the result names the files of Python that were imported
    parent: int = 0  # set, with the three below, by who starts the child
    pipes: tuple[int, int] | None = None  # to ask whether a search goes on, and to read the answer
    cgroup: str | None = None  # file to join
    memory_bytes: int = 0  # for RLIMIT_DATA where there is no cgroup

    @property
    def search_k(self) -> int:
        """How many hits are asked for, so that k of them count."""
        return self.k * self.n_parts + self.n_excluded

    @property
    def search_depth(self) -> int:
        """How many, so that there are enough for the depth."""
        return self.depth * self.n_parts + self.n_excluded


def fitted(job: Job) -> list[str]:
    """What an encoder is fitted to and encodes: the real passages alone where it is given no synthetic text."""
    return grown_texts(job) if job.synthetic == "texts" else read_texts(job.passages)


def grown_texts(job: Job) -> list[str]:
    """The passages, then the synthetic ones."""
    passages = read_texts(job.passages)
    if not job.distractors:
        return passages
    from bench.passages import synthetic

    return passages + synthetic.texts(
        passages, job.distractors, language=job.language, passage_set=job.passage_set, seed=job.seed
    )


def read_texts(path: str | None) -> list[str]:
    """The texts of a JSON array."""
    return msgspec.json.decode(Path(given(path)).read_bytes(), type=list[str])


def sampled_queries(job: Job) -> list[str]:
    """The queries that are timed."""
    queries = read_texts(job.queries)
    return [queries[i] for i in job.sample]


def counted(job: Job, hits: Hits, k: int, queries: Sequence[int] | None = None) -> Hits:
    """The first k hits of each query that count. queries: their positions in the set; None: all."""
    return hits if job.hit_rules is None else _rules(job.hit_rules).counted(hits, k, queries)


@functools.cache
def _rules(path: str) -> HitRules:
    from bench.hit_rules import HitRules

    return msgspec.json.decode(Path(path).read_bytes(), type=HitRules)


def given(value: str | None) -> str:
    """A field that the stage needs. ValueError where the job lacks it."""
    if value is None:
        raise ValueError("the job lacks a field that its stage needs")
    return value
