"""
What code imports, read from its text and never run: files of ours, and libraries with all that they require.

A matrix in the cache must not outlive what made it, nor be lost to what had no part in it: a package that the encoder
does not use, or a storage of ours. What is imported by a name that is made up while it runs is not seen here;
`bench.stage.matrices` holds a matrix to the versions of what was really imported, too.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import retrievers

OURS = "retrievers"  # whose modules are followed one by one; what an adapter imports of `bench` decides no number
HOME = Path(retrievers.__file__).parent.parent
CALLED = {"Stemmer": "PyStemmer", "faiss": "faiss-cpu"}  # looking through all that is installed takes half a second
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # that a requirement begins with (PEP 508)


def followed(files: Iterable[Path]) -> set[Path]:
    """Some files of Python, and those of ours that they import, and these, and so on."""
    found: set[Path] = set()
    left = list(files)
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            left += [path for name in imported(file) for path in _files_of(name)]
    return found


def libraries(files: Iterable[Path]) -> dict[str, str]:
    """Distribution -> version, of all that some files import, and of what those require, extras left out."""
    tops = {name.partition(".")[0] for file in files for name in imported(file)}
    left = [name for top in tops - sys.stdlib_module_names - {OURS, "bench"} for name in _distributions(top)]
    found: dict[str, str] = {}
    while left:
        name = left.pop().lower().replace("_", "-")
        if name not in found:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:  # of another system, or in no distribution
                continue
            left += _required(name)
    return found


@functools.cache
def imported(file: Path) -> tuple[str, ...]:
    """Every module that a file names in an import, also within functions; none of a file that is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(dict.fromkeys(name for node in ast.walk(tree) for name in _named(node, file)))


def is_ours(file: Path) -> bool:
    """Whether a file is of the package of our adapters."""
    return file.is_relative_to(HOME / OURS)


def sha256(files: Iterable[Path]) -> str:
    """Of the names and the bytes of some files of ours."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.relative_to(HOME).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _named(node: ast.AST, file: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parent = _package(file, node.level) if node.level else ""
        module = ".".join(filter(None, (parent, node.module or "")))
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)  # it may be a module


def _package(file: Path, level: int) -> str:
    """The package that a relative import of ours begins at; nothing of a file that is none of ours."""
    if not file.is_relative_to(HOME):
        return ""
    parts = file.relative_to(HOME).parts[:-1]
    return ".".join(parts[: len(parts) - level + 1])


def _files_of(module: str) -> Iterator[Path]:
    """The files of a module of ours and of the packages that it lies in; none of another's."""
    parts = module.split(".")
    if parts[0] != OURS:
        return
    for n in range(1, len(parts) + 1):
        place = HOME.joinpath(*parts[:n])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path


def _distributions(top: str) -> list[str]:
    """The distributions that a top-level module may come from; mostly it is called as its own is."""
    try:
        return [metadata.distribution(CALLED.get(top, top)).metadata["Name"]]
    except (metadata.PackageNotFoundError, ValueError):
        return _by_module().get(top, [])


@functools.cache
def _by_module() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _required(name: str) -> list[str]:
    """What a distribution requires, but for extras; whatever is installed of it counts, for any system."""
    wanted = metadata.requires(name) or []
    names = (NAME.match(each.strip()) for each in wanted if "extra ==" not in each.replace("'", '"'))
    return [found[0] for found in names if found]
