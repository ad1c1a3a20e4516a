"""Cards of one file or a few, and the fetching of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.lock import LOCK
from bench.passages.fetch import fetch
from bench.progress import Silent

CONTENT = b"".join(b"line %d of a small file\n" % number for number in range(500))
OTHER = CONTENT.replace(b"small", b"other")


class Told(Silent):
    """What was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def says(self, line):
        self.lines.append(line)


def write_card(folder: Path, *files: dict[str, object]) -> str:
    """The path of a card whose files have CONTENT, where nothing else is said."""
    lines = [
        'title = "A test"\nlanguage = "en"\nlicence = "CC0"\ncitation = "Nobody 2026."\nformat = "squad"',
        "counts = { passages = 1, queries = 1, judgments = 1 }",
    ]
    for file in files:
        content = file.pop("content", CONTENT)
        facts = {"path": "set/a.txt", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} | file
        lines += ["[[files]]", *(f"{key} = {json.dumps(value)}" for key, value in facts.items())]
    path = folder / "a.toml"
    path.write_text("\n".join(lines))
    return str(path)


def get(card: str, progress=None, **options) -> Path:
    """The one file of a card, fetched."""
    (path,) = fetch([card], progress=progress, **options).values()
    return path


def refused(card: str, **options) -> str:
    """What is said where a card's files cannot be had."""
    with pytest.raises(InputError) as caught:
        get(card, **options)
    return str(caught.value)


def left(folder: Path) -> list[str]:
    """The files below a folder, the lock apart."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != LOCK)
