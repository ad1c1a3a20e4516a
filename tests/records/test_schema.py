"""The records: what was written once is read for ever, and what was not measured stays so."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from bench.records.run_folder import FinishedStage
from bench.records.schema import (
    UNTRIED,
    Environment,
    Footprint,
    Latency,
    Measurement,
    Memory,
    RunRecord,
    StageResult,
    digest,
)
from bench.records.upgrades import FLAGS, STAGES, decode
from tests.helpers.places import RECORDS

KINDS = {"measurement": Measurement, "stage": StageResult, "environment": Environment, "run": RunRecord}


def whole(name: str) -> list[bytes]:
    """The records in a file: one a line (.jsonl), or the whole file."""
    content = (RECORDS / name).read_bytes()
    return content.splitlines() if name.endswith(".jsonl") else [content]


def files(kind: str = "") -> list[str]:
    return sorted(path.name for path in RECORDS.iterdir() if path.name.startswith(kind))


def is_within(old: object, new: object) -> bool:
    """Whether every value of the old is in the new, at whatever depth."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and is_within(value, new[key]) for key, value in old.items())
    return old == new


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_version_is_kept(kind):
    """
    A file of the present schema version of each record, and of every one before it, lies in tests/data/records.
    """
    name, _, version = KINDS[kind].__struct_config__.tag.partition("/")

    assert kind == name
    assert {f"{kind}-{number}" for number in range(1, int(version) + 1)} == {Path(f).stem for f in files(kind)}


RENAMED = {  # what a version after calls otherwise: name -> the present one
    "measurement": {
        "label": "cell_name",
        "split": "built_apart",
        "serve_memory": "search_memory",
        "ask_memory": "query_memory",
        "asked": "offered",
        "foretold": "predicted",
        **{f"{was}-{number}": f"{now}-{number}" for was, now in STAGES.items() for number in range(3)},
    },
    "stage": {"split": "built_apart", "serve_memory": "timed_memory"},
    "run": {"label": "name"},
    "environment": {},
}


def renamed(value: object, names: dict[str, str]) -> object:
    """A value with the names of fields, at whatever depth, as they are now."""
    if isinstance(value, dict):
        return {names.get(name, name): renamed(inner, names) for name, inner in value.items()}
    return [renamed(inner, names) for inner in value] if isinstance(value, list) else value


def reworded(flag: str) -> str:
    """A flag in the words of today."""
    for was, now in FLAGS.items():
        flag = flag.replace(was, now)
    return flag


@pytest.mark.parametrize("name", files())
def test_old_files_are_read(name):
    """
    A record that any version wrote is read, and is written again with every value it had, under its present name.
    """
    family = name.partition("-")[0]
    kind = KINDS[family]

    for content in whole(name):
        record = decode(content, kind)
        again = json.loads(msgspec.json.encode(record))
        old = renamed(json.loads(content), RENAMED[family]) | {"schema": kind.__struct_config__.tag}
        if isinstance(record, Measurement):  # from version 3 on it is kept by component
            again["predicted_bytes"] = record.predicted_bytes
            old["flags"] = [reworded(flag) for flag in old["flags"]]
        if isinstance(record, StageResult):
            old["stage"] = STAGES.get(old["stage"], old["stage"])

        assert is_within(old, again)
        assert record == msgspec.json.decode(msgspec.json.encode(record), type=kind)


def test_old_words_of_flags_and_facts():
    """
    What an old measurement says in its flags and facts is said in the words of today.
    """
    old = json.loads(whole("measurement-4.jsonl")[0])
    old["flags"] = ["grown by 9 made-up passages: bytes and time only", "built and served in one process: so"]
    old["facts"] = {"made_up": "texts", "vocabulary": 3}
    old["reason"] = "serve took more than its limit of 600 s"

    record = decode(json.dumps(old).encode(), Measurement)

    grown, together = record.flags
    assert ("grown by 9 synthetic passages: bytes and time only", "built and searched in one process: so") == (
        grown,
        together,
    )
    assert {"synthetic": "texts", "vocabulary": 3} == record.facts
    assert "search took more than its limit of 600 s" == record.reason


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("measurement-4.jsonl", {"flags": None}),
        ("measurement-4.jsonl", {"files": [1]}),
        ("measurement-4.jsonl", {"facts": None}),
        ("measurement-4.jsonl", {"rate": 5}),
        ("run-2.json", {"suite": None}),
        ("run-2.json", {"suite": {"cells": [1]}}),
        ("stage-1.jsonl", {"facts": 3}),
        ("stage-1.jsonl", {"reason": 3}),
    ],
)
def test_a_damaged_old_record(name, changes):
    """
    An old record of another shape than its version has is refused as a damaged one is.
    """
    kind = KINDS[name.partition("-")[0]]
    old = json.loads(whole(name)[0]) | changes

    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps(old).encode(), kind)


def test_a_line_of_an_old_journal():
    """
    The stage in a line of a journal is read as a stage of its own is.
    """
    old = json.loads(whole("stage-1.jsonl")[0]) | {"stage": "serve", "facts": {"made_up": "vectors"}}

    line = decode(json.dumps({"task": "serve-1-0", "result": old}).encode(), FinishedStage)

    assert ("search", {"synthetic": "vectors"}) == (line.result.stage, line.result.facts)


def test_an_old_run_names_its_cells():
    """
    The label of a cell in an old run's suite is its name.
    """
    old = json.loads(whole("run-2.json")[0])
    old["suite"]["cells"] = [{"retrievers": ["RankBM25()"], "label": "lexical"}]

    record = decode(json.dumps(old).encode(), RunRecord)

    assert [{"retrievers": ["RankBM25()"], "name": "lexical"}] == record.suite["cells"]


def test_what_an_old_measurement_says():
    """
    The values of an old measurement are where a reader of today looks for them.
    """
    bm25, raises, constant = (decode(line, Measurement) for line in whole("measurement-1.jsonl"))

    assert ("BM25() @ CSR()", "BM25()", "CSR()", "ok") == (bm25.retriever, bm25.encoder, bm25.storage, bm25.status)
    assert "BM25(analyser=Words()) @ CSR()" == bm25.resolved
    assert (150, 495, 495, 1) == (bm25.n_passages, bm25.n_queries, bm25.n_judged, bm25.n_unanswered)
    assert ["R@1", "R@10", "nDCG@10", "RR@10"] == list(bm25.quality)
    assert 54_900 == bm25.storage_weight.ledger_bytes
    assert ("failed", "RuntimeError: broken on purpose") == (raises.status, raises.reason)
    assert "about to break" == raises.output[0]
    assert raises.quality is None
    assert not constant.built_apart


def test_what_a_measurement_says_of_load():
    """
    From version 4 on a measurement knows the name of its cell, the intervals of percentiles, and latency under load.
    """
    bm25, engine = (decode(line, Measurement) for line in whole("measurement-4.jsonl"))

    assert ("lexical", "") == (bm25.cell_name, engine.cell_name)
    assert bm25.single.p50_interval[0] <= bm25.single.p50 <= bm25.single.p50_interval[1]
    assert bm25.single.p99_interval is None
    assert ("70%", 2000, False) == (bm25.rate.offered, bm25.rate.n_arrivals, bm25.rate.saturated)
    assert bm25.rate.latency.p50 > bm25.rate.service_p50


def test_what_an_old_measurement_does_not_say():
    """
    What no earlier version measured is None in its records, and their cells have no name.
    """
    for number in (1, 2, 3):
        for line in whole(f"measurement-{number}.jsonl"):
            record = decode(line, Measurement)
            assert (None, "") == (record.rate, record.cell_name)
            assert record.single is None or record.single.p50_interval is None


@pytest.mark.parametrize("name", files("measurement"))
def test_unknown_fields(name):
    """
    A measurement with a field of another version is refused: a field added is a new schema version.
    """
    content = json.loads(whole(name)[0]) | {"speed": 1}

    with pytest.raises(msgspec.ValidationError, match="unknown field `speed`"):
        decode(json.dumps(content).encode(), Measurement)


@pytest.mark.parametrize("name", files())
def test_another_schema(name):
    """
    A record of a schema version that is not known is refused, whatever its fields.
    """
    kind = KINDS[name.partition("-")[0]]
    content = json.loads(whole(name)[0]) | {"schema": "measurement/999"}

    with pytest.raises(msgspec.ValidationError, match="measurement/999"):
        decode(json.dumps(content).encode(), kind)


def test_none_is_not_zero():
    """
    None means not measured, and comes back as None; zero is a number, and comes back as zero.
    """
    memory = Memory(private=0, private_file=0, shared=0, peak=None, peak_above_start=None, source="psutil")
    weight = Footprint(ledger={}, disk_bytes=None, resident=memory)
    speed = Latency(p50=0.0, p95=None, p99=None, cold=None)
    old = decode(whole("measurement-1.jsonl")[0], Measurement)
    record = msgspec.structs.replace(
        old, storage_weight=weight, encoder_weight=None, single=speed, search=None, quality={"R@1": 0.0, "R@10": None}
    )

    again = msgspec.json.decode(msgspec.json.encode(record), type=Measurement)

    assert record == again
    assert (0, None, 0) == (
        again.storage_weight.ledger_bytes,
        again.encoder_weight,
        again.storage_weight.resident.private,
    )
    assert {"R@1": 0.0, "R@10": None} == again.quality
    assert Footprint(ledger=None, disk_bytes=None, resident=None).ledger_bytes is None


def test_records_are_frozen():
    """
    A record is never edited.
    """
    record = decode(whole("measurement-1.jsonl")[0], Measurement)

    with pytest.raises(AttributeError, match="immutable"):
        record.status = "failed"


def test_untried():
    """
    A cell refused by design is neither a failure nor tried again.
    """
    assert {"over-budget", "unsupported"} == set(UNTRIED)


def test_digest():
    """
    A digest is of the values: the order of keys does not count, anything else does.
    """
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": (1, 2), "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest(["a", "b"]) != digest(["b", "a"])
    assert digest(["ab", "c"]) != digest(["a", "bc"])
