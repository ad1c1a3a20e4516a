"""What a column may be called, and what a name that is none leads to."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.report import rows
from bench.report.column_names import keys_of
from bench.report.columns import field_of
from bench.report.render import html, latex, markdown
from bench.report.tables.cells import grids
from bench.report.tables.comparison_costs import FIGURES
from bench.report.tables.storages import COSTS
from bench.report.view import View
from tests.helpers.records import MEASURES, failed, latency, measurement, memory, run_of, weight

CELL = measurement(
    single=latency(1.0, 2.0),
    encode=latency(0.5),
    search=latency(0.5),
    encode_seconds=1.5,
    build_seconds=0.5,
    storage_weight=weight(2_000_000, 3_000_000, disk=1),
    build_memory=memory(0),
    tie_rate=0.25,
    exact=False,
    overlap_with_exact=0.875,
    ceilings={"R@10": 0.95},
    flags=("unstable: one", "two"),
    figure_flags={"batch_qps": "contention: much"},
)
KEYS = list(rows.rows([run_of(CELL)])[0])


def key_of(name: str, keys=KEYS) -> str:
    (found,) = keys_of([name], keys, "--columns")
    return found


def refused(name: str, keys=KEYS) -> str:
    """What is said of a name."""
    with pytest.raises(InputError) as error:
        keys_of([name], keys, "--columns")
    return str(error.value)


# Every key


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_a_column(key):
    """
    Each key of --json can be asked for: it stands in a column of its own, with its value, or a dash or nothing where
    there is none; the retriever, which leads every line, stands there once.
    """
    value = rows.rows([run_of(CELL)])[0][key]

    (grid,) = grids([run_of(CELL, failed())], View(columns=(key,)))

    heads = [column.head for column in grid.columns if column.head]  # the letters of flags have none
    assert (1 if key == "retriever" else 2) == len(heads)
    assert key == key_of(heads[-1])
    assert (value is None) == (grid.lines[0][len(heads) - 1].text in ("-", ""))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("flags", "unstable: one; two"),
        ("figure_flags", "batch_qps: contention: much"),
        ("exact", "no"),
        ("unstable", "yes"),
        ("status", "ok"),
        ("encoder", "BM25()"),
        ("reason", "-"),
        ("run", "run"),
        ("n_queries", "495"),
        ("tie_rate@10", ".250"),
        ("R@10_ceiling", ".950"),
        ("peak_build_bytes", "0.0010"),
        ("overlap_with_exact", ".875"),
    ],
)
def test_what_a_column_says(key, text):
    """
    Texts stand as they are, several with a semicolon between; what is so or not reads yes or no, a share as a share.
    """
    (grid,) = grids([run_of(CELL)], View(columns=(key,)))

    assert text == grid.lines[0][1].text


def test_a_column_that_is_empty_stays():
    """
    What was asked for and measured nowhere has its column all the same, and so has what another set's cells have alone.
    """
    other = measurement(passage_set="other", passage_set_sha256="11", quality={"P@5": 0.25})

    one, two = grids(
        [run_of(CELL), run_of(other, name="two")], View(columns=("capacity_qps", "P@5", "run", "retriever"))
    )

    assert ["run", "retriever", "capacity q/s", "P@5"] == [column.head for column in one.columns][:4]
    assert (["-", "-"], ["-", ".250"]) == tuple([cell.text for cell in grid.lines[0][2:4]] for grid in (one, two))


def test_retrievers_alone():
    """
    The retriever can be all that is asked for.
    """
    (grid,) = grids([run_of(measurement(single=latency(1.0)))], View(columns=("retriever",)))

    assert ["retriever"] == [column.head for column in grid.columns]


# Their names


@given(st.sampled_from(KEYS), st.booleans(), st.sampled_from([" ", "_", "  ", "-", ""]), st.sampled_from("lut"))
def test_a_name_in_another_spelling(key, heading, between, case):
    """
    A key or a heading is known in any case, with blanks or anything else between its words, and with nothing.
    """
    name = field_of(key).column.head if heading else key
    spelled = re.sub(r"[ _]", between, {"l": name.lower(), "u": name.upper(), "t": name.title()}[case])

    assert key == key_of(spelled)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("p50", "single_p50_ms"),
        ("p50 ms", "single_p50_ms"),
        ("P50ms", "single_p50_ms"),
        ("single p50", "single_p50_ms"),
        ("p95", "single_p95_ms"),
        ("p99", "single_p99_ms"),
        ("new p50", "new_p50_ms"),
        ("new p50 ms", "new_p50_ms"),
        ("loaded p95", "rate_p95_ms"),
        ("encode ms", "encode_p50_ms"),
        ("encode s", "encode_seconds"),
        ("encode sec", "encode_seconds"),
        ("build", "build_seconds"),
        ("index s", "index_seconds"),
        ("index time", "index_seconds"),
        ("index size", "ledger_bytes"),
        ("index MB", "ledger_bytes"),
        ("ledger MB", "ledger_bytes"),
        ("ledger", "ledger_bytes"),
        ("deployment", "deployment_bytes"),
        ("encoder MB", "encoder_resident_bytes"),
        ("encoder", "encoder"),
        ("batch", "batch_qps"),
        ("batch q/s", "batch_qps"),
        ("search q/s", "search_batch_qps"),
        ("overlap@10", "overlap_with_exact"),
        ("agreement", "overlap_with_baseline"),
        ("ndcg@10", "nDCG@10"),
        ("ndcg 10", "nDCG@10"),
        ("Recall@10", "R@10"),
        ("MRR@10", "RR@10"),
        ("R@10 (ceiling .950)", "R@10"),
    ],
)
def test_what_people_type(name, key):
    """
    Headings in short, units left out or written otherwise, and other names of measures.
    """
    assert key == key_of(name)


def test_headings_of_other_tables():
    """
    What `--pivot storage` and `compare` call a figure of --json names its column here.
    """
    names = {field.column.head: field.key for field in COSTS} | {name: key for key, name in FIGURES.items()}

    known = {name: key for name, key in names.items() if key in KEYS}
    assert known == {name: key_of(name) for name in known}
    assert len(known) > 20


def test_a_column_stands_once():
    """
    Two names of one key are one column, where the first of them stands.
    """
    assert ["single_p50_ms", "R@10"] == keys_of(["p50", "R@10", "single_p50_ms"], KEYS, "--columns")


# What is none


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("index", "expected one of ledger_bytes (index MB), index_seconds (index s), found 'index': short for each"),
        ("Encode", "expected one of encode_p50_ms (encode ms), encode_seconds (encode s), found 'Encode': short for"),
        ("search", "expected one of search_p50_ms (search ms), search_batch_qps (search q/s), found 'search': short"),
        ("overlap", "overlap_with_exact (overlap exact), overlap_with_baseline, found 'overlap': part of each"),
        ("cold", "expected one of single_cold_ms, encode_cold_ms, search_cold_ms, found 'cold': part of each"),
    ],
)
def test_a_short_name_of_several(name, told):
    """
    A name that is short for several columns, or part of their names, is refused with each of them.
    """
    said = refused(name)

    assert told in said
    assert "\n" not in said


def test_what_there_is_is_told_in_groups():
    """
    An unknown name is refused with the measures and the headings by what they are of, and where all else is.
    """
    lines = refused("foo", [*KEYS, "nDCG", "R(rel=2)@10"]).split("\n")

    assert "--columns: expected a key of --json or a heading of the table, found 'foo'. There are:" == lines[0]
    assert ["quality", "time of a query", "throughput", "indexing", "memory and bytes", "other"] == [
        line.strip().partition(":")[0] for line in lines[1:-1]
    ]
    assert f"  quality: {', '.join(MEASURES)}, nDCG, R(rel=2)@10" == lines[1]
    assert "  indexing: index s" == lines[4]
    assert "and any other key of `sparring table RUN --json`" == lines[-1]
    assert max(map(len, lines)) <= 130


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ledgr_bytes", "ledger_bytes"),
        ("single p50 sm", None),
        ("sinlge_p50_ms", "single_p50_ms"),
        ("ndgc@10", "nDCG@10"),
        ("encoding_seconds", None),
        ("indexing_seconds", None),
        ("peek_build_bytes", None),
        ("biuld s", "build_seconds"),
        ("deploymnt", "deployment_bytes"),
    ],
)
def test_a_slip_is_mended(name, key):
    """
    A word that is misspelled leads to the name that is meant.
    """
    hints = re.findall(r"Did you mean (\S+)\?", refused(name))

    assert ([] if key is None else [key]) == hints


@pytest.mark.parametrize("key", [key for key in KEYS if key != "encoder"])
def test_the_name_of_one_quantity_leads_to_no_other(key):
    """
    The name of a figure that is not there suggests none of those that are there.
    """
    others = [other for other in KEYS if other != key]

    for name in (key, field_of(key).column.head):
        assert "Did you mean" not in refused(name, others)


@pytest.mark.parametrize("measure", ["R@5", "nDCG@5", "P@10", "ERR@10", "DCG@10", "AP@10", "RBP", "bpref", "Success@1"])
def test_another_measure_is_not_suggested(measure):
    """
    A measure that the run does not have leads to no other: neither at another cut-off, nor one that is spelled alike.
    """
    assert "Did you mean" not in refused(measure)


@given(
    st.text(max_size=30) | st.lists(st.sampled_from([*KEYS, " ", "_", "ms", "q/s", "@", "5"]), max_size=4).map("".join)
)
def test_any_name_is_a_key_or_refused(name):
    """
    Whatever is typed, it is a key or an error that names it.
    """
    found = [] if name in KEYS else None
    with contextlib.suppress(InputError):
        found = keys_of([name], KEYS, "--columns")

    assert found is None or (1 == len(found) and found[0] in KEYS)


# In the formats


def test_texts_in_every_format():
    """
    Spellings are code, an engine's encoder is left blank, and a line of a page is named by its retriever alone.
    """
    engine = measurement(retriever="E()", encoder=None, storage=None, flags=("a | b", "<c>"))
    view = View(columns=("encoder", "flags", "index time"))

    texts = [form.table([run_of(CELL, engine)], view) for form in (markdown, html, latex)]

    assert "| `BM25() @ CSR()` | `BM25()` | unstable: one; two | 2.00 | a b |" in texts[0]
    assert r"| `E()` |  | a \| b; \<c\> | - | c d |" in texts[0]
    assert [2, 1] == [texts[1].count(part) for part in ('<th scope="row">', "<td><code>")]
    assert "<td>a | b; &lt;c&gt;</td>" in texts[1]
    assert r"\texttt{BM25() @ CSR()} & \texttt{BM25()} & unstable: one; two & 2.00 & a b \\" in texts[2]
    assert r"\texttt{E()} &  & a" in texts[2]
