"""Quality held to outside code: pytrec_eval alone, on the exported run file."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings

from bench.formats import trec_run
from bench.instruments import quality
from retrievers.contract import top_k
from tests.helpers.ranked import Case, Qrels, cases, spellings

DATA = os.environ.get("SPARRING_DATA")
TREC_NAMES = {"nDCG": "ndcg_cut", "R": "recall", "P": "P", "AP": "map_cut", "Success": "success"}
UNCUT = {"nDCG": "ndcg", "AP": "map", "RR": "recip_rank"}


def pytrec(qrels: Qrels, run: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Each query's figures by pytrec_eval, and nothing for a query that is not in the run."""
    # pytrec_eval crashes on a grade below 0; that such a grade counts as 0 is held by the slow way of test_quality.
    grades = {query: {passage: max(grade, 0) for passage, grade in of.items()} for query, of in qrels.items()}
    figures: dict[str, dict[str, float]] = pytrec_eval.RelevanceEvaluator(grades, set(names)).evaluate(
        {query: dict(scores) for query, scores in run.items()}
    )
    return figures


def pytrec_means(case: Case, path: Path, measures: Sequence[str]) -> dict[str, float]:
    """The mean of each measure as pytrec_eval has it on the run file, with 0 for judged queries that are not there."""
    trec_run.write(path, case.hits, case.passage_ids, case.query_ids, "parity")
    run = trec_run.read(path)
    judged = [query for query in case.query_ids if query in case.qrels]
    means = {}
    for name, _, cutoff in (measure.partition("@") for measure in measures):
        if name == "RR" and cutoff:  # trec_eval's has no cut-off: the run is cut in its place
            cut = {
                query: dict(sorted(scores.items(), key=lambda item: -item[1])[: int(cutoff)])
                for query, scores in run.items()
            }
            theirs, figures = "recip_rank", pytrec(case.qrels, cut, ["recip_rank"])
        else:
            theirs = f"{TREC_NAMES[name]}_{cutoff}" if cutoff else UNCUT[name]
            figures = pytrec(case.qrels, run, [theirs])
        spelling = f"{name}@{cutoff}" if cutoff else name
        means[spelling] = sum(figures.get(query, {}).get(theirs, 0.0) for query in judged) / len(judged)
    return means


@pytest.mark.slow
@settings(deadline=None)
@given(case=cases())
def test_measures_equal_trec_eval_on_the_exported_run(case, tmp_path_factory):
    """
    Every measure that trec_eval has equals trec_eval's own figure on the exported run file, ties or not, to 1e-9.
    """
    path = tmp_path_factory.getbasetemp() / "parity.run"
    measures = [name for name in spellings(case.hits.rows.shape[1]) if not name.startswith(quality.CAPPED)]
    some_judged = quality.judged(case.query_ids, case.qrels).any()
    expected = pytrec_means(case, path, measures) if some_judged else dict.fromkeys(measures)

    values = quality.measure(*case, measures)

    assert expected == {
        name: None if len(value) == 0 else pytest.approx(quality.mean(value), abs=1e-9)
        for name, value in values.items()
    }


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="SPARRING_DATA is not set: XQuAD is not there")
def test_measures_equal_trec_eval_on_xquad(tmp_path):
    """
    On XQuAD's English questions, ranked by the number of shared words (many ties), the figures are trec_eval's.
    """
    with gzip.open(Path(DATA) / "xquad" / "xquad.en.json.gz") as file:
        paragraphs = [p for article in json.load(file)["data"] for p in article["paragraphs"]]
    passages = [set(re.findall(r"\w+", p["context"].lower())) for p in paragraphs]
    questions = [(qa["id"], qa["question"], row) for row, p in enumerate(paragraphs) for qa in p["qas"]]
    scores = np.array(
        [[len(words & passage) for passage in passages] for words in (set(q.lower().split()) for _, q, _ in questions)],
        np.float32,
    )
    passage_ids = [f"passage-{row}" for row in range(len(passages))]
    hits = top_k(scores, 100, positive=True)
    qrels = {query: {passage_ids[row]: 1} for query, _, row in questions}
    case = Case(hits, passage_ids, [query for query, _, _ in questions], qrels)
    measures = ["R@1", "R@10", "R@100", "nDCG@10", "RR@10", "P@10", "AP@100", "Success@10"]

    values = quality.measure(*case, measures)

    assert len(questions) == 1190
    assert quality.tie_rate(hits, 10) > 0.9
    assert pytrec_means(case, tmp_path / "xquad.run", measures) == {
        name: pytest.approx(quality.mean(value), abs=1e-9) for name, value in values.items()
    }
