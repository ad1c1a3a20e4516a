"""The word overlap of the judged sets of a run, computed once its last child has ended, and kept with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.errors import InputError
from bench.instruments.word_overlap import word_overlap
from bench.passages.passage_set import PassageSet, text_bytes
from bench.records import kept_overlap

MOST_BYTES = 100_000_000  # of passages: English is analysed at some 3 MB/s, n-grams of Korean at 10
WORTH_SAYING = 10_000_000


def keep(passage_sets: Sequence[PassageSet], folder: Path, says: Callable[[str], None] = lambda _: None) -> None:
    """
    Keep the word overlap of each set that has judgments and texts, unless it is kept already, whole and of this set.

    says: is told what takes a while, and that a set of over MOST_BYTES is left out.
    """
    for passage_set in passage_sets:
        size = text_bytes(passage_set)
        if not passage_set.qrels or not size or _is_kept(folder, passage_set):
            continue
        if size > MOST_BYTES:
            says(f"{passage_set.name}: no word overlap, since its passages are over {MOST_BYTES / 1e6:.0f} MB")
            continue
        if size > WORTH_SAYING:
            says(f"{passage_set.name}: word overlap of queries and relevant passages")
        kept_overlap.write_overlap(folder, passage_set, word_overlap(passage_set))


def _is_kept(folder: Path, passage_set: PassageSet) -> bool:
    try:
        return kept_overlap.read_overlap(folder, passage_set) is not None
    except InputError:
        return False
