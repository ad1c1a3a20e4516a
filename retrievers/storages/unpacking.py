"""The loops that unpack inverted lists, compiled by numba. Imported late, and only where numba is there."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrievers.storages.bitpacking import BLOCK, STRIDE
from retrievers.storages.compiled import Array, Ints, compiled

Words: TypeAlias = NDArray[np.uint64]


@compiled
def unpack(words: Words, widths: Array, starts: Ints, first: int, out: Array) -> None:
    """len(out) packed numbers from `first` on: what `bitpacking.unpack` gives for one range."""
    # Places in words are unsigned: numba would see to negative ones, which takes as long as the rest.
    done, total = 0, len(out)
    block = first // BLOCK
    unit = starts[block // STRIDE]
    for before in range(block // STRIDE * STRIDE, block):
        unit += widths[before]
    inside = first - block * BLOCK
    while done < total:
        width = np.uint64(widths[block])
        mask = (np.uint64(1) << width) - np.uint64(1)
        count = min(BLOCK - inside, total - done)
        bit = np.uint64(unit * BLOCK) + np.uint64(inside) * width
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
def spans(columns: Ints, words: Words, widths: Array, starts: Ints, list_starts: Ints, group: int) -> tuple[Ints, Ints]:
    """Where the list of each column begins among all postings, and how long it is."""
    begins, lengths = np.empty(len(columns), np.int64), np.empty(len(columns), np.int64)
    buffer = np.empty(group, np.uint32)
    for place in range(len(columns)):
        column = columns[place]
        first = column // group * group
        some = buffer[: column - first + 1]
        unpack(words, widths, starts, first, some)
        begin = list_starts[column // group]
        for length in some[:-1]:
            begin += np.int64(length)
        begins[place], lengths[place] = begin, np.int64(some[-1])
    return begins, lengths


@compiled
def postings(
    begins: Ints, lengths: Ints, words: Words, widths: Array, starts: Ints, values: Array
) -> tuple[Array, Array, Ints, Ints]:
    """The lists at those places: their rows, values, and where each begins and ends in these."""
    ends = np.cumsum(lengths)
    total = lengths.sum()
    rows, codes = np.empty(total, np.uint32), np.empty(total, np.uint8)
    for place in range(len(begins)):
        begin, end, length = begins[place], ends[place], lengths[place]
        some, some_codes, list_values = rows[end - length : end], codes[end - length : end], values[begin:]
        unpack(words, widths, starts, begin, some)
        row = np.uint32(0)
        for at in range(length):
            row += some[at]
            some[at] = row + np.uint32(at)
        for at in range(length):  # as a slice it would be checked for overlap, and take longer
            some_codes[at] = list_values[at]
    return rows, codes, ends - lengths, ends
