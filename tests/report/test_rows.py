"""The object of a cell, as JSON, CSV and frames have it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from bench.report import columns, rows
from bench.report.render import csv as csv_format
from bench.report.render import json as json_format
from bench.report.verdict import run as verdicts
from tests.helpers.places import ROOT
from tests.helpers.records import MEASURES, failed, latency, measurement, memory, run_of, weight

RELIED_ON = """
passage_set retriever encoder storage status n_passages n_queries n_unanswered R@1 R@10 R@100 nDCG@10 RR@10
single_p50_ms single_p95_ms encode_p50_ms search_p50_ms batch_qps search_batch_qps encode_seconds build_seconds
ledger_bytes disk_bytes resident_bytes encoder_ledger_bytes encoder_resident_bytes text_bytes peak_build_bytes
peak_search_bytes peak_query_bytes new_p50_ms index_seconds deployment_bytes flags
"""


def test_row_has_the_keys_that_are_relied_on():
    """
    A row begins with the keys of the design, the measures in the suite's order among them.
    """
    row = rows.row(measurement(), MEASURES)

    relied_on = RELIED_ON.split()
    assert relied_on == list(row)[: len(relied_on)]


def test_row_tells_each_part_apart():
    """
    The storage's bytes are the plain keys, the encoder's have its name, and a peak is above the phase's start.
    """
    cell = measurement(
        storage_weight=weight(100, 200, disk=300),
        encoder_weight=weight(10, 20, disk=30),
        build_memory=memory(0),
        single=latency(2.0, 3.0),
        encode=latency(0.5),
        search=latency(1.5),
        joint=latency(1.9),
        shape=(150, 10),
        nonzeros=30,
    )

    row = rows.row(cell)

    assert (100, 200, 300) == (row["ledger_bytes"], row["resident_bytes"], row["disk_bytes"])
    assert (10, 20, 30) == (row["encoder_ledger_bytes"], row["encoder_resident_bytes"], row["encoder_disk_bytes"])
    assert (1_000, 9_000_000, None) == tuple(
        row[key] for key in ("peak_build_bytes", "peak_build_process_bytes", "peak_search_bytes")
    )
    assert (2.0, 3.0, 0.5, 1.5) == tuple(
        row[key] for key in ("single_p50_ms", "single_p95_ms", "encode_p50_ms", "search_p50_ms")
    )
    assert -0.05 == pytest.approx(row["joint_gap"])
    assert 0.02 == pytest.approx(row["density"])
    assert 100 / 150 == pytest.approx(row["bytes_per_passage"])


def test_json_says_null_where_nothing_was_measured():
    """
    A cell that failed has every key in JSON, the measures too, and null for all that was not measured: never 0.
    """
    run = run_of(failed(), name="a-run")

    (cell,) = json.loads(json_format.table([run]))

    measured = {key: cell[key] for key in RELIED_ON.split() if cell[key] is not None}
    assert {
        "passage_set": "primer",
        "retriever": "BM25() @ CSR()",
        "encoder": "BM25()",
        "storage": "CSR()",
        "status": "failed",
        "n_passages": 150,
        "n_queries": 495,
        "text_bytes": 60_000,
        "flags": [],
    } == measured
    assert ("it broke", "a-run") == (cell["reason"], cell["run"])


def test_json_keeps_a_measured_zero():
    """
    Zero is a number, and stays one.
    """
    run = run_of(measurement(quality={"R@1": 0.0}, storage_weight=weight(0, 0, disk=0)))

    (cell,) = json.loads(json_format.table([run]))

    assert [0.0, 0, 0, 0] == [cell[key] for key in ("R@1", "ledger_bytes", "resident_bytes", "disk_bytes")]


def test_json_of_several_runs_is_one_array():
    """
    Every cell of every run is one object of one array, and all name the same measures.
    """
    one, other = run_of(measurement(), name="one"), run_of(measurement(quality={"P@5": 0.2}), name="other")

    cells = json.loads(json_format.table([one, other]))

    assert [("one", None), ("other", 0.2)] == [(cell["run"], cell["P@5"]) for cell in cells]


def test_csv_parses_back():
    """
    CSV has one line a cell with every key of its row; not measured is empty, several flags stand in one field.
    """
    flags = ("one, with a comma", 'two "quoted"')
    cells = [measurement(flags=flags), failed(reason="first line\nsecond line")]

    text = csv_format.table([run_of(*cells)])

    first, second = csv.DictReader(io.StringIO(text))
    assert list(verdicts.rows([run_of(*cells)])[0]) == list(first)
    assert ("0.5", 'one, with a comma; two "quoted"', "") == (first["R@1"], first["flags"], first["single_p50_ms"])
    assert ("", "first line\nsecond line") == (second["R@1"], second["reason"])


def test_frame_has_a_line_a_cell():
    """
    A DataFrame of runs has one line a cell, and no number where none was measured.
    """
    frame = verdicts.frame([run_of(measurement(), failed())])

    assert ["ok", "failed"] == frame["status"].tolist()
    assert [False, True] == frame["nDCG@10"].isna().tolist()


def test_every_field_is_explained():
    """
    results/README.md names every field of a row and every column of a table.
    """
    text = (ROOT / "results" / "README.md").read_text()
    keys = list(verdicts.rows([run_of(measurement(quality=None), measures=[])])[0])
    heads = [field.column.head for field in columns.FIELDS]

    assert [] == [name for name in (*keys, *heads) if f"`{name}`" not in text]
