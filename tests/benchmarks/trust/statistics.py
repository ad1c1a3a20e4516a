"""
How often the statistics err, part by part: `make trust-statistics`, a benchmark and not a test.

`python -m tests.benchmarks.trust.statistics PART ...` simulates the lines of a part that are still to be simulated, and
keeps each in .benchmarks/trust/PART.jsonl; stopped, it goes on where it was. `--page FILE` keeps what was simulated
under results/trust/ and writes the section of the page from there; it exits with 1 where a rule is not met.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.formats.files import write_whole
from bench.records import run_folder
from tests.benchmarks.intervals import COVERS, ERRS, SIMULATIONS, table
from tests.benchmarks.trust import differences, families, means, real, seeds, sequential, skewed
from tests.benchmarks.trust.lines import MOSTLY, Count, Line, Part, code, kept
from tests.helpers.places import ROOT

# A part more is a module with PARTS and a name here; `python -m tests.benchmarks.trust.statistics NAME` makes it.
PARTS: dict[str, Part] = {
    **differences.PARTS,
    **skewed.PARTS,
    **real.PARTS,
    **means.PARTS,
    **seeds.PARTS,
    **families.PARTS,
    **sequential.PARTS,
}
SIMULATED, COMMITTED = ROOT / ".benchmarks/trust", ROOT / "results/trust"
HEAD, NEXT = "## Statistics\n", "## The gate\n"


def section(folder: Path) -> tuple[str, bool]:
    """The page's section of what a folder keeps, without its heading, and whether every rule is met."""
    found = {name: lines for name in PARTS if (lines := run_folder.lines(folder / f"{name}.jsonl", Line))}
    if not found:
        return "Not measured.", False
    parts = [_part(PARTS[name], lines) for name, lines in found.items()]
    missing = [PARTS[name].title for name in PARTS if name not in found]
    is_current = not any(_of_other_code(PARTS[name], lines) for name, lines in found.items())
    verdict, well = _verdict(found)
    said = INTRODUCTION.format(
        n=SIMULATIONS,
        least=100 * COVERS[0],
        most=100 * COVERS[1],
        errs=100 * ERRS,
        mostly=100 * MOSTLY,
        missing="".join(f" Not measured: {title}." for title in missing),
    )
    return "\n\n".join([said, verdict, *parts]), well and is_current and not missing


def _part(part: Part, lines: Sequence[Line]) -> str:
    minutes = sum(line.seconds for line in lines) / 60
    took = f"{len(lines)} lines, within {minutes:.0f} minutes of one core."
    other = _of_other_code(part, lines)
    if other:
        took += f" **{other} of them were simulated with other code than today's.**"
    return f"### {part.title}\n\n{part.said}\n\n{took}\n\n{_table(lines)}"


def _of_other_code(part: Part, lines: Sequence[Line]) -> int:
    now = code(part.measure)
    return sum(not line.code.startswith(now) for line in lines)


def _verdict(found: dict[str, list[Line]]) -> tuple[str, bool]:
    """How many rates keep their rule, and which do not."""
    ruled = [count for lines in found.values() for line in lines for count in line.counts if count.least is not None]
    off = [count for count in ruled if not count.met]
    told = [
        f"- {PARTS[name].title}, {', '.join(line.regime.values())}: "
        + "; ".join(f"{count.name} {_rate(count)}, rule {_rule(count)}" for count in line.counts if not count.met)
        for name, lines in found.items()
        for line in lines
        if not all(count.met for count in line.counts)
    ]
    n_lines = sum(map(len, found.values()))
    if not off:
        return f"All {len(ruled)} rates of {n_lines} lines lie within their rules.", True
    return (
        f"{len(ruled) - len(off)} of {len(ruled)} rates of {n_lines} lines lie within their rules. Outside:\n\n"
        + "\n".join(told),
        False,
    )


def _table(lines: Sequence[Line]) -> str:
    """A line of the page for each: its regime, its rates, and whether it keeps its rules."""
    keys = list(dict.fromkeys(key for line in lines for key in line.regime))
    names = list(dict.fromkeys(count.name for line in lines for count in line.counts))
    rows = []
    for line in lines:
        counts = {count.name: count for count in line.counts}
        rates = ["–" if name not in counts else _rate(counts[name]) for name in names]
        met = "met" if all(count.met for count in line.counts) else "**not met**"
        rows.append([*(line.regime.get(key, "–") for key in keys), str(line.seed), *rates, met])
    return table([*keys, "seed", *names, ""], rows)


def _rate(count: Count) -> str:
    """In per cent, with its bounds where it has a rule; bold where it does not keep it."""
    value = f"{100 * count.hits / count.n:.1f}"
    if count.least is None:
        return value
    low, high = (f"{100 * bound:.1f}" for bound in count.bounds)
    return f"{value} ({low}–{high})" if count.met else f"**{value} ({low}–{high})**"


def _rule(count: Count) -> str:
    least, most = f"{100 * (count.least or 0):g}", f"{100 * count.most:g}"
    return f"{least} to {most}" if count.least else f"at most {most}"


def keep(simulated: Path, committed: Path) -> None:
    """Put what was simulated anew where the page is made from."""
    committed.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        if (simulated / f"{name}.jsonl").is_file():
            write_whole(committed / f"{name}.jsonl", (simulated / f"{name}.jsonl").read_bytes())


def replaced(page: str, text: str) -> str:
    """The page with another section of the statistics; the gate's is left as it is."""
    start, end = page.index(HEAD) + len(HEAD), page.index(NEXT)
    return f"{page[:start]}\n{text}\n\n{page[end:]}"


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.trust.statistics", description=(__doc__ or "").strip().splitlines()[0]
    )
    options.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}")
    options.add_argument("--page", type=Path, help="keep what was simulated, and write the section of this page")
    given = options.parse_args()
    for name in given.parts:
        if name not in PARTS:
            options.error(f"expected a part, one of {', '.join(PARTS)}, found {name}")
        for _ in kept(SIMULATED / f"{name}.jsonl", PARTS[name].lines(), code(PARTS[name].measure)):
            pass
    if not given.page:
        return 0
    keep(SIMULATED, COMMITTED)
    text, well = section(COMMITTED)
    write_whole(given.page, replaced(given.page.read_text(encoding="utf-8"), text).encode())
    return 0 if well else 1


INTRODUCTION = """\
{n:,} simulations a line, unless it says otherwise; per cent, with Clopper-Pearson's 95 % bounds in brackets; each line
with the seed that it was drawn from. A line is **not met** where the bounds of a rate lie wholly outside its rule:

- *covers*, how often the 95 % interval holds the true mean difference: {least:g} to {most:g}, or more where
  more than {mostly:g} % of the samples bound *few* differences, whose ends are exact and so wider;
- every other rate in brackets is of errors: at most {errs:g}. *Wrong verdicts*: better or worse where the true
  difference is 0; where it is not, it is the margin itself, and each "equivalent" is wrong. *Non-inferior*: intervals
  wholly beyond the true difference, on the side where there are more: a loss as great as the margin would be accepted.
  *Sign-flip*: p < .05 where the true difference is 0.

Rates without brackets have no rule: they say what the samples are like, or what other methods would do (Student's t
alone; t over queries, as if they were independent). Records: `results/trust/*.jsonl`.{missing}"""


if __name__ == "__main__":
    sys.exit(main())
