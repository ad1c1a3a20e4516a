"""Tests of what a suite leaves open, filled in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench.run.resolve import settled
from retrievers.analysers import Words
from retrievers.contract import Storage, spell
from retrievers.encoders.biencoder import BiEncoder
from retrievers.encoders.lexical import BM25
from retrievers.storages.csr import CSR
from retrievers.storages.flat import Flat
from tests.helpers.dense_models import saved_model


@dataclass(frozen=True)
class Twice:
    """A storage of storages."""

    inner: Storage | None = None
    others: tuple[object, ...] = ()

    def add(self, vectors):
        """Take them."""

    def search(self, queries, k):
        """Find nothing."""


@pytest.mark.parametrize("wrapped", [lambda inner: Twice(inner), lambda inner: Twice(others=(Flat(), inner))])
def test_an_option_of_an_option(tmp_path, wrapped):
    """
    What is left to a model is written in wherever the model is named, also in an adapter that is an option of another.
    """
    model = saved_model(tmp_path / "model", similarity_fn_name="dot")
    inner = BiEncoder(model) @ Flat()

    assert f'{spell(BiEncoder(model))[:-1]}, similarity="dot") @ Flat()' in spell(settled(wrapped(inner)))


def test_nothing_left_open():
    """
    An adapter that leaves nothing to a model is made anew as it is.
    """
    adapter = Twice(CSR(), (BM25(analyser=Words()) @ CSR(), 3, "text"))

    assert spell(adapter) == spell(settled(adapter))
