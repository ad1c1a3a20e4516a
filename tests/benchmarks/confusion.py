"""
What the harness says of liars, of broken adapters, and of honest ones: `make confusion`.

Every cell has the mark that it is to come to written beside it here: how it fails, or the word that a flag of it
begins with; an honest one has none. The adapters run on a small set, and each is held to the rules of `sparring check`,
of which one is named that catches it, or why none can. The table shows what was found; exit code 1 where it differs.

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
from tests.helpers import sparse_models
from tests.helpers.places import PLUGINS
from tests.plugins.liars import TIMED

FILES = ("liars.py", "liars_at_import.py", "honest.py")
# What speaks of an adapter. `contention` speaks of the machine, `few-hits` of what there was to find.
MARKS = ("remembers", "batch", "threads", "waits", "ledger", "mapped", "memory", "stale")
NONE = "-"
EVERY = 8  # every eighth of the queries of the set, of which TIMED are timed
ROUNDS, ROUND_SECONDS = 3, 0.25
CHECK_SECONDS = 120.0
BESIDE, SPLADE = "BESIDE", "SPLADE"  # in a spelling: the folder of the plug-in files, and that of a model
MINILM = 'BiEncoder("all-MiniLM-L6-v2")'


class Conditions(NamedTuple):
    """How cells are run."""

    modes: tuple[str, ...] = ("single", "batch")
    threads: int = 1


ALONE = Conditions()
TOGETHER = Conditions(modes=("single", "joint"))
TWO_THREADS = Conditions(threads=2)


class Expected(NamedTuple):
    """What a cell is to come to."""

    mark: str  # how it fails, or the word that its one flag begins with; NONE
    rule: str = ""  # of `sparring check`, that catches it
    unseen: str = ""  # why no rule can
    checked: str = ""  # what is checked, where it is not the part of the cell that is no base of the others
    conditions: Conditions = ALONE


# Why a rule of the contract cannot see what a run does.
A_CACHE = "a cache breaks no rule; what it saves is time, which the rules do not take"
OUTSIDE = "the rules see what an adapter's attributes lead to, and nothing beside it"
ITS_PROCESS = "the rules watch the threads of the adapter's own process"
A_FACT = "what a fact says is held to nothing"
A_RUN = "there is no run folder, no judgment and no second stage"

LIARS: dict[str, Expected] = {
    # other answers where time is taken
    "Letters() @ NoneToSingles()": Expected("failed", "hits-types"),
    "Letters() @ WrongToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ EmptyToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ WiderToSingles()": Expected("failed", "hits-shape"),
    "Letters() @ UnsortedToSingles()": Expected("failed", "best-first"),
    "Letters() @ RoughToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ PreviousToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ WrongToBatches()": Expected("failed", "batch-equals-single"),
    "Letters() @ RightWhenJudged()": Expected("failed", "batch-equals-single"),
    "Letters() @ OtherFirstTen()": Expected("failed", "first-k"),
    "Letters() @ KnowsAgain()": Expected("failed", "batch-equals-single"),
    "Letters() @ Tires()": Expected("failed", "batch-equals-single"),
    "Letters() @ NapsAWhile()": Expected("failed", "batch-equals-single"),
    "Letters() @ ZeroesQueries()": Expected("failed", "inputs-unchanged"),
    "EmptiesQueries()": Expected("failed", "inputs-unchanged"),
    # work that is put off
    "Letters() @ NotHits()": Expected("failed", "hits-types"),
    "Letters() @ LateHits()": Expected("failed", "hits-types"),
    "Letters() @ LateRows()": Expected("failed", "hits-types"),
    "LateVectors() @ Plain()": Expected("failed", "vectors-type"),
    "Letters() @ FilledByThread()": Expected("failed", "batch-equals-single"),
    "Letters() @ FilledByProcess()": Expected("failed", "batch-equals-single"),
    # work that is remembered
    "Letters() @ RecallsAnswers(ms=2.0)": Expected("remembers", unseen=A_CACHE, checked="RecallsAnswers()"),
    "RecallsInText(ms=2.0)": Expected("remembers", unseen=A_CACHE, checked="RecallsInText()"),
    "RecallsEncodings(ms=2.0) @ Plain()": Expected("remembers", unseen=A_CACHE, checked="RecallsEncodings()"),
    "RecallsOnDisk(ms=2.0) @ Plain()": Expected("remembers", unseen=A_CACHE, checked="RecallsOnDisk()"),
    "Letters() @ RecallsLast(ms=0.2)": Expected("remembers", "ledger-adds-up", checked="RecallsLast()"),
    "SavesRecalled(ms=2.0) @ Plain()": Expected("remembers", "ledger-adds-up", checked="SavesRecalled()"),
    "BM25(analyser=RecallsTokens(ms=0.3)) @ CSC()": Expected("remembers", unseen=A_CACHE, checked="RecallsTokens()"),
    # what is saved, and what is loaded
    "LoadsZeros() @ Plain()": Expected("failed", "saves-and-loads"),
    "LoadsOtherFile() @ Plain()": Expected("failed", "saves-and-loads"),
    "ForgetsGlobal() @ Plain()": Expected("failed", "same-in-another-process"),
    "Letters() @ ForgetsIndex()": Expected("failed", "same-in-another-process"),
    "ShortOnceLoaded() @ Plain()": Expected("failed", "saves-and-loads"),
    "ByHash() @ Plain()": Expected("failed", "same-in-another-process"),
    # other vectors where time is taken
    "ShortSingles() @ Plain()": Expected("batch", "batch-mates"),
    "NoisyQueries() @ Plain()": Expected("failed", "deterministic"),
    "NoVectorAlone() @ Plain()": Expected("failed", "vectors-shape"),
    # bytes
    "Letters() @ TellsLess()": Expected("ledger", "ledger-adds-up"),
    "Letters() @ TellsLittle()": Expected("ledger", "ledger-adds-up"),
    "Letters() @ TellsMore()": Expected("ledger", "ledger-adds-up"),
    "LeavesOut() @ Plain()": Expected("ledger", "ledger-adds-up"),
    "Letters() @ SaysMapped()": Expected("mapped", unseen=A_FACT),
    "Letters() @ AtImport()": Expected("ledger", unseen=OUTSIDE),
    "Letters() @ InPrepare()": Expected("ledger", unseen=OUTSIDE),
    "Letters() @ InChild()": Expected("ledger", unseen=OUTSIDE),
    "AfterWarmUp()": Expected("memory", unseen=A_RUN),
    # threads and processes
    "Letters() @ TwoThreads()": Expected("threads", "threads-respected"),
    "Letters() @ TwoProcesses()": Expected("threads", unseen=ITS_PROCESS),
    "Letters() @ WorksElsewhere()": Expected("waits", unseen=ITS_PROCESS),
    "Letters() @ Detached()": Expected("ledger", unseen=ITS_PROCESS),
    "Watched() @ WrongTogether()": Expected("failed", unseen=A_RUN, checked="WrongTogether()", conditions=TOGETHER),
    # files
    "Letters() @ ReadsJudgments()": Expected("failed", unseen=A_RUN),
    "Rewrites() @ Plain()": Expected("stale", unseen=A_RUN),
}

HONEST: dict[str, Expected] = {
    # of what the liars are made
    "Letters() @ Plain()": Expected(NONE, checked="Letters()"),
    "Letters() @ Padded()": Expected(NONE),
    "Letters() @ NoLedger()": Expected(NONE),
    "SharedWords()": Expected(NONE),
    "Watched() @ Plain()": Expected(NONE, checked="Plain()", conditions=TOGETHER),
    # what ships (tests/retrievers/test_conformance.py holds it to the contract)
    "TfIdf() @ CSR()": Expected(NONE),
    "TfIdf() @ Flat()": Expected(NONE),
    "TfIdf(ngrams=2, sublinear=True) @ CSC()": Expected(NONE),
    "BM25() @ CSR()": Expected(NONE),
    "BM25() @ CSC()": Expected(NONE),
    'BM25() @ CSC(dtype="uint8", mmap=True)': Expected(NONE),
    'BM25() @ CSR(dtype="float16")': Expected(NONE),
    "BM25() @ COO()": Expected(NONE),
    "BM25() @ Packed()": Expected(NONE),
    "BM25(analyser=CharNGrams(n=3)) @ CSC()": Expected(NONE),
    "BM25(analyser=Whitespace()) @ CSC()": Expected(NONE),
    f"{MINILM} @ Flat()": Expected(NONE),
    f"{MINILM} @ Flat(mmap=True)": Expected(NONE),
    f'{MINILM} @ Faiss("HNSW32", efSearch=64)': Expected(NONE),
    f'{MINILM} @ Faiss("SQ4", oversampling=2)': Expected(NONE),
    f"{MINILM} @ Usearch(expansion_search=10)": Expected(NONE),
    'BiEncoder("all-MiniLM-L6-v2", dtype="bfloat16") @ Flat()': Expected("batch"),
    f'Vectors(passages="{BESIDE}/passages.npy", queries="{BESIDE}/queries.npy") @ Flat()': Expected(NONE),
    "RankBM25()": Expected(NONE),
    # odd ones
    "Letters() @ Slow(ms=2.0)": Expected(NONE, checked="Slow()"),
    "Counts(ms=2.0) @ Plain()": Expected(NONE, checked="Counts()"),
    "Nearest()": Expected(NONE),
    "LargeImports() @ CSR()": Expected(NONE),
    "Letters() @ Threaded()": Expected(NONE, conditions=TWO_THREADS),
    "Letters() @ Table(33554432)": Expected(NONE, checked="Table(4096)"),
    "Letters() @ Table(33554432, mapped=True)": Expected(NONE, checked="Table(4096, mapped=True)"),
    "Letters() @ Server(33554432)": Expected(NONE, checked="Server(4096)"),
    "Letters() @ Server(33554432, apart=True)": Expected(NONE, checked="Server(4096, apart=True)"),
    "Letters() @ Coarse()": Expected(NONE),
    "Rounded() @ Plain()": Expected("batch", "batch-mates"),
    "FromFile() @ Plain()": Expected(NONE),
}
if sparse_models.carried() is not None:
    HONEST[f'SparseEncoder("{SPLADE}") @ CSC()'] = Expected(NONE)
ALL = LIARS | HONEST
BASES = ("Letters", "Plain", "BM25")  # of a pair, the part that is as honest as those beside it


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
