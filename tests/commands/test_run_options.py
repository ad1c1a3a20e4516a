"""The options that `sparring run` and `sparring plan` share."""

from __future__ import annotations

import msgspec
import pytest
import typer

from bench import cli
from bench.commands.run_options import _numbers
from bench.commands.run_request import _judged, doubts
from bench.instruments.modes import MODES
from bench.passages import loader
from tests.helpers.tiny import tiny_set

COMMANDS = typer.main.get_command(cli.app).commands
OWN = {"run": {"output", "fresh"}, "plan": {"as_json", "power", "pilot"}}


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
    assert len(options("run")) == 26


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_named_in_the_help(mode):
    """
    The help of --mode names each mode, and says what it is.
    """
    (_, said, _, _) = options("run")["mode"]

    assert f"{mode} ({MODES[mode].help})" in said


def test_a_number_that_is_too_long():
    """
    Digits that no number of queries has are the name of a file.
    """
    assert (7, "9" * 5000) == _numbers(["7", "9" * 5000])


def test_passages_in_other_letters(tmp_path):
    """
    Passages of one's own that are not written in the letters of their language are told; a card's are not.
    """
    (tmp_path / "docs.csv").write_text("text\n고양이가 앉았다\n", encoding="utf-8")
    (tmp_path / "asked.txt").write_text("고양이\n", encoding="utf-8")
    path, queries = str(tmp_path / "docs.csv"), str(tmp_path / "asked.txt")
    english, korean, primer = (
        loader.load(path, columns=loader.Columns(queries=queries)),
        loader.load(path, columns=loader.Columns(queries=queries, language="ko")),
        msgspec.structs.replace(loader.load("primer-ko"), language="en"),
    )

    found = list(doubts([path, path, "primer-ko"], [english, korean, primer]))

    told = "docs: most letters are Hangul (Korean), and the language is 'en': name it with --language"
    assert [told] == [line for line in found if "letters" in line]


def test_judgments_that_a_reader_would_doubt(tmp_path):
    """
    Judgments of rows, and judged queries to which nothing is relevant, are told.
    """
    for name, text in (
        ("docs.csv", "text\nit purrs\nit barks\n"),
        ("asked.csv", "id,text\na,who purrs\nb,who barks\nc,who\n"),
        ("judged.json", '{"a": {"1": 1}, "b": {"2": 0}, "c": {}}'),
    ):
        (tmp_path / name).write_text(text)
    columns = loader.Columns(queries=str(tmp_path / "asked.csv"), qrels=str(tmp_path / "judged.json"))
    own = loader.load(str(tmp_path / "docs.csv"), columns=columns)

    found = list(doubts([str(tmp_path / "docs.csv")], [own]))

    assert {"a": {"1": 1}, "b": {"2": 0}, "c": {}} == own.qrels
    assert [
        "docs: no column of ids: judgments are taken to name rows, from 1: name one with --id",
        "docs: judged queries to which nothing is relevant: 2: they score 0, whatever is found",
    ] == found


@pytest.mark.parametrize(
    ("asked", "of", "said"),
    [(9, 9, "; all are asked and timed, quality is of these"), (3, 9, "; the others are left out"), (3, 3, "")],
)
def test_what_becomes_of_queries_without_judgments(asked, of, said):
    """
    The line of a set's judgments says whether the other queries are asked too, where there are others.
    """
    judged = {f"q{i}": {f"p{i}": 1, "p9": 0} for i in range(3)}
    found = msgspec.structs.replace(tiny_set(n_queries=asked), qrels=judged, n_file_queries=of)

    (line,) = _judged([found])

    start = f"tiny: 3 of {of} queries have judgments, 6 pairs"
    assert f"{start}{said}; a passage without one counts as not relevant" == line
