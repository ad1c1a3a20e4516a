"""Texts that would like to be obeyed, in every field that takes one, and in every output: they are texts."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import msgspec
import pytest

from bench import cli
from bench.records import run_folder
from bench.records.schema import Measurement
from bench.report.text import CONTROL, UNSEEN

TEXTS = {
    "tags": '<script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)" x=\'',
    "markup": (
        "a | b [link](javascript:alert) ![x](http://evil.example/x.png) `code` **b** <b> www.evil.example @somebody "
        "mail@evil.example #1 \\input{/etc/hostname} \\write18{id} ^^5cinput $x$ % ::error file=x::said%0A::warning::"
    ),
    "control": (
        "\x1b]0;title\x07\x1b[2J\x9b31m\x08 a\0b \u202eabc\u2066\u200f\u061c\ufeff\U000e0041 "
        "one\ntwo\r\nthree\u2028four\x85"
    ),
    "formula": '=HYPERLINK("http://evil.example")',
    "at": "@SUM(1+1);=1+1",
    "long": "x" * 2**17,
}
SET = "primer"


@pytest.fixture(scope="module", params=TEXTS)
def hostile(request):
    return TEXTS[request.param]


@pytest.fixture(scope="module")
def template(tmp_path_factory, hostile):
    """A run of two imported rankings, of whose records and set every text is hostile, beside its set."""
    folder = tmp_path_factory.mktemp("hostile") / "made"
    (folder / SET).mkdir(parents=True)
    corpus = [{"_id": f"p{row}", "title": hostile, "text": f"{row} {hostile}"} for row in range(9)]
    queries = [{"_id": f"q{row}", "text": f"{row} {hostile}", "label": hostile} for row in range(6)]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / SET / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "judged.tsv").write_text("".join(f"q{row}\tp{row}\t1\n" for row in range(6)))
    hits = {f"q{row}": {f"p{(row + step) % 9}": 9.0 - step for step in range(4)} for row in range(6)}
    for name, of in (("one", hits), ("two", dict(list(hits.items())[:3]))):
        (folder / f"{name}.json").write_text(json.dumps(of))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        asked = ("--passages", f"./{SET}", "--qrels", "judged.tsv", "-o", "run")
        said(patch, "import", "one.json", "two.json", *asked)
    doctored(folder / "run", hostile)
    return folder


@pytest.fixture
def run(tmp_path, template, monkeypatch):
    """A copy of that run, in the present folder."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "run"


def said(monkeypatch, *arguments):
    """What a command prints on standard output, that ends with 0, or with 1 where it says no."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    monkeypatch.setattr("sys.argv", ["sparring", *arguments])
    monkeypatch.setattr("sys.stdout", out)
    code = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
    out.flush()
    assert code in (0, 1), arguments
    return out.buffer.getvalue().decode()


def free(text: str) -> dict[str, object]:
    """Of a measurement every field that takes any text, with that text in every place."""
    return {
        "suite": text, "cell_name": text, "origin": f"json {text}", "language": text, "encoder": text, "storage": text,
        "resolved": text, "reason": text, "output": (text, text), "options": {text: {text: text}}, "limited_by": text,
         "ceilings": {text: 1.0}, "predicted_ledger": {text: 1},
        "quality_by_label": {text: {"R@1": 0.5, "nDCG@10": 0.5}}, "label_counts": {text: 6},
        "timed_at": text, "facts": {text: text, "model": text}, "flags": (text, f"{text}: {text}"),
        "figure_flags": {text: text, "batch_qps": text},
    }  # fmt: skip


def doctored(folder, text):
    """Put a text into every field of a run's records that takes any."""
    found = run_folder.read(folder)
    lines = [
        msgspec.structs.replace(
            m, **free(text) | {"retriever": f"{number} {text}"} | ({} if number else {"origin": None})
        )
        for number, m in enumerate(found.measurements)
    ]
    (folder / run_folder.MEASUREMENTS).write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in lines))
    record = json.loads((folder / run_folder.RUN).read_bytes())
    record |= {"command": ["sparring", text], "made": text}
    record["suite"] |= {"name": text, "baseline": f"0 {text}"}
    record["suite"]["cells"] = [{"retrievers": [m.retriever for m in lines]}]
    (folder / run_folder.RUN).write_text(json.dumps(record))
    environment = json.loads((folder / run_folder.ENVIRONMENT).read_bytes())
    environment |= {"cpu": text, "kernel": text, "platform": text, "python": text, "libraries": {text: text}}
    (folder / run_folder.ENVIRONMENT).write_text(json.dumps(environment))
    kept = folder / "sets" / f"{SET}.json"
    content = json.loads(kept.read_bytes()) | {"title": text, "licence": text, "citation": text, "remarks": [text]}
    kept.write_text(json.dumps(content))


def dated(folder):
    """A run whose date is one: another is left out of a history, and the run with it."""
    record = json.loads((folder / run_folder.RUN).read_bytes()) | {"made": "2026-11-30T21:00:00+00:00"}
    (folder / run_folder.RUN).write_text(json.dumps(record))


def inert(printed):
    """Nothing in what is printed moves a cursor, turns a line or hides."""
    assert CONTROL.sub("", printed.replace("\n", "")) == printed.replace("\n", "")
    assert not UNSEEN.search(printed)


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


@pytest.fixture(autouse=True)
def _long_cells():
    limit = csv.field_size_limit(2**30)
    yield
    csv.field_size_limit(limit)


def without_code(page):
    """Markdown without its spans of code, which show what they hold, and without what is escaped."""
    return re.sub(r"<code>[^<]*</code>|`[^`]*`", "", page).replace("\\<", "")


def tags(page):
    parser = Tags()
    parser.feed(page)
    return parser.found


@pytest.mark.usefixtures("run")
class TestOutputs:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("table", "run"),
            ("table", "run", "--wide"),
            ("table", "run", "--labels"),
            ("compare", "run", "run"),
            ("compare", "run", "run", "--by", "label"),
            ("show", "run", "q1"),
            ("history", "run"),
            ("explain", "run", "CELL"),
        ],
        ids=" ".join,
    )
    def test_a_terminal(self, monkeypatch, tmp_path, arguments, hostile):
        """
        A terminal gets lines of letters.
        """
        if arguments[0] == "history":
            dated(tmp_path / "run")
        inert(said(monkeypatch, *(f"0 {hostile}" if word == "CELL" else word for word in arguments)))

    @pytest.mark.parametrize(
        "arguments", [("table", "run", "--labels"), ("compare", "run", "run"), ("history", "run")], ids=" ".join
    )
    def test_markdown(self, monkeypatch, tmp_path, arguments):
        """
        Markdown has the tables that it has without it, no tag, and no address that is live.
        """
        dated(tmp_path / "run")
        page = said(monkeypatch, *arguments, "--format", "markdown")

        inert(page)
        bare = without_code(page)
        assert {"code"} >= {tag for tag, _ in tags(bare)}
        assert not re.search(r"https?://|www\.\w|(?<!\w)@[a-z]|\w@\w+\.\w", bare.replace("<!-- -->", "\0"))
        assert not re.search(r"(?<!\\)[\[\]!]\(", bare)
        for block in page.split("\n\n"):
            rows = [line for line in block.splitlines() if line.startswith("|")]
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1

    def test_latex(self, monkeypatch):
        """
        LaTeX reads no file and starts no program: no command but ours.
        """
        page = said(monkeypatch, "table", "run", "--format", "latex", "--labels")

        inert(page)
        assert not re.search(r"\\(input|write|immediate|include|openin|catcode|def)\b", page)
        assert "^^" not in page
        assert page.count("\\begin{") == page.count("\\end{")

    def test_html(self, monkeypatch):
        """
        A page has the tags of ours alone, and no attribute that does anything.
        """
        page = said(monkeypatch, "table", "run", "--format", "html", "--labels")

        inert(page)
        found = tags(page)
        assert not {tag for tag, _ in found} & {"script", "img", "iframe", "object", "form", "b"}
        assert not [name for _, attributes in found for name in attributes if name.startswith("on")]

    @pytest.mark.parametrize("arguments", [("table", "run"), ("history", "run")], ids=" ".join)
    def test_csv(self, monkeypatch, tmp_path, arguments):
        """
        A spreadsheet computes nothing, and every row has as many cells.
        """
        dated(tmp_path / "run")
        rows = list(csv.reader(io.StringIO(said(monkeypatch, *arguments, "--format", "csv"), newline="")))

        assert 1 == len(set(map(len, rows)))
        for cell in (cell for row in rows for cell in row):
            inert(cell)
            assert not re.match(r"\s*[=+@]|\s*-(?![\d.])", cell), cell[:80]

    @pytest.mark.parametrize(
        "arguments", [("table", "run"), ("compare", "run", "run"), ("show", "run", "q1")], ids=" ".join
    )
    def test_json(self, monkeypatch, arguments, hostile):
        """
        JSON has the texts as they are, in letters that any terminal takes.
        """
        printed = said(monkeypatch, *arguments, "--json")

        assert json.loads(printed)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", printed)
        assert arguments[0] != "table" or f"0 {hostile}" == json.loads(printed)[0]["retriever"]

    def test_a_summary_and_junit(self, monkeypatch, tmp_path):
        """
        What a CI page and a test report show of a gate is text.
        """
        said(monkeypatch, "gate", "run", "--accept", "--reference", "reference")
        (tmp_path / "run" / "hits").rename(tmp_path / "run" / "was")
        said(monkeypatch, "gate", "run", "--reference", "reference", "--markdown", "s.md", "--junit", "j.xml")

        page = (tmp_path / "s.md").read_text()
        inert(page)
        assert {"code", "details", "summary"} >= {tag for tag, _ in tags(without_code(page))}
        assert ET.parse(tmp_path / "j.xml").getroot().tag in ("testsuite", "testsuites")

    def test_a_judging_sheet(self, monkeypatch, tmp_path):
        """
        A sheet of texts to be judged is one of texts.
        """
        said(monkeypatch, "judge-sheet", "run", "-o", "sheet.csv", "--again")

        rows = list(csv.reader(io.StringIO((tmp_path / "sheet.csv").read_text(encoding="utf-8-sig"), newline="")))
        assert 1 == len(set(map(len, rows)))
        assert not [cell for row in rows for cell in row if re.match(r"\s*[=+@-]", cell)]


def test_every_field_of_a_record_is_tried():
    """
    A field that takes any text is among those that are spoilt, or holds a name, a hash or a path that is checked.
    """
    checked = {
        "cell",
        "passage_set",
        "passage_set_sha256",
        "retriever",
        "matrix_key",
        "queries_key",
        "files",
        "quality",
    }
    of_text = {
        field.name
        for field in msgspec.structs.fields(Measurement)
        if "str" in str(field.type) and "Literal" not in str(field.type)
    }

    assert of_text == checked | free("").keys()
