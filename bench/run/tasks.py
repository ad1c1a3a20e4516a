"""What each child is to do for the cells of one passage set, where it reads and writes, what its result is called."""

from __future__ import annotations

import random
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.cache import cache_folder
from bench.formats.files import write_whole
from bench.instruments.latency import SECONDS_A_ROUND
from bench.passages import synthetic
from bench.passages.loader import PassageSet
from bench.records.schema import StageResult, digest
from bench.run.cells import Cell
from bench.run.identity import alignment
from bench.run.keys import (
    build_key,
    deploy_key,
    encode_key,
    in_one_process,
    is_deployed,
    joint_key,
    query_key,
    search_key,
)
from bench.run.looks import QueryLooks
from bench.run.suite import Suite
from bench.stage import matrices
from bench.stage.job import Job, JobFields
from bench.stage.stopping import GoesOn
from retrievers.contract import spell
from retrievers.registry import Registry


class TaskFolder(NamedTuple):
    """A folder that a child makes: where it is written, and where it goes when it is whole."""

    part: Path
    final: Path


class Task(NamedTuple):
    """One child to run, for one cell or for all that share what it does."""

    key: str
    subject: str  # what is run, as it is spelled
    cells: tuple[Cell, ...]
    job: Job
    output: TaskFolder | None = None  # of a task that makes a folder
    queries: TaskFolder | None = None  # of one that encodes: where the vectors of the queries go
    goes_on: GoesOn | None = None  # of a search in looks: asked after each


class Runtime(NamedTuple):
    """What a part runs on, as the child told that made it: it is brought in before the part is weighed."""

    modules: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()


def runtime_of(task: Task) -> Runtime:
    """What a task's child told of its runtime; nothing where it ended otherwise."""
    try:
        result = msgspec.json.decode(Path(task.job.result).read_bytes(), type=StageResult)
    except (OSError, msgspec.DecodeError):
        return Runtime()
    return Runtime(result.runtime, result.kernels)


@dataclass
class Work:
    """The tasks of one passage set, and where they read and write."""

    suite: Suite
    run_folder: Path
    registry: Registry
    passage_set: PassageSet
    round_seconds: float = SECONDS_A_ROUND
    report_imports: bool = False
    runtimes: dict[str, Runtime] = field(default_factory=dict)  # encoder, or key of a build -> what it runs on
    looks: QueryLooks | None = None

    def __post_init__(self) -> None:
        self.folder = self.run_folder / "work" / self.passage_set.asked_sha256[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        texts = cache_folder() / "texts" / self.passage_set.asked_sha256
        texts.mkdir(parents=True, exist_ok=True)
        contents = {
            "passages": self.passage_set.passages,
            "queries": self.passage_set.queries,
            "warm": synthetic.queries(
                self.passage_set.queries,
                language=self.passage_set.language,
                passage_set=self.passage_set.passages_sha256,
            ),
        }
        self.texts = {name: str(texts / f"{name}.json") for name in contents}
        for name, content in contents.items():
            write_whole(Path(self.texts[name]), msgspec.json.encode(content))
        rules, written = self.passage_set.hit_rules, self.folder / "hit-rules.json"
        if rules.needed:
            write_whole(written, msgspec.json.encode(rules))
        # What is timed is what is judged: of a search that may be stopped, only the first look surely is.
        among = range(len(self.passage_set.queries)) if self.looks is None else self.looks.rows[0]
        chosen = random.Random(self.suite.seed).sample(among, min(self.suite.queries, len(among)))  # noqa: S311  # no secret
        self.common: JobFields = {
            "entries": tuple((e.group, e.name, e.target, e.package) for e in self.registry.entries.values()),
            "sample": tuple(chosen),
            "modes": self.suite.modes,
            "settings": self.suite.settings,
            "k": self.suite.k,
            "depth": self.suite.depth,
            "n_parts": rules.n_parts,
            "n_excluded": rules.n_excluded,
            "hit_rules": str(written) if rules.needed else None,
            "n_passages": self.n_passages,
            "distractors": self.suite.distractors,
            "round_seconds": self.round_seconds,
            "report_imports": self.report_imports,
            "seed": self.suite.seed,
            "language": self.passage_set.language,
            "passage_set": self.passage_set.passages_sha256,
            **self.texts,
        }

    @property
    def sample(self) -> tuple[int, ...]:
        """Positions of the queries that are timed."""
        return tuple(self.common["sample"])

    @property
    def n_passages(self) -> int:
        """Passages that are searched, synthetic ones among them."""
        return len(self.passage_set.passages) + self.suite.distractors

    def remove(self, keys: Collection[str]) -> None:
        """
        Take the scratch folder away, but for those builds of some keys that are there: they may be tried again.

        Each folder goes all at once: half a storage must never be found by a run that resumes.
        """
        kept = {key for key in keys if (self.folder / key).is_dir()}
        for path in (*(self.folder / "stages").glob("*"), *self.folder.iterdir()) if kept else (self.folder,):
            if path.is_file():
                path.unlink()
            elif path.name not in (*kept, "stages"):
                abandoned = self.folder.with_name("abandoned")
                shutil.rmtree(abandoned, ignore_errors=True)
                path.replace(abandoned)
                shutil.rmtree(abandoned, ignore_errors=True)

    # Tasks

    def encode(self, cells: Sequence[Cell]) -> Task:
        """Encode with the one encoder that some cells share."""
        cell = cells[0]
        matrix, queries = _matrix(cell), _queries(cell)
        output = TaskFolder(matrices.part_of(matrix), matrix)
        fields = self._aligned(cell) | {"blocks": str(matrices.blocks_of(matrix))}
        task = self._task(encode_key(matrix.name), cell.encoder or "", cells, output, stage="encode", **fields)
        return task._replace(queries=TaskFolder(matrices.part_of(queries), queries))

    def builds(self, cells: Sequence[Cell]) -> Iterator[Task]:
        """One build for all cells that differ in search-time options alone; none for what cannot be saved."""
        groups: dict[str, list[Cell]] = {}
        for cell in cells:
            if cell.savable:
                groups.setdefault(build_key(cell), []).append(cell)
        for key, group in groups.items():
            final = self._built(group[0])
            output = TaskFolder(final.with_suffix(".part"), final)
            searcher = self._searcher(group[0])
            yield self._task(key, group[0].build_spelling, group, output, stage="build", **searcher)

    def trials(self, cells: Sequence[Cell]) -> Iterator[Task]:
        """What cannot be saved, made once from a few passages: only to see what it runs on."""
        for key, cell in {build_key(cell): cell for cell in cells if not cell.savable}.items():
            yield self._task(key, cell.build_spelling, [cell], stage="build", **self._searcher(cell))

    def deployments(self, cells: Sequence[Cell]) -> Iterator[Task]:
        """A process for each cell that only goes from text to ids."""
        for cell in cells:
            if is_deployed(cell, self.suite):
                fields = (self._encoder(cell) if cell.encoder else {}) | self._searcher(cell)
                built = str(self._built(cell)) if cell.savable else None
                key, subject = deploy_key(cell), spell(cell.retriever)
                yield self._task(key, subject, [cell], stage="deploy", storage_folder=built, **fields)

    def round(self, number: int, cells: Sequence[Cell]) -> list[Task]:
        """One round of every encoder and every cell, in seeded random order."""
        tasks = []
        encoders = ((cell.encoder, cell.threads) for cell in cells if cell.encoder and cell.timed_apart)
        for encoder, threads in dict.fromkeys(encoders):
            group = [cell for cell in cells if (cell.encoder, cell.threads) == (encoder, threads)]
            tasks.append(self._query(number, encoder, group))
        for cell in cells:
            tasks.append(self._search(number, cell))
            if cell.joinable and in_one_process(self.suite):
                tasks.append(self._joint(number, cell))
        random.Random(f"{self.suite.seed} {number}").shuffle(tasks)  # noqa: S311  # no secret
        if number == 0:  # what holds both parts is held to what the search finds, what may be stopped to the baseline
            tasks.sort(key=lambda task: (task.job.stage == "joint", bool(task.job.looks)))
        return tasks

    def _query(self, number: int, encoder: str, cells: Sequence[Cell]) -> Task:
        fields = self._encoder(cells[0]) | self._runs_on(encoder)
        return self._timed(query_key(cells[0], number), encoder, cells, number, stage="query", **fields)

    def _search(self, number: int, cell: Cell) -> Task:
        looks = self.looks
        in_looks = looks.of(cell) if looks is not None and number == 0 else ()
        fields = self._searcher(cell) | self._runs_on(build_key(cell))
        fields |= {
            "looks": in_looks,
            "scope": "part" if cell.timed_apart else "engine",
            "hits": self._file("hits", cell.key) if number == 0 else None,
            "judged": self._file("hits", cell.key),
            "exact": cell.exact is True,
            "searched_apart": cell.searched_apart(self.suite),
            "storage_folder": str(self._built(cell)) if cell.savable else None,
        }
        key = search_key(cell, number)
        task = self._timed(key, spell(cell.retriever), [cell], number, stage="search", **fields)
        return task._replace(goes_on=partial(looks.goes_on, cell)) if looks is not None and in_looks else task

    def _joint(self, number: int, cell: Cell) -> Task:
        judged = {
            "judged": self._file("hits", cell.key),
            "exact": cell.exact is True,
            "searched_apart": cell.searched_apart(self.suite),
        }
        built = {"storage_folder": str(self._built(cell))}
        runtime = self._runs_on(cell.encoder or "", build_key(cell))
        fields = self._encoder(cell) | self._searcher(cell) | judged | built | runtime
        key = joint_key(cell, number)
        return self._timed(key, spell(cell.retriever), [cell], number, stage="joint", scope="pair", **fields)

    def rehearsal(self, cell: Cell, sample: Path, *, of_encoder: bool, is_cached: bool = False) -> Task:
        """
        Rehearse the encoder of a cell, leaving a sample of its vectors; or what searches, with that sample.

        is_cached: with all its vectors in place of the sample, since they are in the cache.
        """
        key = "rehearse-" + digest([cell.encoder if of_encoder else cell.build_spelling])[:16]
        part = self._aligned(cell) if of_encoder else self._searcher(cell)
        if not of_encoder and not is_cached:
            part |= {"matrix": str(sample), "query_matrix": str(sample)}
        output = TaskFolder(sample, sample) if of_encoder else None
        return self._task(key, cell.spelling, [cell], output, stage="rehearse", **part)

    def _timed(
        self,
        key: str,
        subject: str,
        cells: Sequence[Cell],
        number: int,
        **fields: Any,  # Any: see _task
    ) -> Task:
        """A task of one round, which leaves samples."""
        return self._task(key, subject, cells, number=number, samples=self._file("samples", key), **fields)

    def _task(
        self,
        key: str,
        subject: str,
        cells: Sequence[Cell],
        output: TaskFolder | None = None,
        **fields: Any,  # Any: JobFields, by name
    ) -> Task:
        result = self.folder / "stages" / key / "result.json"
        out = str(output.part) if output else None
        job = Job(result=str(result), out=out, **(self.common | fields))
        return Task(key, subject, tuple(cells), job, output)

    def _runs_on(self, *parts: str) -> JobFields:
        """What some parts of a process run on: keys of `runtimes`."""
        known = [self.runtimes.get(part, Runtime()) for part in parts]
        return {
            "runtime": tuple(dict.fromkeys(name for each in known for name in each.modules)),
            "kernels": tuple(dict.fromkeys(name for each in known for name in each.kernels)),
        }

    def _searcher(self, cell: Cell) -> JobFields:
        return {"storage": spell(cell.searcher), "engine": cell.encoder is None} | _vectors(cell)

    def _encoder(self, cell: Cell) -> JobFields:
        saved = _matrix(cell) / "encoder"
        return (
            self._synthetic(cell)
            | {
                "encoder": cell.encoder,
                "encoder_folder": str(saved) if saved.is_dir() else None,
            }
            | _vectors(cell)
        )

    def _aligned(self, cell: Cell) -> JobFields:
        """The encoder anew, and where the vectors of its texts stand if they were made elsewhere."""
        if not cell.given:
            return self._synthetic(cell) | {"encoder": cell.encoder}
        path = self.folder / "alignment.json"
        write_whole(path, msgspec.json.encode(alignment(self.passage_set)))
        own = {"alignment": str(path), "vectors": self.passage_set.vectors}
        return self._synthetic(cell) | {"encoder": cell.encoder} | own

    def _synthetic(self, cell: Cell) -> JobFields:
        """What the encoder of a cell is given of synthetic passages."""
        return {"synthetic": "texts" if cell.takes_synthetic_text else "vectors"}

    def _built(self, cell: Cell) -> Path:
        return self.folder / build_key(cell)

    def _file(self, folder: str, key: str) -> str:
        return str(self.run_folder / folder / f"{key}.npz")


def _matrix(cell: Cell) -> Path:
    if cell.matrix_key is None:
        raise ValueError(f"{cell.spelling} has no encoder: there is no matrix of it")
    return matrices.place(cell.matrix_key)


def _queries(cell: Cell) -> Path:
    if cell.queries_key is None:
        raise ValueError(f"{cell.spelling} has no encoder: there are no vectors of queries")
    return matrices.place(cell.queries_key)


def _vectors(cell: Cell) -> JobFields:
    """Where the vectors of passages and queries lie, of a cell that has some."""
    return {"matrix": str(_matrix(cell)), "query_matrix": str(_queries(cell))} if cell.encoder else {}
