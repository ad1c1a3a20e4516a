"""A console through which nothing that is printed reaches the terminal as a command: every text comes by here."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bench.report.text import printable


class SafeConsole(Console):
    """Rich's own codes pass, those in texts do not: names, ids and records may be a stranger's."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Its segments, the texts of them made printable."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                lines = segment.text.split("\n")
                yield Segment("\n".join(map(printable, lines)), segment.style)
