"""The documentation cannot drift from the command: every word of the one is looked up in the other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import typer

from bench.cli import app
from retrievers.registry import installed, parse
from tests.helpers.places import ROOT

COMMAND = typer.main.get_command(app)
DESCRIBING = (
    "README.md",
    "bench/README.md",
    "bench/training/README.md",
)  # where a reader looks for a command's options
PAGES = (*DESCRIBING, "datasets/README.md", "retrievers/README.md", "results/README.md")


def shown(page: str) -> Iterator[str]:
    """Every `sparring ...` line of the code blocks of a page (fenced or indented), continued lines joined."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            found = re.match(r"\s*(?:\$ )?(?:\w+=\S* |\S*/bin/)*(sparring .*)", line)
            if found:
                yield found[1]


def words(line: str) -> list[str]:
    """A line of a shell as its first command's words: comments, pipes and redirections cut off."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    found = list(lexer)
    ends = [i for i, word in enumerate(found) if set(word) <= set("|&;<>")]
    return found[: min(ends, default=len(found))]


def problem(line: str) -> str | None:
    """What the command says against a line; None where it would run."""
    _, *arguments = words(line)
    if arguments in (["--help"], []):
        return None
    name, *rest = arguments
    if name not in COMMAND.commands:
        return f"no command {name!r}"
    if "--help" in rest:
        return None
    try:
        COMMAND.commands[name].make_context(name, rest)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("name", sorted(COMMAND.commands))
def test_every_command_is_described(name):
    """
    Every command, and every option of it, is named in the README or in a page of bench/.
    """
    described = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in DESCRIBING)
    options = [p.opts for p in COMMAND.commands[name].params if p.param_type_name == "option"]

    missing = [" or ".join(o) for o in options if not re.search(rf"(?<![\w-])({'|'.join(o)})(?![\w-])", described)]
    if f"sparring {name}" not in described:
        missing.insert(0, f"sparring {name}")

    assert [] == missing, f"of `sparring {name}`, {DESCRIBING} do not name {', '.join(missing)}"


@pytest.mark.parametrize("page", PAGES)
def test_every_line_shown_would_run(page):
    """
    Every `sparring ...` line of a code block has a command, options and arguments that exist.
    """
    problems = {line: found for line in shown(page) if (found := problem(line)) is not None}

    assert {} == problems


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sparring run first  # the default suite", None),
        ("sparring run --passages primer 'BM25() @ CSR()' | less", None),
        ("sparring table out --json > table.json", None),
        ("sparring table --help", None),
        ("sparring rnu first", "no command 'rnu'"),
        ("sparring run first --round 3", "--round"),
        ("sparring table", "Missing"),
    ],
)
def test_a_wrong_line_is_seen(line, expected):
    """
    The check sees a command, an option or an argument that is none.
    """
    found = problem(line)

    assert found is None if expected is None else expected in found


def test_lines_are_found(tmp_path, monkeypatch):
    """
    Lines are found in fenced and indented blocks, behind a prompt, a variable or a path, and joined where continued.
    """
    (tmp_path / "page.md").write_text(
        "`sparring x` and\nsparring y\n\n```sh\n$ sparring a\nSPARRING_DATA=/d sparring b \\\n  --c\n```\n\n"
        "    .venv/bin/sparring d\n"
    )
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)

    assert ["sparring a", "sparring b    --c", "sparring d"] == list(shown("page.md"))


def plugins(page: str) -> Iterator[tuple[str, str]]:
    """(file name, source) of every plug-in file that a page shows: a Python block that begins with its name."""
    for source in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        named = re.match(r"# (\w+\.py)\n", source)
        if named:
            yield named[1], source


@pytest.mark.parametrize("page", ["README.md", "retrievers/README.md"])
def test_shown_plugins_work(tmp_path, page):
    """
    Every plug-in file that a page shows is loaded as --plugin loads it, and what it holds finds passages.
    """
    registry = installed()
    ours = set(registry.entries)
    for name, source in plugins(page):
        (tmp_path / name).write_text(source, encoding="utf-8")
        registry.add_file(tmp_path / name)
    added = sorted(set(registry.entries) - ours)
    encoders = [name for group, name in added if group == "encoders"]
    spellings = [f"{name}()" for group, name in added if group == "retrievers"]
    spellings += [f"{name}() @ Flat()" for name in encoders]
    spellings += [f"{encoders[0]}() @ {name}()" for group, name in added if group == "storages"]

    best = []
    for spelling in spellings:
        retriever = parse(spelling, registry)
        retriever.index(["a cat sat here", "a dog ran there", "birds sing at dawn"])
        best.append(int(retriever.search(["the dog ran"], 2).rows[0, 0]))

    assert spellings
    assert [1] * len(spellings) == best
