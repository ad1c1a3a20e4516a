"""Tables in pages are those of the records."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.errors import InputError
from bench.formats.files import write_whole
from bench.lock import LOCK
from bench.records import journal, run_folder
from bench.report import pages as check
from tests.helpers.judged import judged_run
from tests.helpers.places import ROOT

BEGIN, END = "<!-- sparring table", "<!-- end -->"


def call(*arguments: object):
    return CliRunner().invoke(app, ["table", *map(str, arguments)])


@pytest.fixture
def page(tmp_path):
    """A page beside a run folder, its table not made yet."""
    run = judged_run(tmp_path / "runs" / "first", {"A()": [0.5, 1.0], "B|C()": [0.0, 1.0]})
    write_whole(run.folder / run_folder.RUN, run_folder.pretty(run.record))
    write_whole(run.folder / run_folder.ENVIRONMENT, run_folder.pretty(run.environment))
    for number, m in enumerate(run.measurements):
        journal.Writer(run.folder).measured(m)
        assert number + 1 == len(run_folder.read(run.folder).measurements)
    path = tmp_path / "docs" / "page.md"
    path.parent.mkdir()
    path.write_text(f"# Title\n\n{BEGIN} ../runs/first --columns nDCG@10 -->\n{END}\n\nMore, café.\n", encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_page_is_made_and_then_equal(page):
    """
    A table that is not there yet differs; written, it is what the command prints, and nothing else has changed.
    """
    before = page.read_text()
    printed = call(page.parent / "../runs/first", "--columns", "nDCG@10", "--markdown").output

    told, written, again = call("--check", page), call("--write", page), call("--check", page)

    head, _, tail = before.partition(END)
    assert [1, 0, 0] == [told.exit_code, written.exit_code, again.exit_code]
    assert f"{head}\n{printed}\n{END}{tail}" == page.read_text()
    assert "" == again.output
    assert "+| `A()` | **.750** |" in told.output


def test_a_difference_is_shown_and_not_mended(page):
    """
    --check shows a figure that is not the records' as a unified diff, and leaves the page as it is.
    """
    call("--write", page)
    wrong = page.read_text().replace(".750", ".760")
    page.write_text(wrong)

    told = call("--check", page)

    assert 1 == told.exit_code
    assert "-| `A()` | **.760** |" in told.output.splitlines()
    assert "+| `A()` | **.750** |" in told.output.splitlines()
    assert told.output.startswith(f"--- {page}")
    assert wrong == page.read_text()


def test_pages_are_checked_together(page):
    """
    Several pages are one check: one that differs fails it, and only what differs is written.
    """
    other = page.with_name("other.md")
    other.write_text(page.read_text())
    call("--write", page)
    kept = page.stat().st_mtime_ns

    assert 1 == call("--check", page, other).exit_code
    assert 0 == call("--write", page, other).exit_code
    assert 0 == call("--check", other, page).exit_code
    assert kept == page.stat().st_mtime_ns


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_a_marker_that_is_shown_is_none(page, fence):
    """
    What a block of code shows is no marker, wherever in the page it stands.
    """
    shown = f"{fence}md\n{BEGIN} nowhere -->\n{fence}\n"
    page.write_text(shown + page.read_text() + shown)

    assert 0 == call("--write", page).exit_code
    assert 2 == page.read_text().count(f"{BEGIN} nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# None\n", "expected a line `<!-- sparring table RUN -->`"),
        (f"{BEGIN} ../runs/first -->\n", ":1: expected a line `<!-- end -->` after this table"),
        (f"\n{END}\n", ":2: expected <!-- sparring table RUN -->, found <!-- end -->"),
        (f"{BEGIN} a -->\n{BEGIN} b -->\n{END}\n", ":2: expected <!-- end --> first"),
        (f"{BEGIN} 'a -->\n{END}\n", ":1: expected words as a shell reads them"),
        (f"{BEGIN} ../runs/none -->\n{END}\n", ":1: run"),
        (f"{BEGIN} ../runs/first --colums x -->\n{END}\n", ":1: expected what `sparring table` takes"),
        (f"{BEGIN} --help -->\n{END}\n", ":1: expected what `sparring table` takes"),
        (f"{BEGIN} ../runs/first --measure R@1 -->\n{END}\n", "--measure: expected --pivot, found none of them"),
        (f"{BEGIN} ../runs/first --latex -->\n{END}\n", "expected a table in Markdown, found --format latex"),
        (f"{BEGIN} ../runs/first --check -->\n{END}\n", "expected a table in Markdown, found --check"),
        (f"{BEGIN} ../runs/first --columns R@7 -->\n{END}\n", ":1: --columns: expected a key of --json"),
    ],
)
def test_a_bad_marker_is_an_error(page, text, message, capsys):
    """
    A marker without its end, or with what is no command, is a mistake (exit code 2) that names page and line.
    """
    page.write_text(text)

    found = call("--check", page)

    assert isinstance(found.exception, InputError)
    assert str(page) in str(found.exception)
    assert message in str(found.exception)


def test_a_bad_page_stops_all(page):
    """
    Nothing is written where one of several pages is bad.
    """
    before = page.read_text()
    bad = page.with_name("bad.md")
    bad.write_bytes(b"\xff")

    found = call("--write", page, bad)

    assert "expected a Markdown page in UTF-8" in str(found.exception)
    assert before == page.read_text()


def test_a_page_that_cannot_be_written_is_an_error(page):
    """
    What stands in the way of writing a page is told.
    """
    with pytest.raises(InputError, match=r"none/page\.md: cannot be written"):
        check.write(page.parent / "none" / "page.md", "")


@pytest.mark.parametrize(
    "option", [["--markdown"], ["--pivot", "run"], ["--cite"], ["--intervals"], ["--measure", "R@1"]]
)
@pytest.mark.parametrize("how", ["--check", "--write"])
def test_pages_take_no_other_option(page, how, option):
    """
    What a table in a page shows stands in its marker: beside --check and --write no other option is taken.
    """
    found = call(how, page, *option)

    assert 2 == found.exit_code
    assert "take pages and nothing else" in " ".join(found.output.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--latex", "--html"], "--latex and --html exclude each other"),
        (["--labels", "--columns", "R@1"], "--labels and --columns exclude each other"),
        (["--format", "latex", "--html"], "--html and --format latex exclude each other"),
        (["--format", "yaml"], "expected one of terminal, markdown, latex, html, csv, json, bibtex, found 'yaml'"),
        (["--intervals", "--csv"], "--intervals: expected --format terminal or markdown or latex or html, found csv"),
        (["--cite", "--html"], "--cite: expected --format latex or bibtex, found html"),
        (["--cite", "--labels"], "--labels: expected --format terminal or markdown or latex or html, found bibtex"),
        (["--intervals", "--labels"], "--intervals: expected --pivot or --columns or --wide, found --labels"),
        (["--measure", "R@1"], "--measure: expected --pivot, found none of them"),
    ],
)
def test_what_does_not_go_together_is_refused(page, options, message):
    """
    Two formats, two shapes, or an option without its table are usage errors.
    """
    found = call(page.parent / "../runs/first", *options)

    assert 2 == found.exit_code
    assert message in " ".join(found.output.split())


def test_every_format_is_printed(page):
    """
    LaTeX, HTML and BibTeX go to standard output, whole.
    """
    folder = page.parent / "../runs/first"

    asked = (["--format", "latex"], ["--format", "html"], ["--cite"], ["--format", "latex", "--cite"])
    texts = [call(folder, *options).output for options in asked]

    assert texts[0].endswith("\\end{table}\n")
    assert texts[1].startswith("<!doctype html>")
    assert texts[1].endswith("</html>\n")
    assert texts[2].startswith("@")
    assert texts[2].replace("\n\n", "\n") in texts[3].replace("\n\n", "\n")


@pytest.mark.parametrize("name", ["markdown", "latex", "html", "csv", "json"])
def test_an_old_flag_is_its_format(page, name):
    """
    `--markdown` and the others are `--format` with that name, and beside it no clash.
    """
    folder = page.parent / "../runs/first"

    written = call(folder, "--format", name).output

    assert written == call(folder, f"--{name}").output == call(folder, f"--{name}", "--format", name).output
    assert written.strip()


def marked() -> list[Path]:
    """The pages of this repository that have a table made from records; one that is shown as code is none."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]
    return sorted(path for path in pages if any(_shown(path.read_text("utf-8").splitlines())))


def _shown(lines: list[str]) -> Iterator[bool]:
    """Of each line whether it is a marker outside the blocks of code."""
    code = False
    for line in lines:
        code ^= line.startswith("```")
        yield line.startswith(BEGIN) and not code


@pytest.mark.parametrize("path", marked(), ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_tables_are_those_of_the_records(path):
    """
    The tables in this repository's pages are those of the runs committed beside them, to the letter.
    """
    found = call("--check", path)

    assert (0, "") == (found.exit_code, found.output)


def test_committed_runs_are_small():
    """
    A committed run is what its tables need: records, ids and values of each query, under 300 kB, and no text.
    """
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: what is committed cannot be told")
    listed = subprocess.run(["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [Path(line) for line in listed.stdout.splitlines()]
    runs = {path.parent for path in files if path.name == run_folder.RUN}

    for run in runs:
        inside = [path for path in files if run in path.parents]
        assert {"hits", "samples", run_folder.STAGES, LOCK}.isdisjoint(
            path.relative_to(run).parts[0] for path in inside
        )
        assert 300_000 > sum((ROOT / path).stat().st_size for path in inside), run
