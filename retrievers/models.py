"""A model in memory: loaded from its folder, without a network and without running code that came with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from retrievers.contract import Role
from retrievers.hub import INSTALL_DENSE
from retrievers.model_folders import ModelFolder

Kind: TypeAlias = Literal["SentenceTransformer", "SparseEncoder"]  # of the library's models

PROMPT_NAMES: dict[Role, tuple[str, ...]] = {"query": ("query",), "passage": ("document", "passage", "corpus")}
COUNTED = 256  # texts whose tokens are counted at a time
LENGTHS = 8  # tokens: what texts are padded to in half precision
NO_LIMIT = 1 << 20  # tokenizers say "no limit" by a length beyond any model's


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
