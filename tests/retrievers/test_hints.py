"""What a message says of a name that no adapter has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrievers.hints import BEFORE_ONE, INDEXES, PARTS, factory
from retrievers.registry import SpellingError, installed, parse

FILE = "If it is in a file of yours: --plugin FILE"


def said(text: str) -> str:
    """The error of a spelling that is none."""
    with pytest.raises(SpellingError) as caught:
        parse(text, installed())
    return str(caught.value)


# Indexes of FAISS

CLASSES = [f"{kind}{kept}" for kind in ("HNSW", "IVF", "NSG") for kept in ("Flat", "PQ", "SQ", "ScalarQuantizer")]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("HNSW", "HNSW32"),
        ("hnsw16", "HNSW16"),
        ("HNSW32_SQ8", "HNSW32_SQ8"),
        ("HNSW32_2+PQ", "HNSW32_2+PQ"),
        ("IndexHNSWFlat", "HNSW32"),
        ("hnswlib", "HNSW32"),
        ("IVF100", "IVF100,Flat"),
        ("ivf100,flat", "IVF100,Flat"),
        ("IVF100_HNSW32,PQ16", "IVF100_HNSW32,PQ16"),
        ("IVF100(HNSW32),PQ16", "IVF100(HNSW32),PQ16"),
        ("IVFFlat", "IVF64,Flat"),
        ("IVFPQ", "IVF64,PQ16"),
        ("IndexIVFScalarQuantizer", "IVF64,SQ8"),
        ("IVFPQ100", "IVF100,PQ16"),
        ("HNSWFlat16", "HNSW16"),
        ("IndexHNSWFlat384", "HNSW32"),
        ("HNSWSQ", "HNSW32_SQ8"),
        ("NSGPQ", "NSG32_PQ16"),
        ("PQ16x4fs", "PQ16x4fs"),
        ("SQfp16", "SQfp16"),
        ("OPQ16_64,IVF32,PQ16", "OPQ16_64,IVF32,PQ16"),
        ("OPQ", "OPQ16,PQ16"),
        ("PCA64, SQ8", "PCA64,SQ8"),
        ("SQ4,Refine(SQ8)", "SQ4,Refine(SQ8)"),
        ("LSHrt", "LSHrt"),
        ("Flat", None),
        ("RFlat", None),
        ("Squash", None),
        ("SQL", None),
        ("Padded", None),
        ("PQ16,Own", None),
        ("IVF0", None),
        ("HNSW0", None),
        ("HNSWfp16", None),
        ("SQ16", None),
        ("Refine(", None),
        ("hnswpostgres", None),
        ("IVFRemarkable", None),
        ("", None),
    ],
)
def test_factories(written, expected):
    """
    What names an index of FAISS, in any case, a part of one or its class, is spelled as a whole factory.
    """
    assert expected == factory(written)


@pytest.mark.parametrize("written", [*INDEXES, *BEFORE_ONE, "IVF,SQ,RFlat", "sq8,refine", *CLASSES])
def test_kinds_alone_are_made_by_faiss(written):
    """
    What is said of kinds and of classes alone is an index that FAISS makes.
    """
    faiss = pytest.importorskip("faiss")

    assert 96 == faiss.index_factory(96, factory(written), faiss.METRIC_L2).d


@given(
    st.lists(st.sampled_from([*PARTS, "32", "_", "x4", "fs", "(", ")", ",", " ", "+", "Own"]), max_size=8).map("".join)
)
def test_a_factory_means_itself(written):
    """
    Whatever is written, a factory that was found is found again in itself.
    """
    found = factory(written)

    assert found is None or found == factory(found)


# Messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BM25() @ HNSW()", 'Did you mean Faiss("HNSW32")? Usearch() makes such a graph too.'),
        ("BM25() @ HNSW(M=16)", 'Did you mean Faiss("HNSW16")? Usearch() makes such a graph too.'),
        ("BM25() @ HNSW(efSearch=64)", 'Did you mean Faiss("HNSW32")? Usearch() makes such a graph too.'),
        ("BM25() @ HNSW(ef=200, M=16)", 'Did you mean Faiss("HNSW16")? Usearch() makes such a graph too.'),
        ("BM25() @ HNSW(0)", 'Did you mean Faiss("HNSW32")? Usearch() makes such a graph too.'),
        ("BM25() @ IVFPQ(100, 8)", 'Did you mean Faiss("IVF100,PQ16")?'),
        ("BM25() @ IndexHNSWFlat(384, 16)", 'Did you mean Faiss("HNSW32")? Usearch() makes such a graph too.'),
        ("BM25() @ HNSW32", 'Did you mean Faiss("HNSW32")? Usearch() makes such a graph too.'),
        ("HNSW32()", 'Did you mean Faiss("HNSW32")? Usearch() makes such a graph too.'),
        ("BM25() @ PQ(48)", 'Did you mean Faiss("PQ48")?'),
        ("BM25() @ IVF100", 'Did you mean Faiss("IVF100,Flat")?'),
        ("BM25() @ IVF100,SQ8", 'Did you mean Faiss("IVF100,SQ8")?'),
        ('BM25() @ "PQ16"', 'Did you mean Faiss("PQ16")?'),
        ('BM25(analyser=Words(language="né")) @ IVF100,SQ8', 'Did you mean Faiss("IVF100,SQ8")?'),
    ],
)
def test_an_index_of_faiss_in_place_of_a_storage(text, expected):
    """
    However an index of FAISS is written, the error ends with how it is spelled.
    """
    assert said(text).endswith(expected)


@pytest.mark.parametrize("text", ["HNSW() @ Flat()", "PQ16 @ Flat()", '"HNSW32" @ Flat()'])
def test_an_index_of_faiss_elsewhere(text):
    """
    Where no storage can stand none is proposed.
    """
    assert "Faiss(" not in said(text)


@pytest.mark.parametrize("text", ["Shared()", "Shared() @ Flat()", "Shared", "BM25() @ Shared()"])
def test_a_file_that_was_not_named(text):
    """
    A name that is near to none may be in a plug-in file, and no far name is put in its place.
    """
    assert FILE in said(text)
    assert "Did you mean" not in said(text)


def test_a_name_that_may_be_meant():
    """
    A near name stands before the file; a name in other letters is surely meant, and one of another group is named.
    """
    assert f"Did you mean Flat? {FILE}" in said("BM25() @ Flt()")
    assert said("bm25() @ Flat()").endswith("Did you mean BM25?")
    assert said("BM25() @ rankbm25()").endswith(f'{FILE} (in a suite: plugins = ["FILE"]).')
    assert said("RankBM25() @ Flat()").endswith("RankBM25 is a name of the retrievers.")
