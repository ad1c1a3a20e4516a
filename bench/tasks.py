"""The cells of a suite, and the tasks they come to: what each child is to do, where it reads and writes."""

from __future__ import annotations

import difflib
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench import environment, matrices, store
from bench.cache import cache_folder
from bench.corpora import PassageSet
from bench.errors import InputError
from bench.record import Stage, digest
from bench.suite import Suite
from bench.worker import Job
from retrievers.analysers import default_analyser
from retrievers.contract import (
    Encoder,
    Fingerprinted,
    Persistent,
    Retriever,
    Storage,
    VectorRetriever,
    options_of,
    search_options,
    spell,
)
from retrievers.registry import PluginError, Registry, SpellingError, parse, resolved


@dataclass(frozen=True)
class Cell:
    """One retriever on one passage set, its options resolved."""

    key: str
    passage_set: PassageSet
    written: Any  # Any: an adapter as the suite spells it, or None where it can not be made
    retriever: Any  # Any: the same with its defaults resolved
    spelling: str
    problem: str = ""  # why it can not be made

    @property
    def encoder(self) -> str | None:
        return spell(self.retriever.encoder) if isinstance(self.retriever, VectorRetriever) else None

    @property
    def server(self) -> Any:  # Any: the storage of a pair, or the engine
        return self.retriever.storage if isinstance(self.retriever, VectorRetriever) else self.retriever

    @property
    def build_spelling(self) -> str:
        """The server with its search-time options left out: cells that differ in those alone share one build."""
        server = self.server
        later = search_options(server)
        kept = {name: value for name, value in options_of(server).items() if name not in later}
        return f"{self.encoder} @ {spell(type(server)(**kept))}"


class Task(NamedTuple):
    """One child to run: an encoder's ask serves every cell of that encoder."""

    key: str
    kind: str  # what its duration is foretold from
    cells: tuple[Cell, ...]
    job: Job


def make_cells(suite: Suite, passage_sets: Sequence[PassageSet], registry: Registry) -> list[Cell]:
    """
    The suite's cells with every default resolved.

    Raises SpellingError for a name or a spelling that is none, InputError for two passage sets of one name: hits and
    records are kept by it.
    """
    by_name = {passage_set.name: passage_set for passage_set in passage_sets}
    if len(by_name) < len(passage_sets):
        names = [passage_set.name for passage_set in passage_sets]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"passage sets: expected each name once, found {twice!r} again: rename its file or folder")
    named = dict(zip(suite.passages, passage_sets, strict=True)) | by_name
    conditions = {
        name: value
        for name, value in msgspec.to_builtins(suite).items()
        if name not in ("name", "passages", "cells", "published", "baseline")
    }
    cells: dict[str, Cell] = {}
    for name, spelling in suite.pairs():
        passage_set = named[name]
        written, retriever, problem = None, None, ""
        try:
            written = parse(spelling, registry)
            if not isinstance(written, Retriever):
                raise SpellingError(
                    f"{spelling!r}: expected a retriever, found {_kind(written)}: "
                    "a retriever is an encoder with a storage, BM25() @ CSR(), or an engine, RankBM25()"
                )
            retriever = resolved(written, {"analyser": default_analyser(passage_set.language)})
            spelling = spell(written)
        except (PluginError, TypeError) as error:  # a broken plug-in breaks its own row
            written, retriever, problem = None, None, str(error)
        key = digest([passage_set.sha256, spell(retriever) if retriever else spelling, conditions])[:16]
        cells.setdefault(key, Cell(key, passage_set, written, retriever, spelling, problem))
    return list(cells.values())


def stages(cells: Sequence[Cell], suite: Suite) -> Counter[Stage]:
    """How many children each stage of the cells of one passage set comes to, if none fails."""
    sound = [cell for cell in cells if not cell.problem]
    encoders = len({cell.encoder for cell in sound if cell.encoder})
    savable = [cell for cell in sound if isinstance(cell.server, Persistent)]
    joint = [cell for cell in savable if cell.encoder] if "joint" in suite.modes else []
    return Counter(
        encode=encoders,
        ask=encoders * suite.rounds,
        build=len({cell.build_spelling for cell in savable}),
        serve=len(sound) * suite.rounds,
        joint=len(joint) * suite.rounds,
    )


def _kind(adapter: object) -> str:
    """What a lone adapter is, for a reader."""
    known = (("an encoder", Encoder), ("a storage", Storage))
    return next((name for name, protocol in known if isinstance(adapter, protocol)), "an analyser")


def baseline(suite: Suite, cells: Sequence[Cell], registry: Registry) -> str | None:
    """The suite's baseline as its cells are spelled; InputError where it is none of them, SpellingError as in parse."""
    if suite.baseline is None:
        return None
    try:
        spelling = spell(parse(suite.baseline, registry))
    except (PluginError, TypeError):  # its cells keep the spelling of the suite too
        spelling = suite.baseline
    known = list(dict.fromkeys(cell.spelling for cell in cells))
    if spelling not in known:
        near = difflib.get_close_matches(spelling, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError(f"baseline: expected one of the cells {', '.join(known)}, found {suite.baseline!r}.{hint}")
    return spelling


@dataclass
class Work:
    """The tasks of one passage set, and where they read and write."""

    suite: Suite
    run_folder: Path
    registry: Registry
    passage_set: PassageSet
    matrix_of: dict[str, Path] = field(default_factory=dict)  # encoder -> its place in the cache, reckoned once

    def __post_init__(self) -> None:
        self.folder = self.run_folder / "work" / self.passage_set.sha256[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        texts = cache_folder() / "texts" / self.passage_set.sha256
        texts.mkdir(parents=True, exist_ok=True)
        self.texts = {"passages": str(texts / "passages.json"), "queries": str(texts / "queries.json")}
        for name, path in self.texts.items():
            store.write_whole(Path(path), msgspec.json.encode(getattr(self.passage_set, name)))
        n_queries = len(self.passage_set.queries)
        chosen = random.Random(self.suite.seed).sample(range(n_queries), min(self.suite.queries, n_queries))  # noqa: S311  # no secret
        self.common: dict[str, Any] = {  # Any: fields of a Job
            "entries": tuple((e.group, e.name, e.target, e.package) for e in self.registry.entries.values()),
            "sample": tuple(chosen),
            "modes": self.suite.modes,
            "k": self.suite.k,
            "depth": self.suite.depth,
            "n_passages": len(self.passage_set.passages),
            **self.texts,
        }

    def remove(self) -> None:
        """Take the scratch folder away, all at once: half a storage must never be found by a run that resumes."""
        abandoned = self.folder.with_suffix(".old")
        shutil.rmtree(abandoned, ignore_errors=True)
        self.folder.replace(abandoned)
        shutil.rmtree(abandoned, ignore_errors=True)

    # Keys: what a task's line in the journal is found by.

    def matrix(self, encoder: str) -> Path:
        """Where the matrix of an encoder lies in the cache: its name is the hash of all that decides its bytes."""
        if encoder not in self.matrix_of:
            entries = [entry for entry in self.registry.entries.values() if f"{entry.name}(" in encoder]
            parts = [
                self.passage_set.sha256,
                encoder,
                model_fingerprint(parse(encoder, self.registry)),
                environment.code_sha256("retrievers"),
                [entry.source_sha256() for entry in entries],
                environment.versions(),
                self.suite.encode_threads or environment.cores(),
            ]
            self.matrix_of[encoder] = matrices.place(digest(parts)[:32])
        return self.matrix_of[encoder]

    def build_key(self, cell: Cell) -> str:
        return "build-" + digest([self.passage_set.sha256, cell.build_spelling] if cell.retriever else cell.key)[:16]

    def ask_key(self, cell: Cell, number: int) -> str:
        return f"ask-{digest([self.passage_set.sha256, cell.encoder])[:16]}-{number}"

    def serve_key(self, cell: Cell, number: int) -> str:
        return f"serve-{cell.key}-{number}"

    def joint_key(self, cell: Cell, number: int) -> str:
        return f"joint-{cell.key}-{number}"

    # Tasks

    def encode(self, encoder: str, cells: Sequence[Cell]) -> Task:
        own = digest(str(self.run_folder))[:8]  # another run may be making the same matrix
        part = self.matrix(encoder).with_suffix(f".{own}.part")
        return self._task(
            f"encode-{self.matrix(encoder).name}", encoder, cells, stage="encode", encoder=encoder, out=str(part)
        )

    def builds(self, cells: Sequence[Cell]) -> Iterator[Task]:
        """One build for all cells that differ in search-time options alone; none for what can not be saved."""
        groups: dict[str, list[Cell]] = {}
        for cell in cells:
            if isinstance(cell.server, Persistent):
                groups.setdefault(self.build_key(cell), []).append(cell)
        for key, group in groups.items():
            final = self._built(group[0])
            part = final.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            yield self._task(
                key,
                group[0].build_spelling if group[0].encoder else spell(group[0].server),
                group,
                stage="build",
                out=str(part),
                storage_folder=str(final),
                **self._server(group[0]),
            )

    def round(self, number: int, cells: Sequence[Cell]) -> list[Task]:
        """One round of every encoder and every cell, in seeded random order."""
        tasks = []
        for encoder in dict.fromkeys(cell.encoder for cell in cells if cell.encoder):
            group = [cell for cell in cells if cell.encoder == encoder]
            key = self.ask_key(group[0], number)
            tasks.append(
                self._task(
                    key, encoder, group, stage="ask", samples=self._file("samples", key), **self._encoder(encoder)
                )
            )
        for cell in cells:
            key = self.serve_key(cell, number)
            tasks.append(
                self._task(
                    key,
                    spell(cell.retriever),
                    [cell],
                    stage="serve",
                    samples=self._file("samples", key),
                    hits=self._file("hits", cell.key) if number == 0 else None,
                    storage_folder=str(self._built(cell)) if isinstance(cell.server, Persistent) else None,
                    **self._server(cell),
                )
            )
            saved = cell.encoder is not None and self._encoder(cell.encoder)["encoder_folder"] is not None
            if "joint" in self.suite.modes and cell.encoder and saved and isinstance(cell.server, Persistent):
                key = self.joint_key(cell, number)
                tasks.append(
                    self._task(
                        key,
                        spell(cell.retriever),
                        [cell],
                        stage="joint",
                        samples=self._file("samples", key),
                        storage_folder=str(self._built(cell)),
                        **self._encoder(cell.encoder),
                        **self._server(cell),
                    )
                )
        random.Random(f"{self.suite.seed} {number}").shuffle(tasks)  # noqa: S311  # no secret
        return tasks

    def _task(self, key: str, kind: str, cells: Sequence[Cell], **fields: Any) -> Task:  # Any: fields of a Job
        result = self.folder / "stages" / key / "result.json"
        return Task(key, kind, tuple(cells), Job(result=str(result), **(self.common | fields)))

    def _server(self, cell: Cell) -> dict[str, Any]:  # Any: fields of a Job
        matrix = str(self.matrix(cell.encoder)) if cell.encoder else None
        return {"storage": spell(cell.server), "engine": cell.encoder is None, "matrix": matrix}

    def _encoder(self, encoder: str) -> dict[str, Any]:  # Any: fields of a Job
        saved = self.matrix(encoder) / "encoder"
        return {"encoder": encoder, "encoder_folder": str(saved) if saved.is_dir() else None}

    def _built(self, cell: Cell) -> Path:
        return self.folder / self.build_key(cell)

    def _file(self, folder: str, key: str) -> str:
        return str(self.run_folder / folder / f"{key}.npz")


def model_fingerprint(adapter: object) -> str | None:
    """Hash of the bytes of an encoder's model, for those that carry one."""
    return adapter.fingerprint() if isinstance(adapter, Fingerprinted) else None
