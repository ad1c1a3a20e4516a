"""What the gate said, for those who read it elsewhere: a markdown summary, JUnit's XML, GitHub's annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # written only
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.report.render.document import verdicts_of
from bench.report.render.markdown import code, escaped, verdict_blocks
from bench.report.text import REPLACEMENT, printable
from bench.report.view import DEFAULT

if TYPE_CHECKING:
    from bench.gate.verdict import CellVerdict, Finding, GateVerdict
    from bench.records.run_folder import Run

SUITE = "sparring gate"
WORST = ("fail", "undecided", "skipped")
NO_XML = str.maketrans({"\ufffe": REPLACEMENT, "\uffff": REPLACEMENT})  # beside control characters
DATA = str.maketrans({"%": "%25"})  # of a workflow command's message; it has no line break, being printable
PROPERTY = str.maketrans({"%": "%25", ":": "%3A", ",": "%2C"})  # and of its properties


def telling(cell: CellVerdict) -> list[Finding]:
    """What there is to tell of a cell: its findings that did not pass, the worst first; else all."""
    found = [finding for finding in cell.findings if finding.outcome != "pass"]
    return sorted(found, key=lambda finding: WORST.index(finding.outcome)) or list(cell.findings)


def told(cell: CellVerdict) -> str:
    """The same as one phrase, each with its own word where they are not all as the cell is."""
    found = telling(cell)
    mixed = len({finding.outcome for finding in found}) > 1
    words = (f"{finding.outcome}: " if mixed else "" for finding in found)
    return printable("; ".join(f"{word}{one.name} {one.said}" for word, one in zip(words, found, strict=True)))


def markdown(judgment: GateVerdict, run: Run | None = None) -> str:
    """The line, a table of the cells, and the notes; then what the run itself says, where there is one."""
    lines = [f"**{escaped(judgment.line)}**", ""]
    if judgment.cells:
        lines += ["| verdict | passages | retriever | why |", "|---|---|---|---|"]
    for cell in judgment.cells:
        columns = (cell.outcome, escaped(cell.passage_set), code(cell.retriever), escaped(told(cell)))
        lines.append(f"| {' | '.join(columns)} |")
    notes = [f"- {escaped(note)}" for note in judgment.notes]
    said = [] if run is None else [block for one in verdicts_of([run], DEFAULT) for block in verdict_blocks(one)]
    return "\n".join([*lines, *(["", *notes] if notes else []), *(f"\n{block}" for block in said)]) + "\n"


def junit(judgment: GateVerdict) -> bytes:
    """One test case a finding; what is undecided or was not compared is skipped."""
    findings = [(cell, finding) for cell in judgment.cells for finding in cell.findings]
    outcomes = [finding.outcome for _, finding in findings]
    counts = {
        "tests": str(len(findings)),
        "failures": str(outcomes.count("fail")),
        "errors": "0",
        "skipped": str(outcomes.count("undecided") + outcomes.count("skipped")),
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **counts})
    for cell, finding in findings:
        place = {"classname": _xml(f"{cell.passage_set}.{cell.retriever}"), "name": _xml(finding.name)}
        case = ET.SubElement(suite, "testcase", place)
        said = _xml(finding.said)
        if finding.outcome == "fail":
            ET.SubElement(case, "failure", {"message": said, "type": finding.kind}).text = said
        elif finding.outcome != "pass":
            ET.SubElement(case, "skipped", {"message": f"{finding.outcome}: {said}"})
    ET.SubElement(suite, "system-out").text = _xml("; ".join([judgment.line, *judgment.notes]))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _xml(text: str) -> str:
    return printable(text).translate(NO_XML)


def workflow_commands(judgment: GateVerdict) -> Iterator[str]:
    """A line for GitHub's log: an error for each cell that failed, a warning for each undecided, a notice for all."""
    for cell in judgment.cells:
        level = {"fail": "error", "undecided": "warning"}.get(cell.outcome)
        if level is not None:
            yield _command(level, f"{cell.retriever} on {cell.passage_set}", told(cell))
    yield _command("notice" if judgment.outcome == "pass" else "error", SUITE, judgment.line)


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={printable(title).translate(PROPERTY)}::{printable(message).translate(DATA)}"
