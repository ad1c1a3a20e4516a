"""
What the harness says of liars, of broken adapters, and of honest ones: `make confusion`.

Every cell has the mark that it is to come to written beside it in `expected_marks`: how it fails, or the word that a
flag of it begins with; an honest one has none. The adapters run on a small set, and each is held to the rules of
`sparring check`, of which one is named that catches it, or why none can. The table shows what was found; exit code 1
where it differs.

    python -m tests.benchmarks.confusion                 all: 20 minutes on two quiet cores
    python -m tests.benchmarks.confusion Late Recalls    those whose spelling has one of these words
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from bench.passages import loader
from bench.passages.passage_set import PassageSet, fingerprint
from bench.progress import Silent
from bench.records.schema import Measurement
from bench.run import runner
from bench.run.suite import CellGroup, Limits, Suite
from bench.stage.check_process import checked
from retrievers.registry import Registry, installed
from tests.benchmarks.expected_marks import ALL, BASES, BESIDE, HONEST, LIARS, MARKS, NONE, SPLADE, Expected
from tests.helpers import sparse_models
from tests.helpers.places import PLUGINS
from tests.plugins.liars import TIMED

FILES = ("liars.py", "liars_at_import.py", "honest.py")
EVERY = 8  # every eighth of the queries of the set, of which TIMED are timed
ROUNDS, ROUND_SECONDS = 3, 0.25
CHECK_SECONDS = 120.0


# The set, and what lies beside the plug-in files


def small_set() -> PassageSet:
    """The passages of primer, and every eighth of its queries."""
    whole = loader.load("primer")
    places = range(0, len(whole.queries), EVERY)
    lists = ("query_ids", "queries", "labels", "clusters", "articles", "answers", "query_rows")
    cut = {name: tuple(values[i] for i in places) for name in lists if (values := getattr(whole, name)) is not None}
    qrels = {query: (whole.qrels or {})[query] for query in cut["query_ids"]}
    part = msgspec.structs.replace(whole, name="primer-part", qrels=qrels, **cut)
    return msgspec.structs.replace(part, sha256=fingerprint(part))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder with the plug-in files and what they read beside them, and a cache that nobody else has."""
    before = os.environ.get("SPARRING_CACHE")
    with tempfile.TemporaryDirectory(prefix="sparring-confusion-") as made:
        folder = Path(made)
        beside = folder / "plugins"
        beside.mkdir()
        for name in FILES:
            shutil.copy(PLUGINS / name, beside)
        _write_beside(beside, small_set())
        os.environ["SPARRING_CACHE"] = str(folder / "cache")
        try:
            yield folder
        finally:
            os.environ.pop("SPARRING_CACHE")
            if before is not None:
                os.environ["SPARRING_CACHE"] = before


def _write_beside(beside: Path, passage_set: PassageSet) -> None:
    (beside / "queries.json").write_text(json.dumps(passage_set.queries), encoding="utf-8")
    (beside / "model.txt").write_text("1.0\n", encoding="utf-8")
    (beside / "scale.txt").write_text("0.5\n", encoding="utf-8")
    random = np.random.default_rng(15)
    for name, texts in (("passages", passage_set.passages), ("queries", passage_set.queries)):
        vectors = random.normal(size=(len(texts), 32))
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        np.save(beside / f"{name}.npy", unit.astype(np.float32))


def plugins(folder: Path) -> list[Path]:
    """The plug-in files in a folder of `scratch`."""
    return [folder / "plugins" / name for name in FILES]


def registry(folder: Path) -> Registry:
    """What is installed, and what the plug-in files hold."""
    found = installed()
    for path in plugins(folder):
        found.add_file(path)
    return found


def placed(spelling: str, folder: Path) -> str:
    """The spelling with the folders of this machine."""
    return spelling.replace(BESIDE, str(folder / "plugins")).replace(SPLADE, sparse_models.carried() or SPLADE)


# What is found


class Lines(Silent):
    """Tells on stderr how far a run is."""

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None:
        if done % EVERY == 0:
            print(f"{done} of {total} stages done; now {what}", file=sys.stderr, flush=True)


def measured(cases: Mapping[str, Expected], folder: Path) -> dict[str, Measurement]:
    """The cells as they are run, by their spelling; folder: of `scratch`."""
    found: dict[str, Measurement] = {}
    for number, conditions in enumerate(dict.fromkeys(expected.conditions for expected in cases.values())):
        spellings = {
            placed(spelling, folder): spelling
            for spelling, expected in cases.items()
            if expected.conditions == conditions
        }
        suite = Suite(
            name="confusion",
            passages=("primer-part",),
            cells=(CellGroup(retrievers=tuple(spellings)),),
            rounds=ROUNDS,
            queries=TIMED,
            modes=conditions.modes,
            threads=conditions.threads,
            limits=Limits(seconds=120, memory="4GB"),
        )
        how: runner.How = {"plugins": plugins(folder), "progress": Lines()}
        with runner.begun(suite, [small_set()], folder / f"run-{number}", registry(folder), **how) as (run, cells):
            run.round_seconds = ROUND_SECONDS
            run.run(cells)
            found |= {spellings[cell.spelling]: run.writer.measurements[cell.key] for cell in cells}
    return found


def marks(measurement: Measurement) -> set[str]:
    """How a cell failed, or the words that speak of its adapter in its flags and facts."""
    if measurement.status != "ok":
        return {measurement.status}
    said = (*measurement.flags, *measurement.figure_flags.values(), *measurement.facts)
    return {mark for mark in MARKS for one in said if one == mark or one.startswith(f"{mark}: ")}


def part(spelling: str, expected: Expected, known: Registry) -> str:
    """What of a cell is checked: the adapter of a plug-in file that is no base of the others; empty for none."""
    own = {name for (_, name), entry in known.entries.items() if Path(entry.package).name in FILES}
    parts = [part for part in spelling.split(" @ ") if part.partition("(")[0] in own - set(BASES)]
    return expected.checked or next(iter(parts), "")


def broken(spelled: str, folder: Path) -> set[str]:
    """The rules of `sparring check` that an adapter breaks."""
    rows = checked([spelled], plugins(folder), CHECK_SECONDS)
    return {row.check for row in rows if row.status in ("failed", "could not be tried")}


# The table


class Row(NamedTuple):
    """One cell: what was expected of it, and what it came to. rules: those that it breaks; None: not checked."""

    spelling: str
    expected: Expected
    found: set[str]
    rules: set[str] | None
    said: str

    @property
    def as_expected(self) -> bool:
        """Whether it has exactly its mark, and is caught by its rule, or by none where none is named."""
        rule = self.expected.rule
        caught = self.rules is None or (rule in self.rules if rule else not self.rules)
        return caught and self.found == {self.expected.mark} - {NONE}


def row(spelling: str, measurement: Measurement, rules: set[str] | None) -> Row:
    """What a cell came to. rules: those that its adapter breaks."""
    found = marks(measurement)
    said = measurement.reason or next((flag for flag in measurement.flags if flag.split(":")[0] in found), "")
    return Row(spelling, ALL[spelling], found, rules, said)


def table(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of the table: what was expected, what was found, which rule catches it."""
    yield "| adapter | expected | found | `sparring check` | |"
    yield "|---|---|---|---|---|"
    for one in rows:
        expected = one.expected
        named = f"{expected.rule} ({len(one.rules or ())} rules)" if expected.rule in (one.rules or ()) else ""
        caught = named or ", ".join(sorted(one.rules or ())) or expected.unseen or NONE
        differs = ("" if one.as_expected else "differs: ") + _short(one.said)
        found = ", ".join(sorted(one.found)) or NONE
        yield f"| `{one.spelling}` | {expected.mark} | {found} | {caught} | {differs} |"


def _short(text: str) -> str:
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) < 160 else f"{line[:157]}..."


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """How often each mark was expected and found, and how many cells came to what they should."""
    counts = Counter((one.expected.mark, ", ".join(sorted(one.found)) or NONE) for one in rows)
    yield "| expected | found | cells |"
    yield "|---|---|---|"
    for (expected, found), number in sorted(counts.items()):
        yield f"| {expected} | {found} | {number} |"
    yield ""
    liars, honest = ([one for one in rows if one.spelling in kind] for kind in (LIARS, HONEST))
    for name, kind in (("liars and broken adapters", liars), ("honest ones", honest)):
        right = sum(one.found == {one.expected.mark} - {NONE} for one in kind)
        yield f"{name}: {len(kind)}, of them with exactly the mark that was expected: {right}"
    seen = [one for one in rows if one.expected.rule]
    caught = sum(one.expected.rule in (one.rules or ()) for one in seen)
    yield f"adapters that break a rule of the contract: {len(seen)}, of them caught by that rule: {caught}"


def chosen(words: Sequence[str]) -> dict[str, Expected]:
    """The cells whose spelling has one of some words; without words all."""
    return {spelling: e for spelling, e in ALL.items() if not words or any(word in spelling for word in words)}


def compared(cases: Mapping[str, Expected], folder: Path, *, check: bool = True) -> list[Row]:
    """Run some cells, and hold their adapters to the rules. folder: of `scratch`."""
    found, known = measured(cases, folder), registry(folder)
    rules: dict[str, set[str]] = {}
    for spelling, expected in cases.items():
        spelled = part(spelling, expected, known)
        if check and spelled:
            print(f"now check {spelled}", file=sys.stderr, flush=True)
            rules[spelling] = broken(spelled, folder)
    return [row(spelling, found[spelling], rules.get(spelling)) for spelling in cases]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a cell came to something else than what was expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only cells whose spelling has one of these words")
    parser.add_argument("--no-check", action="store_true", help="run the cells, and hold none to the rules")
    options = parser.parse_args(arguments)
    with scratch() as folder:
        rows = compared(chosen(options.words), folder, check=not options.no_check)
    print("\n".join([*table(rows), "", *summary(rows)]))
    return 0 if all(one.as_expected for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
