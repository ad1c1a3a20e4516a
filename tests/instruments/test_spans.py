"""Answers as spans: the measure Answer@k, its ceiling, and how a table shows it."""

from __future__ import annotations

import os
import unicodedata

import msgspec
import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.instruments import quality, spans
from bench.instruments.quality import Texts
from bench.passages import loader
from bench.records.run_folder import Run
from bench.records.schema import Environment, RunRecord
from bench.report import rows
from bench.report.render import markdown
from bench.report.view import View
from retrievers.contract import Hits
from tests.helpers.tiny import run, suite, tiny_set

DATA = os.environ.get("SPARRING_DATA")


def hits_of(rows: list[list[int]]) -> Hits:
    """Hits in the order of the lists, their scores falling by one a rank."""
    scores = [[float(-rank) if row >= 0 else -np.inf for rank, row in enumerate(of)] for of in rows]
    return Hits(np.array(rows, np.int64), np.array(scores, np.float32))


class TestHolds:
    @pytest.mark.parametrize(
        ("passage", "answer", "expected"),
        [
            ("서울이다.", "서울", True),  # a particle is glued to it
            ("北京大学在北京", "京大", True),  # no spaces at all
            ("The Big  Apple\n is here", "big apple IS", True),
            ("caf\u00e9", "cafe\u0301", True),
            ("\u1109\u1165\u110b\u116e\u11af", "서울", True),  # decomposed syllables
            ("서 울", "서울", False),  # white space is kept
            ("New York", "york new", False),
            ("anything", " \n", False),
            ("", "x", False),
        ],
    )
    def test_an_answer_is_a_span_of_characters(self, passage, answer, expected):
        """
        A passage holds an answer as characters in one piece; composition, case and lengths of white space are alike.
        """
        assert [expected] == spans.holds([passage], [[0]], [[answer]]).tolist()

    def test_any_passage_and_any_answer_will_do(self):
        """
        One of a query's passages with one of its answers is enough; padding, and a query without answers, hold nothing.
        """
        passages = ["a cat", "a dog"]

        found = spans.holds(passages, [[0, 1], [0, -1], [0, 1], []], [["bird", "dog"], ["dog"], [], ["cat"]])

        assert [True, False, False, False] == found.tolist()

    @given(
        st.lists(st.text("aA b\n가\u1100\u1161é", max_size=8), min_size=1, max_size=4),
        st.lists(st.text("aA b\n가\u1100\u1161é", max_size=3), max_size=3),
    )
    @settings(deadline=None)
    def test_any_text_equals_the_slow_way(self, passages, texts):
        """
        Of any texts, what is found is what a search from every position of every passage finds.
        """

        def plain(text: str) -> str:
            return regex.sub(r"\s+", " ", unicodedata.normalize("NFC", text).lower()).strip(" ")

        expected = any(
            plain(passage)[start:].startswith(plain(text))
            for passage in passages
            for text in texts
            if plain(text)
            for start in range(len(plain(passage)))
        )

        assert [expected] == spans.holds(passages, [range(len(passages))], [texts]).tolist()


# Passage c holds q1's answer and was not judged; q2's own passage does not hold its answer; q3 has no judgment.
PASSAGE_IDS = ("a", "b", "c")
QUERY_IDS = ("q1", "q2", "q3")
QRELS = {"q1": {"a": 1}, "q2": {"b": 1, "c": 0}, "q3": {}}
TEXTS = Texts(("built in 1989", "a dog", "of 1989, a cat"), (("1989",), ("cat",), ("dog",)))
HITS = hits_of([[1, 2, 0], [1, 0, 2], [1, 2, 0]])


class TestMeasure:
    @pytest.mark.parametrize(
        ("spelling", "expected"), [("Answer@1", [0, 0, 1]), ("Answer@2", [1, 0, 1]), ("Answer@3", [1, 1, 1])]
    )
    def test_answer_at_k_asks_the_top_k(self, spelling, expected):
        """
        Answer@k is 1 for a judged query with an answer in one of its top k passages, judged relevant or not.
        """
        values = quality.measure(HITS, PASSAGE_IDS, QUERY_IDS, QRELS, [spelling], TEXTS)

        assert {spelling: expected} == {name: value.tolist() for name, value in values.items()}

    def test_the_ceiling_is_what_the_own_passages_allow(self):
        """
        The ceiling is the share of judged queries with an answer in a relevant passage; other measures have none.
        """
        measures = ["R@1", "Answer@1", "Answer@3"]

        found = quality.ceilings(PASSAGE_IDS, QUERY_IDS, QRELS, measures, TEXTS)

        assert {"Answer@1": 1 / 3, "Answer@3": 1 / 3} == found
        assert quality.ceilings(PASSAGE_IDS, QUERY_IDS, QRELS, ["R@1"], TEXTS) is None

    def test_without_answers_it_is_not_measured(self):
        """
        A passage set without answers has no Answer@k and no ceiling; its other measures stay.
        """
        measures = ["R@1", "Answer@1"]

        values = quality.measure(HITS, PASSAGE_IDS, QUERY_IDS, QRELS, measures)

        assert ["R@1"] == list(values)
        assert quality.ceilings(PASSAGE_IDS, QUERY_IDS, QRELS, measures, None) is None

    @pytest.mark.parametrize("spelling", ["Answer", "answer@10", "answers@10", "has_answer@10"])
    def test_it_is_spelled_with_its_k(self, spelling):
        """
        Answer@k parses as the other measures do, and what is nearly its name is told how it is spelled.
        """
        assert ("Answer", 10, 1) == quality.parse("Answer@10")
        with pytest.raises(InputError, match=r"expected one such as .*Answer@10"):
            quality.parse(spelling)


class TestRecord:
    @pytest.fixture(autouse=True)
    def cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))

    @pytest.mark.slow
    def test_a_run_keeps_it_with_its_ceiling(self, tmp_path):
        """
        A cell's record has the mean and the ceiling, its file every query's value.
        """
        known = tiny_set(n_passages=4, n_queries=2)
        passage_set = msgspec.structs.replace(known, answers=(("word0 in",), ("nowhere",)))
        cells = msgspec.structs.replace(suite("TfIdf() @ CSR()"), measures=("R@1", "nDCG@10", "Answer@1"))

        (found,) = run(cells, tmp_path / "run", passage_set).values()

        assert {"R@1": 1.0, "nDCG@10": 1.0, "Answer@1": 0.5} == found.quality
        assert {"Answer@1": 0.5} == found.ceilings
        with np.load(tmp_path / "run" / "quality" / f"{found.cell}.npz") as values:
            assert [1.0, 0.0] == values["Answer@1"].tolist()

    @pytest.mark.slow
    def test_a_set_without_answers_has_none(self, tmp_path):
        """
        Where the set has no answers the record says that the measure is not known, not that it is 0.
        """
        cells = msgspec.structs.replace(suite("TfIdf() @ CSR()"), measures=("nDCG@10", "Answer@1"))

        (found,) = run(cells, tmp_path / "run").values()

        assert (1.0, None) == (found.quality["nDCG@10"], found.quality["Answer@1"])
        assert found.ceilings is None

    @pytest.mark.slow
    def test_the_table_shows_the_ceiling_beside_it(self, tmp_path):
        """
        In a table Answer@k stands after the measures of gold passages, its ceiling in its head; a row has it as a key.
        """
        passage_set = msgspec.structs.replace(tiny_set(4, 2), answers=(("word0 in",), ("nowhere",)))
        cells = msgspec.structs.replace(suite("TfIdf() @ CSR()"), measures=("Answer@1", "nDCG@10"))
        measurements = tuple(run(cells, tmp_path / "run", passage_set).values())
        record = RunRecord(suite_sha256="", suite=msgspec.to_builtins(cells), passage_sets={}, plugins=(), made="")
        machine = Environment(
            cpu="", cores=1, memory_bytes=1, kernel="", platform="", python="", accelerator=None, libraries={},
            commit=None, dirty=None, code_sha256="",
        )  # fmt: skip
        finished = Run(tmp_path / "run", record, machine, measurements)

        drawn = markdown.table([finished], View(wide=True))

        assert "| retriever | nDCG@10 | Answer@1 (ceiling .500) |" in drawn.replace("\\", "")
        assert 0.5 == rows.row(measurements[0])["Answer@1_ceiling"]


@pytest.mark.skipif(DATA is None, reason="SPARRING_DATA is not set: KorQuAD and XQuAD are not there")
@pytest.mark.parametrize("name", ["korquad", "xquad-zh", "xquad-th"])
def test_every_gold_passage_holds_its_answer(name):
    """
    On Korean, Chinese and Thai every gold passage holds its own answer: nothing keeps the measure from 1.
    """
    passage_set = loader.load(name)
    texts = Texts(passage_set.passages, passage_set.answers)

    found = quality.ceilings(passage_set.passage_ids, passage_set.query_ids, passage_set.qrels, ["Answer@10"], texts)

    assert {"Answer@10": 1.0} == found


@pytest.mark.skipif(DATA is None, reason="SPARRING_DATA is not set: KorQuAD is not there")
def test_tokens_would_fail_korean():
    """
    By whole tokens (Karpukhin et al. 2020) 3,102 of KorQuAD's 5,774 questions lose their own passage: 53.7 %.
    """
    passage_set = loader.load("korquad")
    token = regex.compile(r"[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]")

    def tokens(text: str) -> str:
        return "\0".join(["", *token.findall(unicodedata.normalize("NFD", text).lower()), ""])

    held = [tokens(passage) for passage in passage_set.passages]
    gold = spans.gold_rows(passage_set.passage_ids, passage_set.query_ids, passage_set.qrels)
    failed = sum(
        not any(tokens(text) in held[row] for row in own for text in texts)
        for own, texts in zip(gold, passage_set.answers, strict=True)
    )

    assert (3102, 5774) == (failed, len(passage_set.queries))
