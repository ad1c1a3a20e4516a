"""How the name of a model becomes a folder, what of it is refused, and how it is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrievers import model_folders, models
from retrievers.encoders.biencoder import BiEncoder
from tests.helpers.dense_models import MINILM, MINILM_SHA256, saved_model


@pytest.fixture
def toy(tmp_path):
    return saved_model(tmp_path / "toy")


@pytest.mark.parametrize("name", [MINILM, f"sentence-transformers/{MINILM}"])
def test_an_installed_package_can_carry_a_model(name):
    """
    A model's short and full name both lead to the package that carries it.
    """
    found = model_folders.find(name)

    assert MINILM_SHA256 == found.weights_sha256
    assert (found.folder / "modules.json").is_file()


def test_a_package_with_other_bytes_is_refused(monkeypatch):
    """
    A package that carries other weights than published is refused, with both hashes.
    """
    full_name = f"sentence-transformers/{MINILM}"
    monkeypatch.setattr(model_folders, "PACKAGES", {full_name: model_folders.PACKAGES[full_name]._replace(sha256="00")})

    with pytest.raises(ValueError, match=f"sha256 00, found {MINILM_SHA256}"):
        model_folders.find(MINILM)


def test_without_a_network_an_unknown_model_is_asked_for_once(monkeypatch):
    """
    Where the hub cannot be reached it is asked once, and the error says what was looked for and what to do.
    """
    import huggingface_hub

    asked = []

    def unreachable(*arguments, **options):
        asked.append(arguments[-1])
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)

    with pytest.raises(ValueError, match=r"'nobody-has-this'.*ConnectionError: no network.*hf download"):
        BiEncoder("nobody-has-this").fit([])
    assert ["sentence-transformers/nobody-has-this"] == asked


def test_a_path_that_is_no_folder_is_never_asked_for(tmp_path):
    """
    What is spelled as a path and is not there is an error at once.
    """
    with pytest.raises(ValueError, match="expected a folder there, found none"):
        model_folders.find(str(tmp_path / "nowhere"))


def test_a_folder_without_a_model_is_refused(tmp_path):
    """
    A folder that holds no model is an error that says what a model's folder holds.
    """
    with pytest.raises(ValueError, match=r"expected modules\.json or config\.json"):
        model_folders.find(str(tmp_path))


def test_pickled_weights_are_refused(toy):
    """
    Weights as a pickle, which runs code when read, are not loaded, also beside safetensors of another part.
    """
    dense = Path(toy) / "2_Dense"
    dense.mkdir()
    (dense / "pytorch_model.bin").write_bytes(b"")

    with pytest.raises(ValueError, match=r"expected weights as safetensors in .*2_Dense"):
        model_folders.find(toy)


def test_a_page_about_the_model_is_no_part_of_it(toy):
    """
    The fingerprint follows weights, configuration and tokenizer, and nothing else that lies in the folder.
    """
    before = BiEncoder(toy).fingerprint()

    (Path(toy) / "README.md").write_text("words")
    (Path(toy) / "onnx").mkdir()
    (Path(toy) / "onnx" / "config.json").write_text("{}")
    beside = BiEncoder(toy).fingerprint()
    (Path(toy) / "tokenizer.json").write_text("{}")

    assert before == beside
    assert before != BiEncoder(toy).fingerprint()


# Opened


def opened(dtype: str = "float32", max_length: int | None = None) -> models.Tower:
    prompts = dict.fromkeys(("query", "passage"))
    return models.opened(model_folders.find(MINILM), device="cpu", dtype=dtype, max_length=max_length, prompts=prompts)


@pytest.fixture(scope="module")
def minilm():
    return opened()


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.text(st.sampled_from("ab, 1é가ﷺ‍\t日"), max_size=400), max_size=4))
def test_cut_counts_as_the_tokenizer_does(minilm, texts):
    """
    The short way to tell that a text is not cut agrees with counting the tokens of every text.
    """
    tokenizer = minilm.model.tokenizer

    expected = sum(len(tokenizer(text, truncation=False, verbose=False)["input_ids"]) > 256 for text in texts)

    assert expected == minilm.cut(texts, "passage")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "max_length", "tokens"), [("float32", 256, 4), ("bfloat16", 256, 8), ("bfloat16", 9, 4)]
)
def test_lengths_in_half_precision(dtype, max_length, tokens):
    """
    In half precision texts are padded to whole eights, of which there are few, but never beyond what a model reads.
    """
    tower = opened(dtype, max_length)

    assert tokens == tower.model.preprocess(["a cat"])["input_ids"].shape[1]
