"""Similarities as inner products: cosine by unit vectors, L2 by one more dimension."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrievers.contract import Role, Vectors

Similarity: TypeAlias = Literal["cosine", "dot", "l2"]

L2_NEAR = 1e-5  # relative: a last column so near to -|x|²/2 orders as the distance does
L2_ROWS = 1024  # looked at in one go


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its length, (n, dims); a row of zeros stays. The inner product is then the cosine."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)


def l2_augmented(vectors: NDArray[np.float32], role: Role) -> NDArray[np.float32]:
    """
    One more column, (n, dims + 1): passages [x, -|x|²/2], queries [q, 1].

    The inner product is q·x - |x|²/2 = (|q|² - |q - x|²) / 2: for one query, the order of falling distance. float32
    tells the distances apart where the origin is no farther than some tens of times the vectors' spread, as it is of
    what models give; other vectors are to be moved there first, both sides alike.
    """
    last = -np.square(vectors).sum(axis=1) / 2 if role == "passage" else np.ones(len(vectors))
    return np.column_stack([vectors, last.astype(np.float32)])


def shaped(vectors: NDArray[np.float32], role: Role, similarity: Similarity, dims: int | None) -> NDArray[np.float32]:
    """The vectors cut to `dims` (None: all) and then made such that their inner product is the similarity."""
    vectors = vectors[:, :dims]
    if similarity == "cosine":
        vectors = unit(vectors)
    elif similarity == "l2":
        vectors = l2_augmented(vectors, role)
    return np.ascontiguousarray(vectors, np.float32)


def stands_for_l2(vectors: Vectors) -> bool:
    """
    Whether passages stand for L2: dense, every row [x, -|x|²/2], and not all of them zeros.

    Their inner product with a query [q, 1] orders by distance to q. What is no L2 is seen in the first rows.
    """
    if not isinstance(vectors, np.ndarray) or vectors.shape[1] == 0:
        return False
    for start in range(0, len(vectors), L2_ROWS):
        block = vectors[start : start + L2_ROWS]
        halves = np.square(block[:, :-1], dtype=np.float64).sum(axis=1) / 2
        if not np.allclose(block[:, -1], -halves, rtol=L2_NEAR, atol=0):
            return False
    return bool(vectors[:, -1].any())
