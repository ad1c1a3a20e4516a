"""The models on this machine that an encoder can be made of: in packages, in the hub's cache, in folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from retrievers.contract import NotFound, spell
from retrievers.model_folders import check_folder, model_files
from retrievers.model_names import PACKAGES, on_disk, short

Source: TypeAlias = Literal["package", "cache", "folder"]  # cache: the hub's

# By `model_type`, as sentence-transformers writes it; what it has no encoder for is none of ours.
ENCODERS = {"SentenceTransformer": "BiEncoder", "SparseEncoder": "SparseEncoder"}
OF_SPARSE = ("sparse_encoder", "SpladePooling")  # in the list of modules of an older one
UNFINISHED = "checkpoints"  # of a training that goes on


class AvailableModel(NamedTuple):
    """A model on this machine."""

    spelling: str  # the encoder: BiEncoder("all-MiniLM-L6-v2")
    bytes: int  # of weights, configuration and tokenizer
    source: Source
    folder: Path


def available(home: Path) -> list[AvailableModel]:
    """
    Those of packages, of the hub's cache, and in folders at any depth of `home`; none is loaded, and no network asked.

    Left out is what no encoder of ours can read: other weights than safetensors, models that score pairs of texts.
    """
    found = [_read(short(name), folder, _source(name)) for name, folder in on_disk().items()]
    models = [model for model in found if model is not None] + list(_in_folders(home))
    order = get_args(Source)
    return sorted(models, key=lambda model: (order.index(model.source), model.spelling.casefold()))


def _source(name: str) -> Source:
    package = PACKAGES.get(name)
    return "package" if package is not None and package.place is not None else "cache"


def _in_folders(home: Path) -> Iterator[AvailableModel]:
    """The models in folders below one, none inside another."""
    places = {path.parent for path in home.rglob("modules.json")}
    places |= {path.parent for path in home.rglob("config.json") if any(path.parent.glob("*.safetensors"))}
    last: AvailableModel | None = None
    for place in sorted(place for place in places if UNFINISHED not in place.relative_to(home).parts):
        if last is None or not place.is_relative_to(last.folder):
            found = _read(_as_path(place), place, "folder")
            if found is not None:
                yield found
                last = found


def _as_path(folder: Path) -> str:
    """A folder as a model's name: one of two words, as `models/start`, could be the hub's."""
    return f"./{folder}" if not folder.is_absolute() and len(folder.parts) < 3 else str(folder)


def _read(name: str, folder: Path, source: Source) -> AvailableModel | None:
    """The model in a folder; None where there is none that can be read."""
    try:
        check_folder(name, folder)
        encoder = _encoder(name, folder)
        nbytes = sum(path.stat().st_size for path in model_files(folder))
    except (NotFound, OSError, ValueError):  # ValueError: a configuration that is no JSON, or no text
        return None
    return AvailableModel(f"{encoder}({spell(name)})", nbytes, source, folder) if encoder else None


def _encoder(name: str, folder: Path) -> str | None:
    """Which encoder takes the model in a folder; None of a model that is none."""
    kind = _json(folder / "config_sentence_transformers.json").get("model_type")
    if kind is not None:
        return ENCODERS.get(str(kind))
    modules = folder / "modules.json"
    if modules.is_file():
        is_sparse = any(mark in modules.read_text(encoding="utf-8") for mark in OF_SPARSE)
    else:
        of_pairs = "ForSequenceClassification" in str(_json(folder / "config.json").get("architectures"))
        if of_pairs:
            return None
        is_sparse = "splade" in name.casefold()
    return "SparseEncoder" if is_sparse else "BiEncoder"


def _json(path: Path) -> dict[str, Any]:  # Any: values of JSON
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}
