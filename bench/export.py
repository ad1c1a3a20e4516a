"""A run's hits as TREC run files, and its qrels beside them, for other tools to score."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.formats import trec_run
from bench.store import Run, read_hits, read_set, write_whole

LONGEST = 100  # bytes of a file's name before its end and its key: a file system takes 255 in all


def export(run: Run, folder: Path) -> list[Path]:
    """
    Write SET/RETRIEVER.run for every cell that ran, and SET/qrels.txt where there are judgments; the paths written.

    Scores strictly decrease as 32-bit floats, so every tool sees the order that Sparring measured. A retriever is
    written as its spelling without the signs that a file system minds; the cell's key is added where two would be
    written alike, and where the spelling is long.
    """
    written = []
    homes = _file_names({name: sha256[:16] for name, sha256 in run.record.passage_sets.items()})
    for name, home_name in homes.items():
        passage_set = read_set(run.folder, name)
        home = folder / home_name
        home.mkdir(parents=True, exist_ok=True)
        if passage_set.qrels is not None:
            lines = (
                f"{query} 0 {passage} {grade}\n"
                for query, judged in passage_set.qrels.items()
                for passage, grade in judged.items()
            )
            write_whole(home / "qrels.txt", "".join(lines).encode())
            written.append(home / "qrels.txt")
        cells = {
            cell.retriever: cell.cell for cell in run.measurements if (cell.passage_set, cell.status) == (name, "ok")
        }
        for retriever, file_name in _file_names(cells).items():
            path = home / f"{file_name}.run"
            hits = read_hits(run.folder, cells[retriever])
            trec_run.write(path, hits, passage_set.passage_ids, passage_set.query_ids, "sparring")
            written.append(path)
    return written


def _file_names(keys: Mapping[str, str]) -> dict[str, str]:
    """The file name of each text, in their order; keys: text -> what is added where a name is long, or not its own."""
    plain = {text: re.sub(r"[^\w.=-]+", "-", text).strip("-.") for text in keys}
    alike = Counter(name.casefold() for name in plain.values())
    return {
        text: name
        if 0 < len(name.encode()) <= LONGEST and alike[name.casefold()] == 1
        else "-".join(filter(None, (name.encode()[:LONGEST].decode(errors="ignore"), keys[text])))
        for text, name in plain.items()
    }
