"""
The pictures of runs that are not committed, drawn from the figures that are: `python -m tests.benchmarks.pictures`.

results/NAME.json holds what results/NAME.svg shows. Where the run is committed, `sparring plot` draws it instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.formats.files import write_whole
from bench.report.charts import storages, training
from bench.report.charts.storages import Storages
from bench.report.charts.training import Trainings
from tests.helpers.places import ROOT

RESULTS = ROOT / "results"


def stored(path: Path) -> Storages:
    """The figures of a picture of storages."""
    return msgspec.json.decode(path.read_bytes(), type=Storages)


def trained(path: Path) -> Trainings:
    """The figures of a picture of trainings."""
    return msgspec.json.decode(path.read_bytes(), type=Trainings)


def drawn() -> Mapping[Path, str]:
    """Each picture's file and what it is to hold."""
    return {
        RESULTS / "storage.svg": storages.svg(stored(RESULTS / "storage.json")),
        RESULTS / "towers.svg": training.svg(trained(RESULTS / "towers.json")),
    }


if __name__ == "__main__":
    for path, picture in drawn().items():
        write_whole(path, picture.encode())
        print(path.relative_to(ROOT))
