"""A run folder that was begun, made of records of the first versions."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.records import journal
from bench.records.schema import Environment, Measurement, RunRecord, StageResult
from bench.records.upgrades import decode
from tests.helpers.places import RECORDS


def environment(**changes) -> Environment:
    return msgspec.structs.replace(decode((RECORDS / "environment-1.json").read_bytes(), Environment), **changes)


def record(**changes) -> RunRecord:
    return msgspec.structs.replace(decode((RECORDS / "run-1.json").read_bytes(), RunRecord), **changes)


def measurement(**changes) -> Measurement:
    line = (RECORDS / "measurement-1.jsonl").read_bytes().splitlines()[0]
    return msgspec.structs.replace(decode(line, Measurement), **changes)


def stage(**changes) -> StageResult:
    return msgspec.structs.replace(StageResult(stage="build", status="ok"), **changes)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def begin(folder: Path) -> Path:
    """A run folder with two cells, and one stage in its journal."""
    with journal.opened(folder, record(), environment()) as writer:
        writer.finished("build-1", stage())
        writer.measured(measurement(cell="a"))
        writer.measured(measurement(cell="b"))
    return folder
