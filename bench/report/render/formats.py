"""
The formats of a table, and what each takes of the options of `sparring table`.

A new format is an entry here, and a module with `table(runs, view) -> str`. Nothing heavy is imported before one is
wanted: `sparring --help` names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from bench.report.view import View

if TYPE_CHECKING:
    from bench.records.run_folder import Run

Writer: TypeAlias = "Callable[[Sequence[Run], View], str]"

# What is shown, one of these at most -> the options that go with it
SHAPES: Mapping[str, frozenset[str]] = {
    "labels": frozenset(),
    "pivot": frozenset({"measure", "intervals", "svg"}),
    "columns": frozenset({"intervals", "prices"}),
    "wide": frozenset({"intervals", "prices"}),
    "published": frozenset(),
}
UNSHAPED = frozenset({"intervals", "prices"})  # go with the table as it is without any of them
FOR_A_READER = frozenset({*SHAPES, "intervals", "measure", "prices"})


class Format(NamedTuple):
    """One way to write a table."""

    takes: frozenset[str]  # options
    module: str = ""  # empty: drawn on a terminal, as wide as that is

    @property
    def write(self) -> Writer:
        found: Writer = import_module(self.module).table
        return found


TERMINAL = "terminal"
FORMATS: Mapping[str, Format] = {
    TERMINAL: Format(FOR_A_READER | {"svg"}),
    "markdown": Format(FOR_A_READER, "bench.report.render.markdown"),
    "latex": Format(FOR_A_READER | {"cite"}, "bench.report.render.latex"),
    "html": Format(FOR_A_READER, "bench.report.render.html"),
    "csv": Format(frozenset({"prices"}), "bench.report.render.csv"),
    "json": Format(frozenset({"prices"}), "bench.report.render.json"),
    "bibtex": Format(frozenset({"cite"}), "bench.report.render.bibtex"),
}


def refusal(given: Mapping[str, object], format_name: str) -> str | None:
    """
    Why options do not go together, or not with the format; None where they do.

    given: the value of each option of FORMATS and SHAPES by its name; false where it was not given.
    """
    named = [option for option, value in given.items() if value]
    shapes = [option for option in named if option in SHAPES]
    if len(shapes) > 1:
        return f"--{shapes[0]} and --{shapes[1]} exclude each other"
    shape = shapes[0] if shapes else ""
    for option in named:
        if option not in FORMATS[format_name].takes:
            fit = [name for name, one in FORMATS.items() if option in one.takes]
            return f"--{option}: expected --format {' or '.join(fit)}, found {format_name}"
        fit = [f"--{name}" for name, options in SHAPES.items() if option in options]
        if fit and option not in SHAPES.get(shape, UNSHAPED):
            return f"--{option}: expected {' or '.join(fit)}, found {f'--{shape}' if shape else 'none of them'}"
    return None
