"""What models are called, and which is meant by a name that none has."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrievers import model_folders
from retrievers.contract import NotFound
from retrievers.model_names import USUAL, meant, on_disk, short
from tests.helpers.dense_models import MINILM
from tests.helpers.hub import keep

FULL = f"{USUAL}/{MINILM}"


# On this machine


def test_what_lies_on_this_machine(hub):
    """
    It is what packages carry, and what of the hub's cache is whole and has safetensors.
    """
    folder = keep(hub, "acme/tiny-embed")
    keep(hub, "acme/stopped", whole=False)
    keep(hub, "acme/pickled", weights="pytorch_model.bin")
    keep(hub, "gpt")

    found = on_disk()

    assert {FULL, "acme/tiny-embed"} == set(found)
    assert (folder, "model") == (found["acme/tiny-embed"], found[FULL].name)


def test_without_the_hubs_client(monkeypatch):
    """
    Where the hub's client is not installed, what packages carry is there all the same.
    """
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    assert [FULL] == list(on_disk())


# What is meant


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"),
        ("sentence-transformers/bge-m3", "BAAI/bge-m3"),
        ("baai/bge-m3", "BAAI/bge-m3"),
        ("e5-small-v2", "intfloat/e5-small-v2"),
        ("multilingual-e5-large", "intfloat/multilingual-e5-large"),
        ("gte-small", "thenlper/gte-small"),
        ("gte-base-en-v1.5", "Alibaba-NLP/gte-base-en-v1.5"),
        ("Qwen3-Embedding-0.6B", "Qwen/Qwen3-Embedding-0.6B"),
        ("all-minilm-l6-v2", MINILM),
        ("microsoft/all-MiniLM-L6-v2", MINILM),
        ("MiniLM-L6-v2", MINILM),
        ("all-MinLM-L6-v2", MINILM),
        ("all-MiniLM-L12-v2", None),
        ("modernbert-embed-base", "nomic-ai/modernbert-embed-base"),
        ("modernbert-embed-large", None),
        ("bert-base-uncased", "google-bert/bert-base-uncased"),
        ("bert-base-nli-mean-tokens", None),
        ("distilbert-base-nli-stsb-mean-tokens", None),
        ("roberta-base-nli-stsb-mean-tokens", None),
        ("gte-tiny", None),
        ("bge-micro-v2", None),
        (MINILM, None),
        (FULL, None),
        ("BAAI/bge-m3", None),
        ("me/bge-my-own", None),
        ("nobody-has-this", None),
        ("", None),
    ],
)
def test_what_is_meant(hub, name, expected):
    """
    A well-known model's organisation is added or mended, a name near to one on this machine becomes it; what has its
    organisation, or one's own, is left.
    """
    found = meant(name)

    assert expected == (found and short(found))


def test_what_is_on_this_machine_goes_first(hub):
    """
    A model that lies here is meant before one that its name alone would lead to.
    """
    keep(hub, "acme/bge-small-en-v1.5")
    keep(hub, "acme/Tiny-Embed")

    assert ("acme/bge-small-en-v1.5", "acme/Tiny-Embed") == (meant("bge-small-en-v1.5"), meant("tiny-embed"))


def test_a_well_known_name_in_full_is_meant_itself(hub):
    """
    Of a model that has its right organisation no other is proposed, however near one on this machine is.
    """
    keep(hub, "BAAI/bge-base-en-v1.5")
    keep(hub, "acme/tiny-embed-base")

    assert None is meant("BAAI/bge-large-en-v1.5")
    assert "acme/tiny-embed-base" == meant("tiny-embed-bas")


@given(st.text(max_size=40))
def test_what_is_meant_is_another(name):
    """
    Whatever a name is, what is meant is never itself.
    """
    found = meant(name)

    assert found is None or short(found) != short(name)


def test_the_error_of_a_model_that_is_not_there(hub, no_network):
    """
    It has the name that is meant, and the command that lists those on this machine.
    """
    with pytest.raises(NotFound, match=r"Did you mean BAAI/bge-m3\? .*hf download BAAI/bge-m3\. .*sparring models"):
        model_folders.find("bge-m3")
    with pytest.raises(NotFound) as caught:
        model_folders.find("nobody-has-this")

    assert "Did you mean" not in str(caught.value)
    assert f"{USUAL}/nobody-has-this" in str(caught.value)


def test_the_error_of_a_folder_that_is_not_there(hub, no_network, monkeypatch, tmp_path):
    """
    A name of two words whose first is a folder here may be a path: it is said that the folder has no such thing.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()

    with pytest.raises(NotFound, match=r"There is a folder models, and no mine in it\."):
        model_folders.find("models/mine")
    with pytest.raises(NotFound) as caught:
        model_folders.find("others/mine")

    assert "There is a folder" not in str(caught.value)
