"""What float32 vectors weigh by formula, held dense and held sparse, and where the two weigh the same."""

from __future__ import annotations

VALUE = 4  # bytes of a float32
WIDTHS = (1, 2, 4, 8)  # bytes of an index: the smallest that fits


def dense_bytes(n: int, dims: int) -> int:
    """One array of every number: n * dims * 4."""
    return n * dims * VALUE


def csr_bytes(n: int, dims: int, nonzeros: int) -> int:
    """
    Compressed sparse rows: nonzeros * (4 + index) + (n + 1) * offset.

    Indices and offsets take the smallest whole number of bytes that holds the last column and the count of non-zeros.
    """
    return nonzeros * (VALUE + width(dims - 1)) + (n + 1) * width(nonzeros)


def break_even_density(n: int, dims: int) -> float | None:
    """
    The share of non-zeros at which `csr_bytes` comes to `dense_bytes`; None of no numbers at all.

    Solved for each width of the offsets: nonzeros = (n * dims * 4 - (n + 1) * offset) / (4 + index), at most as many as
    that width counts. Of these the most is where the two meet, since a wider offset than needed only adds bytes.
    """
    if n * dims == 0:
        return None
    dense, posting = dense_bytes(n, dims), VALUE + width(dims - 1)
    meeting = (min((dense - (n + 1) * offset) / posting, _most(offset)) for offset in WIDTHS)
    return max(0.0, *meeting) / (n * dims)


def width(most: int) -> int:
    """The smallest of 1, 2, 4 and 8 bytes that holds the whole number `most`."""
    return next(size for size in WIDTHS if most <= _most(size))


def _most(size: int) -> int:
    return int(2 ** (8 * size) - 1)
