"""
Names -> classes, and the spelling `BM25(k1=1.2) @ CSR()` -> retriever.

Classes are found by entry point, loaded by name when asked for; ours are registered as a stranger's are. The spelling
is read through `ast` and nothing of it is ever evaluated.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import inspect
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal

from retrievers.analysers import Analyser
from retrievers.contract import Encoder, Retriever, Storage, VectorRetriever, options_of, spell

Group = Literal["analysers", "encoders", "storages", "retrievers"]
GROUPS: tuple[Group, ...] = ("encoders", "storages", "retrievers", "analysers")
# In the order in which a class of a plug-in file is tried: an analyser is whatever is called, so it comes last.
PROTOCOLS: dict[Group, type] = {
    "encoders": Encoder,
    "storages": Storage,
    "retrievers": Retriever,
    "analysers": Analyser,
}
# A text that lacks its quotes: what a model or a file may be called, and no literal in other letters.
WORD = re.compile(r"(?!(?i:true|false|none|null|nan|inf)(?![\w./~:-]))(?:[^\W\d]|[./~])[\w./~:-]*")
BARE = re.compile(r"[(=]\s*([^\s()=,\"']+)\s*[,)]")


class SpellingError(ValueError):
    """A spelling that names nothing, or is no spelling."""


class PluginError(RuntimeError):
    """An adapter that was found and can not be used."""


@dataclass(frozen=True)
class Entry:
    """Where one adapter lives."""

    group: Group
    name: str
    target: str  # "package.module:Class", or "path/to/file.py:Class"
    package: str  # the distribution that registered it, or the file

    def load(self) -> type:
        """Import the class; PluginError tells who, what was found, and what to do."""
        module_name, _, class_name = self.target.rpartition(":")
        try:
            module = _file_module(Path(module_name)) if module_name.endswith(".py") else import_module(module_name)
            adapter: type = getattr(module, class_name)
        except Exception as error:
            raise PluginError(
                f"{self.group[:-1]} {self.name!r} from package {self.package!r} can not be loaded:\n"
                f"{type(error).__name__}: {error}"
            ) from error
        self._check(adapter)
        return adapter

    def source_sha256(self) -> str:
        """sha256 of the code of an adapter: of its file, or of every Python file of its top-level package."""
        module_name, _, _ = self.target.rpartition(":")
        files = [Path(module_name)]
        if not module_name.endswith(".py"):
            spec = importlib.util.find_spec(module_name.partition(".")[0])
            files = [Path(spec.origin)] if spec is not None and spec.origin else []
            if spec is not None and spec.submodule_search_locations:
                files = [p for folder in spec.submodule_search_locations for p in sorted(Path(folder).rglob("*.py"))]
        return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()

    def _check(self, adapter: type) -> None:
        """It is a class that prints as its own name, and its methods take what the harness will hand them."""
        problem = self._misnamed(adapter) or _unmet(adapter, PROTOCOLS[self.group])
        if problem:
            raise PluginError(
                f"{self.group[:-1]} {self.name!r} from package {self.package!r} can not be used:\n{problem}\n"
                f"see retrievers/README.md, 'The contract', or start from: sparring new {self.group[:-1]} {self.name}"
            )

    def _misnamed(self, adapter: object) -> str:
        """An adapter is spelled with the name of its class: under another one its print would not parse back."""
        if not isinstance(adapter, type):
            return f"{self.target} was expected to be a class, found {adapter!r}"
        if adapter.__name__ != self.name:
            return (
                f"its class was expected to be called {self.name}, found {adapter.__name__}: "
                f"rename the class, or register it as {adapter.__name__}"
            )
        return ""


def _unmet(adapter: type, protocol: type) -> str:
    """What of a protocol a class lacks or takes otherwise, as a sentence; empty where it meets the protocol."""
    for method, expected in inspect.getmembers(protocol, inspect.isfunction):
        if method.startswith("_") and method != "__call__":
            continue
        wanted = [p for p in inspect.signature(expected).parameters if p != "self"]
        # Not getattr alone: every class can be called, which says nothing of what it makes.
        if not any(method in vars(base) for base in adapter.__mro__):
            return f"it has no {method}, {method}({', '.join(wanted)}) was expected"
        signature = inspect.signature(getattr(adapter, method))
        try:
            signature.bind(None, *wanted)
        except TypeError:
            return f"{method}{signature} was expected to be {method}({', '.join(wanted)})"
    return ""


def _file_module(path: Path) -> Any:  # Any: a module made from a file has no static type
    """The module of a plug-in file, imported once."""
    name = f"sparring_plugin_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"plug-in file {path}: expected a Python file, found none")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Registry:
    """The names that are known, by group."""

    entries: dict[tuple[Group, str], Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Register one; two packages that claim one name are an error that names both."""
        other = self.entries.get((entry.group, entry.name))
        if other is not None and (other.package, other.target) != (entry.package, entry.target):
            raise PluginError(
                f"{entry.group[:-1]} {entry.name!r} is claimed by two packages, {other.package!r} ({other.target}) and "
                f"{entry.package!r} ({entry.target}): uninstall one, or ask its author for another name"
            )
        self.entries[entry.group, entry.name] = entry

    def add_file(self, path: Path) -> None:
        """Register the classes of a plug-in file that meet a protocol, under their own names; others are left."""
        path = path.resolve()
        try:
            module = _file_module(path)
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f"plug-in file {path} can not be loaded:\n{type(error).__name__}: {error}") from error
        for name, adapter in inspect.getmembers(module, inspect.isclass):
            if (adapter.__module__, adapter.__name__) != (module.__name__, name):  # imported, or a second name
                continue
            group = next((group for group, protocol in PROTOCOLS.items() if issubclass(adapter, protocol)), None)
            # What takes more than a text is no analyser gone wrong: a file may hold other things that are called.
            if group is not None and not (group == "analysers" and _unmet(adapter, Analyser)):
                self.add(Entry(group, name, f"{path}:{name}", str(path)))

    def names(self, group: Group) -> list[str]:
        return sorted(name for known, name in self.entries if known == group)

    def load(self, group: Group, name: str) -> type:
        """The class of that name; SpellingError with the nearest name where there is none."""
        entry = self.entries.get((group, name))
        if entry is None:
            known = self.names(group)
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            elsewhere = [g for g in GROUPS if (g, name) in self.entries]
            hint = f" Did you mean {near[0]}?" if near else ""
            if elsewhere:
                hint = f" {name} is a name of the {elsewhere[0]}."
            raise SpellingError(
                f"unknown {group[:-1]} {name!r}: expected one of {', '.join(known) or 'none registered'}.{hint}"
            )
        return entry.load()


def installed() -> Registry:
    """Every adapter that an installed package registers, ours among them. Nothing is imported yet."""
    registry = Registry()
    for group in GROUPS:
        for point in metadata.entry_points(group=f"sparring.{group}"):
            package = point.dist.name if point.dist is not None else "unknown"
            registry.add(Entry(group, point.name, point.value, package))
    return registry


def parse(text: str, registry: Registry) -> Any:  # Any: what is spelled decides the type
    """
    Make the adapter that `text` spells: a retriever, or a lone encoder, storage or analyser.

    Left of `@` stands an encoder, right of it a storage. Raises SpellingError (says what was expected and found, and
    the nearest name) or PluginError (the adapter exists and can not be used).
    """
    text = text.strip()
    try:
        tree = ast.parse(text, mode="eval").body
        return _Reader(text, registry).adapter(tree, ("retrievers", "encoders", "storages", "analysers"))
    except SpellingError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f" at column {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise SpellingError(
            f"{text!r} is no spelling{place}: expected a call such as BM25(k1=1.2) @ CSR(), found a syntax error"
            + (_in_quotes(text, bare[1], registry) if (bare := BARE.search(text)) else "")
        ) from error


def _in_quotes(text: str, word: str, registry: Registry) -> str:
    """What to do about a text without quotes, which a shell may have taken; empty where `word` is meant otherwise."""
    if not WORD.fullmatch(word) or any(word == name for _, name in registry.entries):
        return ""
    spelled = re.sub(rf"([(=,\[]\s*){re.escape(word)}(?=\s*[,)\]])", rf'\1"{word}"', text, count=1)
    return f". Did you mean {spelled}? A text stands in double quotes; put single quotes round the whole"


def _mistyped(signature: inspect.Signature, options: Sequence[object], named: Mapping[str, object]) -> str:
    """Which option is of another kind than its default, as a sentence; empty where none is, or one lacks or is over."""
    try:
        given = signature.bind(*options, **named).arguments
    except TypeError:
        return ""
    for name, value in given.items():
        expected = _kind(signature.parameters[name].default)
        if expected and _kind(value) not in ("", expected):
            return f"{name} was expected to be {expected}, found {value!r}"
    return ""


def _kind(value: object) -> str:
    kinds = (((bool,), "True or False"), ((int, float), "a number"), ((str,), "a text"), ((list, tuple), "a list"))
    return next((name for types, name in kinds if isinstance(value, types)), "")


@dataclass(frozen=True)
class _Reader:
    text: str
    registry: Registry

    def adapter(self, node: ast.expr, groups: tuple[Group, ...]) -> Any:  # Any: see parse
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            if "retrievers" not in groups:
                raise self._error(node, f"one of the {groups[0]}", "a pairing with @")
            encoder = self.adapter(node.left, ("encoders",))
            return VectorRetriever(encoder, self.adapter(node.right, ("storages",)))
        if isinstance(node, ast.Name):
            raise self._error(node, f"a call, {node.id}()", node.id)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            raise self._error(node, "a call such as BM25(k1=1.2)", ast.unparse(node))
        name = node.func.id
        group = next((g for g in groups if (g, name) in self.registry.entries), None)
        if group is None and len(groups) > 1:
            everywhere = sorted({n for g, n in self.registry.entries if g in groups})
            near = difflib.get_close_matches(name, everywhere, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise SpellingError(
                f"in {self.text!r}: unknown name {name!r}: expected one of {', '.join(everywhere)}.{hint}"
            )
        adapter = self.registry.load(group or groups[0], name)
        return self._call(adapter, node)

    def _call(self, adapter: type, node: ast.Call) -> Any:  # Any: see parse
        parameters = inspect.signature(adapter).parameters
        options = [self.option(argument) for argument in node.args]
        named: dict[str, Any] = {}  # Any: option values
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg not in parameters:
                near = difflib.get_close_matches(str(keyword.arg), parameters, n=1, cutoff=0.5)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise SpellingError(
                    f"in {self.text!r}: {adapter.__name__} has no option {keyword.arg!r}: expected one of "
                    f"{', '.join(parameters) or 'none'}.{hint}"
                )
            if keyword.arg in named:
                raise self._error(keyword.value, f"{keyword.arg} once", f"{keyword.arg} again")
            named[keyword.arg] = self.option(keyword.value)
        try:
            return adapter(*options, **named)
        except (TypeError, ValueError) as error:
            said = _mistyped(inspect.signature(adapter), options, named) or str(error)
            raise SpellingError(f"in {self.text!r}: {adapter.__name__}: {said}") from error
        except Exception as error:
            raise PluginError(f"{adapter.__name__} can not be made:\n{type(error).__name__}: {error}") from error

    def option(self, node: ast.expr) -> Any:  # Any: see parse
        if isinstance(node, ast.Call | ast.BinOp) and not isinstance(node, ast.BinOp):
            return self.adapter(node, ("analysers", "retrievers", "encoders", "storages"))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return self.adapter(node, ("retrievers",))
        if isinstance(node, ast.List | ast.Tuple):
            return tuple(self.option(item) for item in node.elts)
        try:
            value = ast.literal_eval(node)
        except ValueError:
            value = ...
        if value is not None and not isinstance(value, bool | int | float | str):
            found = ast.get_source_segment(self.text, node) or ast.unparse(node)
            found += _in_quotes(self.text, found, self.registry)
            raise self._error(node, "a number, a text in quotes, True, False, None or a call", found)
        if isinstance(value, float) and not math.isfinite(value):  # inf would not parse back
            raise self._error(node, "a finite number", ast.unparse(node))
        return value

    def _error(self, node: ast.expr, expected: str, found: str) -> SpellingError:
        return SpellingError(f"in {self.text!r} at column {node.col_offset + 1}: expected {expected}, found {found}")


def resolved(adapter: Any, defaults: Mapping[str, object]) -> Any:  # Any: any adapter, the same type back
    """
    The adapter made anew with every option that is None and named in `defaults` set from there, nested ones too.

    So an analyser left at its default follows the language of the passage set, and so does one that is written without
    its language.
    """
    if isinstance(adapter, VectorRetriever):
        return VectorRetriever(resolved(adapter.encoder, defaults), resolved(adapter.storage, defaults))
    options = {
        name: defaults[name] if value is None and name in defaults else _resolved_option(value, defaults)
        for name, value in options_of(adapter).items()
    }
    return type(adapter)(**options)


def _resolved_option(value: Any, defaults: Mapping[str, object]) -> Any:  # Any: see resolved
    if isinstance(value, list | tuple):
        return tuple(_resolved_option(item, defaults) for item in value)
    return resolved(value, defaults) if isinstance(value, Encoder | Storage | Retriever | Analyser) else value


def spelled_in_full(adapter: object) -> dict[str, str]:
    """Every resolved option of an adapter as it is spelled, for the record."""
    return {name: spell(value) for name, value in options_of(adapter).items()}
