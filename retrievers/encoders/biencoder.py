"""
The bi-encoder: a transformer that turns a text into one dense vector, passages and queries apart.

Reimers and Gurevych 2019, "Sentence-BERT"; Karpukhin et al. 2020, "Dense passage retrieval", for two towers. The model
is run by sentence-transformers, which is imported when a model is used and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from retrievers import model_folders
from retrievers.contract import Fact, Role
from retrievers.encoders._pretrained import Precision, PretrainedEncoder
from retrievers.model_folders import ModelFolder
from retrievers.similarity import Similarity, shaped


@dataclass(repr=False)
class BiEncoder(PretrainedEncoder):
    """
    A sentence-transformers model as an encoder: dense float32 (n, dims), C-contiguous.

    model: a folder, an installed package's model, or a name on the hub (`retrievers.model_folders.find`).
    query_model: another model for queries, with the same output size; None: `model` reads both.
    query_prompt, passage_prompt: a text put before each input; None: what the model names "query", and "document",
        "passage" or "corpus", if anything.
    similarity: what the inner product stands for. "cosine": unit vectors; "dot": vectors as the model gives them;
        "l2": one more dimension (`l2_augmented`). None: what the model says it was made for, cosine where it says
        nothing.
    dims: keep only the first so many (Kusupati et al. 2022, "Matryoshka representation learning"), before the unit
        length of "cosine"; None: all.
    max_length: cut texts at so many tokens; None: the model's own limit.
    device: as torch spells it; None: cuda where there is one, else cpu.
    dtype: of weights and computation. What comes out is float32 always.
    batch: texts in one forward pass. Padding differs with it, and the last bits of a vector with that.

    Raises ValueError for options that cannot be, at construction where that can be told without the model; ImportError
    where sentence-transformers is not installed. Code that comes with a model is never run.
    """

    similarity: Similarity | None = None
    dims: int | None = None
    max_length: int | None = None
    device: str | None = None
    dtype: Precision = "float32"
    batch: int = 32
    _own: str = field(init=False, default="cosine", compare=False)  # similarity of the model that is open

    KIND = "SentenceTransformer"
    COUNTS = ("dims",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.similarity is not None and self.similarity not in get_args(Similarity):
            raise ValueError(
                f"BiEncoder: expected similarity to be one of {get_args(Similarity)}, found {self.similarity!r}"
            )

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """One vector per text, (n, dims), (n, dims + 1) for "l2". The empty text has one too."""
        tower = self._ready()[role]
        vectors = np.zeros((0, tower.dims), np.float32)
        if len(texts):
            vectors = np.asarray(tower.encode(texts, role, self.batch), np.float32)
        if role == "passage":  # queries are timed one by one, and counting is no part of encoding them
            self.count(texts, role)
        return shaped(vectors, role, self._used(self._own), self.dims)

    def describe(self) -> dict[str, Fact]:
        """What a reader of the numbers needs; None is not known before the model is loaded, or a text encoded."""
        facts = super().describe()
        if self._towers:
            shape = self._used(self._own)
            facts["similarity"] = shape
            facts["dims"] = (self.dims or self._towers["passage"].dims) + (shape == "l2")
        return facts

    # Deferring

    def settled(self) -> BiEncoder:
        """The same with the model's own similarity written in; without one where that is cosine."""
        own = model_folders.own_similarity(model_folders.place(self.model))
        used = self._used(own)
        return replace(self, similarity=None if used == own == "cosine" else used)

    def _used(self, own: str) -> Similarity:
        """The similarity in force, of a model that says its own; ValueError for one that nothing stands for here."""
        for each in get_args(Similarity):
            if each == (self.similarity or own):
                return cast(Similarity, each)
        raise ValueError(
            f"{self}: expected a model that compares by one of {get_args(Similarity)}, found {own!r} in its "
            f"configuration: name one with similarity="
        )

    def _open(self, sources: dict[Role, ModelFolder]) -> None:
        super()._open(sources)
        self._own = model_folders.own_similarity(sources["passage"].folder)
        dims = self._towers["passage"].dims
        if self.dims is not None and self.dims > dims:
            self._towers = {}
            raise ValueError(f"{self}: expected dims up to the model's {dims}, found {self.dims}")
