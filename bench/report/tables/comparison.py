"""What a comparison says: titles, columns, lines and notes, not how they look."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from bench.analysis.compare import CellPair, Comparison
from bench.analysis.costs import DRIFT, SAME_MEMORY, SAME_TIME, UNDER_RESOLUTION
from bench.analysis.difference import Difference
from bench.instruments.latency import ROUNDS
from bench.records.comparability import HARDWARE, LIBRARY
from bench.records.schema import Measurement
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING, bounds, four, megabytes, share, significant, sized
from bench.report.tables.cells import shortened
from bench.run.suite import CellGroup
from bench.statistics.paired import FEWEST_DISCORDANT

VERDICT_STYLE = {
    "identical": "dim",
    "better": "green",
    "worse": "bold red",
    "undecided": "yellow",
    "not compared": "yellow",
}
HASHES = {  # told in words
    "code_sha256": "Sparring's own code",
    "installed_sha256": "installed packages",
    "passage_sets": "content of {}",
    "adapters": "models or code of {}",
}
LONGEST_VALUE = 48  # characters of a field's value
FIGURES = {  # of what a pair costs -> its name in a line
    "single_p50_ms": "p50 ms",
    "single_p95_ms": "p95 ms",
    "batch_qps": "batch q/s",
    "ledger_bytes": "ledger",
    "disk_bytes": "disk",
    "resident_bytes": "resident",
    "encoder_ledger_bytes": "encoder ledger",
    "encoder_disk_bytes": "encoder disk",
    "encoder_resident_bytes": "encoder resident",
    "peak_search_bytes": "peak search",
    "peak_query_bytes": "peak query",
    "peak_encode_bytes": "peak encode",
    "peak_build_bytes": "peak build",
}
APART = (
    f"The two runs were measured at different times, which alone can move times by {DRIFT:.0%}: verdicts allow for "
    "that. `sparring gate --ab` measures both at once."
)


def grids(comparison: Comparison, *, together: bool) -> list[Grid]:
    """
    What differs in the environments, then of each passage set quality, time, and memory and bytes.

    together: both were measured in one run.
    """
    found = [] if together else [_environment(comparison)]
    for name in dict.fromkeys(pair.passage_set for pair in comparison.pairs):
        pairs = [pair for pair in comparison.pairs if pair.passage_set == name]
        primary = next((d.name for pair in pairs for d in pair.differences if d.primary), None)
        found += [
            _primary(name, primary, pairs),
            _exploratory(name, pairs),
            _time(name, pairs, together=together),
            _weight(name, pairs),
        ]
    return [grid for grid in (*found, _alone(comparison)) if grid.lines or grid.notes]


def closing(margin: float) -> list[str]:
    """How the tables are read."""
    quality = (
        f"Quality: equivalent: the 90 % interval lies within ±{share(margin)}; better, worse: the 95 % interval "
        f"excludes 0; undecided also where fewer than {FEWEST_DISCORDANT} clusters of queries differ. p: sign flips of "
        "whole clusters; p Holm: adjusted for all retrievers of its table; W/T/L: queries won, tied and lost; effect: "
        "mean difference over its standard deviation; detectable: what would be found in 80 % of cases, unknown where "
        "so few differ."
    )
    costs = (
        "Time and memory: the 95 % interval of new / old; equivalent: it lies within "
        f"{SAME_TIME:.0%} (memory {SAME_MEMORY:.0%}); undecided also where there are "
        f"fewer than {ROUNDS} rounds. Bytes are exact. It decides nothing: `sparring gate` does."
    )
    return [quality, costs]


def _environment(comparison: Comparison) -> Grid:
    lines = []
    adapters = [name for name, _, _ in comparison.environment if name.startswith("adapters.")]
    for name, old, new in comparison.environment:
        kind, _, rest = name.partition(".")
        if kind == "adapters" and name != adapters[0]:
            continue
        if kind in HASHES:
            what = rest if len(adapters) == 1 or kind != "adapters" else f"{len(adapters)} cells"
            texts = HASHES[kind].format(what), MISSING, "changed"
        else:
            texts = name.removeprefix(LIBRARY), _value(name, old, new), _value(name, new, old)
        lines.append(tuple(map(TableCell, texts)))
    columns = (Column("", right=False), Column("old", right=False, opens=True), Column("new", right=False, opens=True))
    fields = [name for name, _, _ in comparison.environment if name in HARDWARE]
    notes = [f"hardware differs ({', '.join(fields)}): times are not compared"] if fields else []
    if not lines:
        return Grid("Environments: no difference", (), (), ("same machine, software, suite and plug-ins",))
    return Grid("What differs in the environments", columns, tuple(lines), tuple(notes))


def _value(name: str, value: object, other: object) -> str:
    """One side of a field; of lists what the other side lacks."""
    if value is None:
        return MISSING
    if name == "memory_bytes" and isinstance(value, int):
        return sized(value)
    if name == "commit":
        return str(value)[:10]
    if name == "suite.cells":
        value, other = _spellings(value), _spellings(other)
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        text = ", ".join(_plain(item) for item in value if item not in other)
        text = text or (MISSING if any(item not in value for item in other) else "the same, otherwise ordered")
    else:
        text = _plain(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _spellings(cells: object) -> list[str]:
    """What the groups of a suite name; nothing of a suite that can not be read."""
    try:
        groups = msgspec.convert(cells, list[CellGroup])
    except msgspec.ValidationError:
        return []
    return [spelling for group in groups for spelling in group.spellings()]


class _Marks:
    """Letters for what a reader must know of a line, and the notes that they stand for."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, why: str) -> TableCell:
        if not why:
            return TableCell("")
        return TableCell(self._letters.setdefault(why, _letter(len(self._letters))), "dim")

    def notes(self) -> list[str]:
        return [f"{letter}: {why}" for why, letter in self._letters.items()]


def _letter(index: int) -> str:
    before, last = divmod(index, len(string.ascii_lowercase))
    return (_letter(before - 1) if before else "") + string.ascii_lowercase[last]


def _named(pair: CellPair) -> TableCell:
    """The retriever of a pair; below it what it is now, where it is spelled otherwise, and threads but one."""
    old, new = pair.old, pair.new
    said = [f"now {new.retriever}"] if old.retriever != new.retriever else []
    if (old.threads, new.threads) != (1, 1):
        said.append(" -> ".join(dict.fromkeys((str(old.threads), str(new.threads)))) + " threads")
    return TableCell(old.retriever, below=", ".join(said))


QUALITY = (
    Column("old", opens=True),
    Column("new"),
    Column("difference", opens=True),
    Column("95% interval", drop=3, opens=True),
    Column("p", drop=5, opens=True),
    Column("p Holm", drop=4, opens=True),
    Column("W/T/L", drop=6, opens=True),
    Column("effect", drop=7, opens=True),
    Column("detectable", drop=8, opens=True),
)
VERDICT = (Column("", right=False, opens=True), Column("", opens=True))
RETRIEVER = Column("retriever", right=False, code=True)


def _primary(name: str, measure: str | None, pairs: Sequence[CellPair]) -> Grid:
    """The primary measure of each pair, and how far its hits are the same ones."""
    marks, lines = _Marks(), []
    for pair in pairs:
        if pair.problem:
            line = [
                *(TableCell(MISSING, "dim") for _ in (*QUALITY, *"ab")),
                _verdict("not compared"),
                marks.mark(pair.problem),
            ]
        else:
            d = next((d for d in pair.differences if d.primary), None)
            said = _quality(d) if d is not None else [TableCell(MISSING, "dim")] * len(QUALITY)
            agreement = [
                TableCell(MISSING if value is None else share(value)) for value in (pair.same_top, pair.overlap)
            ]
            line = [*said, *agreement, _verdict(d.verdict if d else ""), marks.mark(d.why if d else "")]
        lines.append((_named(pair), *line))
    columns = (RETRIEVER, *QUALITY, Column("same top", drop=10, opens=True), Column("overlap@10", drop=9), *VERDICT)
    what = f"{measure}, the primary measure" if measure else "agreement, not quality"
    title = name if all(pair.problem for pair in pairs) else f"{name}: {what}"
    return _without_empty(Grid(title, columns, tuple(lines), tuple(map(shortened, marks.notes()))))


def _exploratory(name: str, pairs: Sequence[CellPair]) -> Grid:
    marks, lines, same = _Marks(), [], []
    for pair in pairs:
        for d in pair.differences:
            if d.kind != "quality" or d.primary:
                continue
            if d.verdict == "identical":
                same.append(d.name)
            else:
                lines.append((_named(pair), TableCell(d.name), *_quality(d), _verdict(d.verdict), marks.mark(d.why)))
    columns = (RETRIEVER, Column("measure", right=False, opens=True), *QUALITY, *VERDICT)
    notes = [*marks.notes(), *_left_out("identical", same)]
    grid = Grid(f"{name}: other measures, exploratory", columns if lines else (), tuple(lines), tuple(notes))
    return _without_empty(grid)


def _quality(d: Difference) -> list[TableCell]:
    """The fields of QUALITY."""
    said = d.paired
    if said is None:
        return [TableCell(four(d.old)), TableCell(four(d.new)), *(TableCell(MISSING, "dim") for _ in QUALITY[2:])]
    return [
        TableCell(four(d.old)),
        TableCell(four(d.new)),
        TableCell(four(said.difference, "+") if said.difference else "0"),
        TableCell(MISSING if d.interval is None else bounds(d.interval, lambda value: four(value, "+"))),
        TableCell(_p(d.p)),
        TableCell(_p(d.p_holm)),
        TableCell(f"{said.wins}/{said.ties}/{said.losses}"),
        TableCell(MISSING if said.effect is None else f"{said.effect:+.2f}".replace("0.", ".", 1)),
        TableCell(four(said.detectable)),
    ]


def _p(value: float | None) -> str:
    return MISSING if value is None else "<.0001" if value < 1e-4 else four(value)


def _verdict(verdict: str) -> TableCell:
    return TableCell(verdict, VERDICT_STYLE.get(verdict, ""))


def _time(name: str, pairs: Sequence[CellPair], *, together: bool) -> Grid:
    columns = (Column("old", opens=True), Column("new"), Column("new/old", opens=True))
    grid = _costs(f"{name}: time", pairs, ("latency",), columns, _times)
    return grid if together or not grid.lines else replace(grid, notes=(*grid.notes, APART))


def _times(d: Difference) -> list[TableCell]:
    ratio = d.new / d.old if d.old and d.new is not None else None
    return [TableCell(MISSING if value is None else significant(value)) for value in (d.old, d.new)] + [_ratio(ratio)]


def _weight(name: str, pairs: Sequence[CellPair]) -> Grid:
    columns = (Column("old MB", opens=True), Column("new MB"), Column("change", opens=True))
    return _costs(f"{name}: memory and bytes", pairs, ("bytes", "memory"), columns, _bytes)


def _bytes(d: Difference) -> list[TableCell]:
    change = MISSING
    if d.old is not None and d.new is not None:
        exact = f"{d.new - d.old:+,.0f} B" if d.kind == "bytes" else ""
        change = " ".join(filter(None, (exact, f"{d.new / d.old - 1:+.2%}" if d.old else "")))
    return [*(TableCell(MISSING if value is None else megabytes(value)) for value in (d.old, d.new)), TableCell(change)]


def _ratio(value: float | None) -> TableCell:
    return TableCell(MISSING if value is None else f"{value:.3f}")


def _costs(
    title: str,
    pairs: Sequence[CellPair],
    kinds: Sequence[str],
    columns: Sequence[Column],
    figures: Callable[[Difference], list[TableCell]],
) -> Grid:
    """A line a figure that differs, or may; of the others there is a count."""
    marks, lines, same, unresolved = _Marks(), [], [], []
    for pair in pairs:
        for d in pair.differences:
            if d.kind not in kinds:
                continue
            if d.verdict == "identical":
                same.append(FIGURES[d.name])
            elif d.why == UNDER_RESOLUTION:
                unresolved.append(FIGURES[d.name])
            else:
                within = TableCell(MISSING if d.interval is None else bounds(d.interval, lambda value: f"{value:.3f}"))
                line = (
                    _named(pair),
                    TableCell(FIGURES[d.name]),
                    *figures(d),
                    within,
                    _verdict(d.verdict),
                    marks.mark(d.why),
                )
                lines.append(line)
    between = Column("95% interval", drop=2, opens=True)
    whole = (RETRIEVER, Column("", right=False, opens=True), *columns, between, *VERDICT)
    notes = [*marks.notes(), *_left_out("identical", same), *_left_out("differ by less than 1 MiB", unresolved)]
    return _without_empty(Grid(title, whole if lines else (), tuple(lines), tuple(notes)))


def _left_out(what: str, names: Sequence[str]) -> list[str]:
    """Which figures have no line, and how often."""
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    told = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in counts.items())
    return [f"{what}: {told}"] if told else []


def _alone(comparison: Comparison) -> Grid:
    def line(what: str, m: Measurement) -> str:
        return f"only in the {what} run: {m.passage_set}: {m.retriever}"

    notes = [line("old", m) for m in comparison.only_old] + [line("new", m) for m in comparison.only_new]
    return Grid("Not compared", (), (), tuple(notes))


def _without_empty(grid: Grid) -> Grid:
    """Without the columns in which no line has anything."""
    kept = [
        index
        for index, column in enumerate(grid.columns)
        if column == RETRIEVER or any(line[index].text not in ("", MISSING) for line in grid.lines)
    ]
    columns = tuple(grid.columns[index] for index in kept)
    return replace(grid, columns=columns, lines=tuple(tuple(line[index] for index in kept) for line in grid.lines))
