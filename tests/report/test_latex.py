"""Tables in LaTeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.model import Column, TableCell
from bench.report.render import latex
from bench.report.render.latex_text import escaped
from bench.report.view import Pivot, View
from tests.helpers.judged import judged_run
from tests.helpers.records import failed, latency, measurement, run_of

ODD = 'A(x="50%_of #1 & {x} $y^2~ \\\\cmd", y=[-1]) @ Very(long=1, name=2)'
# Of TeX's first fonts some characters have no code of their own, or another one: an underscore is a rule.
DRAWN = {"e\u0301": "é", "\u02c6": "^", "\u02dc": "~", "\u201d": '"', "\u201c": '"', "\u00b4e": "é", "\u0084": "†"}
PREAMBLE = "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n\\listoftables\n"


def compiled(folder: Path, text: str, *, cites: bool = False) -> str:
    """What pdfLaTeX makes of the tables, as text; fails with the lines of its log that tell an error."""
    if shutil.which("pdflatex") is None or shutil.which("pdftotext") is None:
        pytest.skip("pdflatex or pdftotext is not installed (Debian: texlive-latex-recommended, poppler-utils)")
    (folder / "tables.tex").write_text(text, encoding="utf-8")
    closing = "\\bibliographystyle{plain}\\bibliography{sparring}\n" if cites else ""
    (folder / "page.tex").write_text(PREAMBLE + "\\input{tables}\n" + closing + "\\end{document}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    for step in (command, *([["bibtex", "page"]] if cites else []), command, command):
        run = subprocess.run(
            step, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120, check=False
        )
        told = [line for line in run.stdout.splitlines() if line.startswith(("!", "l.", "I found"))]
        assert (0, []) == (run.returncode, told)
    assert "LaTeX Warning: Citation" not in run.stdout
    shown = subprocess.run(["pdftotext", "-layout", "page.pdf", "-"], cwd=folder, capture_output=True, check=True)
    text = shown.stdout.decode().replace("-\n", "")  # words that were broken at a line's end
    for drawn, meant in DRAWN.items():
        text = text.replace(drawn, meant)
    return " ".join(text.split())


def test_latex_to_the_letter():
    """
    LaTeX: a booktabs table a passage set, its title and conditions in the caption, notes below, best and mark of each.
    """
    run = run_of(
        measurement(quality={"R@1": 0.25}, single=latency(0.25, 1.5), n_unanswered=2),
        failed(retriever="RankBM25()", status="timeout", reason="longer than\n600 s"),
        measures=["R@1"],
    )

    text = latex.table([run], View(wide=True))

    assert (
        r"""% needs \usepackage{booktabs,graphicx}
\begin{table}
\caption[{primer: 150 passages, 495 queries, en}]{primer: 150 passages, 495 queries, en. p50 ms, p95 ms: service time of one query, text to ids. -: not measured. A CPU, 2 cores, 16.0 GB; threads: 1 for queries; primary nDCG@10, baseline BM25() @ CSR(); 2026-01-02; Python 3.11.9, numpy 2.3.1; commit 0123456789.}
\label{tab:primer-1}
\centering\small\setlength{\tabcolsep}{4pt}\medskip
\sbox0{\begin{tabular}{@{}lrrrr@{}}
\toprule
retriever & R@1 & p50 ms & p95 ms &  \\
\midrule
\texttt{BM25() @ CSR()} & .250 & 0.250 & 1.50 & a \\
\texttt{RankBM25()} (timeout) & - & - & - &  \\
\bottomrule
\end{tabular}}
\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi
\par\smallskip\raggedright\footnotesize a: judged queries with no hits (scored 0): 2 of 495. RankBM25(): timeout: longer than 600 s.
\end{table}
"""  # noqa: E501  # as LaTeX has it: a sentence a line
        == text
    )


def test_marks_of_a_figure():
    """
    The best is bold, what ties with it italic, a dagger takes no room, and an interval is small.
    """
    fields = [("x", "bold green", "", ""), ("x", "italic", "†", ""), ("x", "", "†", "[.1, .2]")]
    cells = [TableCell(text, style, "", mark, interval) for text, style, mark, interval in fields]

    drawn = [latex._field(Column("R@1"), cell) for cell in cells]

    assert [
        r"\textbf{x}",
        r"\textit{x}\rlap{\textsuperscript{\dag{}}}",
        r"x\textsuperscript{\dag{}} {\scriptsize {[}.1, .2{]}}",
    ] == drawn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% of a_b & #1 {x} $2", r"50\% of a\_b \& \#1 \{x\} \$2"),
        ("a\\b ~ ^ `", r"a\textbackslash{}b \textasciitilde{} \textasciicircum{} \textasciigrave{}"),
        ('< > | "', r"\textless{} \textgreater{} \textbar{} {\char34}"),
        ("--strict, ''", "-{}-strict, '{}'"),
        ("café, Łódź, ø", r"caf\'{e}, \L{}\'{o}d\'{z}, \o{}"),
        ("±0.01, ≥ 2", r"$\pm$0.01, $\geq$ 2"),
        ("‡~", r"\ddag{}\textasciitilde{}"),
        ("한", r"\otherscript{한}{U+D55C}"),
        ("two\nlines\x1b[31m", "two lines\\otherscript{\ufffd}{U+FFFD}{[}31m"),
    ],
)
def test_escaping(text, expected):
    """
    What LaTeX would obey prints as it is; accents are composed, and other scripts named by their code points.
    """
    assert expected == escaped(text)


@settings(deadline=None)
@given(st.text())
def test_nothing_gets_through(text):
    """
    Whatever the text, its braces are balanced, and no character of its own is left that starts a command or a comment.
    """
    found = escaped(text)

    bare = re.sub(r"\\otherscript\{.\}\{U\+[0-9A-F]+\}", "", found)
    known = re.sub(r"\\(text[a-z]+\{\}|char34|[a-zA-Z]{1,5}\b|[&%$#_{}`'^~\"=.])|\$[\\^][a-z0-9\\]+\$|\$-\$", "", bare)
    assert not set("\\%&#_^~$") & set(known)
    balanced = re.sub(r"\\[{}]", "", found)
    assert balanced.count("{") == balanced.count("}")


def test_a_table_compiles_with_odd_names(tmp_path):
    """
    A document with tables of odd names, other scripts, failures and daggers compiles; the page shows them all.
    """
    values = {"BM25() @ CSR()": [0.0, 1.0] * 50, ODD: [1.0] * 100}
    run = judged_run(tmp_path / "run", values, passage_set="내_집합", flags=("한국어 <odd> é “q” — 100% & #1_x ≥ ±",))
    marked = judged_run(tmp_path / "marked", values)
    broken = run_of(
        measurement(passage_set="other"), failed(retriever="[x] @ *y --z", passage_set="other", reason="it's\\")
    )

    shown = compiled(tmp_path, latex.table([run]) + latex.table([marked], View(intervals=True)) + latex.table([broken]))

    assert 'x="50% of #1 & {x} $y^2~ \\\\cmd",' in shown
    assert 'a: U+D55CU+AD6DU+C5B4 <odd> é "q" — 100% & #1 x' in shown
    assert "U+B0B4 U+C9D1U+D569: 150 passages" in shown
    assert "[x] @ *y --z (failed)" in shown
    assert "1.000†" in shown
    assert "†: differs from nDCG@10 of BM25() @ CSR()" in shown


def test_what_is_cited_is_in_the_document(tmp_path):
    """
    With --cite the sources of a table are cited in its caption and come with it as a BibTeX file.
    """
    run = judged_run(tmp_path / "run", {"BM25() @ CSR()": [0.0, 1.0] * 50}, citation="@misc{own, title = {Of my own}}")

    shown = compiled(tmp_path, latex.table([run], View(cite=True)), cites=True)

    assert "@misc{own," in (tmp_path / "sparring.bib").read_text()
    assert re.search(r"Sources: \[\d+(, \d+)+\]\.", shown)
    assert "Of my own." in shown
    assert "BM25 and beyond" in shown


def test_every_kind_of_table_compiles(tmp_path):
    """
    Pivots, labels and figures from outside are drawn too, also a wide one.
    """
    figure = {"passage_set": "primer", "retriever": "A()", "measure": "nDCG@10", "source": "B & C", "at_least": 0.1}
    figure |= {"value": None, "within": None}
    labels = {"label_counts": {"x_y": 3}, "quality_by_label": {"x_y": {"nDCG@10": 0.5}}}
    run = run_of(measurement(retriever="A()", **labels), published=[figure])
    wide = run_of(*(measurement(retriever=f"Retriever{number}()") for number in range(30)))

    texts = [
        latex.table([run]),
        latex.table([run], View(labels=True)),
        latex.table([wide], View(pivot=Pivot("retriever"))),
    ]
    shown = compiled(tmp_path, "".join(texts))

    assert "Against published figures" in shown
    assert "x y (3)" in shown
    assert "Retriever29()" in shown
