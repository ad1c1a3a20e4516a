"""How long a run will take: rehearsed on a share of the passages, and told before it begins."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from bench.progress import Range, Silent
from bench.records.schema import StageResult
from bench.report.console.progress import Lines, predicted
from bench.run import runner
from bench.run.cells import make_cells
from bench.run.estimate import Estimate, _encoding_peak, estimate
from bench.run.prediction import Shape, predict
from bench.run.suite import Limits
from bench.run.tasks import Task, Work
from bench.stage import matrices, rehearsal
from retrievers.contract import Unsupported
from retrievers.storages.faiss import Faiss
from tests.helpers.tiny import journal, registry, suite, tiny_set


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


def rehearsed(process_seconds: float, inside: float, **facts: float) -> StageResult:
    """A rehearsal's result: `make_10=2.0` is said as it says it."""
    said = {name.replace("_", " "): value for name, value in facts.items()}
    return StageResult(stage="rehearse", status="ok", process_seconds=process_seconds, facts=said | {"seconds": inside})


class Clock:
    """A part whose steps are written down."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def index(self, passages):
        self.sizes.append(len(passages))

    def search(self, queries, k):
        return None


def test_a_storage_that_does_not_suit_the_dimensions_is_unsupported():
    """
    What a storage refuses by design when it is asked for its ledger is no failure.
    """
    told = predict(Faiss("PQ7"), 10, Shape(384, None, "cached"), suite("TfIdf() @ CSR()"))

    assert ("unsupported", None) == (told.status, told.ledger)
    assert "PQ7" in told.reason


@pytest.mark.slow
def test_steps_double_up_to_all(monkeypatch):
    """
    A rehearsal takes 64 passages, then twice as many, and ends with all of them where time allows.
    """
    monkeypatch.setattr(rehearsal, "SECONDS", 1e9)
    part = Clock()

    facts = rehearsal.of_engine(part, ["p"] * 200, ["q"] * 3, 10)

    assert [64, 128, 200] == part.sizes
    steps = {f"{what} {size}" for what in ("make", "peak", "one", "every") for size in (64, 128, 200)}
    assert steps | {"seconds", "without_core"} == set(facts)
    assert 0 <= facts["without_core"] < 1
    assert 200 == rehearsal.largest(facts)


def test_steps_end_with_the_time(monkeypatch):
    """
    A rehearsal that has taken its time takes no further step than the second: one size would tell nothing of more. One
    without queries asks none.
    """
    monkeypatch.setattr(rehearsal, "SECONDS", 0.0)
    part = Clock()

    facts = rehearsal.of_engine(part, ["p"] * 200, [], 10)

    assert [64, 128] == part.sizes
    assert {"make 64", "peak 64", "make 128", "peak 128", "seconds", "without_core"} == set(facts)


def test_what_takes_long_is_tried_for_longer():
    """
    Two hundredths of what is predicted, so that the share is large enough to tell: but not for ever, and a first step
    of many seconds stays the only one.
    """
    tried = {"make 64": 1.0, "make 128": 2.0}

    assert not rehearsal._is_enough(tried, 128_000, 19.0)  # 2,000 s
    assert rehearsal._is_enough(tried, 128_000, 20.0)
    assert rehearsal._is_enough(tried, 1_000, 3.0)
    assert not rehearsal._is_enough({"make 8": 14.0}, 1_000, 60.0)  # queries took the rest
    assert rehearsal._is_enough({"make 8": 16.0}, 1_000, 16.0)


def test_queries_that_take_long(monkeypatch):
    """
    Some tell as much as all: a step asks no more than it has time for, and an encoder's are asked at the first alone.
    """
    monkeypatch.setattr(rehearsal, "SECONDS", 0.0)
    asked: list[list[str]] = []

    class Slow:
        def fit(self, passages):
            pass

        def encode(self, texts, kind):
            if kind == "query":
                asked.append(list(texts))
            return np.ones((len(texts), 4), np.float32)

    facts = rehearsal.of_encoder(Slow(), ["p"] * 200, list("abcdefgh"))

    assert {"one 8", "every 8"} == {name for name in facts if name.startswith(("one", "every"))}
    assert [["a"], ["a"], ["b"], ["c"], ["a", "b", "c"]] == asked


def test_a_share_has_texts_of_every_length():
    """
    Of texts in the order of their lengths, the middles of as many equal parts.
    """
    assert ["1", "5", "8"] == rehearsal.among([str(i) for i in range(10)], 3)
    assert ["0", "1", "2"] == rehearsal.among(["0", "1", "2"], 3)


def test_a_model_needs_no_more_for_more_blocks():
    """
    What it takes grows with the texts that it reads at once, which are few: what it takes for all are their vectors.
    """
    facts = {"peak 8": 188_000_000, "peak 16": 125_000_000, "peak 32": 209_000_000} | dict.fromkeys(
        ("dims 8", "dims 16", "dims 32"), 384
    )

    in_blocks = _encoding_peak(facts, 40_000, in_blocks=True)

    assert 209_000_000 + 4 * 384 * 40_000 <= in_blocks <= 2_000_000_000
    assert 4 * 384 * 40_000 == _encoding_peak(facts, 80_000, in_blocks=True) - in_blocks
    assert 34_000_000_000 < _encoding_peak(facts, 40_000, in_blocks=False) < 36_000_000_000


class Picky(Clock):
    """A part that needs 100 passages, and weighs 3 bytes each."""

    def index(self, passages):
        super().index(passages)
        if len(passages) < 100:
            raise Unsupported("100 passages were expected")

    def ledger(self):
        return {"values": 2 * self.sizes[-1], "offsets": self.sizes[-1]}


def test_a_share_that_is_too_small_is_gone_beyond():
    """
    Where a part refuses a share by Unsupported, the next one is tried; what refuses all passages is refused.
    """
    part = Picky()

    facts = rehearsal.of_engine(part, ["p"] * 200, [], 10)

    assert [64, 128, 200] == part.sizes
    assert (384, 600) == (facts["ledger 128"], facts["ledger 200"])
    with pytest.raises(Unsupported):
        rehearsal.of_engine(Picky(), ["p"] * 90, [], 10)


class Filler:
    """A storage that takes so many bytes a passage while it is built, and keeps none."""

    def build(self, vectors):
        np.ones(vectors.shape[0] * 1_000_000, np.uint8).sum()

    def search(self, queries, k):
        return None


def test_the_peak_of_making_is_predicted(monkeypatch, tmp_path):
    """
    What a storage takes while it is built grows with the passages: 1 MB each makes 100 MB of 100.
    """
    matrices.save(tmp_path, "passages", np.ones((200, 2), np.float32))
    matrices.save(tmp_path, "queries", np.ones((1, 2), np.float32))
    monkeypatch.setattr(rehearsal, "SECONDS", 0.0)
    monkeypatch.setattr(rehearsal, "FIRST", 100)

    facts = rehearsal.of_storage(Filler(), tmp_path, tmp_path, 200, 10)

    assert 100_000_000 == pytest.approx(facts["peak 100"], rel=0.1)
    assert {"dims 100": 2, "dims 200": 2} == {
        name: value for name, value in facts.items() if name.startswith(("dims", "nonzeros"))
    }


def test_a_share_is_from_all_over():
    """
    A share of a sorted collection is spread over it.
    """
    assert ["0", "3", "6"] == rehearsal.spread([str(i) for i in range(10)], 3)


def test_what_the_children_add_up_to(tmp_path):
    """
    An encoder is encoded once and asked every round; a storage is built once and serves every round.
    """
    chosen = msgspec.structs.replace(suite("Constant() @ Exact()", rounds=2, modes=("single",)), queries=5)
    passage_set = tiny_set(n_passages=100, n_queries=10)
    known = registry()
    work = Work(chosen, tmp_path, known, passage_set)
    results = {
        # 2 s to start; 10 s for 100 passages on the line; 0.1 s and 0.05 s a query
        True: rehearsed(5.0, 3.0, make_10=1.0, make_20=2.0, one_20=0.1, every_20=0.05),
        False: rehearsed(1.0, 0.5, make_100=4.0, one_100=0.4, every_100=0.3),
    }
    asked = []

    def attempt(task: Task) -> StageResult:
        asked.append(task.job.stage)
        return results[task.job.encoder is not None]

    found = estimate(make_cells(chosen, [passage_set], known), work, attempt)

    # Five queries take 0.5 s to encode, and two passes make a round of a second. A warm-up takes 5 s, since 60 queries
    # take longer; then each query is new once. A deployed process starts as both parts do, and answers the five.
    encoder = (2.0 + 10.0 + 10 * 0.05) + 2 * (2.0 + 1.0 + 5.0 + 0.5 + 1.0)
    server = 2 * (0.5 + 5.0 + 2.0 + 2.0) + 10 * 0.3 + (0.5 + 4.0)
    deployed = (0.5 + 2.0) + (2.0 + 1.0 + 0.5)
    assert ["rehearse", "rehearse"] == asked
    assert () == found.unknown
    likely = {name: seconds.likely for name, seconds in found.seconds.items()}
    assert pytest.approx({"Constant()": encoder, "Constant() @ Exact()": server + deployed}) == likely
    assert pytest.approx(encoder + server + deployed) == found.total.likely
    assert found.total.low < found.total.likely < found.total.high
    each = {name: seconds.likely for name, seconds in found.expected.items()}
    assert pytest.approx(2.0 + 10.0 + 10 * 0.05) == each["encode", "Constant()"]
    assert pytest.approx(deployed) == each["deploy", "Constant() @ Exact()"]


def test_a_vocabulary_grows_by_heaps_law():
    """
    Twice the passages gave 1.5 times the terms: four times give 1.5 x 1.5; non-zeros grow with the passages.
    """
    facts = {"dims 10": 40, "dims 20": 60, "nonzeros 10": 300, "nonzeros 20": 500}

    assert (135, 2000) == rehearsal.extrapolated_shape(facts, 80)
    assert (60, 500) == rehearsal.extrapolated_shape(facts, 20)
    assert (384, None) == rehearsal.extrapolated_shape({"dims 64": 384, "dims 128": 384}, 5000)
    assert rehearsal.extrapolated_shape({"make 64": 1.0}, 5000) is None


def test_what_will_be_refused_takes_no_time(tmp_path):
    """
    A storage that is over the limit is not rehearsed; its encoder is, since the run encodes before it refuses.
    """
    chosen = suite("BM25() @ Flat()", "BM25() @ CSR()", limits=Limits(seconds=60.0, memory="1MB"))
    passage_set, known = tiny_set(), registry()
    work = Work(chosen, tmp_path, known, passage_set)
    asked = []

    def attempt(task: Task) -> StageResult:
        asked.append(task.job.encoder or task.job.storage)
        return rehearsed(1.0, 0.5, make_30=0.1, dims_30=20_000, nonzeros_30=150)

    found = estimate(make_cells(chosen, [passage_set], known), work, attempt)

    encoder = 'BM25(analyser=Words(language="en"))'
    assert [encoder, "CSR()"] == asked
    assert [encoder, "BM25() @ CSR()"] == list(found.seconds)
    assert () == found.unknown


def test_a_rehearsal_that_fails(tmp_path):
    """
    A part whose rehearsal fails is named and left out; the others are told.
    """
    chosen = suite("Constant() @ Exact()", "Constant() @ Spin(1.0)")
    passage_set = tiny_set()
    known = registry()
    work = Work(chosen, tmp_path, known, passage_set)

    def attempt(task: Task) -> StageResult:
        if task.job.storage == "Spin(1.0)":
            return StageResult(stage="rehearse", status="out-of-memory", reason="too large")
        return rehearsed(1.0, 0.5, make_30=0.1)

    found = estimate(make_cells(chosen, [passage_set], known), work, attempt)

    assert ("Constant() @ Spin(1.0)",) == found.unknown
    assert ["Constant()", "Constant() @ Exact()"] == list(found.seconds)


@pytest.mark.slow
def test_a_run_predicts(tmp_path, monkeypatch):
    """
    A run that is worth it tells at its start how long it will take, with real rehearsals, and records nothing of them.
    """
    monkeypatch.setattr(runner, "FEWEST_PASSAGES", 1)
    chosen = suite("BM25() @ CSR()", "RankBM25()", rounds=1)
    out = io.StringIO()

    outcome = runner.run(
        chosen, [tiny_set()], tmp_path / "run", registry(), progress=Lines(Console(file=out, width=200))
    )

    assert ["ok", "ok"] == [m.status for m in outcome.measurements]
    assert outcome.predicted is not None
    assert outcome.predicted.likely > 0
    assert "tiny: will take about" in out.getvalue()
    assert "not counted" not in out.getvalue()
    assert not any(line.task.startswith("rehearse") for line in journal(tmp_path / "run"))
    assert not list(Path(tmp_path / "run").glob("work*"))


@pytest.mark.slow
def test_a_small_run_predicts_nothing(tmp_path):
    """
    A set of few passages is run at once.
    """
    outcome = runner.run(suite("BM25() @ CSR()", rounds=1), [tiny_set()], tmp_path / "run", registry())

    assert outcome.predicted is None


def test_the_line_that_is_told():
    """
    The line says how long, what takes longest, and what is not counted.
    """
    several = {"A()": Range(10.0, 15.0, 20.0), "B()": Range(50.0, 60.0, 200.0)}
    one = {"A()": Range(600.0, 660.0, 720.0)}

    told = predicted("zoo", several, [])
    assert "zoo: will take about 75 s (60 s to 4 min), 60 s (50 s to 3 min) of it for B()" == told
    assert "zoo: will take about 11 min (10 to 12 min)" == predicted("zoo", one, [])
    unknown = several | {"C()": Range(70.0, None, None)}
    assert "zoo: will take: unknown, at least 2 min; C(): unknown, at least 70 s" == predicted("zoo", unknown, [])
    assert "zoo: will take about 0 s; not counted, since its rehearsal failed: A()" == predicted("zoo", {}, ["A()"])


def test_other_work_is_told():
    """
    Where others had the cores for a good part of a rehearsal, the range is wide, and it is said why.
    """
    told = "other work took 61% of a rehearsal's time: at the least is what it takes without"

    assert told == Estimate({}, {}, {}, 0.61).disturbed
    assert not Estimate({}, {}, {}, 0.1).disturbed


def test_engines_encode_nothing(tmp_path, monkeypatch):
    """
    An engine on a set that is small, but not too small for an encoder's rehearsal, has none, also beside an encoder.
    """
    monkeypatch.setattr(runner, "FEWEST_ENCODED", 1)
    asked = suite("RankBM25()", "BM25() @ CSR()")

    with runner.begun(asked, [tiny_set()], tmp_path, registry()) as (found, cells):
        assert found.estimated(cells) is None


@pytest.mark.parametrize(("fewest", "slow", "said"), [(1, True, 1), (10**6, True, 0), (1, False, 0)])
def test_a_rehearsal_is_said(tmp_path, monkeypatch, fewest, slow, said):
    """
    Of a small set too, whose encoder alone is rehearsed: the first minute would show nothing else.
    """
    lines: list[str] = []
    progress = Silent()
    monkeypatch.setattr(progress, "says", lines.append)
    monkeypatch.setattr(runner, "FEWEST_ENCODED", fewest)
    monkeypatch.setattr(runner, "may_take_long", lambda cell: slow)
    monkeypatch.setattr(runner, "estimate_encoders", lambda *_: Estimate({}, {}, {}))

    with runner.begun(suite("BM25() @ CSR()"), [tiny_set()], tmp_path, registry(), progress=progress) as (found, cells):
        assert (found.estimated(cells) is None) == (not said)

    assert [f"{tiny_set().name}: a rehearsal, to tell how long it will take"] * said == lines
