"""
The name of a model -> the folder that holds it, with the hashes of what lies there.

A name is looked for as a local folder, in an installed package that carries it, in the hub's cache, and last on the
hub. Whatever the way, a folder comes out: nothing further needs a network, and what was used can be named by its hash.
Only safetensors weights are taken: a pickle runs code when it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retrievers.contract import Fact, NotFound
from retrievers.hub import EXPORTS, SUFFIXES, from_hub
from retrievers.model_names import PACKAGES, USUAL
from retrievers.paths import expanded, is_folder

TRAINING = "training.json"  # beside a model that `sparring train` made: what its training was, and cost
TOKENIZER_FILES = (  # the first of these that is there
    ("tokenizer.json",),
    ("sentencepiece.bpe.model", "spiece.model", "tokenizer.model"),
    ("vocab.txt", "vocab.json", "merges.txt"),
)


@dataclass(frozen=True)
class ModelFolder:
    """A model as it lies on disk."""

    name: str
    folder: Path
    files: Mapping[str, str]  # path inside the folder -> sha256, by path

    @property
    def weights_sha256(self) -> str:
        """The sha256 of the one weights file, as model pages state it; of "sha256  path" lines where there are more."""
        weights = {path: sha256 for path, sha256 in self.files.items() if path.endswith(".safetensors")}
        return next(iter(weights.values())) if len(weights) == 1 else _sha256_of(weights)

    @property
    def sha256(self) -> str:
        """The sha256 of everything the vectors depend on: weights, configuration, tokenizer."""
        return _sha256_of(self.files)

    @property
    def vocabulary_bytes(self) -> int:
        """Bytes of the tokenizer on disk: of the one file that holds all of it, where there is one."""
        for names in TOKENIZER_FILES:
            found = [path for path in self.files if Path(path).name in names]
            if found:
                return sum((self.folder / path).stat().st_size for path in found)
        return 0

    def training(self) -> dict[str, Fact]:
        """What the training cost, of a model that `sparring train` made: seconds, joules, peak bytes, negatives."""
        try:
            card = json.loads((self.folder / TRAINING).read_text(encoding="utf-8"))
            found = {name: card["spent"][name] for name in ("seconds", "joules", "peak_bytes")}
            found["negatives"] = card["negatives"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return {f"training_{name}": value for name, value in found.items() if isinstance(value, int | float)}


def find(name: str) -> ModelFolder:
    """
    The folder of the model called `name`: a folder's path, `organisation/model` on the hub, or a bare `model` of
    sentence-transformers.

    Imports nothing heavy. Raises NotFound where there is none, or none with weights as safetensors; ValueError where a
    package carries other bytes than it should; ImportError where the hub is needed and its client is not installed.
    """
    found = read(name, place(name))
    package = PACKAGES.get(_full_name(name))
    if package is not None and found.folder == _resolved(package.place) and found.weights_sha256 != package.sha256:
        raise ValueError(
            f"model {name!r} in package {package.name}: expected weights with sha256 {package.sha256}, "
            f"found {found.weights_sha256}; install the package anew"
        )
    return found


def place(name: str) -> Path:
    """The folder of the model called `name`, as `find` has it, unread. NotFound and ImportError as there."""
    if is_folder(folder := expanded(name)):
        return folder
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:
        raise NotFound(f"model {name!r}: expected a folder there, found none; give a model's folder or its name")
    package = PACKAGES.get(_full_name(name))
    carried = package.place if package is not None else None
    return carried or from_hub(name, _full_name(name))


def _resolved(folder: Path | None) -> Path | None:
    return None if folder is None else folder.resolve()


def _full_name(name: str) -> str:
    return name if "/" in name else f"{USUAL}/{name}"


def own_similarity(folder: Path) -> str:
    """How a model's own configuration says that its vectors compare; `cosine` where it says nothing."""
    try:
        said = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "cosine"
    own = said.get("similarity_fn_name") if isinstance(said, dict) else None
    return "l2" if own == "euclidean" else str(own or "cosine")


def read(name: str, folder: Path) -> ModelFolder:
    """The model that lies in `folder`; raises NotFound where none does, or one with pickled weights only."""
    folder = folder.resolve()
    check_folder(name, folder)
    return ModelFolder(name, folder, _hashes(folder))


def check_folder(name: str, folder: Path) -> None:
    """Raise NotFound for a folder that holds no model, or one with pickled weights only. Nothing is read."""
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        raise NotFound(
            f"model {name!r}: expected modules.json or config.json in {folder}, found neither; "
            "give the folder that the model was saved to"
        )
    places = {path.parent for path in folder.rglob("pytorch_model*.bin")}
    bare = [place for place in sorted(places) if not any(place.glob("*.safetensors"))]
    if bare or not any(folder.rglob("*.safetensors")):
        raise NotFound(
            f"model {name!r}: expected weights as safetensors in {[*bare, folder][0]}, found none; "
            "save the model again with a present sentence-transformers"
        )


def model_files(folder: Path) -> list[Path]:
    """The files of a folder that a model is made of, by path."""
    found = []
    for path in sorted(folder.rglob("*")):
        first = path.relative_to(folder).parts[0]
        if path.suffix in SUFFIXES and first not in (*EXPORTS, TRAINING) and path.is_file():
            found.append(path)
    return found


def _hashes(folder: Path) -> dict[str, str]:
    """Path inside the folder -> sha256, of the files a model is made of, by path."""
    hashes = {}
    for path in model_files(folder):
        with path.open("rb") as file:
            hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _sha256_of(files: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{sha256}  {path}\n" for path, sha256 in files.items()).encode()).hexdigest()
