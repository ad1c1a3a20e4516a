"""`sparring fetch`: what it prints where, and how it ends."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from bench.commands.fetch import fetch as fetch_command
from tests.helpers.fetched import CONTENT, write_card
from tests.helpers.server import well

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def command():
    """The command line, in this process."""
    app = typer.Typer()
    app.command()(fetch_command)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_command(tmp_path, server, data, command):
    """
    The command prints where each file lies on stdout, and what happened on stderr.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]})

    finished = command(card)

    assert 0 == finished.exit_code
    assert f"{data / 'set/a.txt'}\n" == finished.stdout
    assert f"{card}: A test; licence: CC0\n" == finished.stderr


def test_command_options(tmp_path, command):
    """
    --from and --to are the folders that they say.
    """
    (tmp_path / "usb/set").mkdir(parents=True)
    (tmp_path / "usb/set/a.txt").write_bytes(CONTENT)

    finished = command(write_card(tmp_path, {}), "--from", str(tmp_path / "usb"), "--to", str(tmp_path / "there"))

    assert f"{tmp_path / 'there/set/a.txt'}\n" == finished.stdout


def test_command_stopped(tmp_path, command, monkeypatch):
    """
    Ctrl-C says how to go on, and ends as shells have it.
    """

    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.passages.fetch.fetch", stops)

    finished = command("scifact")

    assert 130 == finished.exit_code
    assert "stopped; the same command fetches what is missing\n" == finished.stderr
