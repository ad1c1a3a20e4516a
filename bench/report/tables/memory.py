"""
What the picture of memory is made of: the parts of a cell that add up in one process, and its deployment beside them.

Index, encoder and libraries are weighed apart, each in a clean process, so that they can be added. What cannot be: two
figures of libraries, since both parts may import the same ones, of which the larger stands for both; the passage text,
which is the set's and in no process that is weighed here; and the deployment, the high-water mark of one process, which
holds the interpreter and whatever answering takes besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import doubts
from bench.report import rows as flat
from bench.report.numbers import sized
from bench.report.rows import Row
from bench.report.tables.picture_cells import cells_of, remarks_of

NAME = "memory"
Component: TypeAlias = Literal["index", "encoder", "libraries"]
LIBRARIES = ("runtime_bytes", "encoder_runtime_bytes")
GROWTHS = ("resident_bytes", "encoder_resident_bytes", "deployment_bytes")
LEFT_BEHIND = "index includes what building left, built and searched in one process"


@dataclass(frozen=True)
class MemoryPart:
    """One part of a cell, in a bar of those that add up."""

    component: Component
    key: str  # of the figure in `sparring table --json`
    bytes: int
    said: str = ""  # what else there is to know of it


@dataclass(frozen=True)
class CellMemory:
    """One cell."""

    name: str
    parts: tuple[MemoryPart, ...]
    deployment_bytes: int | None

    @property
    def sum(self) -> int:
        """Of the parts."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class Memories:
    """What is drawn of one passage set."""

    passage_set: str
    text_bytes: int  # of its passages
    cells: tuple[CellMemory, ...]  # the smallest deployment first, then those without one by the sum of their parts
    remarks: tuple[str, ...] = ()
    conditions: str = ""


def read(runs: Sequence[Run], passage_set: str | None = None) -> Memories:
    """
    The memory that the cells of one passage set take.

    InputError where the set has to be named, where nothing of a cell was weighed, and for runs of other passages under
    one name. Machines may differ: bytes of one are bytes of another.
    """
    found = cells_of(runs, passage_set, NAME)
    cells: list[CellMemory] = []
    lacking: dict[str, list[str]] = {}
    for name, (_, _, m) in zip(found.names, found.cells, strict=True):
        memory, said = memory_of(name, m)
        cells += [] if memory is None else [memory]
        for why in said:
            lacking.setdefault(why, []).append(name)
    remarks = remarks_of(lacking)
    if not cells:
        raise InputError(
            f"{NAME} of {found.passage_set}: expected cells that were weighed, found none: {'; '.join(remarks)}"
        )
    text_bytes = max(m.text_bytes for _, _, m in found.cells)
    return Memories(found.passage_set, text_bytes, tuple(sorted(cells, key=_size)), remarks, found.conditions)


def memory_of(name: str, m: Measurement) -> tuple[CellMemory | None, list[str]]:
    """What a cell takes, None where it is not drawn; and what it lacks, or a reader must know, a kind each."""
    if m.status != "ok":
        return None, [f"not drawn, {m.status}"]
    row = flat.row(m)
    index, libraries = _part(row, "index"), _libraries(row)
    encoder = None if m.encoder is None else _part(row, "encoder")
    parts = tuple(part for part in (index, encoder, libraries) if part is not None)
    deployment = _bytes(row, "deployment_bytes")
    if not parts and deployment is None:
        return None, ["not drawn, nothing weighed"]
    said = ["index not weighed"] if index is None else []
    said += ["encoder not weighed"] if m.encoder is not None and encoder is None else []
    said += ["libraries not measured"] if libraries is None else []
    said += ["deployment not measured"] if deployment is None else []
    said += [] if m.built_apart else [LEFT_BEHIND]
    said += ["a flag speaks against its bytes"] if any(doubts.is_doubtful(row, key) for key in GROWTHS) else []
    return CellMemory(name, parts, deployment), said


def _size(cell: CellMemory) -> tuple[bool, int, str]:
    deployment = cell.deployment_bytes
    return deployment is None, cell.sum if deployment is None else deployment, cell.name


def _part(row: Row, component: Literal["index", "encoder"]) -> MemoryPart | None:
    """
    An index or an encoder: what a process grew by; where that was not measured or is under resolution, its exact size.

    None where neither is known: a growth under 1 MiB is not told from noise, and is no figure by itself.
    """
    before = "encoder_" if component == "encoder" else ""
    resident, exact = _bytes(row, f"{before}resident_bytes"), _bytes(row, f"{before}ledger_bytes")
    if resident is not None and not row.get(f"{before}resident_under_resolution"):
        said = "" if exact is None else f"exact size {sized(exact)}"
        return MemoryPart(component, f"{before}resident_bytes", resident, said)
    if exact is None:
        return None
    why = "growth not measured" if resident is None else "growth under 1 MiB"
    return MemoryPart(component, f"{before}ledger_bytes", exact, f"exact size, {why}")


def _libraries(row: Row) -> MemoryPart | None:
    """The larger of what two parts import: surely there, where the sum may count the same libraries twice."""
    known = {key: size for key in LIBRARIES if (size := _bytes(row, key)) is not None}
    if not known:
        return None
    key = max(known, key=known.__getitem__)
    others = [size for name, size in known.items() if name != key]
    of = "the encoder's" if key == LIBRARIES[1] else "the index's"
    rest = f", the other part's {sized(others[0])}" if others else ""
    return MemoryPart("libraries", key, known[key], f"{of}{rest}" if others else "")


def _bytes(row: Row, key: str) -> int | None:
    """A figure that is a number of bytes; 0 is one."""
    value = row.get(key)
    return value if isinstance(value, int) and value >= 0 else None
