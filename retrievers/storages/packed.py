"""Inverted lists, compressed: what a posting weighs when its position takes no more bits than it must."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Hits, Unsupported, Vectors, spell
from retrievers.storages._sparse import Finding
from retrievers.storages.codecs import bitpacking
from retrievers.storages.codecs.bitpacking import BLOCK, FORMAT, STRIDE, WORD, Blocks, in_place, right_size
from retrievers.storages.codecs.impacts import Array, Dtype, Impacts
from retrievers.storages.csc import CSC
from retrievers.storages.search import kernels
from retrievers.storages.search.kernels import Postings, frozen
from retrievers.storages.search.searches import terms_of, top_k_of_lists

GROUP = 64  # lists between two entries of list_starts: a list is found by adding up fewer lengths than that
MOST_PASSAGES = 2**32 - 1
SCRATCH = 2**25  # bytes of unpacked lists that a thread holds at once, unless one query alone takes more
MOST_QUERIES = 1024  # that are searched at once
CHECKED = 64 * GROUP  # lengths of lists looked at together when they are loaded
# Bytes that a posting takes unpacked: a row and a code; the plain path makes its way there in arrays of int64.
UNPACKED, UNPACKED_PLAINLY = 5, 100
# The model of `_bits`.
SATURATION = 0.3  # share of passages that the longest lists have; fitted to the terms of SciFact, MedQuAD and SQuAD
LARGEST = float((1 / np.arange(1, BLOCK + 1)).sum())  # H(16)
TOP_OF_16 = 1 - 0.5 ** (1 / BLOCK)  # where the longest of 16 lists stands among all, in the median
# The arrays that each component of the ledger adds up; a file of the same name holds each.
COMPONENTS = {
    "values": ("values",),
    "gaps": ("gaps",),
    "lengths": ("lengths",),
    "widths": ("gap_widths", "length_widths"),
    "directory": ("gap_starts", "length_starts", "list_starts"),
    "scales": ("scales",),
}


@dataclass(repr=False)
class Packed(CSC):
    """
    The lists of `CSC(dtype="uint8")` in fewer bytes, with the very same hits: a list is unpacked when a query asks.

    A list's positions are the gaps between them less one, its first position as it is; all gaps, list after list, are
    packed in blocks of 16 at one bit width a block, as are the lengths of the lists (`bitpacking.py`). Impacts are a
    byte a posting, and a scale a column. No pointer to each list is held: of every 64th the start is known, and of
    every 64th block the place of its bits.

    Sparse vectors without negative numbers, up to 2**32 - 1 of them: Unsupported at `build` for others. mmap: `load`
    maps the files instead of reading them.
    """

    dtype: Dtype = field(init=False, default="uint8")
    deterministic: ClassVar[bool] = False
    components: ClassVar[tuple[str, ...]] = tuple(
        name for names in COMPONENTS.values() for name in names if name != "scales"
    )

    def build(self, vectors: Vectors) -> None:
        if not isinstance(vectors, csr_array):
            raise Unsupported(
                f"{spell(self)} holds sparse vectors, a csr_array: found {type(vectors).__name__}, where every gap is "
                f"0 and nothing is to be packed: take Flat() or CSR()"
            )
        super().build(vectors)

    def _lay_out(self, matrix: csr_array) -> tuple[dict[str, Array], Impacts]:
        n, _ = matrix.shape
        if n > MOST_PASSAGES:
            raise Unsupported(f"{spell(self)} holds up to {MOST_PASSAGES:,} passages: found {n:,}: take CSC()")
        plain, impacts = super()._lay_out(matrix)
        rows, offsets = plain["indices"].astype(np.uint32), plain["offsets"].astype(np.int64)
        lengths = np.diff(offsets)
        first = offsets[:-1][lengths > 0]
        gaps = rows.copy()
        gaps[1:] -= rows[:-1] + np.uint32(1)  # wraps round where a list begins, and is put right there
        gaps[first] = rows[first]
        packed, counts = bitpacking.pack(gaps), bitpacking.pack(lengths)
        return {
            "gaps": packed.words,
            "gap_widths": packed.widths,
            "gap_starts": packed.starts,
            "lengths": counts.words,
            "length_widths": counts.widths,
            "length_starts": counts.starts,
            "list_starts": offsets[:-1:GROUP].copy(),
        }, impacts

    def _positions(self, n: int, dims: int, postings: int) -> dict[str, int]:
        """Gaps and lengths as Zipf would have them (`_bits`); the rest is what it will be."""
        blocks, counts = -(-postings // BLOCK), -(-dims // BLOCK)
        entries = -(-blocks // STRIDE) - (-counts // STRIDE) - (-dims // GROUP)
        gaps, lengths = _bits(n, dims, postings)
        return {
            "gaps": _bytes(gaps * blocks * BLOCK),
            "lengths": _bytes(lengths * counts * BLOCK),
            "widths": blocks + counts,
            "directory": 8 * entries,
        }

    def _inspect(self, arrays: Mapping[str, Array], n: int, dims: int, *, whole: bool) -> Iterator[Finding]:  # noqa: ARG002  # n: see _unpacked
        postings, list_starts = len(arrays["values"]), arrays["list_starts"]
        gaps, lengths = _blocks(arrays, "gap"), _blocks(arrays, "length")
        for kind, blocks, count in (("gap", gaps, postings), ("length", lengths, dims)):
            yield (
                f"{kind}_widths",
                right_size(blocks, count),
                f"what {count:,} packed numbers have, as {kind}_starts has",
            )
            yield f"{kind}s", not whole or in_place(blocks), f"the words of which {kind}_widths and {kind}_starts tell"
        yield "list_starts", len(list_starts) == -(-dims // GROUP), f"a start of every {GROUP}th of {dims:,} lists"
        if whole:
            sums = _group_sums(lengths, dims)
            told = np.array_equal(list_starts, np.cumsum(sums) - sums) and int(sums.sum()) == postings
            yield "list_starts", told, f"what the lengths of lists add up to, {postings:,} in all"

    def _search(self, queries: Vectors, k: int, n: int) -> Hits:
        lists = self._unpacked if queries.shape[0] == 1 else self._unpacked_once
        block = self._queries_at_once(queries)
        return top_k_of_lists(lists, queries, k, n=n, sparse=self.sparse, scales=self._scales, block=block)

    def _queries_at_once(self, queries: Vectors) -> int:
        """How many queries' lists fit SCRATCH, had each as many postings as the longest and none a list of another."""
        unpacked = UNPACKED if kernels.available() else UNPACKED_PLAINLY
        if queries.shape[0] <= 1 or unpacked * len(self.arrays["values"]) <= SCRATCH:
            return MOST_QUERIES
        columns, _, splits = terms_of(queries)
        _, lengths = self._spans(columns)
        before = np.concatenate([[0], np.cumsum(lengths)])
        most = int(np.diff(before[splits]).max())
        return min(MOST_QUERIES, max(1, SCRATCH // max(unpacked * most, 1)))

    def _unpacked_once(self, columns: Array) -> Postings:
        """Many queries have terms in common: a list is unpacked once, however often it is asked for."""
        columns, place = np.unique(columns, return_inverse=True)
        rows, codes, starts, ends = self._unpacked(columns)
        return Postings(rows, codes, starts[place], ends[place])

    def _unpacked(self, columns: Array) -> Postings:
        begins, lengths = self._spans(columns)
        if kernels.available():
            from retrievers.storages.search import compiled

            rows, codes, starts, ends, most = compiled.postings(
                begins, lengths, *self._gaps, self.arrays["values"], *FORMAT
            )
        else:
            rows, codes, starts, ends, most = self._unpacked_plainly(begins, lengths)
        if self.shape is not None and most >= self.shape[0]:
            raise ValueError(
                f"{spell(self)}: expected lists of passages below {self.shape[0]:,}, found {most:,}: "
                f"the saved gaps are damaged: build and save them anew"
            )
        return Postings(frozen(rows), frozen(codes), starts, ends)

    def _unpacked_plainly(self, begins: Array, lengths: Array) -> tuple[Array, Array, Array, Array, int]:
        ends = np.cumsum(lengths)
        starts = ends - lengths
        some = lengths > 0
        # A list's rows are its gaps added up, each and one. All lists are added up in one go, which leaves in each what
        # those before it came to.
        steps = bitpacking.unpack(self._gaps, begins[some], lengths[some]).astype(np.int64) + 1
        total = np.concatenate([[0], np.cumsum(steps)])
        rows = total[1:] - 1 - np.repeat(total[starts[some]], lengths[some])
        codes = self.arrays["values"][bitpacking.consecutive(begins, lengths)]
        return rows.astype(np.uint32), codes, starts, ends, int(rows.max(initial=-1))

    def _spans(self, columns: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the list of each column begins among all postings, and its length."""
        list_starts, columns = self.arrays["list_starts"], columns.astype(np.int64)
        if kernels.available():
            from retrievers.storages.search import compiled

            begins, lengths = compiled.spans(columns, *self._lengths, list_starts, GROUP, *FORMAT)
            return begins, lengths
        group, inside = np.divmod(columns, GROUP)
        counts = inside + 1
        some = bitpacking.unpack(self._lengths, group * GROUP, counts).astype(np.int64)
        total = np.concatenate([[0], np.cumsum(some)])
        ends = np.cumsum(counts)
        lengths = some[ends - 1]
        return list_starts[group] + total[ends] - total[ends - counts] - lengths, lengths

    @property
    def _gaps(self) -> Blocks:
        return _blocks(self.arrays, "gap")

    @property
    def _lengths(self) -> Blocks:
        return _blocks(self.arrays, "length")

    def ledger(self) -> dict[str, int]:
        arrays = super().ledger()
        return {component: sum(arrays[name] for name in names) for component, names in COMPONENTS.items()}

    def prepare(self) -> None:
        """Compile the search, or load it compiled: lists are unpacked to the same types whatever is held."""
        toy = Packed()
        toy.build(csr_array(np.eye(2, dtype=np.float32)))
        toy.search(csr_array(np.eye(2, dtype=np.float32)), 1)


def _blocks(arrays: Mapping[str, Array], kind: str) -> Blocks:
    return Blocks(arrays[f"{kind}s"], arrays[f"{kind}_widths"], arrays[f"{kind}_starts"])


def _group_sums(lengths: Blocks, dims: int) -> NDArray[np.int64]:
    """How many postings the lists of each group have, (dims / 64,)."""
    sums = [np.empty(0, np.int64)]
    for first in range(0, dims, CHECKED):
        some = bitpacking.unpack(lengths, np.array([first]), np.array([min(CHECKED, dims - first)]))
        sums.append(np.add.reduceat(some.astype(np.int64), np.arange(0, len(some), GROUP)))
    return np.concatenate(sums)


# What the bits will come to


def _bits(n: int, dims: int, postings: int) -> tuple[float, float]:
    """
    The bits a gap and the bits a length, padding apart, as far as three numbers tell them: an estimate.

    The lists are taken to follow Zipf, the list of rank r having (dims / r) ** a passages, which levels off towards
    SATURATION * n; `a` is what makes up the postings. A list's passages are taken to stand anywhere: gaps have mean
    (n - df) / (df + 1), and the largest of a block is H(16) times that, the mean of the largest of 16 exponential
    numbers. In a block that several lists share it is near n.
    """
    rank = np.geomspace(0.5, dims + 0.5, 1000) if dims else np.ones(1)

    def lists(a: float) -> NDArray[np.float64]:
        return 1 / (np.minimum(rank / max(dims, 1), 1) ** a + 1 / (SATURATION * max(n, 1)))

    low, high = 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if np.trapezoid(lists(middle), rank) < postings else (low, middle)
    df = lists(low)
    df *= postings / max(float(np.trapezoid(df, rank)), 1e-9)
    df = np.minimum(df, n)
    largest = np.minimum(n, LARGEST * (n - df) / (df + 1))
    alone = np.maximum(0, 1 - (BLOCK - 1) / np.maximum(df, 1))  # share of a list's gaps in blocks that are its own
    gaps = alone * np.log2(1 + largest) + (1 - alone) * np.log2(max(n, 1))
    weighted = np.trapezoid(gaps * df, rank) / max(float(np.trapezoid(df, rank)), 1e-9)
    longest = np.interp(dims * TOP_OF_16, rank, df)
    return float(weighted), float(np.log2(1 + longest)) + 0.5 * (dims > 0)


def _bytes(bits: float) -> int:
    """Of whole words, and the two that every packed array has more."""
    return 8 * (math.ceil(bits / WORD) + 2)
