"""Judging sheets: what a spreadsheet gets, and what is read of what it gives back."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import judge_sheet, qrels
from bench.formats.files import Content
from bench.formats.judge_sheet import LONGEST_TEXT, SheetRow

HEAD = "query-id,passage-id,grade,query,text\n"


def sheet(text: str | bytes, name: str = "sheet.csv") -> Content:
    return Content(Path(name), text.encode() if isinstance(text, str) else text)


def judgments(text: str | bytes, name: str = "sheet.csv") -> list[tuple[str, str, int]]:
    return [tuple(judgment) for judgment in qrels.read(sheet(text, name))]


def cells(content: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def graded(content: bytes, delimiter: str = ",", encoding: str = "utf-8-sig") -> bytes:
    """The sheet as a spreadsheet saves it, once every pair has the grade 1."""
    out = io.StringIO(newline="")
    head, *rows = cells(content)
    csv.writer(out, delimiter=delimiter).writerows([head, *([*row[:2], "1", *row[3:]] for row in rows)])
    return out.getvalue().encode(encoding)


# All that a reader of ids and texts lets through: no NUL, and no half of a character.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ids = texts.filter(bool)


@given(
    st.lists(st.tuples(ids, ids, texts, texts), min_size=1, unique_by=lambda pair: pair[:2]), st.sampled_from(",;\t")
)
@example([("'=1", "''", "", "=1"), ("a\r\nb", 'c"d', "\r", "\n")], ";")
@example([("\ufeffq", " p ", "", ""), ("1.0", "'1.0", "", "")], "\t")
def test_ids_are_read_back_as_they_were(pairs, delimiter):
    """
    Whatever ids and texts have in them, and whatever a spreadsheet separates by, the same pairs are read back.
    """
    written = graded(judge_sheet.write(SheetRow(*pair) for pair in pairs), delimiter)

    assert [(query, passage, 1) for query, passage, _, _ in pairs] == judgments(written)


@given(st.lists(st.tuples(ids, ids, texts, texts), min_size=1))
def test_no_cell_is_a_formula(pairs):
    """
    No cell begins with what a spreadsheet runs, nor does what stands behind a semicolon; texts are one line each.
    """
    _, *rows = cells(judge_sheet.write(SheetRow(*pair) for pair in pairs))

    found = [part for row in rows for cell in row for part in (cell, *(row[3] + row[4]).split(";"))]
    assert [] == [part for part in found if re.match(r"\s*[=+\-@]", part) and part not in ("", None)]
    assert [] == [text for row in rows for text in row[3:] if text.splitlines() not in ([], [text])]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("KB-00881", "KB-00881"),
        ("lighthouse-03", "lighthouse-03"),
        ("0", "0"),
        ("12345678901", "12345678901"),
        ("123456789012", "'123456789012"),
        ("007", "'007"),
        ("1.10", "'1.10"),
        ("2024-01-05", "'2024-01-05"),
        ("MAR1", "'MAR1"),
        ("1e5", "'1e5"),
        ("mai 3", "'mai 3"),
        ("Märzenbier", "Märzenbier"),
        ("TRUE", "'TRUE"),
        ("'quoted", "''quoted"),
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
    ],
)
def test_ids_that_a_spreadsheet_would_rewrite(name, cell):
    """
    An id that would come back as another number, a date or a formula is written behind an apostrophe; others are not.
    """
    written = judge_sheet.write([SheetRow(name, name, "", "")])

    assert [cell, cell, "", "", ""] == cells(written)[1]
    assert [(name, name, 1)] == judgments(graded(written))


def test_what_a_sheet_looks_like():
    """
    A byte order mark, the five columns, no grade, texts on one line, and no more of them than a cell can hold.
    """
    written = judge_sheet.write(
        [SheetRow("q1", "p1", "who,\n\n where?", "x" * 40_000), SheetRow("q1", "p2", "-1 °C", 'a "b"\a')]
    )

    assert written.startswith(b"\xef\xbb\xbfquery-id,passage-id,grade,query,text\r\n")
    (_, first, second) = cells(written)
    assert ["q1", "p1", "", "who, where?"] == first[:4]
    assert (LONGEST_TEXT, "xxx...") == (len(first[4]), first[4][-6:])
    assert ["q1", "p2", "", "'-1 °C", 'a "b"\N{REPLACEMENT CHARACTER}'] == second


def test_ids_that_no_text_file_holds():
    """
    An id with NUL, or with half of a character, is refused by name: it could not be read back.
    """
    for name in ("a\0b", "\ud800"):
        with pytest.raises(InputError, match="expected passage ids that a text file can hold, found"):
            judge_sheet.write([SheetRow("q1", name, "", "")])


def test_blank_is_not_judged_and_0_is():
    """
    A pair without a grade has no judgment; 0 is one. A sheet may be graded in part, and rows may end early.
    """
    found = judgments(HEAD + "q1,p1,,who,cats\nq1,p2,0,who,dogs\n\nq2,p1,2\nq2,p2\nq2,p3,  ,,\n")

    assert [("q1", "p2", 0), ("q2", "p1", 2)] == found


@pytest.mark.parametrize(
    ("grade", "expected"), [("1", 1), ("1.0", 1), ("2.00", 2), (" 3 ", 3), ('"1,0"', 1), ("-1", -1), ("0.0", 0)]
)
def test_grades_that_are_whole(grade, expected):
    """
    A grade may be written with decimals that are nought, by a point or by a comma.
    """
    assert [("q1", "p1", expected)] == judgments(HEAD + f"q1,p1,{grade},,\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q1,p1,1,,\nq1,p2,x,,\n", ["sheet.csv:3:", "a grade that is an integer, found 'x'", "blank is not judged"]),
        ("q1,p1,0.5,,\n", ["sheet.csv:2:", "found '0.5'"]),
        ("q1,p1,99999,,\n", ["sheet.csv:2:", "a grade of at most 10000, found 99999"]),
        (",p1,1,,\n", ["sheet.csv:2:", "expected query id, passage id and grade, found ['', 'p1', '1']"]),
        ("q1,p1,,,\n", ["sheet.csv: expected grades in the column 'grade', found none", "leave the file out"]),
        ("", ["sheet.csv: expected grades in the column 'grade', found none"]),
        ("q1,p1,1,0,who,cats\n", ["sheet.csv:2:", "expected 5 cells as in the header, found 6"]),
        ("q1,p1,1,,\nq1,p1,2,,\n", ["sheet.csv:3:", "expected one grade", "found 2 after 1"]),
        ('q1,p1,1,"open,\n', ["sheet.csv:2:", "expected a row of a table"]),
    ],
)
def test_broken_sheets(text, words):
    """
    What is no grade, no pair or no row is refused with its line, and so is a sheet that nobody has graded.
    """
    with pytest.raises(InputError) as refused:
        judgments(HEAD + text)

    assert [] == [word for word in words if word not in str(refused.value)]


def test_two_columns_of_grades():
    """
    Where two columns are called grade, nothing says which counts.
    """
    with pytest.raises(InputError, match=r"sheet.csv:1: expected one column 'grade', found 2: keep one"):
        judgments("query-id,passage-id,grade,grade\nq1,p1,1,0\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_as_a_spreadsheet_saves_it(delimiter, encoding):
    """
    Commas, semicolons or tabs, with a byte order mark or without, in UTF-16 as Excel's Unicode text, whatever its name.
    """
    written = judge_sheet.write([SheetRow("q;1", "p\t1", "wer, was; wo\t?", 'é "ü"'), SheetRow("q2", "개", "", "")])

    found = judgments(graded(written, delimiter, encoding), "sheet.txt")

    assert [("q;1", "p\t1", 1), ("q2", "개", 1)] == found


def test_columns_are_found_by_name():
    """
    Columns may stand in any order, in capitals or quotation marks, beside others.
    """
    text = '"Text","Grade","note","Passage-ID","Query-ID"\ncats,1,sure,p1,q1\n'

    assert [("q1", "p1", 1)] == judgments(text)


def test_one_sheet_behind_another():
    """
    Two sheets put one behind the other are read as one, header and byte order mark in the middle or not.
    """
    one, other = (graded(judge_sheet.write([SheetRow("q1", name, "", "")])) for name in ("p1", "p2"))

    assert [("q1", "p1", 1), ("q1", "p2", 1)] == judgments(one + other)


@pytest.mark.parametrize("name", ["judged.xlsx", "judged.ods"])
def test_a_workbook(name):
    """
    A workbook is refused with what to save it as.
    """
    with pytest.raises(
        InputError, match=f"{name}: expected judgments as text, found .*: save the sheet as CSV in UTF-8"
    ):
        judgments(b"PK\3\4\xff", name)


@pytest.mark.parametrize("data", [b"\xff\xfeq\0\xff", "query-id,passage-id,grade\nq1,é,1\n".encode("cp1252")])
def test_another_encoding(data):
    """
    What is neither UTF-8 nor whole UTF-16 is refused with what to save it as.
    """
    with pytest.raises(InputError, match=r"expected UTF-8, found the byte .*: save the file as UTF-8"):
        judgments(data)
