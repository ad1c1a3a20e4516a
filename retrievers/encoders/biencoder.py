"""
The bi-encoder: a transformer that turns a text into one dense vector, passages and queries apart.

Reimers and Gurevych 2019, "Sentence-BERT"; Karpukhin et al. 2020, "Dense passage retrieval", for two towers. The model
is run by sentence-transformers, which is imported when a model is used and not before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retrievers.contract import Fact, Role, Spelled
from retrievers.encoders import models
from retrievers.encoders.models import ModelFolder, Tower

Similarity = Literal["cosine", "dot", "l2"]
Precision = Literal["float32", "bfloat16", "float16"]

SAVED = "biencoder.json"


# Similarity as inner product.


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its length, (n, dims); a row of zeros stays. The inner product is then the cosine."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)


def l2_augmented(vectors: NDArray[np.float32], role: Role) -> NDArray[np.float32]:
    """
    One more column, (n, dims + 1): passages [x, -|x|²/2], queries [q, 1].

    The inner product is q·x - |x|²/2 = (|q|² - |q - x|²) / 2: for one query, the order of falling distance. float32
    tells the distances apart where the origin is no farther than some tens of times the vectors' spread, as it is of
    what models give; other vectors are to be moved there first, both sides alike.
    """
    last = -np.square(vectors).sum(axis=1) / 2 if role == "passage" else np.ones(len(vectors))
    return np.column_stack([vectors, last.astype(np.float32)])


def shaped(vectors: NDArray[np.float32], role: Role, similarity: Similarity, dims: int | None) -> NDArray[np.float32]:
    """The vectors cut to `dims` (None: all) and then made such that their inner product is the similarity."""
    vectors = vectors[:, :dims]
    if similarity == "cosine":
        vectors = unit(vectors)
    elif similarity == "l2":
        vectors = l2_augmented(vectors, role)
    return np.ascontiguousarray(vectors, np.float32)


@dataclass(repr=False)
class BiEncoder(Spelled):
    """
    A sentence-transformers model as an encoder: dense float32 (n, dims), C-contiguous.

    model: a folder, an installed package's model, or a name on the hub (`retrievers.encoders.models.find`).
    query_model: another model for queries, with the same output size; None: `model` reads both.
    query_prompt, passage_prompt: a text put before each input; None: what the model names "query", and "document",
        "passage" or "corpus", if anything.
    similarity: what the inner product stands for. "cosine": unit vectors; "dot": vectors as the model gives them;
        "l2": one more dimension (`l2_augmented`).
    dims: keep only the first so many (Kusupati et al. 2022, "Matryoshka representation learning"), before the unit
        length of "cosine"; None: all.
    max_length: cut texts at so many tokens; None: the model's own limit.
    device: as torch spells it; None: cuda where there is one, else cpu.
    dtype: of weights and computation. What comes out is float32 always.
    batch: texts in one forward pass. Padding differs with it, and the last bits of a vector with that.

    Raises ValueError for options that can not be, at construction where that can be told without the model; ImportError
    where sentence-transformers is not installed. Code that comes with a model is never run.
    """

    model: str
    query_model: str | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    similarity: Similarity = "cosine"
    dims: int | None = None
    max_length: int | None = None
    device: str | None = None
    dtype: Precision = "float32"
    batch: int = 32
    _towers: dict[Role, Tower] = field(init=False, default_factory=dict, compare=False)
    _encoded: int = field(init=False, default=0, compare=False)  # passages so far
    _cut: int = field(init=False, default=0, compare=False)  # of them, longer than is read

    def __post_init__(self) -> None:
        for name, text in (("model", self.model), ("query_model", self.query_model)):
            if text is not None and (not isinstance(text, str) or not text):
                raise ValueError(f"BiEncoder: {name} was expected to be a folder or a model's name, found {text!r}")
        for name, value, known in (("similarity", self.similarity, Similarity), ("dtype", self.dtype, Precision)):
            if value not in get_args(known):
                raise ValueError(f"BiEncoder: {name} was expected to be one of {get_args(known)}, found {value!r}")
        for name, number in (("dims", self.dims), ("max_length", self.max_length), ("batch", self.batch)):
            optional = number is None and name != "batch"
            if not optional and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
                raise ValueError(f"BiEncoder: {name} was expected to be a whole number from 1, found {number!r}")

    # Encoder

    def fit(self, passages: Sequence[str]) -> None:  # noqa: ARG002  # the contract's signature
        """Learns nothing, on purpose: the model comes trained. Loads it."""
        self._ready()

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """One vector a text, (n, dims), (n, dims + 1) for "l2". The empty text has one too."""
        tower = self._ready()[role]
        vectors = tower.encode(texts, role, self.batch) if len(texts) else np.zeros((0, tower.dims), np.float32)
        if role == "passage":  # queries are timed one by one, and counting is no part of encoding them
            self._encoded += len(texts)
            self._cut += tower.cut(texts, role)
        return shaped(vectors, role, self.similarity, self.dims)

    # Fingerprinted, Persistent

    def fingerprint(self) -> str:
        """The sha256 of all that the vectors depend on in the model's files, of both models where there are two."""
        names = dict.fromkeys([self._name("passage"), self._name("query")])
        return "+".join(models.find(name).sha256 for name in names)

    def save(self, folder: Path) -> None:
        """
        Writes the models' names and the hashes of their files.

        The weights are not copied: they did not change, they are large, and the hashes tell if they ever do.
        """
        towers = self._ready()
        folder.mkdir(parents=True, exist_ok=True)
        sources = {role: {"name": tower.source.name, "files": tower.source.files} for role, tower in towers.items()}
        (folder / SAVED).write_text(json.dumps(sources, indent=1), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Loads the models that were saved; ValueError where another model was, or where a file of it changed since."""
        sources: dict[Role, ModelFolder] = {}
        for role, saved in json.loads((folder / SAVED).read_text(encoding="utf-8")).items():
            if saved["name"] != self._name(role):
                raise ValueError(
                    f"{self}: expected {self._name(role)!r} for the {role} side in {folder}, found {saved['name']!r}; "
                    "load with the options it was saved with"
                )
            found = models.find(saved["name"])  # by name: an environment may be made anew in another place
            changed = sorted(path for path, _ in set(saved["files"].items()) ^ set(found.files.items()))
            if changed:
                raise ValueError(
                    f"{self}: expected the model in {found.folder} as it was saved, found {changed[0]} changed, "
                    "added or removed since; restore it, or fit and encode again"
                )
            sources[role] = found
        self._open(sources)

    # Preparable, Accountable, Descriptive

    def prepare(self) -> None:
        """Imports the libraries and runs the operations of a transformer once, so that their memory is there."""
        device = self._device()
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            states = torch.ones(1, 64, 64, device=device)
            attended = functional.scaled_dot_product_attention(states, states, states)
            functional.layer_norm(functional.gelu(functional.linear(attended, states[0])), (64,)).cpu()

    def ledger(self) -> dict[str, int]:
        """Bytes of parameters and buffers as loaded, and of the tokenizer's files; one tower for both sides once."""
        towers = {tower.source.folder: tower for tower in self._ready().values()}.values()
        return {
            "weights": sum(tensor.nbytes for tower in towers for tensor in tower.tensors()),
            "vocabulary": sum(tower.source.vocabulary_bytes for tower in towers),
        }

    def describe(self) -> dict[str, Fact]:
        """What a reader of the numbers needs; None is not known before the model is loaded, or a text encoded."""
        facts: dict[str, Fact] = {"model": self.model, "dtype": self.dtype, "device": self.device}
        facts |= dict.fromkeys(("model_sha256", "model_files_sha256", "dims", "max_length"))
        if self.query_model is not None:
            facts |= {"query_model": self.query_model, "query_model_sha256": None, "query_model_files_sha256": None}
        if self._towers:
            passage, query = self._towers["passage"], self._towers["query"]
            facts["model_sha256"] = passage.source.weights_sha256
            facts["model_files_sha256"] = passage.source.sha256
            facts["dims"] = (self.dims or passage.dims) + (self.similarity == "l2")
            facts["max_length"] = passage.max_length
            facts["device"] = str(passage.model.device)
            if self.query_model is not None:
                facts["query_model_sha256"] = query.source.weights_sha256
                facts["query_model_files_sha256"] = query.source.sha256
        return facts | {"passages_cut": self._cut / self._encoded if self._encoded else None}

    # The models

    def _name(self, role: Role) -> str:
        return self.query_model if role == "query" and self.query_model is not None else self.model

    def _ready(self) -> dict[Role, Tower]:
        if not self._towers:
            passage = models.find(self.model)
            self._open({"passage": passage, "query": models.find(self.query_model) if self.query_model else passage})
        return self._towers

    def _open(self, sources: dict[Role, ModelFolder]) -> None:
        """Load the models, one that serves both sides once, and check that the two sides meet."""
        passage = self._tower(sources["passage"])
        shared = sources["query"].folder == sources["passage"].folder
        query = passage if shared else self._tower(sources["query"])
        if query.dims != passage.dims:
            raise ValueError(
                f"{self}: expected both models to have one output size, found {passage.dims} for passages and "
                f"{query.dims} for queries; choose towers that were trained together"
            )
        if self.dims is not None and self.dims > passage.dims:
            raise ValueError(f"{self}: expected dims up to the model's {passage.dims}, found {self.dims}")
        self._towers = {"passage": passage, "query": query}

    def _tower(self, source: ModelFolder) -> Tower:
        return models.opened(
            source,
            device=self._device(),
            dtype=self.dtype,
            max_length=self.max_length,
            prompts={"query": self.query_prompt, "passage": self.passage_prompt},
        )

    def _device(self) -> str:
        models.sentence_transformers()
        import torch

        if self.device is None:
            return "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(0, device=self.device)
        except Exception as error:  # torch names no type: what it says of the device is the reason
            raise ValueError(
                f"{self}: expected a device that torch can use here, found {self.device!r} "
                f"({str(error).splitlines()[0]}); leave device out to take what there is"
            ) from error
        return self.device
