"""
The data frame of some runs, which shows itself in a notebook as their verdict, frontiers and tables.

It is of pandas' own class, and this one frame alone has another `_repr_html_`. Refused: a subclass, which pandas' own
comparisons tell from a data frame, and which nothing that is made from it would be of anyway.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.records.run_folder import Run
from bench.report.render import html
from bench.report.verdict import run as verdicts

if TYPE_CHECKING:
    from pandas import DataFrame

NAME = "sparring-cells"  # the class of what is shown
# A ground of its own: the page it stands on may be dark where the reader's system is light.
GROUND = f".{NAME} {{ background: Canvas; color: CanvasText; color-scheme: light dark; padding: .5rem; }}"


def frame(runs: Sequence[Run]) -> DataFrame:
    """
    The cells of some runs, as `sparring table --json` has them.

    What is made from it (a slice, a group, a copy, its pickle) is shown as pandas shows it, and so is it once changed.
    """
    made = verdicts.frame(runs)
    object.__setattr__(made, "_repr_html_", functools.partial(_html, made, tuple(runs)))  # pandas would want a column
    return made


def _html(made: DataFrame, runs: Sequence[Run]) -> str | None:
    """A frame as its runs' tables and frontiers; as pandas shows it where it is no more what was made from them."""
    if made.equals(verdicts.frame(runs)):
        return shown(runs)
    return type(made)._repr_html_(made)  # type: ignore[attr-defined, no-any-return]  # pandas-stubs lack it


def shown(runs: Sequence[Run]) -> str:
    """Verdict, frontiers and tables as HTML for another's page: no script, and rules for what is in it alone."""
    style = f"{GROUND}\n{html.rules(f'.{NAME}')}"
    return f'<div class="{NAME}">\n<style>\n{style}\n</style>\n{html.part(runs)}\n</div>\n'
