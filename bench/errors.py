"""What the harness raises for a caller's mistake."""

from __future__ import annotations


class InputError(Exception):
    """
    Bad input: a file, a suite, a name. The message says who, what was expected, what was found, and what to do.

    The command line prints it alone, without a traceback, and exits with 2.
    """
