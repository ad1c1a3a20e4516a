"""A run's hits as TREC run files, and its qrels beside them, for other tools to score."""

from __future__ import annotations

import re
from pathlib import Path

from bench.formats import trec_run
from bench.store import Run, read_hits, read_set, write_whole


def export(run: Run, folder: Path) -> list[Path]:
    """
    Write SET/RETRIEVER.run for every cell that ran, and SET/qrels.txt where there are judgments; the paths written.

    Scores strictly decrease as 32-bit floats, so every tool sees the order that Sparring measured.
    """
    written = []
    for name in run.record.passage_sets:
        passage_set = read_set(run.folder, name)
        home = folder / _file_name(name)
        home.mkdir(parents=True, exist_ok=True)
        if passage_set.qrels is not None:
            lines = (
                f"{query} 0 {passage} {grade}\n"
                for query, judged in passage_set.qrels.items()
                for passage, grade in judged.items()
            )
            write_whole(home / "qrels.txt", "".join(lines).encode())
            written.append(home / "qrels.txt")
        for cell in run.measurements:
            if cell.passage_set == name and cell.status == "ok":
                path = home / f"{_file_name(cell.retriever)}.run"
                hits = read_hits(run.folder, cell.cell)
                trec_run.write(path, hits, passage_set.passage_ids, passage_set.query_ids, "sparring")
                written.append(path)
    return written


def _file_name(text: str) -> str:
    """A spelling or a name as a file name: what no file system minds."""
    return re.sub(r"[^\w.=-]+", "-", text).strip("-")
