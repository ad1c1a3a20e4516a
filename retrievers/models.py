"""
The name of a model -> the folder that holds it, with the hashes of what lies there -> the model in memory.

A name is looked for as a local folder, in an installed package that carries it, in the hub's cache, and last on the
hub. Whatever the way, a folder comes out: nothing further needs a network, and what was used can be named by its hash.
Only safetensors weights are taken: a pickle runs code when it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from retrievers.contract import Fact, NotFound, Role
from retrievers.hub import EXPORTS, INSTALL_DENSE, SUFFIXES, from_hub
from retrievers.model_names import PACKAGES, USUAL
from retrievers.paths import expanded, is_folder

Kind: TypeAlias = Literal["SentenceTransformer", "SparseEncoder"]  # of the library's models

TRAINING = "training.json"  # beside a model that `sparring train` made: what its training was, and cost
TOKENIZER_FILES = (  # the first of these that is there
    ("tokenizer.json",),
    ("sentencepiece.bpe.model", "spiece.model", "tokenizer.model"),
    ("vocab.txt", "vocab.json", "merges.txt"),
)
PROMPT_NAMES: dict[Role, tuple[str, ...]] = {"query": ("query",), "passage": ("document", "passage", "corpus")}
COUNTED = 256  # texts whose tokens are counted at a time
LENGTHS = 8  # tokens: what texts are padded to in half precision
NO_LIMIT = 1 << 20  # tokenizers say "no limit" by a length beyond any model's


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


@dataclass(frozen=True)
class Tower:
    """A model in memory."""

    source: ModelFolder
    model: Any  # of the library's models, untyped here
    dims: int  # of what it puts out
    max_length: int | None  # tokens, special ones included; None: takes any length
    prompts: Mapping[Role, str]  # put before each text

    def encode(self, texts: Sequence[str], role: Role, batch: int, **options: Any) -> Any:
        """Vectors as the model gives them, n > 0; options: the model's own of encoding."""
        encode = self.model.encode_query if role == "query" else self.model.encode_document
        return encode(list(texts), prompt=self.prompts[role], batch_size=batch, show_progress_bar=False, **options)

    def cut(self, texts: Sequence[str], role: Role) -> int:
        """How many of the texts, prompt included, are longer than the model reads."""
        if self.max_length is None:
            return 0
        tokenizer = self.model.tokenizer
        # A token takes a character at least, no normaliser makes ASCII longer, and SentencePiece adds one in front.
        room = self.max_length - tokenizer.num_special_tokens_to_add() - 1
        prompted = [self.prompts[role] + text for text in texts]
        doubtful = [text for text in prompted if len(text) > room or not text.isascii()]
        return sum(tokens > self.max_length for tokens in token_counts(tokenizer, doubtful))

    def tensors(self) -> list[Any]:  # Any: torch.Tensor, untyped here
        return [*self.model.parameters(), *self.model.buffers()]


def token_counts(tokenizer: Any, texts: Sequence[str]) -> list[int]:  # Any: a tokenizer of the libraries
    """Of each text, special tokens included: (n,)."""
    found: list[int] = []
    for start in range(0, len(texts), COUNTED):
        tokens = tokenizer(list(texts[start : start + COUNTED]), truncation=False, padding=False, verbose=False)
        found += map(len, tokens["input_ids"])
    return found


def opened(
    source: ModelFolder,
    *,
    device: str,
    dtype: str,
    max_length: int | None,
    prompts: Mapping[Role, str | None],
    kind: Kind = "SentenceTransformer",
) -> Tower:
    """
    Load a model, all of it, without a network and without running code that came with it.

    Raises ValueError where max_length is more than the model reads; ImportError without sentence-transformers.

    Args:
        source: where the model lies.
        device: as torch spells it.
        dtype: of weights and computation.
        max_length: tokens at which texts are cut; None leaves the model's own.
        prompts: what is put before each text, by role; None takes what the model names for it, if anything.
        kind: which of the library's models it is.
    """
    library = sentence_transformers()
    import torch

    precision = getattr(torch, dtype)
    with quiet():
        model = getattr(library, kind)(
            str(source.folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": precision},
        ).to(precision)
    tower = Tower(
        source,
        model,
        dims=model.get_embedding_dimension() if kind == "SentenceTransformer" else _terms(model),
        max_length=_limited(model, source.name, max_length),
        prompts={role: own_prompt(model, role) if prompt is None else prompt for role, prompt in prompts.items()},
    )
    # In half precision a processor compiles kernels for each length of text, a megabyte each: whole multiples have few.
    if dtype != "float32" and tower.max_length is not None and tower.max_length % LENGTHS == 0:
        for module in (module for module in model.modules() if hasattr(module, "processing_kwargs")):
            module.processing_kwargs.setdefault("text", {})["pad_to_multiple_of"] = LENGTHS
    # Safetensors are mapped: untouched, a page of weights is in memory only after a text that needs it, and the model
    # would weigh what the words of the warm-up happen to weigh.
    for tensor in tower.tensors():
        tensor.sum()
    return tower


def _terms(model: Any) -> int:  # Any: of the library's models
    """The size of a sparse model's vectors."""
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

    if isinstance(model[0], MLMTransformer) and isinstance(model[-1], SpladePooling):
        return int(model[0].config.vocab_size)  # its pooling knows only after a text, which is not loading's to encode
    return int(model.encode("a").shape[-1])


def sentence_transformers() -> Any:  # Any: the module, untyped here
    """The library; ImportError with the remedy where it is not installed."""
    try:
        import sentence_transformers as library
    except ImportError as error:
        raise ImportError(INSTALL_DENSE) from error
    return library


def _limited(model: Any, name: str, max_length: int | None) -> int | None:  # Any: of the library's models
    """Set the model's maximum length where asked for; the length in force, None where it takes any."""
    own = None if (model.max_seq_length or NO_LIMIT) >= NO_LIMIT else int(model.max_seq_length)
    if max_length is None:
        return own
    most = getattr(model.config, "max_position_embeddings", own)  # the limit it was trained with may be lower
    if most is None or max_length > most:
        expected = "none, the model takes any length" if most is None else f"up to {most} tokens"
        raise ValueError(f"model {name!r}: expected max_length to be {expected}, found {max_length}")
    model.max_seq_length = max_length
    return max_length


def own_prompt(model: Any, role: Role) -> str:  # Any: as above
    """The model's own prompt for the role: the first of the known names that has a text, else its default one."""
    names = [*PROMPT_NAMES[role], *filter(None, [model.default_prompt_name])]
    return next((model.prompts[name] for name in names if model.prompts.get(name)), "")


def unused_prompts(model: Any, used: Iterable[str]) -> list[str]:  # Any: as above
    """The names of the model's prompts that are put before nothing, those without a text left out."""
    texts = set(used)
    return sorted(name for name, text in model.prompts.items() if text and text not in texts)


@contextmanager
def quiet() -> Iterator[None]:
    """Both libraries without their loading bars, reports and advice, for as long as it lasts."""
    import logging as standard

    from transformers.utils import logging

    other = standard.getLogger("sentence_transformers")
    bars, level, others = logging.is_progress_bar_enabled(), logging.get_verbosity(), other.level
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    other.setLevel(standard.ERROR)
    try:
        yield
    finally:
        other.setLevel(others)
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
