"""What the gate said, for those who read it elsewhere."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate.verdict import CellVerdict, Finding, GateVerdict
from bench.report.render import ci
from bench.report.render.markdown import code, escaped, verdict_blocks
from bench.report.verdict.run import verdict
from tests.helpers.verdicts import BM25, MINILM, found, situation

JUDGMENT = GateVerdict(
    outcome="fail",
    line="gate: fail - 1 of 2 cells",
    cells=(
        CellVerdict(
            passage_set="a|b",
            retriever='X("<p>\n")',
            outcome="fail",
            findings=(
                Finding(kind="quality", name="R@1", outcome="fail", said="100 % <worse> & 1\n\x1b[31m,:"),
                Finding(kind="bytes", name="ledger_bytes", outcome="pass", said="8, alike"),
            ),
        ),
        CellVerdict(
            passage_set="c",
            retriever="Y()",
            outcome="undecided",
            findings=(Finding(kind="speed", name="single_p50_ms", outcome="undecided", said="x1.02"),),
        ),
    ),
    notes=("a <b>",),
)


def test_junit():
    """
    JUnit's XML reads back: a case a finding, failures and skips counted, no character that XML refuses.
    """
    root = ET.fromstring(ci.junit(JUDGMENT))  # our own

    suite = root.find("testsuite")
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert ["3", "1", "0", "1"] == counts == [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    first, second, third = suite.iter("testcase")
    assert ('a|b.X("<p> ")', "R@1") == (first.get("classname"), first.get("name"))
    assert "100 % <worse> & 1 \N{REPLACEMENT CHARACTER}[31m,:" == first.find("failure").get("message")
    assert [] == list(second)
    assert "undecided: x1.02" == third.find("skipped").get("message")


@given(st.text())
@settings(deadline=None)
def test_any_text_is_xml(text):
    """
    Whatever an adapter is called, the XML can be read.
    """
    cells = (msgspec.structs.replace(JUDGMENT.cells[0], retriever=text),)

    ET.fromstring(ci.junit(msgspec.structs.replace(JUDGMENT, cells=cells)))  # our own


def test_workflow_commands():
    """
    GitHub's annotations: a line each, with the escapes that it asks for.
    """
    error, warning, last = ci.workflow_commands(JUDGMENT)

    assert error == ('::error title=X("<p> ") on a|b::R@1 100 %25 <worse> & 1 \N{REPLACEMENT CHARACTER}[31m,:')
    assert "::warning title=Y() on c::single_p50_ms x1.02" == warning
    assert "::error title=sparring gate::gate: fail - 1 of 2 cells" == last


def test_what_fails_comes_first():
    """
    Of a row what fails stands before what is undecided and what was not compared, each with its own word.
    """
    findings = tuple(
        Finding(kind="speed", name=name, outcome=outcome, said="x2")
        for name, outcome in (("p50", "undecided"), ("new", "skipped"), ("p95", "fail"), ("memory", "pass"))
    )
    cell = msgspec.structs.replace(JUDGMENT.cells[0], findings=findings)

    (error, *_) = ci.workflow_commands(msgspec.structs.replace(JUDGMENT, cells=(cell,)))

    assert error.endswith("::fail: p95 x2; undecided: p50 x2; skipped: new x2")


def test_a_title_of_an_annotation():
    """
    In a title GitHub takes a comma and a colon for its own: they are escaped there, and stand in the message.
    """
    cell = msgspec.structs.replace(JUDGMENT.cells[1], retriever="Y(a=1, b=2): 5 %")

    _, warning, _ = ci.workflow_commands(msgspec.structs.replace(JUDGMENT, cells=(JUDGMENT.cells[0], cell)))

    assert "::warning title=Y(a=1%2C b=2)%3A 5 %25 on c::single_p50_ms x1.02" == warning


def test_markdown_of_hostile_names():
    """
    No name becomes markup, a link or an entity, and none ends its cell or its code.
    """
    name = "X(`|`<img src=x>) ![a](http://b) &lt; |"
    cell = msgspec.structs.replace(JUDGMENT.cells[1], retriever=name, passage_set=name)
    judgment = msgspec.structs.replace(JUDGMENT, line=name, notes=(name,), cells=(cell,))

    lines = ci.markdown(judgment).splitlines()

    assert [f"**{escaped(name)}**", f"- {escaped(name)}"] == [lines[0], lines[-1]]
    assert f"| undecided | {escaped(name)} | {code(name)} | single\\_p50\\_ms x1.02 |" in lines


def test_markdown():
    """
    The summary is the line, one row a cell, and the notes; a bar or a tag in a name breaks no row.
    """
    lines = ci.markdown(JUDGMENT).splitlines()

    assert "**gate: fail - 1 of 2 cells**" == lines[0]
    row = next(line for line in lines if line.startswith("| fail"))
    assert 5 == row.replace("\\|", "").count("|")
    assert "- a \\<b\\>" == lines[-1]


def test_the_summary_ends_with_what_the_run_says(tmp_path):
    """
    Beside the gate's line a summary has the verdict on the run, as its table has it.
    """
    run = situation(tmp_path, {BM25: found(30), MINILM: found(70)})

    text = ci.markdown(JUDGMENT, run)

    assert text.startswith(ci.markdown(JUDGMENT))
    (one,) = verdict(run)
    assert text.endswith("\n".join(verdict_blocks(one)) + "\n")
    assert "finds most" in text
