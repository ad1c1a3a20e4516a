"""
What users read is in the field's words: help, messages, legends, headings and READMEs.

The list is of expressions, not of ordinary words: "ask" and "serve" are refused as names of stages, keys and columns.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
import typer

from bench.cli import app
from bench.records.schema import Stage
from bench.report import rows
from tests.helpers.places import ROOT
from tests.helpers.records import measurement, run_of

# expression => what to write instead => a sentence that has it
LIST = r"""
foretold|foretells?  =>  predicted, estimated  =>  the bytes were foretold
untold  =>  unknown  =>  what is untold
made[- ]up  =>  synthetic  =>  grown by made-up passages
\bcan not\b  =>  cannot  =>  it can not be read
\bat hand\b  =>  available, installed, on disk  =>  the collections at hand
came about  =>  provenance  =>  how the numbers came about
\ba row a \w  =>  one row per  =>  a row a text
\bwas expected\b  =>  expected X, found Y  =>  a path was expected, found a number
held up  =>  CPU contention (wait, steal)  =>  the rounds were held up
waited for a core  =>  CPU contention (wait, steal)  =>  it waited for a core
what is made small  =>  the objective  =>  what is made small in training
judged queries unanswered  =>  judged queries with no hits (scored 0)  =>  judged queries unanswered: 3
ledger MB  =>  index size (exact)  =>  | ledger MB |
"""
WORDS = {
    word: (instead, planted) for word, instead, planted in (line.split("  =>  ") for line in LIST.split("\n")[1:-1])
}
NAMES = re.compile(r"(^|[^a-z])(ask|serve)($|[^a-z])")
OLD = {"bench/records/upgrades.py"}  # what old records say, to be read
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("[bdr]*/**/README.md"), *ROOT.glob("tests/**/README.md")})


def found(text: str) -> list[str]:
    """The expressions that a text has."""
    plain = " ".join(text.split())
    return [word for word in WORDS if re.search(word, plain, re.IGNORECASE)]


def strings(path: Path) -> list[tuple[int, str]]:
    """The strings of a module that may reach a user, with their lines: all but docstrings."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def modules() -> list[Path]:
    return sorted(p for folder in ("bench", "retrievers") for p in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(("word", "planted"), [(word, planted) for word, (_, planted) in WORDS.items()])
def test_a_planted_sentence_is_found(word, planted):
    """
    Each expression of the list is found in a sentence, also where a line breaks it.
    """
    assert word in found(planted)
    assert word in found(planted.replace(" ", "\n  "))


def test_the_words_to_write_are_not_found():
    """
    What the list says to write instead has nothing of the list.
    """
    assert [] == [word for right, _ in WORDS.values() for word in found(right)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_messages_and_legends(path):
    """
    No string of a module but its docstrings has an expression of the list: errors, legends, notes, headings.
    """
    name = path.relative_to(ROOT).as_posix()

    said = [] if name in OLD else [(line, word) for line, text in strings(path) for word in found(text)]

    assert [] == said


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))  # type: ignore[attr-defined]
def test_help(command):
    """
    No command's help has one, nor that of any of its options.
    """
    shown = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    texts = [shown.help or "", *(getattr(option, "help", None) or "" for option in shown.params)]

    assert [] == [(text, word) for text in texts for word in found(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_readmes(page):
    """
    No README has one; what a table says not to write stands in backticks.
    """
    if page.name == "CHANGELOG.md":
        pytest.skip("it names what was renamed")
    said = re.sub(r"`[^`\n]*`", "", page.read_text()) if page.name == "CONTRIBUTING.md" else page.read_text()

    assert [] == found(said)


def test_names_of_stages_keys_and_columns():
    """
    No stage, key of JSON or heading is called ask or serve.
    """
    from bench.report.columns import FIELDS

    keys = rows.rows([run_of(measurement())])[0]
    names = [*get_args(Stage), *keys, *(field.column.head for field in FIELDS)]

    assert [] == [name for name in names if NAMES.search(name)]
    assert NAMES.search("peak_serve_bytes")
    assert NAMES.search("peak ask MB")
