"""A run's hits and qrels for other tools to score, and a passage set for other tools to search."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from bench.errors import InputError
from bench.formats import trec_run
from bench.formats.files import whole_folder, write_whole
from bench.instruments.quality import Qrels
from bench.passages.loader import PassageSet
from bench.records.run_folder import Run, read_hits, read_set, read_timed, searched_apart
from bench.records.schema import Measurement, digest
from retrievers.contract import Hits

Format: TypeAlias = Literal["trec", "json"]

LONGEST = 100  # bytes of a file's name before its end and its key: a file system takes 255 in all
QRELS = "qrels"  # no run's file is called so
NO_DERIVATIVES = re.compile(r"\bND\b|(?i:no.?deriv)")


# A run


def export(run: Run, folder: Path, form: Format = "trec") -> list[Path]:
    """
    Write SET/RETRIEVER.run for every cell that ran, and SET/qrels.txt where there are judgments; the paths written.

    Of a retriever whose first k hits depend on how many are asked for RETRIEVER.k10.run beside it has those of the
    search for k, from which its measures up to that cut-off are read; deeper ones are read from the other.

    Each line's tag is its retriever's, in every set of the export (`tags`).

    form: "json" writes the dictionaries of ranx and pytrec_eval instead, RETRIEVER.json and qrels.json. Scores strictly
    decrease as 32-bit floats, so every tool sees the order that Sparring measured. A retriever is written as its
    spelling without the signs that a file system minds; the cell's key is added where two would be written alike, and
    where the spelling is long.

    Raises InputError for a run whose passage sets were grown: its hits name synthetic passages, and score nothing; and
    for one with a cell that was stopped: other tools would score the queries that it was not asked as 0.
    """
    grown = max((m.n_distractors for m in run.measurements), default=0)
    if grown:
        raise InputError(
            f"run {run.folder}: expected hits of real passages alone, found a run grown by {grown:,} synthetic ones, "
            f"which have no ids and no judgments: export a run without --distractors"
        )
    stopped = [m.retriever for m in run.measurements if m.is_stopped]
    if stopped:
        raise InputError(
            f"run {run.folder}: expected hits of every query, found a part of them for {', '.join(stopped)}, stopped "
            f"once decided: export a run without --stop"
        )
    with whole_folder(folder) as part:
        written = [path.relative_to(part) for path in _written(run, part, form)]
    return [folder / path for path in written]


def _written(run: Run, folder: Path, form: Format) -> Iterator[Path]:
    """Write the files of `export` one by one."""
    tag_of = tags(m.retriever for m in run.measurements if m.status == "ok")
    homes = _file_names({name: sha256[:16] for name, sha256 in run.record.passage_sets.items()})
    for name, home_name in homes.items():
        passage_set = read_set(run.folder, name)
        home = folder / home_name
        home.mkdir(parents=True, exist_ok=True)
        if passage_set.qrels is not None:
            yield _write_qrels(home, passage_set, passage_set.qrels, form)
        cells = {cell.retriever: cell for cell in run.measurements if (cell.passage_set, cell.status) == (name, "ok")}
        for retriever, file_name in _file_names({name: cell.cell for name, cell in cells.items()}).items():
            yield from _write_cell(run, cells[retriever], home / file_name, tag_of[retriever], passage_set, form)


def tags(retrievers: Iterable[str]) -> dict[str, str]:
    """
    What each retriever is called in the last field of a run file: its spelling without quotes and blanks.

    `BiEncoder("all-MiniLM-L6-v2") @ Flat()` is BiEncoder(all-MiniLM-L6-v2)@Flat(); a blank inside a name becomes "_".
    Where two come to one tag, or one to none, each has a hash behind it.
    """
    plain = {}
    for retriever in retrievers:
        joined = re.sub(r"(?<=[@,])\s+|\s+(?=@)", "", retriever.replace('"', ""))
        plain[retriever] = re.sub(r"[\s\0\ufeff]+", "_", joined).encode(errors="replace").decode()
    counts = Counter(["", *plain.values()])
    return {
        retriever: tag if counts[tag] == 1 and tag else f"{tag}-{digest(retriever)[:8]}".removeprefix("-")
        for retriever, tag in plain.items()
    }


def _write_qrels(home: Path, passage_set: PassageSet, qrels: Qrels, form: Format) -> Path:
    path = home / (f"{QRELS}.json" if form == "json" else f"{QRELS}.txt")
    if form == "trec":
        for query, grades in qrels.items():
            trec_run.check_field(path, "query id", query)
            for passage in grades:
                trec_run.check_field(path, "passage id", passage)
    lines = (f"{query} 0 {passage} {grade}\n" for query, passage, grade in _judgments(passage_set, qrels))
    write_whole(path, msgspec.json.encode(qrels) if form == "json" else "".join(lines).encode())
    return path


def _write_cell(run: Run, m: Measurement, stem: Path, tag: str, passage_set: PassageSet, form: Format) -> list[Path]:
    """The hits of a cell to the depth, and where they are others those of the search for k; the tag says which."""
    timed = searched_apart(m)
    deep = read_hits(run.folder, m.cell)
    written = [_write_hits(stem, deep, passage_set, form, f"{tag}-depth{m.depth}" if timed else tag)]
    if timed:
        top = stem.with_name(f"{stem.name}.k{m.k}")
        found = read_timed(run.folder, m.cell, m.k, apart=True)
        written.append(_write_hits(top, found, passage_set, form, f"{tag}-k{m.k}"))
    return written


def _write_hits(stem: Path, hits: Hits, passage_set: PassageSet, form: Format, tag: str) -> Path:
    """Hits in a file; a query without hits is not in it."""
    path = stem.with_name(f"{stem.name}.{'json' if form == 'json' else 'run'}")
    if form == "trec":
        trec_run.write(path, hits, passage_set.passage_ids, passage_set.query_ids, tag)
        return path
    scores = trec_run.strictly_falling(path, hits, passage_set.passage_ids, passage_set.query_ids)
    found = (
        (query, {passage_set.passage_ids[row]: score for row, score in zip(rows, ranked, strict=True) if row >= 0})
        for query, rows, ranked in zip(passage_set.query_ids, hits.rows.tolist(), scores.tolist(), strict=True)
    )
    write_whole(path, msgspec.json.encode({query: passages for query, passages in found if passages}))
    return path


def _file_names(keys: Mapping[str, str]) -> dict[str, str]:
    """The file name of each text, in their order; keys: text -> what is added where a name is long, or not its own."""
    plain = {text: re.sub(r"[^\w.=-]+", "-", text).strip("-.") for text in keys}
    alike = Counter([QRELS, *(name.casefold() for name in plain.values())])
    return {
        text: name
        if 0 < len(name.encode()) <= LONGEST and alike[name.casefold()] == 1
        else "-".join(filter(None, (name.encode()[:LONGEST].decode(errors="ignore"), keys[text])))
        for text, name in plain.items()
    }


# A passage set


def export_set(passage_set: PassageSet, folder: Path) -> list[Path]:
    """
    Write a BEIR folder: corpus.jsonl, queries.jsonl, and qrels/test.tsv where there are judgments; the paths written.

    It loads back to the same ids, texts, labels, answers and judgments, in the same order. Titles are joined to the
    texts already, and of equal passages only the first is there.

    Raises InputError for a set whose licence allows no derivatives, for one without texts, for a folder that holds
    anything, and for an id that a line of qrels cannot hold.
    """
    if NO_DERIVATIVES.search(passage_set.licence):
        raise InputError(
            f"passage set {passage_set.name!r}: its licence, {passage_set.licence!r}, allows no derivatives, and a "
            f"converted copy is one: pass on its original files instead"
        )
    if passage_set.has_parts:
        raise InputError(
            f"passage set {passage_set.name!r}: expected an id for every passage, found parts of documents: "
            "BEIR's format has no place for them"
        )
    if passage_set.vectors is not None:
        raise InputError(f"passage set {passage_set.name!r}: expected one with texts, found vectors alone")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: expected a new or empty folder, found something else; choose another with -o")
    labels = passage_set.labels or ("",) * len(passage_set.query_ids)
    answers = passage_set.answers or ((),) * len(passage_set.query_ids)
    files = {
        "corpus.jsonl": [
            msgspec.json.encode({"_id": passage, "title": "", "text": text})
            for passage, text in zip(passage_set.passage_ids, passage_set.passages, strict=True)
        ],
        "queries.jsonl": [
            msgspec.json.encode(
                {"_id": query, "text": text}
                | ({"label": label} if label else {})
                | ({"answers": answering} if answering else {})
            )
            for query, text, label, answering in zip(
                passage_set.query_ids, passage_set.queries, labels, answers, strict=True
            )
        ],
    }
    if passage_set.qrels is not None:
        files["qrels/test.tsv"] = [b"query-id\tcorpus-id\tscore", *_lines(passage_set, passage_set.qrels, folder)]
    if passage_set.excluded is not None:
        files["excluded.tsv"] = [
            f"{query}\t{passage_set.passage_ids[row]}".encode()
            for query, rows in zip(passage_set.query_ids, passage_set.excluded, strict=True)
            for row in rows
        ]
    with whole_folder(folder) as part:
        for name, lines in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(part / name, b"".join(line + b"\n" for line in lines))
    return [folder / name for name in files]


def _judgments(passage_set: PassageSet, qrels: Qrels) -> Iterator[tuple[str, str, int]]:
    """Every pair with its grade; a query that is judged, and has none, with some passage that is not relevant to it."""
    for query, grades in qrels.items():
        for passage, grade in (grades or {passage_set.passage_ids[0]: 0}).items():
            yield query, passage, grade


def _lines(passage_set: PassageSet, qrels: Qrels, folder: Path) -> list[bytes]:
    """Of a BEIR folder's judgments."""
    for text in dict.fromkeys([*qrels, *(passage for grades in qrels.values() for passage in grades)]):
        if not text or text != text.strip() or any(sign in text for sign in "\t\n\0"):
            raise InputError(f"{folder}: cannot be written: a line of qrels holds no id such as {text!r}")
    return [f"{query}\t{passage}\t{grade}".encode() for query, passage, grade in _judgments(passage_set, qrels)]
