"""A folder in which every command finds what it reads: files, a run, a reference; and commands that end well there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.fuzz.readers import CARD, SQUAD, TOPICS, parquet
from tests.helpers.command import SPARRING

WORDS = [f"word{number} and thing{number % 7}" for number in range(30)]
PLUGIN = """
import numpy as np
from retrievers.contract import Spelled


class Mine(Spelled):
    def __init__(self, dims: int = 4) -> None:
        self.dims = dims

    def fit(self, passages): ...

    def encode(self, texts, role):
        return np.ones((len(texts), self.dims), np.float32)
"""
SUITE = """
name = "small"
passages = ["primer"]
measures = ["R@1", "nDCG@10"]
primary = "nDCG@10"
baseline = "BM25() @ CSR()"
rounds = 1
modes = ["single"]
limits = { memory = "2GB" }
[[cells]]
retrievers = ["BM25() @ CSR()", "TfIdf() @ CSR()"]
[gate]
quality = 0.01
budget = "1s"
"""
PRICES = """
currency = "EUR"
ram_gb_hour = 0.005
core_hour = 0.04
gpu_hour = 2.5
queries_a_month = 1_000_000
"""
OWN = "--passages p.csv --id id --title title --queries q.csv --query-id id --qrels judged.tsv --language en"
RUN = f"run {OWN} TfIdf()@CSR() BM25()@CSR() --rounds 1 --mode single --queries 20 -o run"
COMMANDS = (  # that end well in such a folder
    RUN,  # goes on: there is nothing to do
    f"plan {OWN} TfIdf()@CSR() --rounds 1 --threads 1 --seed 7 --memory 2GB --seconds 60 --idle 60 --mode single",
    f"plan {OWN} Mine(dims=4)@Flat() --plugin mine.py --distractors 0 --exclude pairs.tsv --json",
    "plan small.toml --queries 5",
    "plan --passages set --qrels judged.tsv BM25(k1=1.2)@CSR() --rounds 1",
    "plan --passages squad.json TfIdf()@Flat() --language de",
    "plan --passages docs.parquet --id id --queries topics.txt TfIdf()@CSR()",
    "plan --passages d.jsonl --delimiter tab --queries q.txt TfIdf()@CSR()",
    "table run",
    "table run --json",
    "table run --format csv",
    "table run --wide",
    "table run --format latex --labels --cite",
    "table run --format html --intervals",
    "table run --pivot storage --svg out.svg",
    "table run --pivot storage --measure R@10",
    "table run --columns R@10,ledger_bytes",
    "table run --prices prices.toml --columns price",
    "table --check page.md",
    "compare run run --margin .01 --queries 3 --json",
    "compare run run --by overlap --measure R@10",
    "compare run --retrievers BM25()@CSR() TfIdf()@CSR() --sequential",
    "explain run BM25()@CSR()",
    "show run q1 -k 3",
    "export run -o out --format trec",
    "export run -o out --format json",
    "export primer -o out --format beir",
    "history . --measure R@10 --format csv",
    "plot frontier run -o out.svg --measure nDCG@10",
    "plot frontier run -o out.svg --prices prices.toml",
    "plot latency run -o out.svg",
    "plot memory run -o out.svg",
    "judge-sheet run -o out.csv --queries 3 -k 2 --seed 7 --random",
    "gate run --reference reference --markdown out.md --junit out.xml --json",
    "gate run --reference reference --strict --undecided pass",
    "gate run --accept --reference reference",
    "gate --run a.run --reference b.run --qrels judged.tsv --measure nDCG@10 --quality .01",
    "import a.run --passages set --qrels judged.tsv --measure R@10 --name theirs -o out --language en",
    "import a.json b.run --passages run -o out",
    "import a.run --passages set --qrels judged.tsv --exclude self -o out",
    "datasets",
    "datasets primer --json",
    "suites",
    "models",
    "retrievers",
    "fetch card.toml --from . --to out",
    "new encoder Mine -o out",
)
ENVIRONMENT = (
    "HOME", "SPARRING_CACHE", "SPARRING_DATA", "SPARRING_STAGE", "XDG_CACHE_HOME", "TMPDIR", "COLUMNS", "LINES", "LANG",
    "LC_ALL", "PYTHONWARNINGS", "TERM", "NO_COLOR", "FORCE_COLOR", "TZ", "HF_HOME", "HF_HUB_CACHE",
    "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CI", "PATH", "http_proxy",
)  # fmt: skip


def words(command: str) -> list[str]:
    """A command as its words; a spelling is written without blanks."""
    return [word.replace(")@", ") @ ") for word in command.split()]


def make(folder: Path) -> Path:
    """The folder, filled; AssertionError where a command of its own does not end well."""
    folder.mkdir(parents=True)
    rows = [f'p{row},"title {row}",{text}' for row, text in enumerate(WORDS)]
    (folder / "p.csv").write_text("\n".join(["id,title,text", *rows]) + "\n")
    asked = [f"q{row},{text}" for row, text in enumerate(WORDS[:20])]
    (folder / "q.csv").write_text("\n".join(["id,text", *asked]) + "\n")
    judged = "".join(f"q{row}\tp{row}\t1\n" for row in range(20))
    for path in (folder / "judged.tsv", folder / "set" / "qrels" / "test.tsv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("query-id\tcorpus-id\tscore\n" + judged)
    (folder / "pairs.tsv").write_text("q1\tp2\nq3\tp4\n")
    passages = [{"_id": f"p{row}", "text": text} for row, text in enumerate(WORDS)]
    queries = [{"_id": f"q{row}", "text": text} for row, text in enumerate(WORDS[:20])]
    for name, lines in (("set/corpus.jsonl", passages), ("set/queries.jsonl", queries), ("d.jsonl", passages)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "q.txt").write_text("word1\nword2 thing2\n")
    (folder / "topics.txt").write_bytes(TOPICS)
    (folder / "squad.json").write_bytes(SQUAD)
    docs = {"id": [f"p{row}" for row in range(30)], "text": WORDS}
    (folder / "docs.parquet").write_bytes(parquet(docs))
    hits = {f"q{row}": {f"p{(row + step) % 30}": 9.0 - step for step in range(5)} for row in range(20)}
    lines = [f"{query} Q0 {p} 1 {score} t\n" for query, of in hits.items() for p, score in of.items()]
    for name in ("a.run", "b.run"):
        (folder / name).write_text("".join(lines))
    (folder / "a.json").write_text(json.dumps(hits))
    (folder / "mine.py").write_text(PLUGIN)
    (folder / "small.toml").write_text(SUITE)
    (folder / "prices.toml").write_text(PRICES)
    corpus = (folder / "set" / "corpus.jsonl").read_bytes()
    (folder / "tiny").mkdir()
    (folder / "tiny" / "corpus.jsonl").write_bytes(corpus)
    card = CARD.replace(b"0" * 64, hashlib.sha256(corpus).hexdigest().encode())
    (folder / "card.toml").write_bytes(card.replace(b"bytes = 12", f"bytes = {len(corpus)}".encode()))
    (folder / "page.md").write_text("# A page\n\n<!-- sparring table run -->\n<!-- end -->\n")
    for command in (RUN, "gate run --accept --reference reference", "table --write page.md"):
        done = subprocess.run(
            [*SPARRING, *words(command)], cwd=folder, env=variables(folder), capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stderr
    return folder


def variables(folder: Path) -> dict[str, str]:
    """The environment of a command in such a folder: a cache and a home of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in ("SPARRING_DATA", *ENVIRONMENT)}
    paths = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "SPARRING_CACHE": str(folder / "cache")}
    return kept | paths | {"OMP_NUM_THREADS": "1"}


def copy(home: Path, folder: Path) -> Path:
    """Copy it, to be spoilt."""
    return Path(shutil.copytree(home, folder, symlinks=True))
