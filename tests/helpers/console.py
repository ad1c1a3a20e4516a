"""What is printed, as text."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console


def printed(call: Callable[..., None], *arguments: object) -> str:
    """What a function prints on the console that it is handed last, of 120 columns."""
    out = io.StringIO()
    call(*arguments, Console(file=out, width=120))
    return out.getvalue()
