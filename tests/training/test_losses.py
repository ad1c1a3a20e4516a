"""What is made small: held to hand-worked batches."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from bench.errors import InputError
from bench.training.losses import loss_of, similarity
from bench.training.model import model_of
from bench.training.recipe import Data, Loss, Model, Recipe
from retrievers.contract import top_k
from retrievers.similarity import shaped
from tests.helpers import sparse_models

QUERIES = ["red apples", "green pears", "blue plums", "old trees"]
PASSAGES = ["apples are red or green", "pears hang green on trees", "plums turn blue", "trees grow old and tall"]
HARD = ["red roses", "green grass", "blue sky", "old houses"]


def recipe(similarity="cosine", *, towers="shared", dims=6, **loss):
    """One whose model is small: vectors of the tokens of the texts above."""
    return Recipe(
        name="small",
        data=Data(train="a", dev="b", test="c"),
        model=Model(start="static", dims=dims, vocabulary=300, similarity=similarity, towers=towers),
        loss=Loss(**loss),
    )


def model(asked, *texts):
    torch.manual_seed(3)
    return model_of(asked, [*QUERIES, *PASSAGES, *HARD, *texts], "cpu")


def features(made, *columns):
    """What the trainer hands a loss: a dict of tensors a column."""
    tasks = ["query", *["document"] * (len(columns) - 1)]
    return [
        dict(made.preprocess(column, task=task)) | {"task": task} for column, task in zip(columns, tasks, strict=True)
    ]


def vectors(made, texts, role):
    encode = made.encode_query if role == "query" else made.encode_document
    return np.asarray(encode(texts), np.float64)


def scores(name, queries, passages):
    """Similarities of each pair, the slow, obvious way: (n, m)."""
    found = np.empty((len(queries), len(passages)))
    for i, q in enumerate(queries):
        for j, p in enumerate(passages):
            cosine = q @ p / np.sqrt(q @ q) / np.sqrt(p @ p)
            found[i, j] = {"dot": q @ p, "cosine": cosine, "l2": -np.sum((q - p) ** 2)}[name]
    return found


def cross_entropy(logits):
    """Mean of -log softmax at the diagonal."""
    return -np.mean(np.diag(log_softmax(logits, axis=1)))


@pytest.mark.parametrize("name", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("towers", ["shared", "separate"])
def test_cross_entropy_over_the_batch(name, towers):
    """
    The loss is the cross-entropy of each question's passage among the batch's, over similarities / temperature.
    """
    asked = recipe(name, towers=towers, temperature=0.7)
    made = model(asked)

    found = loss_of(asked, made)(features(made, QUERIES, PASSAGES), None).item()

    logits = scores(name, vectors(made, QUERIES, "query"), vectors(made, PASSAGES, "passage")) / 0.7
    assert cross_entropy(logits) == pytest.approx(found, abs=1e-6)


def test_a_hand_worked_batch():
    """
    Two questions, two passages, similarities 1, 0, .6 and .8, temperature .5: the mean of two cross-entropies.
    """
    asked = recipe("cosine", temperature=0.5)
    inner = torch.tensor([[1.0, 0.0], [0.6, 0.8]])

    loss = loss_of(asked, model(asked)).compute_loss_from_embeddings([inner, torch.eye(2)], None)

    first = np.log(1 + np.exp((0.0 - 1.0) / 0.5))
    second = np.log(1 + np.exp((0.6 - 0.8) / 0.5))
    assert (first + second) / 2 == pytest.approx(loss.item(), abs=1e-6)


def test_hard_negatives_are_everyones():
    """
    Every question's passage is told from all hard negatives of the batch, too.
    """
    asked = recipe("dot")
    made = model(asked)

    found = loss_of(asked, made)(features(made, QUERIES, PASSAGES, HARD), None).item()

    passages = np.vstack([vectors(made, PASSAGES, "passage"), vectors(made, HARD, "passage")])
    assert cross_entropy(vectors(made, QUERIES, "query") @ passages.T) == pytest.approx(found, abs=1e-6)


def test_symmetric():
    """
    With `symmetric` it is the mean of both ways: of passages among all, and of questions among all.
    """
    asked = recipe("dot", symmetric=True)
    made = model(asked)

    found = loss_of(asked, made)(features(made, QUERIES, PASSAGES), None).item()

    logits = vectors(made, QUERIES, "query") @ vectors(made, PASSAGES, "passage").T
    assert (cross_entropy(logits) + cross_entropy(logits.T)) / 2 == pytest.approx(found, abs=1e-6)


def test_matryoshka():
    """
    With `matryoshka` it is the sum over whole vectors, and over vectors cut to each of the dimensions.
    """
    asked = recipe("cosine", matryoshka=(2,))
    made = model(asked)

    found = loss_of(asked, made)(features(made, QUERIES, PASSAGES), None).item()

    queries, passages = vectors(made, QUERIES, "query"), vectors(made, PASSAGES, "passage")
    cut = [cross_entropy(scores("cosine", queries[:, :d], passages[:, :d]) / 0.05) for d in (6, 2)]
    assert sum(cut) == pytest.approx(found, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("towers", ["shared", "separate"])
def test_cached_gradients(towers):
    """
    In parts that fit memory the loss has the same value, and every weight the same gradient.
    """
    start = Model(start="sentence-transformers/all-MiniLM-L6-v2", layers=1, towers=towers)
    whole, cached = (msgspec.structs.replace(recipe(cached=parts), model=start) for parts in (None, 1))
    made, same = model(whole), model(cached)

    loss = loss_of(whole, made)(features(made, QUERIES, PASSAGES, HARD), None)
    loss.backward()
    of_parts = loss_of(cached, same)(features(same, QUERIES, PASSAGES, HARD), None)
    of_parts.backward()

    assert loss.item() == pytest.approx(of_parts.item(), abs=1e-6)
    for one, other in zip(made.parameters(), same.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)  # of the pooler, which nothing reads
        if one.grad is not None:
            assert (one.grad - other.grad).abs().max() < 1e-5
    assert all(weight.grad.abs().max() > 0 for name, weight in made.named_parameters() if "layer.0" in name)


def test_towers_receive_different_gradients():
    """
    Two towers begin alike; the questions' gradient goes to one and the passages' to the other.
    """
    asked = recipe(towers="separate")
    made = model(asked)

    loss_of(asked, made)(features(made, QUERIES, PASSAGES), None).backward()

    query, passage = (made[0].sub_modules[name][0].embedding.weight for name in ("query", "document"))
    assert query is not passage
    assert torch.equal(query, passage)
    assert not torch.allclose(query.grad, passage.grad)
    words = made[0].sub_modules["query"][0].tokenizer
    only_in_queries = words.encode("apples red").ids
    assert query.grad[only_in_queries].abs().sum() > 0


def splade(folder, **loss):
    """A recipe of a learned-sparse model."""
    words = sorted({word for text in (*QUERIES, *PASSAGES, *HARD) for word in text.split()})
    start = Model(start=sparse_models.toy(folder, tuple(words)), head="splade", similarity="dot")
    return msgspec.structs.replace(recipe(**loss), model=start)


def test_splade(tmp_path):
    """
    Of a learned-sparse model it is the same cross-entropy, and beside it what the terms cost: of each term the mean
    weight over the batch, squared.
    """
    asked = splade(tmp_path, query_flops=0.3, passage_flops=0.2)
    made = model(asked).eval()

    found = loss_of(asked, made)(features(made, QUERIES, PASSAGES, HARD), None)

    queries, passages, hard = (
        made.encode(texts, convert_to_sparse_tensor=False).numpy() for texts in (QUERIES, PASSAGES, HARD)
    )
    own = np.vstack([passages, hard])
    assert cross_entropy(queries @ own.T) == pytest.approx(found["base_loss"].item(), abs=1e-6)
    assert 0.3 * np.sum(queries.mean(axis=0) ** 2) == pytest.approx(found["query_regularizer_loss"].item(), abs=1e-6)
    assert 0.2 * np.sum(own.mean(axis=0) ** 2) == pytest.approx(found["document_regularizer_loss"].item(), abs=1e-6)


@pytest.mark.slow
def test_splade_cached(tmp_path):
    """
    In parts that fit memory a learned-sparse model has the same gradients.
    """
    whole, cached = (splade(tmp_path, query_flops=0.3, cached=parts) for parts in (None, 2))
    made, same = model(whole).train(), model(cached).train()

    for each, asked in ((made, whole), (same, cached)):
        found = loss_of(asked, each)(features(each, QUERIES, PASSAGES), None)
        sum(found.values()).backward()

    for one, other in zip(made.parameters(), same.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            assert (one.grad - other.grad).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["cosine", "dot", "l2"])
def test_the_loss_ranks_as_the_encoder(name):
    """
    What the loss calls more similar, `BiEncoder(similarity=...)` ranks higher.
    """
    rng = np.random.default_rng(5)
    queries, passages = (rng.normal(size=(n, 6)).astype(np.float32) for n in (8, 20))

    trained = similarity(name)(torch.from_numpy(queries), torch.from_numpy(passages)).numpy()
    searched = shaped(queries, "query", name, None) @ shaped(passages, "passage", name, None).T

    one, other = (top_k(np.ascontiguousarray(found), 20, positive=False).rows for found in (trained, searched))
    assert one.tolist() == other.tolist()


def test_static_starts_are_drawn_from_the_seed():
    """
    The same texts and seed give the same tokenizer and vectors, another seed the same tokenizer and others.
    """
    asked = recipe()
    one, same = model(asked), model(asked)
    torch.manual_seed(4)
    other = model_of(asked, [*QUERIES, *PASSAGES, *HARD], "cpu")

    tokenizers = [made[0].tokenizer.to_str() for made in (one, same, other)]
    weights = [made[0].embedding.weight for made in (one, same, other)]
    assert tokenizers[0] == tokenizers[1] == tokenizers[2]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_dims_beyond_the_models():
    """
    More Matryoshka dimensions than the model has are refused.
    """
    asked = recipe(matryoshka=(8,))

    with pytest.raises(InputError, match=r"loss.matryoshka: expected dimensions up to the model's 6, found 8"):
        model(asked)
    assert 6 == model(msgspec.structs.replace(asked, loss=Loss())).get_embedding_dimension()
