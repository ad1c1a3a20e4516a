"""Models with dense vectors that tests are about: a small one that can be worked out by hand, and MiniLM."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MINILM = "all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WORDS = {  # the vector of each word of a toy model; a text is the mean of its words
    "[UNK]": [0, 0, 0],
    "cat": [3, 4, 0],
    "dog": [0, 2, 0],
    "cow": [1, 0, 1],
    "ask": [0, 0, 8],
    "tell": [8, 0, 0],
}


def saved_model(folder: Path, dims: int = 3, prompts: dict[str, str] | None = None, **says: str) -> str:
    """A model whose vectors can be worked out by hand; says: what else its configuration has."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: row for row, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    weights = np.array([row[:dims] for row in WORDS.values()], np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=weights)
    model = SentenceTransformer(modules=[module], device="cpu", prompts=prompts, **says)
    model.save(str(folder), create_model_card=False)
    return str(folder)
