"""
Lexical encoders: a text's vector has one number for each of its terms that the fitted passages know.

One counting step (analyser -> terms -> counts) serves both. TF-IDF weighs both sides; BM25 weighs the passages and
counts the queries, so that the inner product is its sum over the query's terms.

All vectors are `csr_array` (n, vocabulary) float32: columns sorted within a row, none twice, no stored zero.
"""

from __future__ import annotations

import json
import math
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.analysers import Analyser, Words, fingerprint, tokens
from retrievers.contract import Fact, Role, Spelled, spell

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
VOCABULARY_FILE, IDF_FILE = "vocabulary.json", "idf.npy"


def count_terms(texts: Iterable[Sequence[str]], vocabulary: Mapping[str, int]) -> tuple[csr_array, Ints]:
    """
    How often each term of the vocabulary is in each text, (n, vocabulary) float32, and the lengths of the texts, (n,).

    texts: one sequence of terms each. A length is the number of terms, those that the vocabulary lacks among them.
    Plain loops: for one query they cost less than a call of numpy.
    """
    counts: list[int] = []
    columns: list[int] = []
    offsets = [0]
    lengths = []
    for terms in texts:
        row: dict[int, int] = {}
        for term in terms:
            column = vocabulary.get(term)
            if column is not None:
                row[column] = row.get(column, 0) + 1
        for column in sorted(row):
            columns.append(column)
            counts.append(row[column])
        offsets.append(len(columns))
        lengths.append(len(terms))
    matrix = csr_array(
        (np.array(counts, np.float32), np.array(columns, np.int32), np.array(offsets, np.int32)),
        shape=(len(lengths), len(vocabulary)),
    )
    matrix.has_canonical_format = True  # so that nobody has to look
    return matrix, np.array(lengths, np.int64)


def _row_of_each(matrix: csr_array) -> NDArray[np.intp]:
    """The row of every stored number: (non-zeros,)."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


@dataclass(repr=False)
class LexicalEncoder(ABC, Spelled):
    """
    What lexical encoders share: the vocabulary and its statistics, learned from the passages and kept in a folder.

    analyser: text -> tokens; None is English when the encoder is used alone, and follows the language of the passage
    set in the harness. `encode` before `fit` or `load` raises RuntimeError.
    """

    analyser: Analyser | None = field(default=None, kw_only=True)
    vocabulary: dict[str, int] | None = field(init=False, default=None, compare=False)  # term -> column, sorted
    idf: NDArray[np.float32] = field(  # (vocabulary,)
        init=False, compare=False, default_factory=lambda: np.empty(0, np.float32)
    )
    mean_length: float = field(init=False, default=0.0, compare=False)  # of the fitted passages, in terms

    @abstractmethod
    def _idf(self, df: Ints, n: int) -> Floats:
        """How rare each term is, (vocabulary,), from the number of passages that hold it, of n."""

    @abstractmethod
    def _weigh(self, counts: csr_array, lengths: Ints, role: Role) -> csr_array:
        """The vectors of texts with these counts of terms and these lengths; `counts` may be changed in place."""

    def _terms(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """The terms of each text."""
        return tokens(self._analyser, texts)

    @property
    def _analyser(self) -> Analyser:
        return Words() if self.analyser is None else self.analyser

    def fit(self, passages: Sequence[str]) -> None:
        df: Counter[str] = Counter()
        total = 0
        for terms in self._terms(passages):
            total += len(terms)
            df.update(set(terms))
        self.vocabulary = {term: column for column, term in enumerate(sorted(df))}
        frequencies = np.fromiter((df[term] for term in self.vocabulary), np.int64, len(df))
        self.idf = self._idf(frequencies, len(passages)).astype(np.float32)
        self.mean_length = total / max(len(passages), 1)

    def encode(self, texts: Sequence[str], role: Role) -> csr_array:
        if self.vocabulary is None:
            raise RuntimeError(
                f"{spell(self)} was asked to encode and knows no passages: call fit(passages) or load first"
            )
        counts, lengths = count_terms(self._terms(texts), self.vocabulary)
        return self._weigh(counts, lengths, role)

    def save(self, folder: Path) -> None:
        """Two files: the terms in the order of their columns (UTF-8 JSON), and their idf."""
        if self.vocabulary is None:
            raise RuntimeError(f"{spell(self)} has nothing to save: call fit(passages) first")
        learned = {"encoder": spell(self), "mean_length": self.mean_length, "terms": list(self.vocabulary)}
        folder.mkdir(parents=True, exist_ok=True)
        # A token may hold half a surrogate pair, if the text did.
        text = json.dumps(learned, ensure_ascii=False).encode("utf-8", "surrogatepass")
        (folder / VOCABULARY_FILE).write_bytes(text)
        np.save(folder / IDF_FILE, self.idf)

    def load(self, folder: Path) -> None:
        """ValueError where the folder was saved by an encoder with other options: its terms would not be found."""
        learned = json.loads((folder / VOCABULARY_FILE).read_bytes().decode("utf-8", "surrogatepass"))
        if learned["encoder"] != spell(self):
            raise ValueError(
                f"expected {folder} to be saved by {spell(self)}, found {learned['encoder']}: "
                f"load it into an encoder with the same options, or fit anew"
            )
        self.vocabulary = {term: column for column, term in enumerate(learned["terms"])}
        self.mean_length = learned["mean_length"]
        self.idf = np.load(folder / IDF_FILE)

    def terms(self) -> list[str]:
        """The term of each column."""
        return list(self.vocabulary or ())

    def ledger(self) -> dict[str, int]:
        """The vocabulary as Python holds it (table, terms and column numbers), and the idf array; in bytes."""
        vocabulary = self.vocabulary or {}
        objects = sum(sys.getsizeof(term) + sys.getsizeof(column) for term, column in vocabulary.items())
        return {"vocabulary": sys.getsizeof(vocabulary) + objects, "idf": self.idf.nbytes}

    def describe(self) -> dict[str, Fact]:
        return {
            "vocabulary": None if self.vocabulary is None else len(self.vocabulary),
            "analyser": spell(self._analyser),
            "analyser_fingerprint": fingerprint(self._analyser),
        }


# TF-IDF


@dataclass(repr=False)
class TfIdf(LexicalEncoder):
    """
    TF-IDF by scikit-learn's definition (TfidfVectorizer, smooth_idf, norm "l2"): tf * idf, each vector of length 1.

    ngrams: terms are runs of 1 to `ngrams` tokens, joined by a space; at least 1, else ValueError.
    sublinear: tf becomes 1 + ln(tf).
    """

    ngrams: int = 1
    sublinear: bool = False

    def __post_init__(self) -> None:
        if self.ngrams < 1:
            raise ValueError(f"TfIdf: expected ngrams to be at least 1, found {self.ngrams}")

    def _terms(self, texts: Sequence[str]) -> Iterator[list[str]]:
        for own in super()._terms(texts):
            yield own + [
                " ".join(own[start : start + n]) for n in range(2, self.ngrams + 1) for start in range(len(own) - n + 1)
            ]

    def _idf(self, df: Ints, n: int) -> Floats:
        return idf_smooth(df, n)

    def _weigh(self, counts: csr_array, lengths: Ints, role: Role) -> csr_array:  # noqa: ARG002  # both sides alike
        tf = counts.data.astype(np.float64)
        weights = (1 + np.log(tf) if self.sublinear else tf) * self.idf[counts.indices]
        rows = _row_of_each(counts)
        norms = np.sqrt(np.bincount(rows, weights * weights, minlength=counts.shape[0]))
        counts.data = (weights / norms[rows]).astype(np.float32)
        return counts


def idf_smooth(df: Ints, n: int) -> Floats:
    """ln((1 + n) / (1 + df)) + 1, at least 1. scikit-learn's TfidfTransformer with smooth_idf."""
    return np.asarray(np.log((1 + n) / (1 + df)) + 1)


# BM25. The formulas are those of Kamphuis, de Vries, Boytsov and Lin 2020, "Which BM25 do you mean? A large-scale
# reproducibility study of scoring variants", table 1. `norm` there is k1 (1 - b + b length / mean length).


def idf_robertson(df: Ints, n: int) -> Floats:
    """ln((n - df + 0.5) / (df + 0.5)): negative for a term in more than half of the passages. "Robertson et al."."""
    return np.asarray(np.log((n - df + 0.5) / (df + 0.5)))


def idf_lucene(df: Ints, n: int) -> Floats:
    """ln(1 + (n - df + 0.5) / (df + 0.5)), always positive. "Lucene (accurate)"."""
    return np.asarray(np.log1p((n - df + 0.5) / (df + 0.5)))


def idf_atire(df: Ints, n: int) -> Floats:
    """ln(n / df), zero for a term in every passage. "ATIRE"."""
    return np.asarray(np.log(n / df))


def saturation(tf: Floats, norm: Floats) -> Floats:
    """tf / (tf + norm). "Robertson et al." and "Lucene (accurate)"; "ATIRE" has it times k1 + 1, the same order."""
    return tf / (tf + norm)


IDF: dict[str, Callable[[Ints, int], Floats]] = {
    "lucene": idf_lucene,
    "robertson": idf_robertson,
    "atire": idf_atire,
}


@dataclass(repr=False)
class BM25(LexicalEncoder):
    """
    BM25: passages carry the weights, queries the counts of their terms.

    k1: how slowly repeats of a term saturate, 0 or more. b: how much of the length is discounted, 0 to 1.
    variant: "lucene", "robertson" or "atire" (its saturation has the factor k1 + 1). Other values raise ValueError.
    A length is the passage's exact number of tokens; Lucene keeps it in one byte, so that its scores differ in the
    third digit. Robertson's idf of a term in more than half of the passages is negative, and so is its weight.
    """

    k1: float = 0.9
    b: float = 0.4
    variant: Literal["lucene", "robertson", "atire"] = "lucene"

    def __post_init__(self) -> None:
        if not 0 <= self.k1 < math.inf:
            raise ValueError(f"BM25: expected k1 to be a number from 0, found {self.k1}")
        if not 0 <= self.b <= 1:
            raise ValueError(f"BM25: expected b to be from 0 to 1, found {self.b}")
        if self.variant not in IDF:
            raise ValueError(f"BM25: expected variant to be one of {', '.join(IDF)}, found {self.variant!r}")

    def _idf(self, df: Ints, n: int) -> Floats:
        return IDF[self.variant](df, n)

    def _weigh(self, counts: csr_array, lengths: Ints, role: Role) -> csr_array:
        if role == "query":
            return counts
        relative = lengths / (self.mean_length or 1.0)  # no token anywhere: no term to weigh either
        norm = self.k1 * (1 - self.b + self.b * relative)
        weights = saturation(counts.data.astype(np.float64), norm[_row_of_each(counts)])
        if self.variant == "atire":
            weights *= self.k1 + 1
        counts.data = (self.idf[counts.indices] * weights).astype(np.float32)
        counts.eliminate_zeros()
        return counts
