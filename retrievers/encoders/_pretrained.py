"""
What the encoders that are pretrained models share: they come trained, are run by sentence-transformers, and are known
by the hashes of their files. The library is imported when a model is used and not before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, get_args

from retrievers import model_folders, models
from retrievers.contract import Adapter, Fact, Role, Spelled
from retrievers.model_folders import ModelFolder
from retrievers.models import Tower

Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(repr=False)
class ModelOptions(Spelled):
    """The options that a pretrained encoder begins with, which models and prompts, and what is known of the models."""

    model: str
    query_model: str | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    _towers: dict[Role, Tower] = field(init=False, default_factory=dict, compare=False)
    _counted: dict[Role, int] = field(init=False, default_factory=dict, compare=False)  # texts so far
    _cut: dict[Role, int] = field(init=False, default_factory=dict, compare=False)  # of them, longer than is read


class PretrainedEncoder(ModelOptions):
    """
    An encoder but for what comes out: a model for passages and one for queries, or one for both.

    An encoder that is one names its other fields; `KIND`: which of the library's models it is; `COUNTS`: which of its
    own options are None or whole numbers from 1.
    """

    KIND: ClassVar[models.Kind]
    COUNTS: ClassVar[tuple[str, ...]]
    max_length: int | None
    device: str | None
    dtype: Precision

    def __post_init__(self) -> None:
        check(self)

    # Encoder

    def fit(self, passages: Sequence[str]) -> None:  # noqa: ARG002  # the contract's signature
        """Learns nothing, on purpose: the model comes trained. Loads it."""
        self._ready()

    def count(self, texts: Sequence[str], role: Role) -> None:
        """Count the texts that are cut, beside all of that role."""
        self._counted[role] = self._counted.get(role, 0) + len(texts)
        self._cut[role] = self._cut.get(role, 0) + self._ready()[role].cut(texts, role)

    # Fingerprinted, Persistent

    def fingerprint(self) -> str:
        """The sha256 of all that the vectors depend on in the model's files, of both models where there are two."""
        names = dict.fromkeys([self._name("passage"), self._name("query")])
        return "+".join(model_folders.find(name).sha256 for name in names)

    def save(self, folder: Path) -> None:
        """
        Writes the models' names and the hashes of their files.

        The weights are not copied: they did not change, they are large, and the hashes tell if they ever do.
        """
        towers = self._ready()
        folder.mkdir(parents=True, exist_ok=True)
        sources = {role: {"name": tower.source.name, "files": tower.source.files} for role, tower in towers.items()}
        (folder / self._saved()).write_text(json.dumps(sources, indent=1), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Loads the models that were saved; ValueError where another model was, or where a file of it changed since."""
        sources: dict[Role, ModelFolder] = {}
        for role, saved in json.loads((folder / self._saved()).read_text(encoding="utf-8")).items():
            if saved["name"] != self._name(role):
                raise ValueError(
                    f"{self}: expected {self._name(role)!r} for the {role} side in {folder}, found {saved['name']!r}; "
                    "load with the options it was saved with"
                )
            found = model_folders.find(saved["name"])  # by name: an environment may be made anew in another place
            changed = sorted(path for path, _ in set(saved["files"].items()) ^ set(found.files.items()))
            if changed:
                raise ValueError(
                    f"{self}: expected the model in {found.folder} as it was saved, found {changed[0]} changed, "
                    "added or removed since; restore it, or fit and encode again"
                )
            sources[role] = found
        self._open(sources)

    # Linked

    def linked_files(self) -> list[Path]:
        """The files of the models, those of one that serves both sides once."""
        sources = (tower.source for tower in self._ready().values())
        return list(dict.fromkeys(source.folder / path for source in sources for path in source.files))

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
            facts["dims"] = passage.dims
            facts["max_length"] = passage.max_length
            facts["device"] = str(passage.model.device)
            prompts = query.prompts["query"], passage.prompts["passage"]
            facts["query_prompt"], facts["passage_prompt"] = prompts
            unused = {name for tower in (query, passage) for name in models.unused_prompts(tower.model, prompts)}
            facts["unused_prompts"] = ", ".join(sorted(unused)) or None
            if self.query_model is not None:
                facts["query_model_sha256"] = query.source.weights_sha256
                facts["query_model_files_sha256"] = query.source.sha256
            facts |= passage.source.training()
        roles: dict[str, Role] = {"passages_cut": "passage", "queries_cut": "query"}
        return facts | {
            name: self._cut[role] / self._counted[role] if self._counted.get(role) else None
            for name, role in roles.items()
        }

    # The models

    def _saved(self) -> str:
        return f"{type(self).__name__.lower()}.json"

    def _name(self, role: Role) -> str:
        return self.query_model if role == "query" and self.query_model is not None else self.model

    def _ready(self) -> dict[Role, Tower]:
        if not self._towers:
            passage = model_folders.find(self.model)
            query = model_folders.find(self.query_model) if self.query_model else passage
            self._open({"passage": passage, "query": query})
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
        self._towers = {"passage": passage, "query": query}

    def _tower(self, source: ModelFolder) -> Tower:
        return models.opened(
            source,
            kind=self.KIND,
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


def check(encoder: Adapter) -> None:
    """Raise ValueError for options that cannot be."""
    who = type(encoder).__name__
    for name, text in (("model", encoder.model), ("query_model", encoder.query_model)):
        if (name == "model" or text is not None) and (not isinstance(text, str) or not text):
            raise ValueError(f"{who}: expected {name} to be a folder or a model's name, found {text!r}")
    if encoder.dtype not in get_args(Precision):
        raise ValueError(f"{who}: expected dtype to be one of {get_args(Precision)}, found {encoder.dtype!r}")
    for name in (*encoder.COUNTS, "max_length", "batch"):
        number = getattr(encoder, name)
        optional = number is None and name != "batch"
        if not optional and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
            raise ValueError(f"{who}: expected {name} to be a whole number from 1, found {number!r}")
