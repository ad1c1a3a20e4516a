"""Every way in for what others wrote, by name, with small valid seeds: what `tests.fuzz` fuzzes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Reader(NamedTuple):
    """One way in: small valid seeds, and what is done with bytes."""

    seeds: list[bytes]
    read: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]


# Seeds


def packed(members: dict[str, bytes]) -> bytes:
    """A tar of files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def parquet(columns: dict[str, object], **options: object) -> bytes:
    import pyarrow
    from pyarrow.parquet import write_table

    out = io.BytesIO()
    write_table(pyarrow.table(columns), out, **options)
    return out.getvalue()


CORPUS = b'{"_id": "d1", "title": "Cats", "text": "cats purr"}\n{"_id": 2, "text": "dogs \\u00e9 bark"}\n'
QUERIES = '{"_id": "q1", "text": "who purrs?", "label": "easy"}\n{"_id": "q2", "text": "개는?"}\n'.encode()
QRELS = b"query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\t2\t2\n"
SHEET = b'query-id,passage-id,grade,query,text\nq1,\'007,1.0,"who, ""he""?",cats\nq2,d2,,,\n'
SQUAD = json.dumps(
    {
        "version": "2.0",
        "data": [
            {
                "title": "Pets",
                "paragraphs": [
                    {
                        "context": "Cats purr.",
                        "qas": [
                            {"id": "a", "question": "Who?", "answers": [{"text": "Cats", "answer_start": 0}]},
                            {"id": 7, "question": "Why?", "answers": [], "is_impossible": True},
                        ],
                    }
                ],
            }
        ],
    }
).encode()
PUBMEDQA = (
    b'{"7": {"QUESTION": "Do cats purr?", "CONTEXTS": ["Some do.", "Ten did."], "LONG_ANSWER": "Yes", "YEAR": null}}'
)
CSV = b'id,title,text\n7,Cats,"they\npurr, ""softly"""\n9,,bark\n'
RUN = b"q1 Q0 d1 1 2.5 tag\nq1 Q0 d2 2 1.5e-3 tag\nq2 Q0 d1 1 -4 tag\n"
SMART = b".I 1\n.T\ncats\n.A\na\n.B\nb\n.W\ncats purr\n.I 2\n.T\n\n.W\ndogs bark\n.A of them\n"
SMART_QRELS = b"1 1 2\n2 2 -1\n"
TREC = b"<DOC>\n<DOCNO>d1</DOCNO>\ncats &amp; <b>dogs</b> &#233;\n</DOC>\n<DOC>\n<DOCNO>2</DOCNO>\nbark\n</DOC>\n"
TOPICS = b"<top>\n<num> Number: q1\n<title> Topic: who purrs\n<desc> Description:\nx\n</top>\n"
PAGE = b"<html>\n<pre>\nCats &amp; Dogs\n\nThey purr. &#233;\n\n1\t5\t2\n</pre>\n</html>\n"
MEDQUAD = """<?xml version="1.0" encoding="UTF-8"?>
<Document id="1" source="x"><Focus>Cats</Focus><QAPairs>
<QAPair pid="1"><Question qid="1-1" qtype="information">What is a cat?</Question><Answer>A <b>cat</b> é.</Answer>
</QAPair>
<QAPair pid="2"><Question>Who?</Question><Answer/></QAPair></QAPairs></Document>""".encode()
CARD = b"""title = "Tiny"
language = "en"
licence = "CC0 1.0"
citation = "None."
format = "squad"
clusters = "paragraph"
counts = { passages = 2, queries = 2, judgments = 3, merged = 1 }
[[files]]
role = "passages"
path = "tiny/corpus.jsonl"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
bytes = 12
urls = ["https://127.0.0.1/x"]
"""
SUITE = b"""name = "first"
passages = ["primer"]
measures = ["R@1", "nDCG@10"]
primary = "nDCG@10"
baseline = "BM25() @ CSR()"
rounds = 3
seed = 7
threads = 1
limits = { seconds = 600, memory = "8GB" }
[[cells]]
encoders = ["TfIdf()", "BM25(k1=1.2)"]
storages = ["CSR()", "Flat()"]
[[cells]]
retrievers = ["RankBM25()"]
passages = ["primer"]
"""
RECIPE = b"""name = "small"
seeds = [1, 2]
data = { train = "primer:train", dev = "primer:dev", test = "primer:test", pairs = 64 }
model = { start = "static", dims = 32, vocabulary = 400 }
loss = { temperature = 0.05, matryoshka = [16, 8] }
optimiser = { batch = 8, epochs = 1, learning_rate = 0.05 }
stop = { evaluations = 2, patience = 0 }
[[variants]]
name = "other"
optimiser = { batch = 16 }
"""
SPELLINGS = [
    b"BM25(k1=0.9,b=0.4) @ CSR()",
    b'BiEncoder("m") @ Faiss("HNSW32", efSearch=64)',
    b"Words(stop=[], stem=None)",
]


# Readers


def readers() -> dict[str, Reader]:
    """Every reader by its name; imports of the project happen here, so that they can be watched."""
    from bench.errors import InputError
    from bench.formats import (
        archive,
        beir,
        cacm,
        files,
        medquad,
        pubmedqa,
        qrels,
        run_json,
        smart,
        squad,
        table,
        trec,
        trec_run,
    )
    from bench.formats.files import Content
    from bench.formats.table import Columns
    from bench.passages import cards
    from bench.run import suite
    from bench.training import recipe
    from retrievers import registry

    def content(data: bytes, name: str = "fuzzed") -> Content:
        return Content(Path(name), data)

    def tabled(name: str) -> Callable[[bytes], object]:
        columns = Columns(title="title", id="id")
        return lambda data: table.read(content(data, name), content(QUERIES, "q.jsonl"), None, columns)

    def asked(name: str) -> Callable[[bytes], object]:
        return lambda data: table.read(content(b'{"text": "x"}', "d.jsonl"), content(data, name), None, Columns())

    def from_file(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
        memory = Path("/dev/shm")  # where a disk would be most of the time
        path = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None)) / name

        def written(data: bytes) -> object:
            path.write_bytes(data)
            return read(path)

        return written

    def members(data: bytes) -> object:
        return sum(len(member.data) for member in archive.members(content(data)))

    names = registry.installed()
    judged = {"query-id": ["q1", "q2"], "corpus-id": ["d1", "2"], "score": [1, 2]}
    docs = {
        "id": [1, 2, 3],
        "title": ["Cats", None, "x"],
        "text": ["cats purr", "dogs bark", "x" * 50],
        "v": [0.5, 1, 2],
    }
    parquets = [parquet(docs), parquet(docs, compression="none", use_dictionary=False, write_page_checksum=True)]
    spelled = (registry.SpellingError, registry.PluginError)
    found: dict[str, tuple[list[bytes], Callable[[bytes], object]]] = {
        "beir-passages": ([CORPUS], lambda data: beir.read(content(data), content(QUERIES), content(QRELS))),
        "beir-queries": ([QUERIES], lambda data: beir.read(content(CORPUS), content(data), content(QRELS))),
        "qrels": ([QRELS, b"q1 0 d1 1\n"], lambda data: qrels.read(content(data, "q.tsv"))),
        "qrels-csv": ([QRELS.replace(b"\t", b",")], lambda data: qrels.read(content(data, "q.csv"))),
        "judging-sheet": (
            [SHEET, SHEET.replace(b",", b";"), SHEET.decode().encode("utf-16")],
            lambda data: qrels.read(content(data, "s.csv")),
        ),
        "qrels-parquet": ([parquet(judged)], lambda data: qrels.read(content(data, "q.parquet"))),
        "squad": ([SQUAD], lambda data: squad.read([content(data)], [content(SQUAD)])),
        "pubmedqa": ([PUBMEDQA], lambda data: pubmedqa.read(content(data))),
        "csv": ([CSV], tabled("d.csv")),
        "tsv": ([b"id\ttitle\ttext\n7\tCats\tpurr\n9\t\tbark\n"], tabled("d.tsv")),
        "jsonl": ([CORPUS.replace(b"_id", b"id")], tabled("d.jsonl")),
        "parquet": (parquets, tabled("d.parquet")),
        "queries-txt": ([b"who purrs?\n\nwho barks?\n"], asked("q.txt")),
        "queries-csv": ([b"qid,query,label\na,who?,easy\n"], asked("q.csv")),
        "trec-run": ([RUN], lambda data: trec_run.parse(content(data))),
        "run-json": ([b'{"q1": {"d1": 2.5, "d2": 1}, "q2": {}}'], lambda data: run_json.parse(content(data))),
        "smart-passages": ([SMART], lambda data: smart.read(content(data), content(SMART), content(SMART_QRELS))),
        "smart-queries": ([SMART], lambda data: smart.read(content(SMART), content(data), content(SMART_QRELS))),
        "trec-passages": ([TREC], lambda data: trec.read(content(data), content(TOPICS), None)),
        "trec-topics": ([TOPICS, TREC], lambda data: trec.read(content(TREC), content(data), None)),
        "cacm-page": ([PAGE], lambda data: cacm.read(content(packed({"a.html": data})), content(TREC), None)),
        "medquad-page": ([MEDQUAD], lambda data: medquad.read(content(packed({"a.xml": data})))),
        "medquad-tar": ([packed({"a.xml": MEDQUAD})], lambda data: medquad.read(content(data))),
        "tar": ([packed({"a/b.txt": b"x", "c.txt": b"y" * 600})], members),
        "tar.gz": ([gzip.compress(packed({"a/b.txt": b"x", "c.txt": b"y" * 600}))], members),
        "zip": ([zipped({"a/b.txt": b"x", "c.txt": b"y" * 600})], members),
        "gzip": ([gzip.compress(CORPUS, mtime=0)], from_file(files.read, "x.gz")),
        "card": ([CARD], from_file(cards.read_card, "tiny.toml")),
        "recipe": ([RECIPE], from_file(lambda path: recipe.load(str(path)), "small.toml")),
        "suite": ([SUITE], from_file(lambda path: suite.load(str(path)), "fuzzed.toml")),
    }
    return {name: Reader(seeds, read, (InputError,)) for name, (seeds, read) in found.items()} | {
        "spelling": Reader(SPELLINGS, lambda data: registry.parse(data.decode(errors="replace"), names), spelled)
    }
