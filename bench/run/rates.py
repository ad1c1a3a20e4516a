"""How fast an encoder was on this machine the last time: kept beside the cache, to tell how long it will take again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from bench.cache import cache_folder
from bench.formats.files import write_whole
from bench.progress import Range
from bench.run.extrapolation import undisturbed
from bench.stage import blocks, matrices

FEWEST = 100  # passages: of fewer the setting up is too large a part
WITHIN = 1.2  # either way: other texts, and what else the machine does


class EncodingRate(msgspec.Struct, frozen=True):
    """What encoding so many passages took."""

    passages: int
    characters: int
    seconds: float  # fitting and encoding
    without_core: float = 0.0  # share of the time that it could have worked in, and other work had the cores


def keep(encoder_key: str, passages: Sequence[str], seconds: float, without_core: float = 0.0) -> None:
    """Remember it, unless more is known by many more passages. Where it cannot be written it is not remembered."""
    known = of(encoder_key)
    if len(passages) >= FEWEST and (known is None or 2 * len(passages) >= known.passages):
        rate = EncodingRate(len(passages), sum(map(len, passages)), seconds, without_core)
        path = cache_folder() / "rates" / f"{encoder_key}.json"
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, msgspec.json.encode(rate))


def of(encoder_key: str) -> EncodingRate | None:
    """What is remembered of an encoder of that key; None: nothing."""
    try:
        return msgspec.json.decode((cache_folder() / "rates" / f"{encoder_key}.json").read_bytes(), type=EncodingRate)
    except (OSError, msgspec.DecodeError):
        return None


def left(encoder_key: str, matrix_key: str, passages: Sequence[str]) -> Range | None:
    """
    Seconds of encoding what is left of these passages, by what is kept of this encoding, or by what is remembered.

    None where neither is.
    """
    known, kept = of(encoder_key), blocks.under_way(matrices.blocks_of(matrices.place(matrix_key)), passages)
    if kept is not None:
        passages = kept.left
        if len(kept.done) >= FEWEST and (known is None or 2 * len(kept.done) >= known.passages):
            known = EncodingRate(len(kept.done), sum(map(len, kept.done)), kept.seconds)
    return None if known is None else predicted(known, passages)


def predicted(rate: EncodingRate, passages: Sequence[str]) -> Range:
    """Seconds of fitting and encoding other passages: by their characters, as far as the machine is as it was."""
    likely = rate.seconds * sum(map(len, passages)) / max(rate.characters, 1)
    return undisturbed(Range(likely / WITHIN, likely, likely * WITHIN), rate.without_core)
