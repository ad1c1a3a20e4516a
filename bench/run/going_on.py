"""A run that goes on in a folder: which cells it has now, what of the old ones stays, and what has to be done again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bench.errors import InputError
from bench.formats import arrays
from bench.passages import loader
from bench.records import run_folder
from bench.records.schema import Measurement
from bench.run.identity import fingerprints
from bench.run.keys import build_key, encode_key, search_key, timed_keys
from bench.run.resolve import canonical, parse_retriever
from bench.run.suite import CellGroup, Suite
from bench.stage import plugin_files
from retrievers.contract import NotFound
from retrievers.registry import Registry, SpellingError

if TYPE_CHECKING:
    from bench.passages.passage_set import PassageSet
    from bench.records.growth import Held
    from bench.records.journal import Writer
    from bench.run.cells import Cell

CHANGED = "a file beside its plug-in has changed"
LOST = "its file is gone, or is not whole"
BEGUN_ANEW = "begun anew, and not measured yet: the same command goes on"


class Grown(NamedTuple):
    """What a run is asked for, and what its folder has beside that."""

    suite: Suite  # with the cells of its sets that were measured before and are not named now
    beside: tuple[Measurement, ...]  # that stay as they are: of other sets, or what they need is not there now

    def recorded(self, held: Held | None) -> Suite:
        """The suite of the whole folder."""
        if held is None or not self.beside:
            return self.suite
        sources = _sources(held)
        cells = tuple(_group(m, sources[m.passage_set]) for m in self.beside if m.passage_set in sources)
        passages = dict.fromkeys((*self.suite.passages, *(each for group in cells for each in group.passages or ())))
        return msgspec.structs.replace(self.suite, passages=tuple(passages), cells=(*self.suite.cells, *cells))


def grown(suite: Suite, passage_sets: Sequence[PassageSet], held: Held | None, registry: Registry) -> Grown:
    """
    What a suite comes to in a folder that holds a run: all that was finished there stays.

    SpellingError as in `canonical`; InputError for a cell that has to be made again and cannot be spelled here.
    """
    if held is None:
        return Grown(suite, ())
    by_name = {one.name: (source, one) for source, one in zip(suite.passages, passage_sets, strict=True)}
    named = {source: one.name for source, one in by_name.values()} | {name: name for name in by_name}
    asked = {(named[source], canonical(spelling, registry)) for source, spelling in suite.pairs()}
    groups, beside = [], []
    for m in held.finished():
        if (m.passage_set, m.retriever) in asked:
            continue
        lacks = _lacks(m, held, registry) if m.passage_set in by_name else ""
        if m.passage_set in by_name and not lacks:
            groups.append(_group(m, by_name[m.passage_set][0]))
        elif m.passage_set in by_name and m.passage_set_sha256 != by_name[m.passage_set][1].sha256:
            raise InputError(
                f"cell {m.retriever} on {m.passage_set}: {lacks}; its set has changed since it was measured"
            )
        else:
            beside.append(m)
    cells = dict.fromkeys((*suite.cells, *groups))
    return Grown(msgspec.structs.replace(suite, cells=tuple(cells)), tuple(beside))


def _sources(held: Held) -> dict[str, str]:
    """Passage set -> what the folder's suite calls it."""
    names = msgspec.convert(held.record.suite["passages"], tuple[str, ...])
    return {loader.name_of(name): name for name in names}


def _group(m: Measurement, source: str) -> CellGroup:
    return CellGroup(retrievers=(m.retriever,), passages=(source,), name=m.cell_name)


def _lacks(m: Measurement, held: Held, registry: Registry) -> str:
    """What it would take to make a cell again that the command does not name; empty: nothing that is not there."""
    try:
        fingerprints(parse_retriever(m.retriever, registry))
    except SpellingError:
        files = ", ".join(path for path, _ in held.record.plugin_hashes)
        return f"expected its plug-in again: add --plugin FILE, one of {files or 'those that it was run with'}"
    except NotFound as error:
        return str(error)
    except Exception:  # an adapter may raise anything: its cell says so
        return ""
    return ""


# What has to be done again


def forget_what_is_lost(cells: Sequence[Cell], suite: Suite, writer: Writer) -> None:
    """
    Take back stages whose files are gone or torn, or were made from a file that is another now; and rows without one.

    Whatever the journal has of them counts no longer, also if this run is killed before it has done them again.
    """
    for cell in cells:
        for task, reason in _lost(cell, suite, writer):
            writer.forgets(task, reason)
    for cell in cells:
        known = writer.measurements.get(cell.key)
        if known is not None and known.status == "ok" and not is_timed(cell, suite, writer):
            writer.measured(msgspec.structs.replace(known, status="failed", reason=BEGUN_ANEW))


def is_timed(cell: Cell, suite: Suite, writer: Writer) -> bool:
    """Whether the journal has every stage that times a cell."""
    return all(key in writer.stages for key in timed_keys(cell, suite))


def _lost(cell: Cell, suite: Suite, writer: Writer) -> Iterator[tuple[str, str]]:
    keys = [key for key in timed_keys(cell, suite) if key in writer.stages]
    encoded = writer.stages.get(encode_key(cell.matrix_key or ""))
    if encoded is not None and plugin_files.changed(encoded.opened, cell.plugins):
        yield encode_key(cell.matrix_key or ""), CHANGED
        yield from ((key, CHANGED) for key in (build_key(cell), *keys))
        return
    for key in keys:
        path = writer.stages[key].samples
        if path is not None and not _is_whole(writer.folder / path):
            yield key, LOST
    if search_key(cell, 0) in keys and not has_hits(cell, suite, writer.folder):
        yield search_key(cell, 0), LOST


def has_hits(cell: Cell, suite: Suite, folder: Path) -> bool:
    """Whether the hits of a cell are there: a row of every query, also of those that a cell was not asked."""
    try:
        deep = run_folder.read_hits(folder, cell.key)
        top = run_folder.read_timed(folder, cell.key, suite.k, apart=cell.searched_apart(suite))
    except InputError:
        return False
    return len(deep.rows) == len(deep.scores) == len(top.rows) == len(cell.passage_set.queries)


def _is_whole(path: Path) -> bool:
    """Whether every array of a file of raw times can be read."""
    try:
        return all(times.dtype.kind in "iu" for times in arrays.read(path, "raw times").values())
    except InputError:
        return False
