"""A new adapter: a small package that works, is typed and tested, and is there to be changed."""

from __future__ import annotations

import ast
import builtins
import json
import re
import tempfile
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError

if TYPE_CHECKING:
    from retrievers.registry import Registry

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
LONGEST = 40  # letters of a name: the lines of a template with the name in them stay within 120
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")  # of BM25MyIndex: BM25, My, Index


class Kind(StrEnum):
    """What can be made; a group of adapters is the kind's plural."""

    ENCODER = "encoder"
    STORAGE = "storage"
    RETRIEVER = "retriever"
    ANALYSER = "analyser"


# The retriever that shows each: what it is paired with is of the core, so that nothing else need be installed.
ROWS = {
    Kind.ENCODER: "{}() @ Flat()",
    Kind.STORAGE: "TfIdf() @ {}()",
    Kind.RETRIEVER: "{}()",
    Kind.ANALYSER: "BM25(analyser={}()) @ CSR()",
}


def package_of(name: str) -> str:
    """The distribution of the class of that name: `sparring-shared-words` of SharedWords."""
    return f"sparring-{HUMP.sub('-', name).lower()}"


def origin() -> str | None:
    """
    What `pip install` takes to get the Sparring that runs here, where it came from no package index; else None.

    From PEP 610's record of where a distribution was installed from: a folder, an archive or a repository.
    """
    from urllib.parse import unquote

    recorded = metadata.distribution("sparring").read_text("direct_url.json")
    found: dict[str, Any] = json.loads(recorded or "{}")  # Any: JSON
    if "vcs_info" in found:
        return f"{found['vcs_info']['vcs']}+{found['url']}@{found['vcs_info']['commit_id']}"
    url: str | None = found.get("url")
    return unquote(url.removeprefix("file://")) if url is not None and url.startswith("file://") else url


def create(kind: Kind, name: str, folder: Path, registry: Registry) -> None:
    """
    Make the package of a new adapter in a folder that is not there yet: whole, or not at all.

    name: of its class. registry: the names that are taken. InputError for a name that cannot be used, a folder that
    is there, or one that cannot be made.
    """
    _check(kind, name, registry)
    files = _files(kind, name)
    try:
        if folder.exists() or folder.is_symlink():
            found = "a folder" if folder.is_dir() else "a file"
            raise InputError(f"{folder}: expected nothing there, found {found}: choose another folder with -o")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{package_of(name)}-") as scratch:
            whole = Path(scratch) / "whole"
            for place, text in files.items():
                (whole / place).parent.mkdir(parents=True, exist_ok=True)
                (whole / place).write_text(text, encoding="utf-8", newline="\n")
            whole.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: expected to make it, found {error}: choose another folder with -o") from error


def _files(kind: Kind, name: str) -> dict[str, str]:
    """The text of every file by its place in the package."""
    package = package_of(name)
    module = package.replace("-", "_")
    words = {
        "name": name,
        "package": package,
        "module": module,
        "a_kind": f"{'an' if kind[0] in 'ae' else 'a'} {kind}",
        "group": f"{kind}s",
        "row": ROWS[kind].format(name),
        "version": metadata.version("sparring"),
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "suite.toml": "suite.toml",
        ".gitignore": "gitignore",
        ".github/workflows/test.yml": "test.yml",
        f"src/{module}/__init__.py": f"{kind}.py",
        f"tests/test_{module}.py": f"{kind}_test.py",
    }
    return {f"src/{module}/py.typed": ""} | {
        place: _filled((TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8"), words)
        for place, template in templates.items()
    }


def _filled(template: str, words: Mapping[str, str]) -> str:
    """The template with each @word@ that is known replaced."""
    return re.sub("@({})@".format("|".join(words)), lambda found: words[found[1]], template)


def _check(kind: Kind, name: str, registry: Registry) -> None:
    """Refuse what is no name of a class, or one that something else has."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise InputError(
            f"new {kind}: expected the name of a class such as Trigrams (a capital, then ASCII letters and digits, "
            f"{LONGEST} in all at most), found {name!r}{_instead(name)}"
        )
    if hasattr(builtins, name) or name in _used(kind):
        owner = "Python" if hasattr(builtins, name) else "the code that it begins with"
        raise InputError(f"new {kind}: expected a name of its own, found {name!r}, which {owner} uses: choose another")
    for (group, known), entry in registry.entries.items():
        if known == name:
            raise InputError(
                f"new {kind}: expected a name that nobody has, found {name!r}, which is one of the {group} of package "
                f"{entry.package!r}: choose another, or uninstall that package"
            )


def _instead(name: str) -> str:
    """The nearest name that would do, as a question; empty where there is none."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    near = "".join(part[0].upper() + part[1:] for part in re.findall(r"[A-Za-z0-9]+", plain)).lstrip("0123456789")
    near = near[:1].upper() + near[1:LONGEST]
    return f". Did you mean {near}?" if near else ""


def _used(kind: Kind) -> set[str]:
    """Every name that the code of a kind imports or uses, that of its class apart."""
    nameless = [text for place, text in _files(kind, "_").items() if place.endswith(".py")]
    nodes = [node for text in nameless for node in ast.walk(ast.parse(text))]
    imported = {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
    return imported | {node.id for node in nodes if isinstance(node, ast.Name)}
