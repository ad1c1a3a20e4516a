"""
Learned-sparse encoders: a transformer that weighs the terms of its vocabulary, those that a text lacks too.

Formal et al. 2021, "SPLADE: sparse lexical and expansion model". The model is run by sentence-transformers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Role
from retrievers.encoders._pretrained import Precision, PretrainedEncoder
from retrievers.model_folders import ModelFolder


@dataclass(repr=False)
class SparseEncoder(PretrainedEncoder):
    """
    A sentence-transformers SparseEncoder, or a masked-language model, as an encoder: float32 CSR (n, vocabulary).

    model: a folder, an installed package's model, or a name on the hub (`retrievers.model_folders.find`).
    query_model: another model for queries, with the same vocabulary; None: `model` reads both.
    query_prompt, passage_prompt: a text put before each input; None: what the model names "query", and "document",
        "passage" or "corpus", if anything.
    max_active_dims: keep the heaviest so many terms of a text; None: all that the model gives a weight.
    max_length: cut texts at so many tokens; None: the model's own limit.
    device: as torch spells it; None: cuda where there is one, else cpu.
    dtype: of weights and computation. What comes out is float32 always.
    batch: texts in one forward pass. A pass holds a number for each token of each text and term of the vocabulary.

    Raises ValueError for options that cannot be, at construction where that can be told without the model, and for a
    model that is not sparse; ImportError where sentence-transformers is not installed. Code that comes with a model is
    never run.
    """

    max_active_dims: int | None = None
    max_length: int | None = None
    device: str | None = None
    dtype: Precision = "float32"
    batch: int = 8

    KIND = "SparseEncoder"
    COUNTS = ("max_active_dims",)

    def encode(self, texts: Sequence[str], role: Role) -> csr_array:
        """One row per text: the weight of each term that has one, (n, vocabulary), columns sorted."""
        tower = self._ready()[role]
        if role == "passage":  # queries are timed one by one, and counting is no part of encoding them
            self.count(texts, role)
        if not len(texts):
            return csr_array((0, tower.dims), dtype=np.float32)
        found = tower.encode(texts, role, self.batch, max_active_dims=self.max_active_dims, save_to_cpu=True)
        return as_csr(found)

    def _open(self, sources: dict[Role, ModelFolder]) -> None:
        for source in sources.values():
            if not is_sparse(source.folder):
                raise ValueError(
                    f"{self}: expected a sparse model, or one with a head for masked language, found neither in "
                    f"{source.name}: of a model with dense vectors there is BiEncoder({source.name!r})"
                )
        super()._open(sources)
        query, passage = (self._towers[role].model.tokenizer for role in ("query", "passage"))
        if query is not passage and query.get_vocab() != passage.get_vocab():
            raise ValueError(
                f"{self}: expected both models to have one vocabulary, found another in {sources['query'].name} for "
                f"queries than in {sources['passage'].name} for passages: a column would be two terms"
            )


def is_sparse(folder: Path) -> bool:
    """Whether a model gives sparse vectors; of another the library would make one, with weights drawn at random."""
    modules = [folder / name for name in ("modules.json", "router_config.json") if (folder / name).is_file()]
    if modules:
        return any(".sparse_encoder." in path.read_text(encoding="utf-8") for path in modules)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return any(name.endswith("ForMaskedLM") for name in config.get("architectures") or ())


def as_csr(vectors: object) -> csr_array:
    """A sparse tensor of torch (n, dims) -> float32 CSR, columns sorted."""
    found = vectors.float().coalesce()  # type: ignore[attr-defined]  # a tensor, untyped here
    rows, columns = found.indices().numpy().astype(np.int32)
    return csr_array((found.values().numpy(), (rows, columns)), shape=tuple(found.shape))
