"""The code of an adapter: loaded from a plug-in file, held to the protocols of the contract, and hashed."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from retrievers.analysers import Analyser
from retrievers.contract import Encoder, Retriever, Storage

Group = Literal["analysers", "encoders", "storages", "retrievers"]
# In the order in which a class of a plug-in file is tried: an analyser is whatever is called, so it comes last.
PROTOCOLS: dict[Group, type] = {
    "encoders": Encoder,
    "storages": Storage,
    "retrievers": Retriever,
    "analysers": Analyser,
}
MODULE = "sparring_plugin_"  # and the file's own name: what the module of a plug-in file is called
# What code that is not ours may raise when it is imported or called; Ctrl-C stays the user's.
ANYTHING = (Exception, SystemExit)


class PluginError(RuntimeError):
    """An adapter that was found and cannot be used."""


# Files


def module_of(path: Path) -> Any:  # Any: a module made from a file has no static type
    """The module of a plug-in file, imported once; what the file raises is raised."""
    name = f"{MODULE}{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(
            f"plug-in file {path}: expected a Python file, found none: a path is taken from the present folder, "
            f"one in a suite from the suite's own"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # half a module would be found the next time
        raise
    return module


def classes_of(path: Path) -> dict[str, type]:
    """The classes that a plug-in file itself defines, by name. PluginError where it cannot be loaded."""
    try:
        module = module_of(path)
    except PluginError:
        raise
    except ANYTHING as error:
        raise PluginError(f"plug-in file {path} cannot be loaded:\n{type(error).__name__}: {error}") from error
    return {
        name: found
        for name, found in inspect.getmembers(module, inspect.isclass)
        if (found.__module__, found.__name__) == (module.__name__, name)  # not imported, and no second name
    }


def source_sha256(target: str) -> str:
    """sha256 of the code behind a target, `package.module:Class` or `file.py:Class`: the files' names and bytes."""
    total = hashlib.sha256()
    for name, path in sorted(source_files(target.rpartition(":")[0])):
        total.update(name.encode("utf-8", "surrogateescape") + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_ours(target: str) -> bool:
    """Whether a target is of this project's own package of adapters."""
    return target.startswith("retrievers.")


def files_of(target: str) -> list[Path]:
    """The files of Python that a target may be made of: of one of ours its module, which tells by imports what else."""
    module = target.rpartition(":")[0]
    if not is_ours(target):
        return [path for _, path in source_files(module)]
    spec = importlib.util.find_spec(module)
    return [Path(spec.origin)] if spec is not None and spec.origin is not None else []


def folder_of(target: str) -> Path | None:
    """The folder of a plug-in file, or of a target's top-level package; None of a module that has none of its own."""
    module = target.rpartition(":")[0]
    if module.endswith(".py"):
        return Path(module).parent
    spec = importlib.util.find_spec(module.partition(".")[0])
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0]) if folders else None


def source_files(module: str) -> list[tuple[str, Path]]:
    """
    The Python files that a module may be made of, each with its name.

    Of an installed one those of its whole top-level package. Of a plug-in file whatever lies beside it, and the
    packages there: which of them it imports is not known before it runs.
    """
    if module.endswith(".py"):
        home = Path(module).parent
        files = [(home, path) for path in home.glob("*.py")]
        files += [(home, path) for package in home.glob("*/__init__.py") for path in package.parent.rglob("*.py")]
    else:
        spec = importlib.util.find_spec(module.partition(".")[0])
        homes = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
        files = [(home, path) for home in homes for path in home.rglob("*.py")]
        if spec and spec.origin and not files:
            files = [(Path(spec.origin).parent, Path(spec.origin))]
    return [(str(path.relative_to(home)), path) for home, path in files if path.is_file()]


# Protocols


def group_of(adapter: type) -> Group | None:
    """The group that a class of a plug-in file belongs to; None where it is no adapter."""
    group = next((group for group, protocol in PROTOCOLS.items() if issubclass(adapter, protocol)), None)
    # What takes more than a text is no analyser gone wrong: a file may hold other things that are called.
    return None if group == "analysers" and unmet(adapter, Analyser) else group


def unmet(adapter: type, protocol: type) -> str:
    """What of a protocol a class lacks or takes otherwise, as a sentence; empty where it meets the protocol."""
    for method, wanted in _methods(protocol):
        if not _has(adapter, method):
            return f"expected {method}({', '.join(wanted)}), found no {method}"
        signature = inspect.signature(getattr(adapter, method))
        try:
            signature.bind(None, *wanted)
        except TypeError:
            return f"expected {method}({', '.join(wanted)}), found {method}{signature}"
    return ""


def near_miss(adapter: type) -> str:
    """What a class that meets no protocol lacks of those it meets in part; empty where it meets none in part."""
    lacking: list[str] = []
    for protocol in PROTOCOLS.values():
        methods = list(_methods(protocol))
        missing = [f"{method}({', '.join(wanted)})" for method, wanted in methods if not _has(adapter, method)]
        if 0 < len(missing) < len(methods):
            lacking += missing
    if lacking:
        return f"it has no {' or '.join(lacking)}"
    return unmet(adapter, Analyser) if _has(adapter, "__call__") else ""


def _methods(protocol: type) -> Iterator[tuple[str, list[str]]]:
    """The methods of a protocol: name, and what they take."""
    for method, expected in inspect.getmembers(protocol, inspect.isfunction):
        if not method.startswith("_") or method == "__call__":
            yield method, [name for name in inspect.signature(expected).parameters if name != "self"]


def _has(adapter: type, method: str) -> bool:
    """Whether a class has a method of its own: not getattr alone, since every class itself can be called."""
    return any(method in vars(base) for base in adapter.__mro__)
