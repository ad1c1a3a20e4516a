"""Collections as files, small and whole, and how one that is not is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.formats.files import Content
from bench.passages import loader
from bench.passages.loader import Columns

CORPUS = '{"_id": "d1", "title": "Cats", "text": "purr"}\n{"_id": "d2", "title": "", "text": "Dogs bark"}\n'
QUERIES = '{"_id": "q1", "text": "who purrs"}\n{"_id": "q2", "text": "who barks"}\n{"_id": "q3", "text": "who sings"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\n"
SQUAD = {
    "data": [
        {"title": "Pets", "paragraphs": [{"context": "Cats purr.", "qas": [{"id": "a", "question": "Who purrs?"}]}]},
        {
            "title": "Farm",
            "paragraphs": [
                {"context": "Dogs bark.", "qas": [{"id": "b", "question": "Who barks?"}]},
                {"context": "Cows moo.", "qas": [{"id": "c", "question": "Who?"}, {"id": 4, "question": "Moo?"}]},
            ],
        },
    ]
}


def beir_folder(
    folder: Path, corpus: str | bytes = CORPUS, queries: str = QUERIES, judgments: str | None = QRELS
) -> str:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_bytes(corpus if isinstance(corpus, bytes) else corpus.encode())
    (folder / "queries.jsonl").write_text(queries)
    if judgments is not None:
        (folder / "qrels" / "test.tsv").write_text(judgments)
    return str(folder)


def content(name: str, text: str | bytes) -> Content:
    """What a reader is handed of a file."""
    return Content(Path(name), text if isinstance(text, bytes) else text.encode())


def written(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def refusal(name: str, columns: Columns | None = None) -> str:
    with pytest.raises(InputError) as refused:
        loader.load(name, columns=columns)
    return str(refused.value)


def table_refusal(folder: Path, table: str, columns: Columns, suffix: str = ".csv") -> str:
    queries = written(folder / "queries.txt", "one\n")
    return refusal(written(folder / f"docs{suffix}", table), Columns(**{**fields_of(columns), "queries": queries}))


def fields_of(columns: Columns) -> dict[str, str | None]:
    return {name: getattr(columns, name) for name in Columns.__struct_fields__}
