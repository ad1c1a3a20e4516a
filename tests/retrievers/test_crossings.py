"""Representation times storage: the storage does not change what is found."""

from __future__ import annotations

import os

import pytest

from bench.passages import loader
from tests.benchmarks import crossings

LEXICAL, DENSE = crossings.ENCODERS[:2], crossings.ENCODERS[2]
needs_data = pytest.mark.skipif(
    "SPARRING_DATA" not in os.environ, reason="SPARRING_DATA is not set: it names the folder of the real collections"
)


SAMPLE = ("arcd", "cranfield", "primer-ko", "scifact", "xquad-th", "xquad-zh")  # `make crossings` has every set


@pytest.mark.slow
@pytest.mark.parametrize("encoder", crossings.ENCODERS)
def test_csr_and_flat_find_the_same_on_primer(encoder):
    """
    TF-IDF, BM25 and the bi-encoder find the same passages in CSR and in Flat.
    """
    passage_set = loader.load("primer")

    assert [] == crossings.differences(passage_set, encoder)


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize("encoder", LEXICAL)
@pytest.mark.parametrize("name", SAMPLE)
def test_csr_and_flat_find_the_same_on_real_sets(name, encoder):
    """
    The same on collections of several languages and scripts, for a sample of their queries.
    """
    passage_set = loader.load(name)

    assert [] == crossings.differences(passage_set, encoder, n_queries=20)


@pytest.mark.slow
@needs_data
def test_a_bi_encoder_in_csr_finds_the_same_on_real_text():
    """
    The same for dense vectors of real paragraphs, zeros, negative scores and all.
    """
    passage_set = loader.load("xquad-en")

    assert [] == crossings.differences(passage_set, DENSE, n_queries=100)
