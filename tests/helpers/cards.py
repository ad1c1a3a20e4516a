"""A card of three small files: passages, queries and qrels in BEIR's format."""

from __future__ import annotations

import hashlib
from pathlib import Path

CORPUS = '{"_id": "d1", "title": "A", "text": "x"}\n{"_id": "d2", "text": "A x"}\n{"_id": "d3", "text": "y"}\n'
QUERIES = '{"_id": "q1", "text": "a"}\n{"_id": "q2", "text": "y"}\n'
QRELS = "q1\td1\t1\nq1\td2\t3\nq2\td3\t1\nq2\td2\t1\n"
FILES = {"passages": ("corpus.jsonl", CORPUS), "queries": ("queries.jsonl", QUERIES), "qrels": ("test.tsv", QRELS)}


def card_text(**changes: str) -> str:
    """A card of three small files as TOML; `changes` replaces values, or adds keys."""
    values = {
        "title": '"Tiny"',
        "language": '"en"',
        "licence": '"CC0 1.0"',
        "citation": '"None."',
        "format": '"beir"',
        "counts": "{ passages = 2, queries = 2, judgments = 3, merged = 1 }",
    }
    head = "".join(f"{key} = {value}\n" for key, value in {**values, **changes}.items())
    for role, (name, content) in FILES.items():
        digest = hashlib.sha256(content.encode()).hexdigest()
        head += f'[[files]]\nrole = "{role}"\npath = "tiny/{name}"\nsha256 = "{digest}"\nbytes = {len(content)}\n'
    return head


def tiny(folder: Path, card: str | None = None, *, data: Path | None = None) -> str:
    """The path of a card in `folder`, its files beside it or in `data`."""
    home = (data or folder) / "tiny"
    home.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.values():
        (home / name).write_text(content)
    path = folder / "tiny.toml"
    path.write_text(card or card_text())
    return str(path)
