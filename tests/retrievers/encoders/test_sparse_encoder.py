"""Learned-sparse encoders."""

from __future__ import annotations

import json

import numpy as np
import pytest

from retrievers import registry
from retrievers.contract import Accountable, Descriptive, Encoder, Fingerprinted, Persistent, Preparable
from retrievers.encoders.sparse import SparseEncoder
from retrievers.storages.csc import CSC
from tests.helpers import sparse_models
from tests.helpers.sparse_models import WORDS

pytestmark = pytest.mark.slow  # importing sentence-transformers takes seconds

TEXTS = ["red apples grow", "the cow", "", "green pears green pears"]


@pytest.fixture
def toy(tmp_path):
    return sparse_models.toy(tmp_path / "toy")


def by_hand(folder, texts):
    """max over tokens of log(1 + relu(logits)), text by text: (n, vocabulary)."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = [model(**tokenizer(text, return_tensors="pt")).logits[0] for text in texts]
    return np.stack([torch.log1p(torch.relu(found)).max(dim=0).values.numpy() for found in logits])


def test_it_is_what_the_contract_asks():
    """
    It is an encoder with every optional ability of one, and prints as it is spelled.
    """
    encoder = SparseEncoder("a/b", max_active_dims=64, batch=4)

    abilities = (Encoder, Persistent, Accountable, Preparable, Descriptive, Fingerprinted)

    assert [True] * len(abilities) == [isinstance(encoder, ability) for ability in abilities]
    assert 'SparseEncoder("a/b", max_active_dims=64, batch=4)' == repr(encoder)
    assert encoder == registry.parse(repr(encoder), registry.installed())


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_weights_are_splades(toy, batch):
    """
    A term weighs what SPLADE's formula gives it, whatever texts stand in the batch; what weighs nothing is not held.
    """
    encoder = SparseEncoder(toy, device="cpu", batch=batch)

    found = encoder.encode(TEXTS, "passage")

    expected = by_hand(toy, TEXTS)
    assert (found.dtype, found.shape, found.has_sorted_indices) == (np.float32, expected.shape, True)
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-5)
    assert (found.data > 0).all()
    assert (found != encoder.encode(TEXTS, "query")).nnz == 0


@pytest.mark.slow
def test_the_heaviest_terms(toy):
    """
    With `max_active_dims` a text keeps its heaviest terms, with the weights that they had.
    """
    whole = SparseEncoder(toy, device="cpu").encode(TEXTS, "passage").toarray()

    found = SparseEncoder(toy, device="cpu", max_active_dims=3).encode(TEXTS, "passage").toarray()

    for row, cut in zip(whole, found, strict=True):
        assert set(np.argsort(-row)[:3]) == set(np.flatnonzero(cut))
        np.testing.assert_allclose(row[cut > 0], cut[cut > 0], atol=1e-6)


def test_no_texts(toy):
    """
    No texts are a matrix without rows, as wide as any.
    """
    assert (0, len(WORDS) + 5) == SparseEncoder(toy, device="cpu").encode([], "passage").shape


def test_it_is_described_and_weighed(toy):
    """
    Its facts name the vocabulary's size, the length it reads and the hash; its ledger the bytes of the weights.
    """
    encoder = SparseEncoder(toy, max_length=4, device="cpu")

    encoder.encode(["cat dog", "red green blue"], "passage")

    facts = encoder.describe()
    assert (len(WORDS) + 5, 4, 0.5) == (facts["dims"], facts["max_length"], facts["passages_cut"])
    assert encoder.fingerprint() == facts["model_files_sha256"]
    assert 4 * 16 * len(WORDS) < encoder.ledger()["weights"]


@pytest.mark.slow
def test_saved_and_loaded(toy, tmp_path):
    """
    What was saved is loaded, and a model that changed since is told.
    """
    SparseEncoder(toy, device="cpu").save(tmp_path / "saved")
    loaded = SparseEncoder(toy, device="cpu")

    loaded.load(tmp_path / "saved")

    assert (loaded.encode(TEXTS, "query") != SparseEncoder(toy, device="cpu").encode(TEXTS, "query")).nnz == 0
    config = json.loads((tmp_path / "toy" / "config.json").read_text())
    (tmp_path / "toy" / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.1}))
    with pytest.raises(ValueError, match=r"found config.json changed, added or removed since"):
        SparseEncoder(toy, device="cpu").load(tmp_path / "saved")


def test_a_dense_model(tmp_path):
    """
    A model that gives dense vectors is refused, not made sparse by weights drawn at random.
    """
    with pytest.raises(ValueError, match=r"expected a sparse model, or one with a head for masked .* BiEncoder\('all-"):
        SparseEncoder("all-MiniLM-L6-v2").fit([])


def test_another_vocabulary(toy, tmp_path):
    """
    A model for queries that has the same terms in another order is refused: a column would be two terms.
    """
    other = sparse_models.toy(tmp_path / "other", WORDS[::-1])

    with pytest.raises(
        ValueError, match=r"expected both models to have one vocabulary, found another in .*other for q"
    ):
        SparseEncoder(toy, query_model=other, device="cpu").fit([])


@pytest.mark.parametrize(
    ("option", "value"), [("model", ""), ("max_active_dims", 0), ("batch", 1.5), ("dtype", "int8")]
)
def test_options_that_can_not_be(option, value):
    """
    An option that cannot be is refused at construction, by its name.
    """
    with pytest.raises(ValueError, match=f"SparseEncoder: expected {option} to be"):
        SparseEncoder(**{"model": "a/b", option: value})


@pytest.mark.slow
def test_a_real_one():
    """
    A trained SPLADE adds words that the text lacks, and finds by them what TF-IDF could not.
    """
    passages = ["Paris lies on the Seine.", "Trees make sugar of light.", "Cows eat grass."]
    retriever = SparseEncoder(sparse_models.splade(), device="cpu") @ CSC()
    retriever.index(passages)

    hits = retriever.search(["the capital of france", "which animal gives milk"], 1)

    assert [[0], [2]] == hits.rows.tolist()


def test_training_cost_is_told(toy, tmp_path):
    """
    What a model's training cost stands in its facts, and is no part of what it is known by.
    """
    before = SparseEncoder(toy, device="cpu").fingerprint()
    card = {"negatives": 15, "spent": {"seconds": 2.5, "joules": None, "peak_bytes": 7}}
    (tmp_path / "toy" / "training.json").write_text(json.dumps(card))
    encoder = SparseEncoder(toy, device="cpu")
    encoder.fit([])

    facts = {name: value for name, value in encoder.describe().items() if name.startswith("training_")}

    assert {"training_seconds": 2.5, "training_peak_bytes": 7, "training_negatives": 15} == facts
    assert before == encoder.fingerprint()


@pytest.mark.parametrize("text", ["{", "[]", '{"spent": 3}', '{"spent": {}, "negatives": 1}'])
def test_a_card_of_someone_else(toy, tmp_path, text):
    """
    A file of that name that is no such card is passed over.
    """
    (tmp_path / "toy" / "training.json").write_text(text)
    encoder = SparseEncoder(toy, device="cpu")

    encoder.fit([])

    assert [] == [name for name in encoder.describe() if name.startswith("training_")]
