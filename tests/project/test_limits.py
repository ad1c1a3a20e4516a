"""What keeps the code readable: functions that fit on a screen, modules of one subject, one class to a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.helpers.places import ROOT

LONGEST_FUNCTION = 60
# Tables and signatures: they branch nowhere, and a part of one would say less.
TABLES = {
    "bench/commands/run.py:run": "an option a line, and each handed on",
    "bench/commands/plan.py:plan": "the same options",
    "bench/run/measurement.py:measurement": "a table of the record's fields",
}
LONG_MODULE, LONGEST_MODULE, MOST_LONG_MODULES = 300, 350, 5
COMPILED = "retrievers/storages/search/compiled.py"  # one file, since numba compiles what calls each other together


def modules() -> dict[str, Path]:
    """Every module of the two packages by its path; templates are no code of ours."""
    paths = (p for folder in ("bench", "retrievers") for p in (ROOT / folder).rglob("*.py"))
    return {p.relative_to(ROOT).as_posix(): p for p in sorted(paths) if "templates" not in p.parts}


def test_no_function_is_longer_than_a_screen():
    """
    No function has over 60 lines, but the tables and signatures that are listed; and each of those still has.
    """
    lengths = {
        f"{name}:{node.name}": node.end_lineno - node.lineno + 1
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }

    assert set(TABLES) == {name for name, length in lengths.items() if length > LONGEST_FUNCTION}


def test_no_module_is_long():
    """
    At most five modules have over 300 lines, and none over 350, but the compiled kernels.
    """
    lengths = {name: len(path.read_text().splitlines()) for name, path in modules().items()}

    assert [] == [name for name, length in lengths.items() if length > LONGEST_MODULE and name != COMPILED]
    assert MOST_LONG_MODULES >= len([name for name, length in lengths.items() if length > LONG_MODULE])


def test_no_class_name_is_defined_twice():
    """
    A class has a name of its own in both packages, so that a reader who meets it knows which it is.
    """
    found = defaultdict(list)
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{name}:{node.lineno}")

    assert {} == {name: places for name, places in found.items() if len(places) > 1}
