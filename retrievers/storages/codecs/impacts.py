"""
The values of sparse vectors as they are stored: float32, float16, or uint8 impacts with a scale a column.

And the information bounds: the least bits that positions and values take.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from retrievers.contract import Unsupported

Dtype: TypeAlias = Literal["float32", "float16", "uint8"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
Array: TypeAlias = NDArray[Any]  # Any: of the dtype that its line says

MOST_CODE = 255
STEPS, AN_OCTAVE = 256, 8  # of a ladder of scales: 32 octaves
LEAST_TOP = -94  # of a ladder, whose lowest step is then still a normal float32


def check_dtype(storage: object, dtype: str) -> None:
    """ValueError where dtype is none of DTYPES."""
    if dtype not in DTYPES:
        name = type(storage).__name__
        raise ValueError(f"{name}: expected dtype to be one of {', '.join(DTYPES)}, found {dtype!r}")


def smallest_uint(most: int) -> np.dtype[np.unsignedinteger[Any]]:  # Any: its width is what is asked
    """The smallest unsigned type that holds every whole number from 0 to `most`; uint8 where there is none."""
    for kind in (np.uint8, np.uint16, np.uint32):
        if most <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.uint64)


@functools.cache
def ladder(top: int) -> NDArray[np.float32]:
    """The scales that a column of impacts may have: 256 steps, 8 an octave, the last of them 2 ** top."""
    octaves, steps = np.divmod(np.arange(STEPS) + 1, AN_OCTAVE)  # the last step is 2 ** top itself
    octaves += top - STEPS // AN_OCTAVE
    scales: NDArray[np.float32] = np.ldexp(np.exp2(steps / AN_OCTAVE).astype(np.float32), octaves)
    return scales


class Scales(NamedTuple):
    """A scale a column, told by a byte each. Folded into the query, weight times scale: a search sees codes alone."""

    steps: NDArray[np.uint8]  # (dims,) of the ladder
    top: int  # the ladder's exponent, one for all columns

    def of(self, columns: Array) -> NDArray[np.float32]:
        """The scale of each of those columns."""
        scales: NDArray[np.float32] = ladder(self.top)[self.steps[columns]]
        return scales


class Impacts(NamedTuple):
    """Values as they are stored. Of uint8 codes, a number is code times the scale of its column."""

    values: Array  # (nnz,) float32, float16 or uint8, in the order they were given; none is 0
    scales: Scales | None  # None where values stand for themselves


def quantised(data: NDArray[np.float32], columns: Array, dims: int, dtype: Dtype) -> Impacts:
    """
    The values (nnz,) of a matrix, none of them 0, as `dtype` holds them. columns: (nnz,) the column of each.

    No value is lost: what float16 would round to 0 becomes its smallest number of that sign, and a code is at least 1.
    Unsupported where float16 overflows, and for uint8 where a value is negative.
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
    """
    The smallest step of the ladder at which no code of the column passes 255.

    The ladder ends at the first power of 2 that the largest column needs, so that what all values are multiplied by
    does not matter; by a power of 2 the codes are the same. A column 32 octaves below the largest has the lowest step.
    """
    if len(data) and data.min() < 0:
        raise Unsupported(f"uint8 holds impacts, from 0 up: found {data.min():g}: take float32 or float16")
    most = np.zeros(dims, np.float32)
    np.maximum.at(most, columns, data)
    most /= MOST_CODE
    fraction, exponent = np.frexp(most.max(initial=0))  # fraction * 2 ** exponent, from 0.5 to below 1
    top = max(int(exponent) - int(fraction == 0.5), LEAST_TOP)
    scales = Scales(np.searchsorted(ladder(top), most).astype(np.uint8), top)
    codes = np.rint(data / scales.of(columns))
    return Impacts(np.clip(codes, 1, MOST_CODE).astype(np.uint8), scales)


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
