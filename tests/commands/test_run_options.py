"""The options that `sparring run` and `sparring plan` share."""

from __future__ import annotations

import pytest
import typer

from bench import cli
from bench.instruments.modes import MODES

COMMANDS = typer.main.get_command(cli.app).commands
OWN = {"run": {"output"}, "plan": {"as_json"}}


def options(command: str) -> dict[str, tuple[object, ...]]:
    """Each option but the command's own: how it is spelled, what its help and its default say, what it takes."""
    return {
        found.name: (found.opts, getattr(found, "help", None), getattr(found, "show_default", None), found.multiple)
        for found in COMMANDS[command].params
        if found.name not in OWN[command] | {"help"}
    }


def test_plan_takes_what_run_takes():
    """
    `plan` has every option of `run` but its folder, spelled alike, with the same help and default.
    """
    assert options("run") == options("plan")
    assert len(options("run")) == 20


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_named_in_the_help(mode):
    """
    The help of --mode names each mode, and says what it is.
    """
    (_, said, _, _) = options("run")["mode"]

    assert f"{mode} ({MODES[mode].help})" in said
