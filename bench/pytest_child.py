"""
The command as a process that does not outlive who started it: `python -m bench.pytest_child PID ARGUMENTS ...`.

Nothing is imported at its start: pytest imports it in every session.
"""

from __future__ import annotations

import sys


def main(parent: int) -> None:
    """Run the command with the arguments left in sys.argv, and end with `parent`."""
    from bench.cli import main as command
    from bench.worker import die_with

    die_with(parent)
    command()


if __name__ == "__main__":
    main(int(sys.argv.pop(1)))
