"""What parts weigh, and when that is doubted."""

from __future__ import annotations

import pytest

from bench.records.schema import Memory, StageResult
from bench.run import weights
from bench.stage.lifecycle import MAPPED, MAPPED_RESIDENT

MB = 10**6


def grown(private: int, children: int = 0) -> Memory:
    return Memory(
        private=private, private_file=0, shared=0, children=children, peak=None, peak_above_start=None, source=""
    )


def weighed(resident: int, ledger: int | None, later: int = 0, **facts: object) -> tuple[int | None, list[str]]:
    """The resident bytes of one round, and the words that the flags begin with."""
    result = StageResult(
        stage="search",
        status="ok",
        ledger=None if ledger is None else {"held": ledger},
        load_memory=grown(resident),
        timed_memory=grown(later),
        facts=facts,
    )
    weight, found = weights.footprint([result], None, "storage")
    return weight.resident and weight.resident.resident, [flag.partition(":")[0] for flag in found]


def test_a_ledger_is_held_from_both_sides():
    """
    A growth below the ledger is withheld; one far above it is told, and flagged as much; near it nothing is said.
    """
    assert (None, ["ledger"]) == weighed(50 * MB, 100 * MB)
    assert (98 * MB, []) == weighed(98 * MB, 100 * MB)
    assert (180 * MB, []) == weighed(180 * MB, 100 * MB)
    assert (210 * MB, ["ledger"]) == weighed(210 * MB, 100 * MB)
    assert (64 * MB, ["ledger"]) == weighed(64 * MB, 100)
    assert (64 * MB, []) == weighed(64 * MB, None)


def test_children_are_weighed():
    """
    What lies in processes that a part started is part of what it is held to.
    """
    result = StageResult(stage="search", status="ok", ledger={"held": 50 * MB}, load_memory=grown(MB, 50 * MB))

    weight, found = weights.footprint([result], None, "storage")

    assert ([], 51 * MB) == (found, weight.resident.resident)


@pytest.mark.parametrize(
    ("resident", "mapped", "in_memory", "expected"),
    [
        (3, 500, 2, (3 * MB, [])),  # mapped, and forgotten by the kernel
        (500, 500, 500, (500 * MB, [])),  # mapped, and all of it read
        (500, 0, 0, (500 * MB, ["mapped"])),  # held, and not mapped
        (500, 1, 1, (500 * MB, ["mapped"])),  # of what it holds next to nothing
        (3, 0, 0, (None, ["ledger", "mapped"])),  # neither
        (3, 300, 0, (None, ["ledger"])),  # of the rest nothing is to be seen
    ],
)
def test_a_mapped_storage_is_measured(resident, mapped, in_memory, expected):
    """
    A storage may have less in memory than its ledger by what it has mapped and no more; who says so has to map.
    """
    facts = {"memory_mapped": 1, MAPPED: mapped * MB, MAPPED_RESIDENT: in_memory * MB}

    assert expected == weighed(resident * MB, 500 * MB, **facts)


def test_who_maps_and_does_not_say_so():
    """
    It is measured who maps, whether or not it is told, and a record's fact says what was measured.
    """
    mapped = {MAPPED: 500 * MB, MAPPED_RESIDENT: 2 * MB}

    assert (3 * MB, []) == weighed(3 * MB, 500 * MB, **mapped)
    assert {"dims": 3, "memory_mapped": 1} | mapped == weights.with_mapping({"dims": 3} | mapped)
    assert {} == weights.with_mapping({"memory_mapped": 1, MAPPED: 0, MAPPED_RESIDENT: 0})
    assert {"memory_mapped": 1} == weights.with_mapping({"memory_mapped": 1})  # where it is not measured


def test_memory_that_is_taken_later():
    """
    What a part keeps of answering queries is flagged from 8 MiB, and from 5 % of what it weighs.
    """
    assert (MB, ["memory"]) == weighed(MB, MB, later=64 * MB)
    assert (MB, []) == weighed(MB, MB, later=8 * MB)
    assert (1000 * MB, []) == weighed(1000 * MB, 1000 * MB, later=40 * MB)
    assert (1000 * MB, ["memory"]) == weighed(1000 * MB, 1000 * MB, later=60 * MB)


@pytest.mark.parametrize(
    ("part", "resident", "saved", "expected"),
    [
        ("storage", 20, 20, ["ledger"]),
        ("storage", 20, 1, []),  # a library beside it may take as much
        ("storage", 1, 20, []),  # it saves what it does not hold
        ("encoder", 20, 20, []),  # a tokenizer's own
    ],
)
def test_a_storage_that_tells_of_next_to_nothing(part, resident, saved, expected):
    """
    A storage that both holds and saves far more than its ledger names leaves something out, however little it holds.
    """
    result = StageResult(stage="search", status="ok", ledger={"held": 1}, load_memory=grown(resident * MB))
    made = StageResult(stage="build", status="ok", disk_bytes=saved * MB)

    _, found = weights.footprint([result], made, part)

    assert expected == [flag.partition(":")[0] for flag in found]
