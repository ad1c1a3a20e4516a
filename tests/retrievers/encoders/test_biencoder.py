"""The bi-encoder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrievers import model_folders, registry
from retrievers.contract import (
    Accountable,
    Descriptive,
    Encoder,
    Fingerprinted,
    Persistent,
    Preparable,
)
from retrievers.encoders.biencoder import BiEncoder
from retrievers.similarity import l2_augmented, shaped, unit
from retrievers.spelling import spell
from tests.helpers.dense_models import MINILM, MINILM_SHA256, saved_model

pytestmark = pytest.mark.slow  # importing sentence-transformers takes seconds


@pytest.fixture
def toy(tmp_path):
    return saved_model(tmp_path / "toy")


@pytest.fixture(scope="module")
def minilm():
    encoder = BiEncoder(MINILM, device="cpu")
    encoder.fit([])
    return encoder


# Spelling and options


def test_it_is_what_the_contract_asks():
    """
    A bi-encoder is an encoder with every optional ability of one.
    """
    encoder = BiEncoder(MINILM)

    abilities = (Encoder, Persistent, Accountable, Preparable, Descriptive, Fingerprinted)

    assert [True] * len(abilities) == [isinstance(encoder, ability) for ability in abilities]


@pytest.mark.parametrize(
    "spelling",
    [
        'BiEncoder("all-MiniLM-L6-v2")',
        'BiEncoder("a/b", query_model="a/c", query_prompt="query: ", similarity="l2", dims=64, dtype="bfloat16")',
        'BiEncoder("a/b", passage_prompt="", similarity="dot", max_length=64, device="cpu", batch=8)',
    ],
)
def test_the_spelling_parses_back(spelling):
    """
    What is printed parses back to the same encoder.
    """
    encoder = registry.parse(spelling, registry.installed())

    assert spelling == repr(encoder)
    assert encoder == registry.parse(repr(encoder), registry.installed())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("model", ""),
        ("query_model", ""),
        ("similarity", "euclidean"),
        ("dtype", "int8"),
        ("dims", 0),
        ("max_length", -1),
        ("batch", None),
        ("batch", 2.0),
    ],
)
def test_an_option_that_can_not_be_is_refused_when_made(option, value):
    """
    A wrong option is a ValueError at construction, which names the option and what was found.
    """
    with pytest.raises(ValueError, match=rf"expected {option} .* found {value!r}"):
        BiEncoder(**{"model": MINILM, option: value})


@pytest.mark.slow
def test_nothing_heavy_is_imported_before_a_model_is_used():
    """
    Importing the module, making an encoder and taking its fingerprint load neither torch nor a library of models.
    """
    code = (
        "import sys; from retrievers.encoders.biencoder import BiEncoder\n"
        f"e = BiEncoder({MINILM!r}); repr(e); e.describe(); e.fingerprint()\n"
        "print({'torch', 'sentence_transformers', 'transformers', 'huggingface_hub', 'pandas'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "set()\n" == done.stdout


@pytest.mark.slow
def test_a_missing_library_names_the_remedy(monkeypatch, toy):
    """
    Without sentence-transformers, use is an ImportError that tells what to install.
    """
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)

    with pytest.raises(ImportError, match=r"pip install 'sparring\[dense\]'"):
        BiEncoder(toy).fit([])


# Similarity is inner product


def test_unit_vectors():
    """
    A unit vector is the vector by its length; a vector of zeros stays.
    """
    vectors = np.array([[3, 4], [0, 0]], np.float32)

    units = unit(vectors)

    np.testing.assert_array_equal(np.array([[0.6, 0.8], [0, 0]], np.float32), units)
    assert np.float32 == units.dtype


def test_l2_adds_one_dimension():
    """
    For "l2" a passage gets -|x|²/2 and a query 1 as one more dimension.
    """
    vectors = np.array([[3, 4]], np.float32)

    assert [[3, 4, -12.5]] == l2_augmented(vectors, "passage").tolist()
    assert [[3, 4, 1]] == l2_augmented(vectors, "query").tolist()


BY_DEFINITION = {
    "cosine": lambda q, x: (x @ q) / (np.linalg.norm(x, axis=1) * np.linalg.norm(q)),
    "dot": lambda q, x: x @ q,
    "l2": lambda q, x: -np.linalg.norm(x - q, axis=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("similarity", BY_DEFINITION)
@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.integers(-9, 9)] * 3).filter(any), min_size=1, max_size=8),
    query=st.tuples(*[st.integers(-9, 9)] * 3).filter(any),
)
def test_the_inner_product_orders_as_the_similarity_does(similarity, rows, query):
    """
    The inner product of the shaped vectors ranks passages as the similarity's own definition does.
    """
    passages, queries = np.array(rows, np.float32), np.array([query], np.float32)
    expected = BY_DEFINITION[similarity](queries[0].astype(float), passages.astype(float))

    shaped_passages = shaped(passages, "passage", similarity, None)
    found = (shaped_passages @ shaped(queries, "query", similarity, None).T)[:, 0]

    order = np.argsort(-found, kind="stable")
    assert np.all(np.diff(expected[order]) <= 1e-5)


def test_dims_are_cut_before_the_length():
    """
    Fewer dimensions are the first ones, and a unit vector has length 1 after the cut.
    """
    vectors = np.array([[3, 4, 12]], np.float32)

    cut = shaped(vectors, "passage", "cosine", 2)

    np.testing.assert_array_equal(np.array([[0.6, 0.8]], np.float32), cut)
    assert cut.flags.c_contiguous


def test_vectors_by_hand(toy):
    """
    A text's vector is what the model says, for either role, and the empty text has one.
    """
    encoder = BiEncoder(toy, similarity="dot")

    vectors = encoder.encode(["cat", "cat dog", "", "unheard"], "passage")

    assert [[3, 4, 0], [1.5, 3, 0], [0, 0, 0], [0, 0, 0]] == vectors.tolist()
    assert [[3, 4, 0]] == encoder.encode(["cat"], "query").tolist()


@pytest.mark.parametrize(("similarity", "columns"), [("cosine", 2), ("dot", 2), ("l2", 3)])
def test_no_text_is_no_row(toy, similarity, columns):
    """
    An empty list has no rows and as many columns as any other, which `describe` calls dims.
    """
    encoder = BiEncoder(toy, similarity=similarity, dims=2)

    assert (0, columns) == encoder.encode([], "query").shape
    assert (1, columns) == encoder.encode(["cat"], "query").shape
    assert columns == encoder.describe()["dims"]


# The two sides


def test_a_prompt_changes_its_role_alone(toy):
    """
    A prompt is put before the texts of its role, and the other role's vectors stay.
    """
    encoder = BiEncoder(toy, query_prompt="ask ", similarity="dot")

    assert [[1.5, 2, 4]] == encoder.encode(["cat"], "query").tolist()
    assert [[3, 4, 0]] == encoder.encode(["cat"], "passage").tolist()


def test_the_models_own_prompts_are_taken(tmp_path):
    """
    Left out, a prompt is the one the model names "query", and "document" or "passage"; an empty one turns it off.
    """
    model = saved_model(tmp_path / "prompted", prompts={"query": "ask ", "passage": "tell "})

    encoder = BiEncoder(model, similarity="dot")
    bare = BiEncoder(model, query_prompt="", passage_prompt="", similarity="dot")

    assert [[1.5, 2, 4]] == encoder.encode(["cat"], "query").tolist()
    assert [[5.5, 2, 0]] == encoder.encode(["cat"], "passage").tolist()
    assert [[3, 4, 0]] == bare.encode(["cat"], "query").tolist()
    assert [[3, 4, 0]] == bare.encode(["cat"], "passage").tolist()


def test_a_default_prompt(tmp_path):
    """
    A model's default prompt is taken for a role that it names none for, as the library does; those that stand before
    no text are named, and the ones in force are facts.
    """
    prompts = {"query": "ask ", "web": "tell ", "s2s": "cow "}
    model = saved_model(tmp_path / "default", prompts=prompts, default_prompt_name="web")

    encoder = BiEncoder(model, similarity="dot")
    found = [encoder.encode(["cat"], role).tolist() for role in ("query", "passage")]
    facts = encoder.describe()

    assert [[[1.5, 2, 4]], [[5.5, 2, 0]]] == found
    assert ("ask ", "tell ", "s2s") == (facts["query_prompt"], facts["passage_prompt"], facts["unused_prompts"])


@pytest.mark.parametrize(("says", "own"), [("cosine", "cosine"), ("dot", "dot"), ("euclidean", "l2"), (None, "cosine")])
def test_the_similarity_that_the_model_was_made_for(tmp_path, says, own):
    """
    Left out, the similarity is the model's own; it is written into the spelling where it is not cosine, and what is
    said stays.
    """
    model = saved_model(tmp_path / "model", **({} if says is None else {"similarity_fn_name": says}))
    texts = ["cat", "dog cow"]

    encoder, said = BiEncoder(model), BiEncoder(model, similarity=own)
    settled = encoder.settled()

    assert encoder.encode(texts, "passage").tolist() == said.encode(texts, "passage").tolist()
    assert own == encoder.describe()["similarity"]
    assert ("" if own == "cosine" else f', similarity="{own}"') == spell(settled)[len(spell(encoder)) - 1 : -1]
    assert settled == said.settled() == settled.settled()
    assert [name for name in ("cosine", "dot", "l2") if name != own] == [
        BiEncoder(model, similarity=name).settled().similarity for name in ("cosine", "dot", "l2") if name != own
    ]


def test_a_similarity_that_is_no_inner_product(tmp_path):
    """
    A model that was made for another similarity is refused with the ways to name one.
    """
    model = saved_model(tmp_path / "far", similarity_fn_name="manhattan")

    with pytest.raises(ValueError, match=r"expected a model that compares by one of .* found 'manhattan' in its"):
        BiEncoder(model).encode(["cat"], "query")
    assert "dot" == BiEncoder(model, similarity="dot").settled().similarity


def test_two_towers(toy, tmp_path):
    """
    With a query model, queries are read by it, and the ledger and the fingerprint tell of both.
    """
    other = saved_model(tmp_path / "other", prompts={"query": "tell "})

    encoder = BiEncoder(toy, query_model=other, similarity="dot")

    assert [[5.5, 2, 0]] == encoder.encode(["cat"], "query").tolist()
    assert [[3, 4, 0]] == encoder.encode(["cat"], "passage").tolist()
    assert 2 * BiEncoder(toy).ledger()["weights"] == encoder.ledger()["weights"]
    assert f"{BiEncoder(toy).fingerprint()}+{BiEncoder(other).fingerprint()}" == encoder.fingerprint()
    assert BiEncoder(toy).ledger() == BiEncoder(toy, query_model=toy).ledger()


def test_towers_of_different_size_do_not_meet(toy, tmp_path):
    """
    A query model of another output size is refused, with both sizes.
    """
    small = saved_model(tmp_path / "small", dims=2)

    with pytest.raises(ValueError, match="found 3 for passages and 2 for queries"):
        BiEncoder(toy, query_model=small).fit([])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": 4}, "expected dims up to the model's 3, found 4"),
        ({"max_length": 8}, "the model takes any length, found 8"),
        ({"device": "nowhere"}, "expected a device that torch can use here, found 'nowhere'"),
    ],
)
def test_an_option_that_the_model_can_not_meet_is_refused(toy, options, message):
    """
    An option beyond the model or the machine is a ValueError that says what was expected.
    """
    with pytest.raises(ValueError, match=message):
        BiEncoder(toy, **options).fit([])


# A real model


@pytest.mark.slow
def test_minilm_gives_unit_vectors_that_mean_something(minilm):
    """
    MiniLM gives float32 unit vectors of 384 dimensions, the same each time, and puts the answer nearest its question.
    """
    texts = ["The capital of France is Paris.", "Photosynthesis makes sugar.", "", "I like trains."]
    untouched = list(texts)

    passages = minilm.encode(texts, "passage")
    query = minilm.encode(["What is the capital of France?"], "query")

    assert ((4, 384), np.float32, True) == (passages.shape, passages.dtype, passages.flags.c_contiguous)
    np.testing.assert_allclose(np.ones(4), np.linalg.norm(passages, axis=1), atol=1e-6)
    assert 0 == (passages @ query[0]).argmax()
    np.testing.assert_array_equal(passages, minilm.encode(texts, "passage"))
    assert untouched == texts


@pytest.mark.slow
def test_minilm_is_described(minilm):
    """
    The description has the sha256 of the weights as published, the dimensions, the length, the device and the dtype.
    """
    facts = minilm.describe()

    assert (MINILM_SHA256, 384, 256) == (facts["model_sha256"], facts["dims"], facts["max_length"])
    assert ("cpu", "float32", MINILM) == (facts["device"], facts["dtype"], facts["model"])
    assert minilm.fingerprint() == facts["model_files_sha256"]


def test_what_is_not_known_yet_is_none():
    """
    Before the model is loaded, its facts are None.
    """
    facts = BiEncoder(MINILM).describe()

    assert {None} == {facts[name] for name in ("model_sha256", "dims", "max_length", "passages_cut")}


@pytest.mark.slow
def test_the_share_of_passages_cut():
    """
    A passage is cut when its tokens, the two special ones with them, are more than the model reads. Queries are counted
    apart, and not while they are encoded.
    """
    encoder = BiEncoder(MINILM, max_length=8, device="cpu")
    nine = "one two three four five six seven"

    encoder.encode(["cat", "one two three four five six", nine, "é " * 7], "passage")
    encoder.encode(["cat"], "query")

    assert (0.5, None) == tuple(encoder.describe()[name] for name in ("passages_cut", "queries_cut"))
    encoder.count(["cat", nine, nine, nine], "query")
    assert (0.5, 0.75) == tuple(encoder.describe()[name] for name in ("passages_cut", "queries_cut"))


@pytest.mark.slow
def test_bfloat16_is_near_float32(minilm):
    """
    In bfloat16 the weights are half as many bytes, and a vector keeps a cosine of .999 to float32's.
    """
    texts = ["a cat sat on the mat", "", "Reciprocal rank is one over the rank of the first relevant passage."]
    half = BiEncoder(MINILM, dtype="bfloat16", device="cpu")

    vectors = half.encode(texts, "passage")

    assert np.float32 == vectors.dtype
    assert ((minilm.encode(texts, "passage") * vectors).sum(axis=1) >= 0.999).all()
    assert 0.51 > half.ledger()["weights"] / minilm.ledger()["weights"]


def test_the_ledger_counts_the_weights(minilm):
    """
    The ledger has the bytes of the weights in memory and of the tokenizer's file.
    """
    folder = model_folders.find(MINILM).folder
    header = 8 + int.from_bytes((folder / "model.safetensors").read_bytes()[:8], "little")
    tensors = (folder / "model.safetensors").stat().st_size - header

    ledger = minilm.ledger()

    assert (folder / "tokenizer.json").stat().st_size == ledger["vocabulary"]
    assert 0 <= ledger["weights"] - tensors < 10_000  # buffers that are made, not saved


def test_loading_and_preparing_leave_no_mark(toy):
    """
    Loading shows no progress bar and leaves transformers as it was; preparing changes neither threads nor the seed.
    """
    import torch
    from transformers.utils import logging

    before = (logging.is_progress_bar_enabled(), logging.get_verbosity(), torch.get_num_threads())
    seed = torch.get_rng_state()

    BiEncoder(toy).fit([])
    BiEncoder(toy).prepare()

    assert before == (logging.is_progress_bar_enabled(), logging.get_verbosity(), torch.get_num_threads())
    assert torch.equal(seed, torch.get_rng_state())


def test_loading_is_silent(capfd):
    """
    Loading a model writes nothing, neither to stdout nor to stderr.
    """
    BiEncoder(MINILM, device="cpu").fit([])

    assert ("", "") == tuple(capfd.readouterr())


# Saved and loaded


@pytest.mark.slow
def test_saved_and_loaded_gives_the_same_vectors(minilm, tmp_path):
    """
    An encoder loaded from a folder gives the vectors of the one saved there, and the folder holds no weights.
    """
    texts = ["a cat", "the dog barks at the postman"]
    minilm.save(tmp_path / "saved")

    loaded = BiEncoder(MINILM, device="cpu")
    loaded.load(tmp_path / "saved")

    np.testing.assert_array_equal(minilm.encode(texts, "passage"), loaded.encode(texts, "passage"))
    assert 10_000 > sum(path.stat().st_size for path in (tmp_path / "saved").iterdir())


def test_a_changed_model_is_refused(toy, tmp_path):
    """
    A model whose files changed since the save is not loaded, and the error names the file.
    """
    encoder = BiEncoder(toy)
    encoder.save(tmp_path / "saved")
    weights = Path(toy) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")

    with pytest.raises(ValueError, match=r"found model\.safetensors changed"):
        BiEncoder(toy).load(tmp_path / "saved")


def test_another_models_folder_is_refused(toy, tmp_path):
    """
    A folder saved with one model is not loaded by an encoder of another.
    """
    BiEncoder(toy).save(tmp_path / "saved")

    with pytest.raises(ValueError, match=f"expected '{MINILM}' for the passage side"):
        BiEncoder(MINILM).load(tmp_path / "saved")


def test_what_is_saved_names_no_place(minilm, tmp_path):
    """
    A saved encoder finds its model by name: the folder of the package it was loaded from may be made anew elsewhere.
    """
    minilm.save(tmp_path)

    saved = (tmp_path / "biencoder.json").read_text()

    assert str(minilm._towers["passage"].source.folder) not in saved
