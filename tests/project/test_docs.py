"""The documentation cannot drift from the command: every word of the one is looked up in the other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.usage import EXAMPLES
from retrievers.registry import installed, parse
from tests.helpers.places import ROOT

COMMAND = typer.main.get_command(app)
FOLDERS = ("bench", "retrievers", "datasets", "results")
READMES = [ROOT / "README.md", *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("README.md"))]
PAGES = [str(path.relative_to(ROOT)) for path in READMES]  # each for one reader: all of them describe the command
WIDTH, LONGEST, LONGEST_FRONT = 130, 250, 120

# CONTRIBUTING.md, "Words", has what to say instead.
NOT_SAID = r"foretold|foretells?|untold|made-up|[Cc]an not|at hand|a row a text|was expected, found|unanswered, which"


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
    Every command is named in README.md, and every option that its help shows there or in the README of a folder.
    """
    front = (ROOT / "README.md").read_text(encoding="utf-8")
    described = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    options = [p.opts for p in COMMAND.commands[name].params if p.param_type_name == "option" and not p.hidden]

    missing = [" or ".join(o) for o in options if not re.search(rf"(?<![\w-])({'|'.join(o)})(?![\w-])", described)]
    if f"sparring {name}" not in front:
        missing.insert(0, f"sparring {name} (in README.md)")

    assert [] == missing, f"of `sparring {name}`, the READMEs do not name {', '.join(missing)}"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_read_in_one_sitting(page):
    """
    README.md has at most 120 lines, any other README 250; their lines are at most 130 characters, but for tables.
    """
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    written = [line for line in lines if not line.startswith("|")]
    made = {index for begin, end in generated(written) for index in range(begin, end)}

    long = [line for index, line in enumerate(written) if len(line) > WIDTH and index not in made]

    assert [] == long
    assert len(lines) <= (LONGEST_FRONT if page == "README.md" else LONGEST)


def generated(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Where what a command wrote into a page begins and ends."""
    begins = [index for index, line in enumerate(lines) if line.startswith("<!-- sparring table")]
    for begin in begins:
        yield begin, next(index for index in range(begin, len(lines)) if lines[index].startswith("<!-- end"))


@pytest.mark.parametrize("page", PAGES)
def test_pages_use_the_fields_words(page):
    """
    No page says in words of ours what the field has a word for; what a command wrote is the command's.
    """
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    made = {index for begin, end in generated(lines) for index in range(begin, end)}
    prose = " ".join(line for index, line in enumerate(lines) if index not in made)

    assert [] == re.findall(NOT_SAID, prose)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """
    Every relative link of a page leads to a file, and to a heading that the file has.
    """
    broken = [link for link in links(page) if not leads(page, link)]

    assert [] == broken


def links(page: str) -> Iterator[str]:
    """The relative links of a page, outside its blocks of code; its pictures are held by `sparring plot --check`."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"(?<!!)\[[^\[\]]*\]\(([^)\s]+)\)", text):
        if not link.startswith(("http:", "https:")):
            yield link


def leads(page: str, link: str) -> bool:
    """Whether a link's file is there, and has its heading, by GitHub's rule for the name of one."""
    name, _, anchor = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    if not target.exists():
        return False
    heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
    return not anchor or anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_every_line_shown_would_run(page):
    """
    Every `sparring ...` line of a code block has a command, options and arguments that exist.
    """
    problems = {line: found for line in shown(page) if (found := problem(line)) is not None}

    assert {} == problems


@pytest.mark.parametrize("name", sorted(COMMAND.commands))
def test_every_help_has_examples(name):
    """
    Every command's help ends with an example or two of it, which would run and fit on the lines of a terminal.
    """
    assert 1 <= len(EXAMPLES[name]) <= 2
    assert [] == [found for line in EXAMPLES[name] if (found := problem(line)) is not None]
    assert {name} == {words(line)[1] for line in EXAMPLES[name]}
    assert max(map(len, EXAMPLES[name])) <= 76
    shown = CliRunner().invoke(app, [name, "-h"], terminal_width=78).stdout
    assert shown.endswith("".join(f"    {line}\n" for line in EXAMPLES[name]))
    assert shown == CliRunner().invoke(app, [name, "--help"], terminal_width=78).stdout


@pytest.mark.parametrize("name", sorted(COMMAND.commands))
def test_helps_have_words_for_types(name):
    """
    What an option or an argument takes is a word, `FILE`, and no type of Python's; a usage line has no braces.
    """
    takes = [param for param in COMMAND.commands[name].params if not getattr(param, "is_flag", False)]
    shown = CliRunner().invoke(app, [name, "-h"], terminal_width=78).stdout

    assert [] == [param.name for param in takes if not param.metavar and param.name != "help"]
    assert [] == re.findall(r"<\w[^>]*>|\{\w+\}", shown.replace("--from URL|FOLDER", ""))


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
