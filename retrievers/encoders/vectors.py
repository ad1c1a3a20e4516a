"""
Vectors that were made elsewhere, by an API or another harness: files of them, or the passage set's own.

A file has one row per text, in the order of the collection's files. `.npy` is dense, as `numpy.save` writes it; `.npz`
is sparse, as `scipy.sparse.save_npz` writes it. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, save_npz

from retrievers.contract import Fact, Role, Spelled
from retrievers.contract import Vectors as Matrix
from retrievers.encoders._vector_files import file_sha256, opened, taken
from retrievers.paths import expanded

SAVED, SUFFIXES = "vectors.json", (".npy", ".npz")
ROLES: tuple[Role, ...] = ("passage", "query")
UNIT = 1e-3  # so near to 1 is a unit length: float16 rounds a long vector's by as much
EXCERPT = 60  # characters of an unknown text that its error shows


class AlignedVectors(NamedTuple):
    """The vectors of one role."""

    source: str  # the file, for messages
    matrix: Matrix  # (n, dims) as the file has them
    rows: dict[str, int]  # text -> row of the matrix
    facts: dict[str, Fact]


@dataclass(repr=False)
class Vectors(Spelled):
    """
    Given vectors as an encoder: float32 (n, dims), dense or sparse as their files are.

    passages, queries: files of vectors, relative to the working directory; both, or neither for the passage set's own.
    A file has a row for each text of the collection's files, before equal passages were merged and unjudged queries
    left out, or one for each that was kept. float16 and float64 become float32, which `describe` says. Nothing else is
    changed: for a cosine the vectors must have unit length.

    Two queries of one text have one vector, the first's; `describe` counts those that had another of their own.

    It has no ledger: what would weigh is the model, which is not here. ValueError for options and files that cannot
    be, and for a text that is none of those it holds.
    """

    passages: str | None = None
    queries: str | None = None
    _sides: dict[Role, AlignedVectors] = field(init=False, default_factory=dict, compare=False)
    _unit: float | None = field(init=False, default=None, compare=False)  # share of passages of unit length

    def __post_init__(self) -> None:
        for name, path in (("passages", self.passages), ("queries", self.queries)):
            if path is not None and (not isinstance(path, str) or Path(path).suffix.lower() not in SUFFIXES):
                raise ValueError(f"Vectors: expected {name} to be a .npy or .npz file, found {path!r}")
        if (self.passages is None) != (self.queries is None):
            lacking = "passages" if self.passages is None else "queries"
            raise ValueError(
                f"Vectors: expected files of both sides, or none for the passage set's own, found no {lacking}: "
                f'Vectors(passages="p.npy", queries="q.npy")'
            )

    # Aligned, Encoder

    def align(self, role: Role, texts: Sequence[str], rows: Sequence[int], n: int, own: Matrix | None) -> None:
        """Open one side and find the row of each text: rows[i] of n, or i in a file of as many rows as texts."""
        source, matrix, dtype = self._opened(role, own)
        found = matrix.shape[0]
        if found not in (n, len(texts)):
            asked = f"{len(texts):,}" if n == len(texts) else f"{n:,}, as the collection's files, or {len(texts):,}"
            kept = "" if n == len(texts) else ", as are left of them"
            raise ValueError(
                f"{source}: expected a vector for each {role}, {asked}{kept}, found {found:,}: "
                f"encode the collection's files whole, in their order"
            )
        chosen = zip(texts, rows if found == n else range(found), strict=True)
        known: dict[str, int] = {}
        again = [(known[text], row) for text, row in chosen if known.setdefault(text, row) != row]
        said = dtype if dtype == "float32" else f"{dtype}, converted to float32"
        facts: dict[str, Fact] = {"dims": int(matrix.shape[1]), f"{role}_dtype": said}
        facts[f"{role}_rows"] = f"{len(known):,} of {found:,}"
        if role == "query":
            facts["queries_with_another_vector"] = _n_different(source, matrix, again)
        self._sides[role] = AlignedVectors(source, matrix, known, facts)
        self._check_sides_meet()

    def fit(self, passages: Sequence[str]) -> None:
        """Learns nothing. Passages that nobody aligned are the rows of the file in their order."""
        known = self._sides["passage"].rows if "passage" in self._sides else {}
        if not all(passage in known for passage in passages):
            self.align("passage", passages, range(len(passages)), len(passages), None)

    def encode(self, texts: Sequence[str], role: Role) -> Matrix:
        """The vectors of texts that were aligned, (n, dims) float32."""
        side = self._sides.get(role)
        if side is None:
            raise ValueError(
                f"{self}: expected to be told which row belongs to which {role} before it encodes, found none: "
                f"call align; what was loaded answers queries alone"
            )
        try:
            rows = np.array([side.rows[text] for text in texts], np.int64)
        except KeyError as error:
            raise ValueError(
                f"{self}: expected one of the {len(side.rows):,} texts whose vectors {side.source} holds, found "
                f"{str(error.args[0])[:EXCERPT]!r}: it holds the vectors of given texts, and encodes no other"
            ) from None
        vectors = taken(side.source, side.matrix, rows)
        if role == "passage":
            self._unit = _unit_share(vectors)
        return vectors

    # Fingerprinted, Persistent

    def fingerprint(self) -> str:
        """The sha256 of each file. A passage set's own vectors are told by the set's hash."""
        return "+".join(file_sha256(expanded(path)) for path in (self.passages, self.queries) if path)

    def save(self, folder: Path) -> None:
        """Writes what answers queries in another process: their texts and vectors, and no passage."""
        side = self._sides.get("query")
        if side is None:
            raise ValueError(f"{self}: expected to know its queries before it is saved, found none: call align")
        folder.mkdir(parents=True, exist_ok=True)
        vectors = self.encode(list(side.rows), "query")
        if isinstance(vectors, csr_array):
            save_npz(folder / "queries.npz", vectors, compressed=False)
        else:
            np.save(folder / "queries.npy", vectors)
        saved = {"encoder": repr(self), "queries": list(side.rows), "facts": self.describe()}
        (folder / SAVED).write_text(json.dumps(saved), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """ValueError where another encoder was saved in the folder."""
        saved = json.loads((folder / SAVED).read_text(encoding="utf-8"))
        if saved["encoder"] != repr(self):
            raise ValueError(
                f"expected {folder} to be saved by {self}, found {saved['encoder']}: "
                f"load it into an encoder with the same options, or align and fit anew"
            )
        path = next((path for path in folder.glob("queries.np[yz]")), folder / "queries.npy")
        queries, _ = opened(path)
        matrix = queries if isinstance(queries, csr_array) else np.array(queries)
        rows = {text: row for row, text in enumerate(saved["queries"])}
        self._sides, self._unit = (
            {"query": AlignedVectors(str(path), matrix, rows, saved["facts"])},
            saved["facts"]["unit_length"],
        )

    # Preparable, Descriptive

    def prepare(self) -> None:
        """Nothing: a look-up needs no warm-up, and a toy's texts are unknown to it."""

    def describe(self) -> dict[str, Fact]:
        """What a reader of the numbers needs; None is not known yet. unit_length: the share of passages that has it."""
        facts: dict[str, Fact] = {"dims": None, "unit_length": self._unit, "queries_with_another_vector": None}
        facts |= {f"{role}_{fact}": None for role in ROLES for fact in ("dtype", "rows")}
        for side in self._sides.values():
            facts |= side.facts
        return facts

    # The files

    def _opened(self, role: Role, own: Matrix | None) -> tuple[str, Matrix, str]:
        path = self.passages if role == "passage" else self.queries
        if path is not None:
            return path, *opened(expanded(path))
        if own is None:
            raise ValueError(
                f"{self}: expected a passage set with vectors of its own, found one without: "
                f'name files of vectors, Vectors(passages="p.npy", queries="q.npy")'
            )
        return f"the passage set's own {role} vectors", own, str(own.dtype)

    def _check_sides_meet(self) -> None:
        if len(self._sides) < len(ROLES):
            return
        passages, queries = (self._sides[role] for role in ROLES)
        kinds = ["sparse" if isinstance(side.matrix, csr_array) else "dense" for side in (passages, queries)]
        if kinds[0] != kinds[1] or passages.matrix.shape[1] != queries.matrix.shape[1]:
            raise ValueError(
                f"{queries.source}: expected {kinds[0]} vectors of {passages.matrix.shape[1]:,} dimensions as in "
                f"{passages.source}, found {kinds[1]} ones of {queries.matrix.shape[1]:,}: "
                f"encode both sides with one model"
            )


def _n_different(source: str, matrix: Matrix, pairs: Sequence[tuple[int, int]]) -> int:
    """How many of those pairs of rows differ."""
    if not pairs:
        return 0
    one, other = (taken(source, matrix, np.array(rows, np.int64)) for rows in zip(*pairs, strict=True))
    return int((abs(one - other).sum(axis=1) > 0).sum())


def _unit_share(vectors: Matrix) -> float | None:
    """The share of rows whose length is 1; None of no row."""
    if vectors.shape[0] == 0:
        return None
    if isinstance(vectors, csr_array):
        squares = vectors.power(2).sum(axis=1)
    else:
        squares = np.einsum("ij,ij->i", vectors, vectors)  # without an array of the squares
    return float((abs(np.sqrt(squares) - 1) < UNIT).mean())
