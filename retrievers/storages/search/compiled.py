"""
The loops of the exact searches, compiled by numba. Imported late, and only where numba is there.

All of them are in this one file, long as it is: what numba keeps on disk it makes anew when the file of the function
changes, and no other. A loop compiled elsewhere, with one of these or a constant of another module inside, would go on
as it was compiled, whatever had become of them. So nothing of the project is imported: what others own is an argument.

One heap of k serves all: its root is the worst hit kept, of equal scores the last passage. Scores come in the order of
passages, so that an equal one never displaces. Arrays are those of `kernels.py` and `packed.py`, which call these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Array: TypeAlias = NDArray[Any]  # Any: unsigned integers, or values as `number` takes them

RANGE = 2**16  # passages whose scores are added up at a time: 256 KiB, which stay in the second cache
BLOCK = 64  # scores looked at together for one above the threshold


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:  # Any: numba has no types
    """Compiled when first called with some types, to run without the interpreter's lock; kept on disk if it can be."""
    try:
        kept: Callable[..., Any] = njit(nogil=True, cache=True)(function)  # Any: the same
    except RuntimeError:  # no folder to keep it in
        kept = njit(nogil=True)(function)
    return kept


def number(value: Any) -> Any:  # Any: a stored value, as its dtype has it
    """The float32 that a stored value stands for: float32 itself, a code of 1 byte, the bits of a float16 in 2."""
    raise NotImplementedError  # only compiled


@overload(number)  # type: ignore[untyped-decorator]  # numba has no types
def _number(value: Any) -> Any:  # Any: a type of numba -> how it is done
    def widened(value: Any) -> Any:  # Any: see number
        return np.float32(value)

    def of_half(value: Any) -> Any:  # Any: see number
        # The exponent is moved by shifting and put right by a product: exact, of the smallest numbers too.
        magnitude = np.uint32(value & 0x7FFF) << np.uint32(13)
        sign = np.uint32(value & 0x8000) << np.uint32(16)
        return np.uint32(magnitude | sign).view(np.float32) * np.float32(2.0**112)

    return of_half if value == types.uint16 else widened


# The heap


@compiled
def worse(score: float, row: int, other_score: float, other_row: int) -> bool:
    """Whether the first of two hits ranks below the other: by score, then by position."""
    return score < other_score or (score == other_score and row > other_row)


@compiled
def sift_down(scores: Floats, rows: Ints, size: int) -> None:
    """Put the root of a heap where it belongs."""
    score, row = scores[0], rows[0]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and worse(scores[child + 1], rows[child + 1], scores[child], rows[child]):
            child += 1
        if not worse(scores[child], rows[child], score, row):
            break
        scores[place], rows[place] = scores[child], rows[child]
        place = child
    scores[place], rows[place] = score, row


@compiled
def push(scores: Floats, rows: Ints, size: int, score: float, row: int) -> int:
    """Keep a hit, in the place of the worst where all are taken; the number of hits kept."""
    if size == len(scores):
        scores[0], rows[0] = score, row
        sift_down(scores, rows, size)
        return size
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if not worse(score, row, scores[parent], rows[parent]):
            break
        scores[place], rows[place] = scores[parent], rows[parent]
        place = parent
    scores[place], rows[place] = score, row
    return size + 1


@compiled
def settle(scores: Floats, rows: Ints, size: int) -> None:
    """Turn a heap into hits: best first, padded."""
    for end in range(size - 1, 0, -1):
        score, row = scores[end], rows[end]
        scores[end], rows[end] = scores[0], rows[0]
        scores[0], rows[0] = score, row
        sift_down(scores, rows, end)
    scores[size:] = -np.inf
    rows[size:] = -1


@compiled
def collect(found: Floats, base: int, floor: float, scores: Floats, rows: Ints, size: int) -> int:
    """Keep what is above the floor and above the worst that is kept, of the passages from `base`; how many are kept."""
    kept = len(scores)
    threshold = scores[0] if size == kept else floor
    for start in range(0, len(found), BLOCK):
        part = found[start : start + BLOCK]
        above = np.int32(0)
        if len(part) == BLOCK:
            for place in range(BLOCK):  # of a known length and without a branch, so that it becomes vector instructions
                above += np.int32(part[place] > threshold)
        if above or len(part) < BLOCK:
            for place in range(len(part)):
                if part[place] > threshold:
                    size = push(scores, rows, size, part[place], base + start + place)
                    if size == kept:
                        threshold = scores[0]
    return size


# Over inverted lists


@compiled
def first_from(rows: Array, start: int, end: int, row: int) -> int:
    """The first place from start, before end, with that row or a later one; the step doubles, then halves."""
    step = 1
    while start + step < end and rows[start + step] < row:
        start += step
        step *= 2
    end = min(end, start + step)
    while start < end:
        middle = (start + end) >> 1
        if rows[middle] < row:
            start = middle + 1
        else:
            end = middle
    return start


@compiled
def best_of_lists(
    rows: Array,
    values: Array,
    starts: Ints,
    ends: Ints,
    weights: Floats,
    splits: Ints,
    n: int,
    floor: float,
    out_scores: Floats,
    out_rows: Ints,
) -> None:
    """Term at a time, a range of passages after the other."""
    found = np.zeros(min(n, RANGE), np.float32)
    cursors = starts.copy()
    for query in range(len(splits) - 1):
        size = 0
        for base in range(0, n, RANGE):
            first, limit = np.uint64(base), min(base + RANGE, n)
            touched = floor < 0
            for term in range(splits[query], splits[query + 1]):
                start = cursors[term]
                end = ends[term] if limit == n else first_from(rows, start, ends[term], limit)
                weight = weights[term]
                list_rows, list_values = rows[start:end], values[start:end]
                for place in range(end - start):
                    # Unsigned, so that numba does not look for an index from behind.
                    found[np.uint64(list_rows[place]) - first] += weight * number(list_values[place])
                cursors[term] = end
                touched |= end > start
            if touched:
                part = found[: limit - base]
                size = collect(part, base, floor, out_scores[query], out_rows[query], size)
                part[:] = 0
        settle(out_scores[query], out_rows[query], size)


# Over rows of non-zeros


@compiled
def offsets_of(rows: Array, start: int, base: int, offsets: Ints) -> None:
    """Where each row from `base` begins, and the last one ends, in ascending rows (nnz,), of which `start` is first."""
    place = start
    for row in range(len(offsets) - 1):
        offsets[row] = place
        while place < len(rows) and np.int64(rows[place]) == base + row:
            place += 1
    offsets[-1] = place


@compiled
def score_rows(indices: Array, values: Array, offsets: Ints, asked: Floats, found: Floats) -> None:
    """The scores of some rows for one query, (dims,). To look which columns it has would cost more than it saves."""
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        row_indices, row_values = indices[start:end], values[start:end]
        total = np.float32(0)
        for place in range(end - start):
            total += number(row_values[place]) * asked[np.uint64(row_indices[place])]
        found[row] = total


@compiled
def score_rows_of_many(
    indices: Array, values: Array, offsets: Ints, asked: Floats, any_asked: NDArray[np.bool_], found: Floats
) -> None:
    """The same for several queries, (dims, n_queries): every number is read once for all of them."""
    n_queries = asked.shape[1]
    sums = np.zeros(n_queries, np.float32)
    for row in range(len(offsets) - 1):
        touched = False
        for place in range(offsets[row], offsets[row + 1]):
            column = np.uint64(indices[place])
            if any_asked[column]:
                value, weights = number(values[place]), asked[column]
                for query in range(n_queries):
                    sums[query] += value * weights[query]
                touched = True
        if touched:
            found[:, row] = sums
            sums[:] = 0


@compiled
def add_rows(
    indices: Array,
    values: Array,
    offsets: Ints,
    asked: Floats,
    any_asked: NDArray[np.bool_],
    base: int,
    floor: float,
    found: Floats,
    out_scores: Floats,
    out_rows: Ints,
    sizes: Ints,
) -> None:
    """
    Score some rows from `base` for each query, and keep the best.

    asked: (dims, n_queries). any_asked: (dims,) whether any query has the column; most have none, and are passed over.
    found: (n_queries, rows or more) zeros, and left so. sizes: (n_queries,) of the heaps.
    """
    n_rows, n_queries = len(offsets) - 1, asked.shape[1]
    if n_queries == 1:
        score_rows(indices, values, offsets, asked.reshape(-1), found[0])
    else:
        score_rows_of_many(indices, values, offsets, asked, any_asked, found)
    for query in range(n_queries):
        part = found[query, :n_rows]
        sizes[query] = collect(part, base, floor, out_scores[query], out_rows[query], sizes[query])
        part[:] = 0


@compiled
def settle_all(out_scores: Floats, out_rows: Ints, sizes: Ints) -> None:
    """Put the hits of every query in order, best first."""
    for query in range(len(sizes)):
        settle(out_scores[query], out_rows[query], sizes[query])


# Over dense vectors. Scores are made a block of rows at a time and looked through while they lie in the processor's
# cache: no array of the size of the vectors arises, nor of all their scores.


# In any order of the sums, which lets the processor add several at once. No cache of its own: it goes into its caller.
@njit(nogil=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]  # numba has no types
def products(vectors: Floats, query: Floats, out: Floats) -> None:
    """The inner product of a query with each vector, into `out`."""
    for row in range(len(out)):
        total = np.float32(0)
        for column in range(len(query)):
            total += vectors[row, column] * query[column]
        out[row] = total


@compiled
def best_of_vectors(
    vectors: Floats, queries: Floats, step: int, floor: float, out_scores: Floats, out_rows: Ints
) -> None:
    """The best rows for each query, `step` rows at a time."""
    sizes = np.zeros(len(queries), np.int64)
    room = np.empty(min(step, len(vectors)), np.float32)
    for base in range(0, len(vectors), step):
        rows = vectors[base : base + step]
        found = room[: len(rows)]
        for query in range(len(queries)):
            products(rows, queries[query], found)
            sizes[query] = collect(found, base, floor, out_scores[query], out_rows[query], sizes[query])
    for query in range(len(queries)):
        settle(out_scores[query], out_rows[query], sizes[query])


@compiled
def collect_all(found: Floats, base: int, floor: float, out_scores: Floats, out_rows: Ints, sizes: Ints) -> None:
    """Keep the best of a block of scores, (n_queries, rows), of the passages from `base`."""
    for query in range(len(found)):
        sizes[query] = collect(found[query], base, floor, out_scores[query], out_rows[query], sizes[query])


# Packed lists. The format is that of `bitpacking.py`: `size` numbers a block, `stride` blocks between two starts.


@compiled
def unpack(words: Words, widths: Array, starts: Ints, first: int, out: Array, size: int, stride: int) -> None:
    """len(out) packed numbers from `first` on: what `bitpacking.unpack` gives for one range."""
    # Places in words are unsigned: numba would see to negative ones, which takes as long as the rest.
    done, total = 0, len(out)
    block = first // size
    unit = starts[block // stride]
    for before in range(block // stride * stride, block):
        unit += widths[before]
    inside = first - block * size
    while done < total:
        width = np.uint64(widths[block])
        mask = (np.uint64(1) << width) - np.uint64(1)
        count = min(size - inside, total - done)
        bit = np.uint64(unit * size) + np.uint64(inside) * width
        for place in range(done, done + count):
            word, shift = bit >> np.uint64(6), bit & np.uint64(63)
            high = (words[word + np.uint64(1)] << np.uint64(1)) << (np.uint64(63) - shift)
            out[np.uint64(place)] = ((words[word] >> shift) | high) & mask
            bit += width
        done += count
        inside = 0
        unit += np.int64(width)
        block += 1


@compiled
def spans(
    columns: Ints, words: Words, widths: Array, starts: Ints, list_starts: Ints, group: int, size: int, stride: int
) -> tuple[Ints, Ints]:
    """Where the list of each column begins among all postings, and how long it is."""
    begins, lengths = np.empty(len(columns), np.int64), np.empty(len(columns), np.int64)
    buffer = np.empty(group, np.uint32)
    for place in range(len(columns)):
        column = columns[place]
        first = column // group * group
        some = buffer[: column - first + 1]
        unpack(words, widths, starts, first, some, size, stride)
        begin = list_starts[column // group]
        for length in some[:-1]:
            begin += np.int64(length)
        begins[place], lengths[place] = begin, np.int64(some[-1])
    return begins, lengths


@compiled
def postings(
    begins: Ints, lengths: Ints, words: Words, widths: Array, starts: Ints, values: Array, size: int, stride: int
) -> tuple[Array, Array, Ints, Ints, np.int64]:
    """The lists at those places: their rows, values, where each begins and ends in these, and the greatest row."""
    ends = np.cumsum(lengths)
    most = np.uint64(0)
    total = lengths.sum()
    rows, codes = np.empty(total, np.uint32), np.empty(total, np.uint8)
    for place in range(len(begins)):
        begin, end, length = begins[place], ends[place], lengths[place]
        some, some_codes, list_values = rows[end - length : end], codes[end - length : end], values[begin:]
        unpack(words, widths, starts, begin, some, size, stride)
        row = np.uint64(0)  # of 64 bits: damaged gaps do not bring it round to a small one
        for at in range(length):
            row += some[at]
            some[at] = row + np.uint64(at)
        most = max(most, row + np.uint64(length))
        for at in range(length):  # as a slice it would be checked for overlap, and take longer
            some_codes[at] = list_values[at]
    return rows, codes, ends - lengths, ends, np.int64(most) - 1
