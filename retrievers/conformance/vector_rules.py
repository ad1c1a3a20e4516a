"""The rules of encoders."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from retrievers.conformance.hits import dense
from retrievers.conformance.subject import CLOSE, BrokenRule, NotApplicable, Rule, Subject, difference
from retrievers.conformance.toy_collections import PASSAGES, QUERIES, TEXTS, UNKNOWN
from retrievers.contract import Role

TEXTS_OF: dict[Role, tuple[str, ...]] = {"passage": PASSAGES, "query": QUERIES}
ALONE = 3  # every third text is encoded alone: models take their time
SHORT, TIMES = 3, 340  # the shortest queries over and over, past 1,000 texts: more than a batch of any encoder


def vectors_type(subject: Subject) -> str | None:
    """Vectors are a plain csr_array or ndarray, float32, the same kind for both roles."""
    both = _vectors(subject)
    for role, vectors in both.items():
        if type(vectors) not in (csr_array, np.ndarray):  # a class of its own may put off its work until it is read
            found = f"{type(vectors).__name__} for the role {role}"
            raise BrokenRule(
                "a csr_array or an ndarray", found, "wrap a matrix of scipy's in csr_array, a list in np.array"
            )
        if vectors.dtype != np.float32:
            raise BrokenRule("float32", f"{vectors.dtype} for the role {role}", "astype(np.float32) in the end")
    if isinstance(both["passage"], np.ndarray) != isinstance(both["query"], np.ndarray):
        raise BrokenRule("one kind of vectors for both roles", "sparse and dense", "return one kind")
    return "dense" if isinstance(both["passage"], np.ndarray) else "sparse"


def vectors_shape(subject: Subject) -> str | None:
    """There is one row per text, and none for no text."""
    with subject.taught(subject.collections[0]) as adapter:
        for role, texts in TEXTS_OF.items():
            for n in (len(texts), 1, 0):
                shape = np.shape(adapter.encode(list(texts[:n]), role))
                if len(shape) != 2 or shape[0] != n:
                    raise BrokenRule(f"shape ({n}, dims) for the role {role}", str(shape), "return one row per text")
    return None


def roles_share_dims(subject: Subject) -> str | None:
    """Passages and queries have the same dimensions, or no inner product."""
    both = {role: np.shape(vectors)[-1] for role, vectors in _vectors(subject).items()}
    if both["passage"] != both["query"]:
        raise BrokenRule(
            f"{both['passage']} dimensions in queries as in passages", str(both["query"]), "make them meet"
        )
    return f"{both['passage']} dimensions"


def finite(subject: Subject) -> str | None:
    """No number is NaN or infinite, also of the empty text."""
    with subject.taught(subject.collections[0]) as adapter:
        for role, ours in TEXTS_OF.items():
            for texts in (list(ours),) if subject.is_aligned else (list(ours), ["", " "]):
                vectors = adapter.encode(texts, role)
                if not np.isfinite(dense(vectors)).all():
                    row = int(np.argwhere(~np.isfinite(dense(vectors)))[0, 0])
                    raise BrokenRule("finite numbers", f"NaN or infinity for {texts[row]!r}", "mind the division by 0")
    return None


def unseen_text(subject: Subject) -> str | None:
    """The empty text, unknown words and scripts are encoded, in both roles."""
    subject.require_any_text()
    with subject.taught(subject.collections[0]) as adapter:
        for role in TEXTS_OF:
            shape = np.shape(adapter.encode(list(UNKNOWN), role))
            if shape[0] != len(UNKNOWN):
                raise BrokenRule(f"{len(UNKNOWN)} rows", str(shape), "give a text without known words a row of zeros")
    return None


def batch_mates(subject: Subject) -> str | None:
    """
    A text has the same vector alone, among others, 1,000 also, and in another order; 1e-5 of the largest may differ.
    """
    with subject.taught(subject.collections[0]) as adapter:
        for role, texts in TEXTS_OF.items():
            together = dense(adapter.encode(list(texts), role))
            singles = [dense(adapter.encode([text], role)) for text in texts[::ALONE]]
            if any(single.ndim != 2 for single in singles):
                raise BrokenRule("a row for a text alone", "none", "see vectors-shape")
            alone = np.concatenate(singles)
            backwards = dense(adapter.encode(list(texts[::-1]), role))[::-1]
            compared = [("alone", together[::ALONE], alone), ("in another order", together, backwards)]
            if role == "query":
                short = sorted(range(len(texts)), key=lambda place: len(texts[place]))[:SHORT]
                many = dense(adapter.encode([texts[place] for place in short] * TIMES, role))
                compared.append((f"among {SHORT * TIMES}", np.tile(together[short], (TIMES, 1)), many))
            for how, expected, found in compared:
                differs = difference({"vectors": expected}, {"vectors": found}, CLOSE)
                if differs:
                    raise BrokenRule(f"the same vectors {how} (role {role})", differs, "let texts not mix")
    return None


def really_sparse(subject: Subject) -> str | None:
    """Sparse vectors store no zero, no column twice, and columns in order; their density is reported."""
    said = []
    for role, vectors in _vectors(subject).items():
        if not isinstance(vectors, csr_array):
            raise NotApplicable("its vectors are dense")
        zeros = int((vectors.data == 0).sum())
        if zeros:
            raise BrokenRule("no stored zero", f"{zeros} of {vectors.nnz} (role {role})", "call eliminate_zeros()")
        for row in range(vectors.shape[0]):
            columns = vectors.indices[vectors.indptr[row] : vectors.indptr[row + 1]]
            if (np.diff(columns) <= 0).any():
                found = f"row {row} otherwise (role {role})"
                raise BrokenRule("columns rising within a row", found, "call sum_duplicates()")
        if vectors.indices.dtype not in (np.int32, np.int64):
            raise BrokenRule("indices of int32 or int64", str(vectors.indices.dtype), "as scipy has them")
        said.append(f"{vectors.nnz / max(1, vectors.shape[0] * vectors.shape[1]):.1%} of {role} numbers")
    return f"stores {', '.join(said)}"


def normal_forms(subject: Subject) -> str | None:
    """Whether text that is composed otherwise (NFC, NFD) has the same vector is reported."""
    subject.require_any_text()
    composed, decomposed = ([unicodedata.normalize(form, q) for q in TEXTS.queries()] for form in ("NFC", "NFD"))
    with subject.taught(subject.collections[0]) as adapter:
        one, two = (dense(adapter.encode(texts, "query")) for texts in (composed, decomposed))
    differ = int((~np.isclose(one, two, rtol=0, atol=CLOSE)).any(axis=1).sum())
    return f"{differ} of {len(composed)} queries have another vector when decomposed (NFD)"


def _vectors(subject: Subject) -> dict[Role, Any]:  # Any: what an encoder gave back
    with subject.taught(subject.collections[0]) as adapter:
        passages = adapter.encode(TEXTS.passages(), "passage")
        return {"passage": passages, "query": adapter.encode(TEXTS.queries(), "query")}


ENCODER: tuple[Rule, ...] = (
    vectors_type,
    vectors_shape,
    roles_share_dims,
    finite,
    unseen_text,
    batch_mates,
    really_sparse,
    normal_forms,
)
