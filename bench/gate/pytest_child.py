"""
The command as a process that does not outlive who started it: `python -m bench.gate.pytest_child PID ARGUMENTS ...`.

Nothing heavy is imported at its start: pytest imports it in every session.
"""

from __future__ import annotations

import sys


def main(parent: int) -> None:
    """Run the command with the arguments left in sys.argv, and end with `parent`."""
    from importlib.metadata import entry_points

    from bench.stage.worker import die_with

    die_with(parent)
    (command,) = entry_points(group="console_scripts", name="sparring")  # as it is installed, like the plug-in
    command.load()()


if __name__ == "__main__":
    main(int(sys.argv.pop(1)))
