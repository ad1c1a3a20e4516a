"""
The values of sparse vectors as they are stored: float32, float16, or uint8 impacts with a scale a column.

And the information bounds: the least bits that positions and values take.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from retrievers.contract import Unsupported

Dtype: TypeAlias = Literal["float32", "float16", "uint8"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
Array: TypeAlias = NDArray[Any]  # Any: of the dtype that its line says

# The scales that a column of impacts may have: 8 an octave, from 2^-20 to 2^11.875, told by one byte.
LADDER: NDArray[np.float32] = np.exp2((np.arange(256) - 160) / 8).astype(np.float32)
MOST_CODE = 255


def check_dtype(storage: object, dtype: str) -> None:
    """ValueError where dtype is none of DTYPES."""
    if dtype not in DTYPES:
        name = type(storage).__name__
        raise ValueError(f"{name}: dtype was expected to be one of {', '.join(DTYPES)}, found {dtype!r}")


def smallest_uint(most: int) -> np.dtype[np.unsignedinteger[Any]]:  # Any: its width is what is asked
    """The smallest unsigned type that holds every whole number from 0 to `most`; uint8 where there is none."""
    for kind in (np.uint8, np.uint16, np.uint32):
        if most <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.uint64)


class Impacts(NamedTuple):
    """Values as they are stored. Of uint8 codes, a number is code times the scale of its column."""

    values: Array  # (nnz,) float32, float16 or uint8, in the order they were given; none is 0
    scales: NDArray[np.uint8] | None  # (dims,) steps of LADDER; None where values stand for themselves


def quantised(data: NDArray[np.float32], columns: Array, dims: int, dtype: Dtype) -> Impacts:
    """
    The values (nnz,) of a matrix, none of them 0, as `dtype` holds them. columns: (nnz,) the column of each.

    No value is lost: what float16 would round to 0 becomes its smallest number of that sign, and a code is at least 1.
    Unsupported where float16 overflows, and for uint8 where a value is negative or beyond 255 times the highest scale.
    """
    if dtype == "float16":
        return Impacts(_halves(data), None)
    if dtype == "uint8":
        return _codes(data, columns, dims)
    return Impacts(data.astype(np.float32, copy=False), None)


def _halves(data: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore", under="ignore"):
        halves = data.astype(np.float16)
    lost = np.isinf(halves) & np.isfinite(data)
    if lost.any():
        raise Unsupported(
            f"float16 holds numbers up to {np.finfo(np.float16).max:g}: found {data[lost][0]:g}: take float32"
        )
    flat = halves == 0
    halves[flat] = np.copysign(np.finfo(np.float16).smallest_subnormal, data[flat])
    return halves


def _codes(data: NDArray[np.float32], columns: Array, dims: int) -> Impacts:
    """The smallest step of the ladder at which no code of the column passes 255."""
    if len(data) and data.min() < 0:
        raise Unsupported(f"uint8 holds impacts, from 0 up: found {data.min():g}: take float32 or float16")
    most = np.zeros(dims, np.float32)
    np.maximum.at(most, columns, data)
    steps = np.searchsorted(LADDER, most / MOST_CODE)
    if dims and steps.max() >= len(LADDER):
        most_held = MOST_CODE * LADDER[-1]
        raise Unsupported(f"uint8 holds impacts up to {most_held:g}: found {most.max():g}: take float32")
    scales = steps.astype(np.uint8)
    codes = np.rint(data / LADDER[scales][columns])
    return Impacts(np.clip(codes, 1, MOST_CODE).astype(np.uint8), scales)


def column_scales(scales: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The scale of each step. It is folded into the query, weight times scale, so that a search sees codes alone."""
    folded: NDArray[np.float32] = LADDER[scales]
    return folded


def information_bounds(lengths: Array, n: int, values: Array) -> dict[str, float]:
    """
    The least bits a posting, of its position and of its value, where nothing else is known (Shannon 1948).

    lengths: (dims,) passages in each column, of n. Any set of df passages is as likely as another, so that a column
    takes log2 C(n, df) bits (Elias 1974; Witten, Moffat and Bell 1999, section 3.3). values: (nnz,) as they are
    stored; their bits are the entropy of the distinct ones. Both are 0 where there is no posting.
    """
    postings = len(values)
    if postings == 0:
        return {"position_bound_bits": 0.0, "value_bound_bits": 0.0}
    df, columns = np.unique(lengths, return_counts=True)
    df = df.astype(np.float64)
    positions = (gammaln(n + 1) - gammaln(df + 1) - gammaln(n - df + 1)) / np.log(2)
    _, counts = np.unique(values.view(f"u{values.itemsize}"), return_counts=True)
    entropy = np.log2(postings) - (counts * np.log2(counts)).sum() / postings
    return {
        "position_bound_bits": float((positions * columns).sum() / postings),
        "value_bound_bits": max(float(entropy), 0.0),
    }
