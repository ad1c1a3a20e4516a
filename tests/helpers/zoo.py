"""A set of four passages and three queries, as a BEIR folder, and how a suite on it begins."""

from __future__ import annotations

import json
from pathlib import Path

PASSAGES = {
    "p1": "the cat sat on the mat",
    "p2": "a dog barks at the cat",
    "p3": "birds sing in the morning",
    "p4": "fish swim in cold water",
}
QUERIES = {"q1": "cat on a mat", "q2": "barking dogs", "q3": "morning songs of birds"}
QRELS = {"q1": "p1", "q2": "p2", "q3": "p3"}
SUITE = """
name = "mine"
passages = ["./zoo"]
measures = ["R@1"]
primary = "R@1"
rounds = 1
modes = []
limits = { seconds = 30, memory = "2GB" }
"""


def write_set(folder: Path, passages=PASSAGES, queries=QUERIES, qrels=QRELS) -> Path:
    """A BEIR folder; qrels None: without judgments."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in (("corpus", passages), ("queries", queries)):
        lines = (json.dumps({"_id": key, "text": text}) + "\n" for key, text in texts.items())
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    if qrels is not None:
        (folder / "qrels").mkdir(exist_ok=True)
        lines = [f"{query}\t{passage}\t1\n" for query, passage in qrels.items()]
        (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return folder
