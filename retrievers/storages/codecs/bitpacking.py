"""
Non-negative numbers in blocks of 16, each block at the bit width of its largest.

Lemire & Boytsov 2015, "Decoding billions of integers per second through vectorization", has the scheme with blocks of
128 within one list. Here a block goes on into the next list, so that a short list takes no width of its own. Of BM25's
lists, blocks that end with their list would save .04 bits a posting on SciFact and .07 on MedQuAD, and cost .2 on SQuAD
and 2.5 on KorQuAD's words. No exceptions are patched in (PForDelta): a block this short widens few numbers for its
largest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 16  # numbers: a block of width w takes w units of 16 bits
STRIDE = 64  # blocks between two entries of `starts`
FORMAT = (BLOCK, STRIDE)  # as arguments of what is compiled, which would keep them as they were when it was compiled
CHUNK = 2**18  # numbers packed at a time, so that what packing takes beside them has a bounded size
WORD = 64  # bits
WIDEST = 32  # bits of the largest number that is packed

Ints = NDArray[np.int64]


class Blocks(NamedTuple):
    """Packed numbers. Number i stands at bit 16 * (units before its block) + (i % 16) * (width of its block)."""

    words: NDArray[np.uint64]  # the bits, lowest first; two words more than they fill, so that any two can be read
    widths: NDArray[np.uint8]  # (blocks,) bits a number
    starts: NDArray[np.int64]  # (blocks / 64,) units of 16 bits before every 64th block


def pack(numbers: NDArray[np.integer]) -> Blocks:
    """
    The numbers (any integer type) in blocks; the last one is filled up with zeros.

    ValueError where one is negative or takes more than 32 bits.
    """
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < 2**WIDEST:
        raise ValueError(f"pack: expected numbers from 0 to 2**{WIDEST} - 1, found {numbers.min()} to {numbers.max()}")
    largest = np.maximum.reduceat(numbers, np.arange(0, len(numbers), BLOCK)) if len(numbers) else numbers
    widths = np.frexp(largest.astype(np.float64))[1].astype(np.uint8)  # the exponent of a number is its length in bits
    units = np.cumsum(widths, dtype=np.int64) - widths  # before each block
    words = np.zeros(-(-int(widths.sum(dtype=np.int64)) * BLOCK // WORD) + 2, np.uint64)
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK].astype(np.uint64)
        at, inside = np.divmod(np.arange(start, start + len(chunk)), BLOCK)
        bits = units[at] * BLOCK + inside * widths[at]
        word, shift = bits // WORD, (bits % WORD).astype(np.uint64)
        first = np.flatnonzero(np.diff(word, prepend=-1))  # of the numbers that begin in each word
        words[word[first]] |= np.bitwise_or.reduceat(chunk << shift, first)
        words[word[first] + 1] |= np.bitwise_or.reduceat(_carried(chunk, shift), first)
    return Blocks(words, widths, units[::STRIDE].copy())


def unpack(blocks: Blocks, starts: Ints, counts: Ints) -> NDArray[np.uint64]:
    """
    counts[i] numbers from starts[i] on, for each i, one after the other; each count at least 1.

    The plain way, about 100 bytes beside each number; `compiled.py` has the compiled one.
    """
    group = starts // BLOCK // STRIDE * STRIDE  # the block whose place is known, for each range
    spans = (starts + counts - 1) // BLOCK - group + 1  # blocks from there to the last
    before = np.cumsum(spans) - spans
    widths = blocks.widths[consecutive(group, spans)].astype(np.int64)
    units = np.cumsum(widths) - widths
    units += np.repeat(blocks.starts[group // STRIDE] - units[before], spans)
    at, inside = np.divmod(consecutive(starts, counts), BLOCK)
    at += np.repeat(before - group, counts)
    bits, width = units[at] * BLOCK + inside * widths[at], widths[at].astype(np.uint64)
    word, shift = bits // WORD, (bits % WORD).astype(np.uint64)
    low, high = blocks.words[word] >> shift, (blocks.words[word + 1] << np.uint64(1)) << (np.uint64(63) - shift)
    numbers: NDArray[np.uint64] = (low | high) & ((np.uint64(1) << width) - np.uint64(1))
    return numbers


def right_size(blocks: Blocks, count: int) -> bool:
    """Whether there are as many widths and starts as so many numbers have."""
    n_blocks = -(-count // BLOCK)
    return (len(blocks.widths), len(blocks.starts)) == (n_blocks, -(-n_blocks // STRIDE))


def in_place(blocks: Blocks) -> bool:
    """Whether widths, starts and words go together, so that no number is sought where none is."""
    firsts = np.arange(0, len(blocks.widths), STRIDE)
    units = np.add.reduceat(blocks.widths, firsts, dtype=np.int64) if len(firsts) else firsts
    words = -(-int(units.sum()) * BLOCK // WORD) + 2
    narrow = int(blocks.widths.max(initial=0)) <= WIDEST
    return narrow and len(blocks.words) == words and np.array_equal(blocks.starts, np.cumsum(units) - units)


def consecutive(starts: Ints, counts: Ints) -> Ints:
    """starts[i], starts[i] + 1 ... of counts[i] numbers, for each i, one after the other."""
    before = np.cumsum(counts) - counts
    all_of_them: Ints = np.arange(int(counts.sum())) + np.repeat(starts - before, counts)
    return all_of_them


def _carried(numbers: NDArray[np.uint64], shift: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What a shift by 0 to 63 drives out of a word; in two steps, since a shift by 64 is undefined."""
    return (numbers >> np.uint64(1)) >> (np.uint64(63) - shift)
