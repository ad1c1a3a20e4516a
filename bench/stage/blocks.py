"""
Passages encoded block by block, and kept: what ends an encoding costs what came after the last part that was written.

Texts of one length lie in one block, so that a model pads no more than if it had sorted them all itself. What was kept
is taken up by the same encoder on the same passages alone: its folder is called by the key of the matrix, and the first
rows are encoded again and held to those that are there.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bench.formats.files import settle
from bench.stage import lifecycle, reported
from bench.stage.job import Job
from bench.stage.reported import Reported
from bench.stage.rows import Rows, stacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.instruments.memory import Phase
    from retrievers.contract import Adapter, Vectors

ROWS, FEWEST_ROWS = 256, 32  # whole batches of models; of few passages smaller blocks, so that some end soon
LEXICAL_ROWS = 16_384  # nothing is padded, and a call costs more than a text
WRITTEN_SECONDS = 5.0  # between two parts; a quicker encoding is begun anew
TRIED = 32  # a model's batch, as a rule: the same texts beside the same
SAME = 0.05  # of a vector's length: what 16-bit floats may differ by, and another model's vectors surely do
PART, ENCODER = "part.json", "encoder"


class Encoded(NamedTuple):
    """What came of all passages."""

    vectors: Vectors
    fit_seconds: float
    seconds: float  # of encoding, in all processes that had a part in it
    measured_seconds: float  # of this process, with fitting
    peak_above_start: int | None  # bytes, of the earlier processes
    goes: int  # processes that had a part in it


class KeptPart(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that were written together, in the order in which they were encoded."""

    order: str  # SHA-256 of the order of all rows
    rows: int
    fit_seconds: float
    seconds: float  # that encoding them took
    peak_above_start: int | None  # bytes, of the process that wrote them, until then
    goes: int
    digests: dict[str, str]


class UnderWay(NamedTuple):
    """An encoding that was ended: what is kept of it."""

    done: list[str]  # passages
    left: list[str]
    seconds: float  # that those which are done took, with fitting


def under_way(folder: Path, passages: Sequence[str]) -> UnderWay | None:
    """What a folder of parts holds of these passages, in words alone: whoever goes on looks whether it is whole."""
    import numpy as np

    order = _longest_first(passages)
    kept = Kept(folder, order, sound=False)
    if not kept.parts:
        return None
    rows = sum(part.rows for part in kept.parts)
    done, left = ([passages[row] for row in some] for some in np.split(order, [rows]))
    return UnderWay(done, left, kept.parts[-1].fit_seconds + kept.seconds)


def encoded(job: Job, encoder: Adapter, passages: Sequence[str], phase: Phase) -> Encoded:
    """
    Fit an encoder and encode all passages, or what earlier processes have left of them.

    phase: that weighs it, begun. TypeError or ValueError where the encoder breaks the contract.
    """
    import numpy as np

    from bench.instruments.latency import timed
    from bench.stage.validate import check_vectors
    from retrievers.contract import Counting

    order, rows, fewest = _order(job, encoder, passages)
    kept = Kept(None if job.alignment is not None or job.blocks is None else Path(job.blocks), order)
    measured = kept.ready(encoder, passages)
    matrix = Rows(order)
    if kept.parts and not kept.is_of(encoder, [passages[row] for row in order[:TRIED]]):
        kept.forget()
        measured = kept.ready(encoder, passages)
    for vectors in kept.vectors():
        matrix.add(vectors)
    if isinstance(encoder, Counting):
        encoder.count([passages[row] for row in order[TRIED : matrix.n]], "passage")
    work = np.cumsum([len(passages[row]) for row in order]) / max(sum(map(len, passages)), 1)
    first, spent = matrix.n, 0.0
    while matrix.n < len(passages) or matrix.is_new:
        texts = [passages[row] for row in order[matrix.n : matrix.n + min(rows, max(matrix.n, fewest))]]
        seconds, vectors = timed(lambda: encoder.encode(texts, "passage"))  # noqa: B023  # called at once
        check_vectors(vectors, len(texts), "passages")
        spent += seconds
        matrix.add(vectors)
        kept.adds(encoder, vectors, seconds, phase)
        if texts:
            done = Reported(
                done=matrix.n,
                total=len(passages),
                share=float(work[matrix.n - 1]),
                kept=first,
                kept_share=float(work[first - 1]) if first else 0.0,
                seconds=spent,
            )
            reported.report(job, done)
    return Encoded(matrix.whole(), kept.fit_seconds, kept.seconds, measured + spent, kept.peak_above_start, kept.goes)


def _order(job: Job, encoder: Adapter, passages: Sequence[str]) -> tuple[NDArray[np.intp], int, int]:
    """
    The rows in the order in which they are encoded, the longest texts first; how many make a block, and the first one.

    Blocks grow from the first: so something is kept, and its rate told, before the longest texts take a minute.
    """
    import numpy as np

    from retrievers.contract import Lexical

    if job.alignment is not None:  # looked up, and not encoded
        return np.arange(len(passages)), max(len(passages), 1), max(len(passages), 1)
    if isinstance(encoder, Lexical):
        return np.arange(len(passages)), LEXICAL_ROWS, LEXICAL_ROWS
    rows = min(max(len(passages) // 16 // FEWEST_ROWS * FEWEST_ROWS, FEWEST_ROWS), ROWS)
    return _longest_first(passages), rows, FEWEST_ROWS


def _longest_first(passages: Sequence[str]) -> NDArray[np.intp]:
    import numpy as np

    return np.argsort([-len(text) for text in passages], kind="stable")


class Kept:
    """The parts in a folder, from the first on; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, order: NDArray[np.intp], *, sound: bool = True) -> None:
        """sound: whether each part is read whole, to see that it is what was written."""
        self._folder = folder
        self._order = hashlib.sha256(order.tobytes()).hexdigest()
        self._pending: list[Vectors] = []
        self._pending_seconds = 0.0
        self._written = time.monotonic()
        self.fit_seconds = 0.0
        self.parts = [] if folder is None else list(self._found(folder, sound=sound))
        self.seconds = sum(part.seconds for part in self.parts)
        self.goes = self.parts[-1].goes + 1 if self.parts else 1
        peaks = [part.peak_above_start for part in self.parts if part.peak_above_start is not None]
        self.peak_above_start = max(peaks, default=None)

    def _found(self, folder: Path, *, sound: bool) -> Iterator[KeptPart]:
        """Parts that are whole, as far as they follow on one another."""
        from bench.stage import matrices

        row = 0
        while True:
            place = _place(folder, row)
            try:
                part = msgspec.json.decode((place / PART).read_bytes(), type=KeptPart)
            except (OSError, msgspec.DecodeError):
                return
            if part.order != self._order or (sound and matrices.digests(place, PART) != part.digests):
                return
            yield part
            row += part.rows

    def ready(self, encoder: Adapter, passages: Sequence[str]) -> float:
        """Make an encoder ready, as it was when the parts were written if it was saved: the seconds that took."""
        from bench.instruments.latency import timed

        if self.parts and self._folder is not None and (self._folder / ENCODER).is_dir():
            saved = self._folder / ENCODER
            encoder.load(saved)
            self.fit_seconds = self.parts[-1].fit_seconds
            return 0.0
        self.fit_seconds, _ = timed(lambda: encoder.fit(passages))
        return self.fit_seconds

    def is_of(self, encoder: Adapter, texts: Sequence[str]) -> bool:
        """Whether an encoder still gives the texts of the first rows the vectors that are there."""
        from bench.instruments.answers import distances

        first = next(self.vectors())[: len(texts)]
        again = encoder.encode(texts[: first.shape[0]], "passage")
        if type(again) is not type(first) or again.shape != first.shape:
            return False
        return bool((distances(again, first) <= SAME).all())

    def vectors(self) -> Iterator[Vectors]:
        """The rows of each part."""
        from bench.stage import matrices

        row = 0
        for part in self.parts:
            if self._folder is not None:
                yield matrices.load(_place(self._folder, row), matrices.PASSAGES)
            row += part.rows

    def forget(self) -> None:
        """Begin anew."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.parts, self.seconds, self.goes, self.peak_above_start = [], 0.0, 1, None

    def adds(self, encoder: Adapter, vectors: Vectors, seconds: float, phase: Phase) -> None:
        """One block more; written with those before it once that is worth it."""
        self.seconds += seconds
        if self._folder is None:
            return
        self._pending.append(vectors.copy())  # an encoder may hand out one array again
        self._pending_seconds += seconds
        if time.monotonic() - self._written >= WRITTEN_SECONDS:
            self._write(self._folder, encoder, phase)
            self._pending, self._pending_seconds, self._written = [], 0.0, time.monotonic()

    def _write(self, folder: Path, encoder: Adapter, phase: Phase) -> None:
        """A disk that takes no more ends no encoding: it is the matrix that has to be written."""
        from bench.stage import matrices
        from retrievers.contract import Persistent

        row = sum(part.rows for part in self.parts)
        vectors = stacked(self._pending)
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if not self.parts and isinstance(encoder, Persistent):
                _published(folder / ENCODER, lambda place: lifecycle.save(encoder, place))

            def fill(place: Path) -> None:
                matrices.save(place, matrices.PASSAGES, vectors)
                part = KeptPart(
                    order=self._order,
                    rows=vectors.shape[0],
                    fit_seconds=self.fit_seconds,
                    seconds=self._pending_seconds,
                    peak_above_start=phase.above_start(),
                    goes=self.goes,
                    digests=matrices.digests(place),
                )
                (place / PART).write_bytes(msgspec.json.encode(part))
                self.parts.append(part)

            _published(_place(folder, row), fill)


def _place(folder: Path, row: int) -> Path:
    return folder / f"{row:012d}"


def _published(folder: Path, fill: Callable[[Path], object]) -> None:
    """A folder that is there whole or not at all, on the disk before anybody finds it."""
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    fill(part)
    settle(part)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)
    settle(folder.parent, within=False)
