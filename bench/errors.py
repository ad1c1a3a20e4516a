"""What the harness raises for a caller's mistake, and how its message ends."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """
    Bad input: a file, a suite, a name. The message says who, what was expected, what was found, and what to do.

    The command line prints it alone, without a traceback, and exits with 2.
    """


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """
    The end of a message about an unknown name: " Did you mean NAME?"; empty where none is near.

    cutoff: how near, from 0 to 1 (`difflib.get_close_matches`); names with options in them are near at less.
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f" Did you mean {near[0]}?" if near else ""
