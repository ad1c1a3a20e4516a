"""
Encoders and analysers that each break the contract in one way, for the conformance checks to catch: a plug-in file.

Those named Right keep it; every other class says what it does wrong. Storages and engines are in broken.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Role, Spelled, Unsupported, Vectors

WIDTH = 64


# Encoders


class RightEncoder(Spelled):
    """Counts letters by their code: dense, and learns nothing."""

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        return self._counts(texts)

    def _counts(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.zeros((len(texts), WIDTH), np.float32)
        for row, text in enumerate(texts):
            for letter in text:
                counts[row, ord(letter) % WIDTH] += 1
        return counts


class RightWithMany(RightEncoder):
    """Needs more passages than a few, and says so."""

    def fit(self, passages):
        if len(passages) < WIDTH:
            raise Unsupported(f"expected {WIDTH} passages, found {len(passages)}")


class StoresZeros(RightEncoder):
    """A csr_array that holds every zero."""

    def encode(self, texts, role):
        counts = self._counts(texts)
        offsets = np.arange(len(texts) + 1) * WIDTH
        return csr_array((counts.ravel(), np.tile(np.arange(WIDTH), len(texts)), offsets), shape=counts.shape)


class Double(RightEncoder):
    """float64."""

    def encode(self, texts, role):
        return self._counts(texts).astype(np.float64)


class LateVectors(np.ndarray):
    """A class of arrays of its own."""


class OtherVectors(RightEncoder):
    """An array of a class of its own."""

    def encode(self, texts, role):
        return self._counts(texts).view(LateVectors)


class RolesApart(RightEncoder):
    """Queries of one more dimension."""

    def encode(self, texts, role):
        counts = self._counts(texts)
        return np.pad(counts, ((0, 0), (0, 1))) if role == "query" else counts


class DividesByZero(RightEncoder):
    """Unit vectors, and NaN for the empty text."""

    def encode(self, texts, role):
        counts = self._counts(texts)
        with np.errstate(invalid="ignore"):
            return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class BatchMates(RightEncoder):
    """Vectors that depend on the longest text among them."""

    def encode(self, texts, role):
        return self._counts(texts) / np.float32(max(map(len, texts), default=0) or 1)


class FirstTexts(RightEncoder):
    """Encodes the first 64 texts of a batch."""

    def encode(self, texts, role):
        counts = self._counts(texts)
        counts[64:] = 0
        return counts


class FlattensOne(RightEncoder):
    """A single text without its row."""

    def encode(self, texts, role):
        counts = self._counts(texts)
        return counts[0] if len(texts) == 1 and role == "query" else counts


class Hashes(RightEncoder):
    """Python's own hash of a text, which is another one in every process."""

    def _counts(self, texts):
        return np.array([[hash(text) % 1000] for text in texts], np.float32).reshape(len(texts), 1)


class InItsClass(RightEncoder):
    """Scales by what it learned, which lies in its class and in no file."""

    learned: ClassVar[float] = 1.0

    def fit(self, passages):
        InItsClass.learned = 1.0 + len(passages)

    def encode(self, texts, role):
        return self._counts(texts) * np.float32(self.learned)

    def save(self, folder): ...

    def load(self, folder): ...


class Sorts(RightEncoder):
    """Sorts the passages it is given."""

    def fit(self, passages):
        if isinstance(passages, list):
            passages.sort()


class NeedsMore(RightEncoder):
    """Needs more passages than there ever are here, and says so: nothing can be held against it, nor for it."""

    def fit(self, passages):
        raise Unsupported(f"expected 1,000,000 passages, found {len(passages)}")


# Analysers


class RightAnalyser(Spelled):
    """Words by white space."""

    def __call__(self, text: str) -> list[str]:
        return text.split()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


class Tuples(RightAnalyser):
    """A tuple of tokens."""

    def __call__(self, text):
        return tuple(text.split()) if text else []


class EmptyToken(RightAnalyser):
    """One empty token for the empty text."""

    def __call__(self, text):
        return text.split(" ")


class Unequal(RightAnalyser):
    """No two of them are equal."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Remembers(RightAnalyser):
    """Leaves out the words of the text before."""

    def __init__(self) -> None:
        self._before: list[str] = []

    def __call__(self, text):
        before, self._before = self._before, text.split()
        return [word for word in text.split() if word not in before]
