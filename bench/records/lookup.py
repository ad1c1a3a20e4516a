"""Which cells of a run a reader means: by spelling, by name, by passage set, by key."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from bench.errors import InputError, did_you_mean
from bench.records.run_folder import Run
from bench.records.schema import Measurement


def find_cell(run: Run, wanted: str) -> Measurement:
    """
    The measurement of a cell: by its spelling, by "SET: SPELLING", by its name, or by the beginning of its key.

    Under several numbers of threads a cell is named with its own: "SPELLING (threads=2)". Raises InputError for none,
    with the nearest, and for several, with all of them.
    """
    several = len({m.threads for m in run.measurements}) > 1
    spelled = {m.cell: m.retriever + (f" (threads={m.threads})" if several else "") for m in run.measurements}
    named = {f"{m.passage_set}: {spelled[m.cell]}": m for m in run.measurements}
    plain = _plain(wanted)
    found = [
        m
        for name, m in named.items()
        if plain in map(_plain, (name, m.retriever, spelled[m.cell]))
        or (m.cell_name and wanted == m.cell_name)
        or (plain and m.cell.startswith(plain))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        these = ", ".join(repr(f"{m.passage_set}: {spelled[m.cell]}") for m in found)
        raise InputError(f"run {run.folder}: expected one cell, found {len(found)} of {wanted!r}: name one of {these}")
    near = _nearest(wanted, list(dict.fromkeys(m.retriever for m in run.measurements)))
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    known = ", ".join(map(repr, named)) or "none yet"
    raise InputError(f"run {run.folder}: expected one of its cells ({known}), found {wanted!r}.{hint}")


def _nearest(wanted: str, retrievers: Sequence[str]) -> list[str]:
    """Those that begin with what was typed (but its set), else those that hold it, else the one most like it."""
    plain = _plain(wanted.rpartition(": ")[2]).casefold()
    places = {one: _plain(one).casefold().find(plain) for one in retrievers} if plain else {}
    begin = [one for one, place in places.items() if place == 0]
    return (
        begin
        or [one for one, place in places.items() if place > 0]
        or get_close_matches(wanted, retrievers, n=1, cutoff=0.3)
    )


def cells_of(run: Run, retriever: str) -> list[Measurement]:
    """
    The cells of one retriever, by its spelling (spaces count nothing) or by the name that the suite gives its cell.

    Raises InputError for none, with the nearest.
    """
    plain = _plain(retriever)
    found = [m for m in run.measurements if plain == _plain(m.retriever) or (m.cell_name and retriever == m.cell_name)]
    if not found:
        known = list(dict.fromkeys(m.retriever for m in run.measurements))
        hint = did_you_mean(repr(retriever), map(repr, known), cutoff=0.3)
        raise InputError(
            f"run {run.folder}: expected one of its retrievers ({', '.join(map(repr, known)) or 'none yet'}), "
            f"found {retriever!r}.{hint}"
        )
    return found


def _plain(text: str) -> str:
    """Without spaces, which count nothing in a spelling."""
    return "".join(text.split())
