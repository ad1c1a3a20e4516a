"""
Forty thousand pieces of text and 200 questions, as somebody has them who tries the tool.

`python -m tests.benchmarks.pieces FOLDER` cuts the English collections at hand into pieces of at most 1,000 characters,
at blanks, and writes pieces.csv (id, text), questions.csv (id, question) and judged.tsv (query-id, passage-id, grade):
of a question of SQuAD's the pieces of its paragraph. It is a set to try with, and is kept nowhere.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.passages import loader

SETS = ("squad", "scifact", "medquad", "vaswani", "cranfield", "cacm")
PIECES, LONGEST, QUESTIONS, SEED = 40_000, 1_000, 200, 17


def cut(text: str) -> Iterator[str]:
    """The pieces of a text, each as long as it may be; a word that is longer is cut."""
    while len(text) > LONGEST:
        end = text.rfind(" ", 1, LONGEST + 1)
        end = LONGEST if end < 0 else end
        yield text[:end].strip()
        text = text[end:].strip()
    if text:
        yield text


def write(folder: Path) -> int:
    """Write the three files; how many pieces there are."""
    pieces: dict[str, str] = {}  # text -> id, each once
    of_passage: dict[str, list[str]] = {}
    for name in SETS:
        found = loader.load(name)
        for passage_id, passage in zip(found.passage_ids, found.passages, strict=True):
            for text in cut(passage):
                if len(pieces) < PIECES or text in pieces:
                    piece = pieces.setdefault(text, f"piece-{len(pieces):05d}")
                    of_passage.setdefault(f"{name} {passage_id}", []).append(piece)
    squad = loader.load("squad")
    asked = random.Random(SEED).sample(range(len(squad.queries)), QUESTIONS)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pieces.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), *((piece, text) for text, piece in pieces.items())])
    with (folder / "questions.csv").open("w", newline="", encoding="utf-8") as file:
        rows = ((squad.query_ids[row], squad.queries[row]) for row in asked)
        csv.writer(file).writerows([("id", "question"), *rows])
    with (folder / "judged.tsv").open("w", encoding="utf-8") as file:
        file.write("query-id\tpassage-id\tgrade\n")
        for row in asked:
            for passage in (squad.qrels or {})[squad.query_ids[row]]:
                lines = (f"{squad.query_ids[row]}\t{piece}\t1\n" for piece in of_passage[f"squad {passage}"])
                file.writelines(lines)
    return len(pieces)


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.pieces", description=(__doc__ or "").strip().splitlines()[0]
    )
    options.add_argument("folder", type=Path, help="where the three files go")
    n = write(options.parse_args().folder)
    print(f"{n:,} pieces")
    return 0 if n == PIECES else 1


if __name__ == "__main__":
    sys.exit(main())
