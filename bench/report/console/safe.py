"""A console through which nothing that is printed reaches the terminal as a command: every text comes by here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bench.report.text import printable

SIZES = ("COLUMNS", "LINES")  # of a terminal, in the environment
NUMBER = re.compile("[0-9]{1,6}")


class SafeConsole(Console):
    """Rich's own codes pass, those in texts do not: names, ids and records may be a stranger's."""

    def __init__(self, **options: Any) -> None:  # Any: Rich's, of their several types
        """With the size that COLUMNS and LINES tell, where they do: Rich takes any digits for a number."""
        known = {name: text for name, text in os.environ.items() if name not in SIZES or NUMBER.fullmatch(text)}
        super().__init__(**options, _environ=known)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Its segments, the texts of them made printable."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                lines = segment.text.split("\n")
                yield Segment("\n".join(map(printable, lines)), segment.style)
