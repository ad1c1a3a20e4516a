"""`sparring plot`: pictures in files, and those of pages held to their records."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.errors import InputError
from bench.formats.files import write_whole
from bench.records import journal, run_folder
from bench.report.charts.kinds import KINDS
from bench.report.charts.png import png
from bench.report.pages import PICTURE
from tests.helpers.judged import judged_run
from tests.helpers.pictures import of_class, parsed
from tests.helpers.places import ROOT
from tests.helpers.records import latency, weight

BEGIN = "<!-- sparring plot"


def call(*arguments: object):
    return CliRunner().invoke(app, ["plot", *map(str, arguments)])


@pytest.fixture
def run(tmp_path) -> Path:
    """A run folder of two cells."""
    values = {"A()": [0.5, 1.0] * 5, "B()": [0.0, 1.0] * 5}
    by_label = {"quality_by_label": {"word": {"nDCG@10": 0.5}}, "label_counts": {"word": 10}}
    known = {"single": latency(1.0), "storage_weight": weight(1_000), **by_label}
    made = judged_run(tmp_path / "runs" / "first", values, **known)
    write_whole(made.folder / run_folder.RUN, run_folder.pretty(made.record))
    write_whole(made.folder / run_folder.ENVIRONMENT, run_folder.pretty(made.environment))
    for m in made.measurements:
        journal.Writer(made.folder).measured(m)
    return made.folder


@pytest.fixture
def page(tmp_path, run) -> Path:
    """A page with the picture of a run, as it is drawn."""
    path = tmp_path / "docs" / "page.md"
    path.parent.mkdir()
    path.write_text(f"# Title\n\n{BEGIN} frontier ../runs/first -o f.svg -->\n\n![Quality](f.svg)\n", encoding="utf-8")
    assert 0 == call("frontier", run, "-o", path.parent / "f.svg").exit_code
    return path


@pytest.mark.parametrize(
    ("kind", "what"),
    [("frontier", "mark"), ("storage", "field"), ("latency", "row"), ("memory", "cell"), ("labels", "mean")],
)
def test_a_picture_is_written_where_it_was_asked_for(run, tmp_path, kind, what):
    """
    Each kind of picture is in the file that was named, one part a cell, and the name is printed.
    """
    file = tmp_path / "picture.svg"

    ended = call(kind, run, "--passages", "primer", "-o", file)

    assert (0, f"{file}\n") == (ended.exit_code, ended.output)
    assert 2 == len(of_class(parsed(file.read_text("utf-8")), what))


def test_another_measure_is_drawn(run, tmp_path):
    """
    `--measure` is what is drawn, and one that is not there is a mistake.
    """
    assert 0 == call("frontier", run, "--measure", "nDCG@10", "-o", tmp_path / "a.svg").exit_code

    ended = call("frontier", run, "--measure", "R@7", "-o", tmp_path / "b.svg")

    assert "--measure: expected one of nDCG@10" in str(ended.exception)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fronteer", "RUN", "-o", "x.svg"], f"expected one of {', '.join(KINDS)}, found 'fronteer'. Did you mean"),
        (["frontier", "nowhere", "-o", "x.svg"], "run nowhere: expected a run folder"),
        (["frontier", "RUN", "--passages", "prime", "-o", "x.svg"], "Did you mean primer?"),
        (["storage", "RUN", "--passages", "prime", "-o", "x.svg"], "Did you mean primer?"),
        (["storage", "RUN", "--measure", "R@1", "-o", "x.svg"], "plot storage: takes no --measure"),
        (["latency", "RUN", "--measure", "R@1", "-o", "x.svg"], "plot latency: takes no --measure"),
        (["memory", "RUN", "--passages", "prime", "-o", "x.svg"], "Did you mean primer?"),
        (["labels", "RUN", "--measure", "R@1", "-o", "x.svg"], "--measure: expected one of nDCG@10"),
        (["frontier", "RUN", "-o", "nowhere/x.svg"], "-o: expected a file that can be written, found nowhere/x.svg"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(run, words, message):
    """
    A kind, run, set or file that is none, and an option that a kind does not take, is an input error.
    """
    ended = call(*(run if word == "RUN" else word for word in words))

    assert isinstance(ended.exception, InputError)
    assert message in str(ended.exception)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frontier", "RUN"], "-o: expected a name that ends in .svg or .png, found none"),
        (["frontier", "RUN", "-o", "x.pdf"], "-o: expected a name that ends in .svg or .png, found x.pdf"),
        (["frontier", "-o", "x.svg"], f"expected KIND RUN..., found 'frontier'; kinds: {', '.join(KINDS)}"),
        (["--check", "page.md", "-o", "x.svg"], "--check takes pages and nothing else"),
    ],
)
def test_usage_errors(words, message):
    """
    What is missing or too much on the command line is said, with exit code 2.
    """
    ended = call(*words)

    assert 2 == ended.exit_code
    assert message in " ".join(ended.output.split())


def test_a_png(run, tmp_path):
    """
    A name that ends in .png makes a PNG of the same picture, twice as large.
    """
    pytest.importorskip("vl_convert")

    ended = call("frontier", run, "-o", tmp_path / "f.png")

    content = (tmp_path / "f.png").read_bytes()
    assert 0 == ended.exit_code
    assert b"\x89PNG" == content[:4]
    assert 2 * 520 == int.from_bytes(content[16:20], "big")


def test_a_png_without_its_extra(run, tmp_path, monkeypatch):
    """
    Without the extra `report` a PNG is refused, with what to install; an SVG needs nothing.
    """
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    with pytest.raises(ImportError, match=r"pip install 'sparring\[report\]'"):
        png("<svg/>")
    assert "pip install 'sparring[report]'" in str(call("frontier", run, "-o", tmp_path / "f.png").exception)
    assert 0 == call("frontier", run, "-o", tmp_path / "f.svg").exit_code


def test_help_shows_every_kind():
    """
    The help names each kind of picture and shows how it is asked for.
    """
    shown = call("--help").output

    assert all(f"sparring plot {kind} " in shown for kind in KINDS)
    assert "sparring plot --check README.md" in shown


# Pictures in pages


def test_a_page_whose_picture_is_that_of_its_records(page):
    """
    A picture that is what its records give passes, without a word.
    """
    ended = call("--check", page)

    assert (0, "") == (ended.exit_code, ended.output)


def test_a_picture_that_differs_or_is_gone(page):
    """
    A picture of another byte, or of none, fails with a line that names page, file and the command that draws it.
    """
    picture = page.parent / "f.svg"
    command = f"draw it anew: sparring plot frontier {page.parent}/../runs/first -o {picture}"

    picture.write_text(picture.read_text().replace("frontier", "frontiers", 1))
    other = call("--check", page)
    picture.unlink()
    gone = call("--check", page)

    assert (1, f"{page}:3: {picture} is not what its records give; {command}\n") == (other.exit_code, other.output)
    assert (1, f"{page}:3: {picture} is not there; {command}\n") == (gone.exit_code, gone.output)


def test_the_command_that_is_told_mends_the_page(page, run):
    """
    What the check says to do makes the page pass, options and all.
    """
    page.write_text(f"{BEGIN} frontier ../runs/first --measure nDCG@10 --passages primer -o f.svg -->\n![](f.svg)\n")
    (page.parent / "f.svg").write_text("")

    told = call("--check", page).output.partition("sparring plot ")[2].split()

    assert ["--passages", "primer", "--measure", "nDCG@10"] == told[2:6]
    assert 0 == call(*told).exit_code
    assert 0 == call("--check", page).exit_code


def test_pages_are_checked_together(page, tmp_path):
    """
    Of several pages each picture that differs is told.
    """
    other = page.with_name("other.md")
    other.write_text(page.read_text().replace("f.svg", "g.svg"))

    ended = call("--check", page, other)

    assert 1 == ended.exit_code
    assert [f"{other}:3:"] == [line.split()[0] for line in ended.output.splitlines()]


def test_a_marker_that_is_shown_is_none(page):
    """
    What a block of code shows is no marker.
    """
    page.write_text(f"```md\n{BEGIN} nowhere -->\n```\n" + page.read_text())

    assert 0 == call("--check", page).exit_code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# None\n", "expected a line `<!-- sparring plot KIND RUN -o FILE.svg -->`, found none"),
        (f"\n{BEGIN} 'a -->\n", ":2: expected words as a shell reads them"),
        (f"{BEGIN} frontier ../runs/first -->\n![](f.svg)\n", ":1: expected what `sparring plot` takes"),
        (f"{BEGIN} frontier ../runs/first --out f.svg -->\n![](f.svg)\n", ":1: expected what `sparring plot` takes"),
        (f"{BEGIN} --help -->\n![](f.svg)\n", ":1: expected what `sparring plot` takes"),
        (f"{BEGIN} frontier ../runs/none -o f.svg -->\n![](f.svg)\n", ":1: run "),
        (f"{BEGIN} fronteer ../runs/first -o f.svg -->\n![](f.svg)\n", ":1: plot: expected one of frontier"),
        (f"{BEGIN} frontier ../runs/first -o f.png -->\n![](f.png)\n", "a picture in a page is an SVG"),
        (f"{BEGIN} frontier ../runs/first -o f.svg --check -->\n![](f.svg)\n", "leave out --check"),
        (f"{BEGIN} frontier ../runs/first -o f.svg -->\n\nText.\n", "expected the picture f.svg below its marker"),
        (f"{BEGIN} frontier ../runs/first -o f.svg -->\n", "below its marker, found nothing"),
    ],
)
def test_a_bad_marker_is_an_error(page, text, message):
    """
    A marker that is no command, or has no picture below it, is a mistake (exit code 2) that names page and line.
    """
    page.write_text(text)

    found = call("--check", page)

    assert isinstance(found.exception, InputError)
    assert str(page) in str(found.exception)
    assert message in str(found.exception)


def marked() -> list[Path]:
    """The pages of this repository that have a picture made from records."""
    pages = {path: path.read_text("utf-8") for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"))}
    without_code = {path: re.sub(r"(?ms)^```.*?^```$", "", text) for path, text in pages.items()}
    return sorted(path for path, text in without_code.items() if any(map(PICTURE.fullmatch, text.splitlines())))


@pytest.mark.parametrize("path", marked(), ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_pictures_are_those_of_the_records(path):
    """
    The pictures in this repository's pages are those of the runs committed beside them, byte for byte.
    """
    found = call("--check", path)

    assert (0, "") == (found.exit_code, found.output)
