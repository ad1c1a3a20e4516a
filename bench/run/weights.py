"""What the parts of a cell weigh, from the phases of their rounds, and what there is to say against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.instruments import memory
from bench.records.schema import Fact, Footprint, Memory, StageResult
from bench.stage.lifecycle import MAPPED, MAPPED_RESIDENT

LEDGER_TOLERANCE = 0.02  # a growth may lie this share below the ledger (or 1 MiB), not more
FAR_ABOVE = 1.5  # times the ledger, and what a part may take besides: its code, buffers of its first queries
BESIDES = 48 * 2**20  # torch and a tokenizer take 43 MB besides the weights of the smallest SPLADE
UNTOLD = 4 * 2**20
LATER, LATER_SHARE = 8 * 2**20, 0.05  # bytes, or share of its weight, that a part may keep of answering queries
_MAPS = "memory_mapped"  # the fact: 1 where files are mapped


def footprint(rounds: Sequence[StageResult], made: StageResult | None, part: str) -> tuple[Footprint | None, list[str]]:
    """The weight of one part, and what there is to say against it. made: by which stage, where not in the rounds."""
    if not rounds and made is None:
        return None, []
    first = rounds[0] if rounds else made
    ledger = first.ledger if first is not None else None
    resident = typical([result.load_memory for result in rounds])
    found = []
    facts: Mapping[str, Fact] = rounds[0].facts if rounds else {}
    if ledger is not None and resident is not None:
        known = sum(ledger.values())
        said = f"ledger: resident growth of the {part}, {resident.resident:,} bytes, lies"
        least = known - max(memory.RESOLUTION, LEDGER_TOLERANCE * known)
        if resident.resident + _not_resident(facts, known) < least:
            found.append(f"{said} below its ledger of {known:,}: withheld")
            resident = None
        elif resident.resident > FAR_ABOVE * known + BESIDES or _saves_more(made, resident, known, part):
            found.append(f"{said} far above its ledger of {known:,}: the rest is unknown")
    found += [*_of_mapping(facts, ledger, part), *_later(rounds, part)]
    weight = Footprint(
        ledger=ledger,
        disk_bytes=made.disk_bytes if made else None,
        resident=resident,
        under_resolution=resident is not None and resident.resident < memory.RESOLUTION,
    )
    return weight, found


def _saves_more(made: StageResult | None, resident: Memory, known: int, part: str) -> bool:
    """Whether a storage both holds and saves more than it tells of: a saved index is little else than what it holds."""
    if part != "storage" or made is None or made.disk_bytes is None:
        return False
    return min(resident.resident, made.disk_bytes) > FAR_ABOVE * known + UNTOLD


def _not_resident(facts: Mapping[str, Fact], known: int) -> int:
    """Bytes of mapped files that are not in memory: the kernel takes them back as it likes."""
    mapped, resident = facts.get(MAPPED), facts.get(MAPPED_RESIDENT)
    if isinstance(mapped, int) and isinstance(resident, int):
        return mapped - resident
    return known if facts.get(_MAPS) == 1 else 0  # not measured here: what it says is all that is known


def _of_mapping(facts: Mapping[str, Fact], ledger: dict[str, int] | None, part: str) -> list[str]:
    """Whether a part that says that it maps its files does so, with what it accounts for."""
    mapped = facts.get(MAPPED)
    if facts.get(_MAPS) != 1 or not isinstance(mapped, int) or mapped > sum((ledger or {}).values()) / 2:
        return []
    return [f"mapped: the {part} says that it maps its files; found {mapped:,} bytes of them mapped"]


def _later(rounds: Sequence[StageResult], part: str) -> list[str]:
    """Whether a part has taken memory once it was weighed, and kept it."""
    weight, later = typical([result.load_memory for result in rounds]), typical([r.timed_memory for r in rounds])
    if weight is None or later is None or later.resident <= max(LATER, LATER_SHARE * weight.resident):
        return []
    return [f"memory: the {part} took {later.resident:,} bytes more once it was weighed, and kept them"]


def with_mapping(facts: dict[str, Fact]) -> dict[str, Fact]:
    """The facts of a record: that files are mapped as it was measured, where it was, and not as an adapter says."""
    mapped = facts.get(MAPPED)
    if not isinstance(mapped, int):
        return facts
    measured: dict[str, Fact] = {_MAPS: 1, MAPPED: mapped, MAPPED_RESIDENT: facts.get(MAPPED_RESIDENT)}
    return {name: fact for name, fact in facts.items() if name not in measured} | (measured if mapped else {})


def typical(figures: Sequence[Memory | None]) -> Memory | None:
    """The figure whose growth is the median of the rounds'."""
    known = sorted((figure for figure in figures if figure is not None), key=lambda figure: figure.resident)
    return known[(len(known) - 1) // 2] if known else None


def runtime_bytes(rounds: Sequence[StageResult]) -> int | None:
    """What the libraries that a part runs on took, before anything of its own."""
    taken = typical([result.runtime_memory for result in rounds])
    return None if taken is None else taken.resident
