"""
Names -> classes, and the spelling `BM25(k1=1.2) @ CSR()` -> retriever.

Classes are found by entry point, loaded by name when asked for; ours are registered as a stranger's are. The spelling
is read through `ast` and nothing of it is ever evaluated.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from retrievers import hints, plugin
from retrievers.analysers import Analyser
from retrievers.contract import Adapter, Encoder, Retriever, Storage, VectorRetriever, options_of, spell
from retrievers.plugin import ANYTHING, PROTOCOLS
from retrievers.plugin import Group as Group
from retrievers.plugin import PluginError as PluginError
from retrievers.spelling import mistyped

GROUPS: tuple[Group, ...] = ("encoders", "storages", "retrievers", "analysers")


class SpellingError(ValueError):
    """A spelling that names nothing, or is no spelling."""


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
            from_file = module_name.endswith(".py")
            module = plugin.module_of(Path(module_name)) if from_file else import_module(module_name)
            adapter: type = getattr(module, class_name)
        except ANYTHING as error:
            raise PluginError(
                f"{self.group[:-1]} {self.name!r} from package {self.package!r} cannot be loaded:\n"
                f"{type(error).__name__}: {error}"
            ) from error
        self._check(adapter)
        return adapter

    def source_sha256(self) -> str:
        """sha256 of the code of an adapter: of its top-level package, or of its file and what lies beside it."""
        return plugin.source_sha256(self.target)

    def _check(self, adapter: type) -> None:
        """It is a class that prints as its own name, and its methods take what the harness will hand them."""
        problem = self._misnamed(adapter) or plugin.unmet(adapter, PROTOCOLS[self.group])
        if problem:
            raise PluginError(
                f"{self.group[:-1]} {self.name!r} from package {self.package!r} cannot be used:\n{problem}\n"
                f"see retrievers/README.md, 'The contract', or start from: sparring new {self.group[:-1]} {self.name}"
            )

    def _misnamed(self, adapter: object) -> str:
        """An adapter is spelled with the name of its class: under another one its print would not parse back."""
        if not isinstance(adapter, type):
            return f"expected {self.target} to be a class, found {adapter!r}"
        if adapter.__name__ != self.name:
            return (
                f"expected its class to be called {self.name}, found {adapter.__name__}: "
                f"rename the class, or register it as {adapter.__name__}"
            )
        return ""


@dataclass
class Registry:
    """The names that are known, by group."""

    entries: dict[tuple[Group, str], Entry] = field(default_factory=dict)
    misses: dict[str, str] = field(default_factory=dict)  # class of a plug-in file -> what it lacks to be an adapter

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
        """
        Register the classes of a plug-in file that meet a protocol, under their own names; others are left.

        PluginError for a file that cannot be loaded, or has no such class.
        """
        path = path.resolve()
        classes = plugin.classes_of(path)
        groups = {name: group for name, adapter in classes.items() if (group := plugin.group_of(adapter)) is not None}
        misses = {
            name: f"{path.name} has a class {name}: {missed}"
            for name, adapter in classes.items()
            if name not in groups and (missed := plugin.near_miss(adapter))
        }
        if not groups:
            others = f"only {', '.join(classes)}" if classes else "no class of its own: what it imports does not count"
            raise PluginError(
                f"plug-in file {path} holds no adapter: expected a class with fit and encode (an encoder), build and "
                f"search (a storage), index and search (a retriever), or __call__ (an analyser), found: "
                f"{'; '.join(misses.values()) or others}\nsee retrievers/README.md, 'The contract'"
            )
        for name, group in groups.items():
            self.add(Entry(group, name, f"{path}:{name}", str(path)))
        self.misses |= misses

    def targets(self) -> list[tuple[str, str]]:
        """Name and target of every adapter."""
        return [(entry.name, entry.target) for entry in self.entries.values()]

    def spelled(self) -> set[str]:
        """The names of all groups."""
        return {name for _, name in self.entries}

    def names(self, group: Group) -> list[str]:
        return sorted(name for known, name in self.entries if known == group)

    def load(self, group: Group, name: str) -> type:
        """The class of that name; SpellingError where there is none, with what may be meant."""
        entry = self.entries.get((group, name))
        if entry is None:
            raise SpellingError(f"unknown {group[:-1]} {name!r}: {self.expected((group,), name)}")
        return entry.load()

    def expected(self, groups: Collection[Group], name: str, written: str = "") -> str:
        """What to write in place of a name that none of the groups has; written: the name and what follows it."""
        if name in self.misses:
            return self.misses[name]
        elsewhere = next((group for group in GROUPS if (group, name) in self.entries), None)
        names = sorted({known for group, known in self.entries if group in groups})
        if elsewhere is not None:
            return hints.one_of(names, name, f" {name} is a name of the {elsewhere}.")
        meant = self.index_meant(groups, written or name) or self.index_meant(groups, name)
        return hints.one_of(names, name, meant or hints.adapter_meant(names, name))

    def index_meant(self, groups: Collection[Group], written: str) -> str:
        """The end of a message where an index of FAISS is written for a storage; empty of anything else."""
        is_storage = "storages" in groups and ("storages", "Faiss") in self.entries
        index = hints.factory(written) if is_storage else None
        return hints.faiss_meant(index) if index is not None else ""


def installed() -> Registry:
    """Every adapter that an installed package registers, ours among them. Nothing is imported yet."""
    registry = Registry()
    for group in GROUPS:
        for point in metadata.entry_points(group=f"sparring.{group}"):
            package = point.dist.name if point.dist is not None else "unknown"
            registry.add(Entry(group, point.name, point.value, package))
    return registry


def parse(text: str, registry: Registry) -> Adapter:
    """
    Make the adapter that `text` spells: a retriever, or a lone encoder, storage or analyser.

    Left of `@` stands an encoder, right of it a storage. Raises SpellingError (says what it expected and found, and
    the nearest name) or PluginError (the adapter exists and cannot be used).
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
            + hints.in_quotes(text, registry.spelled())
        ) from error


@dataclass(frozen=True)
class _Reader:
    text: str
    registry: Registry

    def adapter(self, node: ast.expr, groups: tuple[Group, ...]) -> Adapter:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            if "retrievers" not in groups:
                raise self._error(node, f"one of the {groups[0]}", "a pairing with @")
            encoder = self.adapter(node.left, ("encoders",))
            return VectorRetriever(encoder, self.adapter(node.right, ("storages",)))
        named = node.func if isinstance(node, ast.Call) else node
        if not isinstance(named, ast.Name):
            raise self._error(node, "a call such as BM25(k1=1.2)", ast.unparse(node) + self._index_meant(groups, node))
        group = next((g for g in groups if (g, named.id) in self.registry.entries), None)
        if group is None:
            known = self.registry.expected(groups, named.id, named.id + hints.size_given(node))
            place, kind = (f"in {self.text!r}: ", "name") if len(groups) > 1 else ("", groups[0][:-1])
            raise SpellingError(f"{place}unknown {kind} {named.id!r}: {known}")
        if not isinstance(node, ast.Call):
            raise self._error(node, f"a call, {named.id}()", named.id)
        return self._call(self.registry.load(group, named.id), node)

    def _index_meant(self, groups: Collection[Group], node: ast.expr) -> str:
        """What a text in a storage's place means, or BM25() @ IVF100,Flat, which Python takes for two things."""
        first = node.elts[0] if isinstance(node, ast.Tuple) and node.elts else node
        begin = first.right if isinstance(first, ast.BinOp) else first
        written = self.text.encode()[begin.col_offset : node.end_col_offset].decode()
        meant = self.registry.index_meant(groups, written.strip("\"'"))
        return f".{meant}" if meant else ""

    def _call(self, adapter: type, node: ast.Call) -> Adapter:
        parameters = inspect.signature(adapter).parameters
        options = [self.option(argument) for argument in node.args]
        named: dict[str, Any] = {}  # Any: option values
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg not in parameters:
                expected = hints.one_of(parameters, str(keyword.arg))
                raise SpellingError(f"in {self.text!r}: {adapter.__name__} has no option {keyword.arg!r}: {expected}")
            if keyword.arg in named:
                raise self._error(keyword.value, f"{keyword.arg} once", f"{keyword.arg} again")
            named[keyword.arg] = self.option(keyword.value)
        try:
            return adapter(*options, **named)
        except (TypeError, ValueError) as error:
            said = mistyped(inspect.signature(adapter), options, named) or str(error)
            said = said.removeprefix(f"{adapter.__name__}: ")  # many begin with their own name
            raise SpellingError(f"in {self.text!r}: {adapter.__name__}: {said}") from error
        except ANYTHING as error:
            raise PluginError(f"{adapter.__name__} cannot be made:\n{type(error).__name__}: {error}") from error

    def option(self, node: ast.expr) -> Any:  # Any: an adapter, or what its constructor takes
        if isinstance(node, ast.Call):
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
            names = self.registry.spelled()
            found += hints.in_quotes(self.text, names) if hints.is_bare(found, names) else ""
            raise self._error(node, "a number, a text in quotes, True, False, None or a call", found)
        if isinstance(value, float) and not math.isfinite(value):  # inf would not parse back
            raise self._error(node, "a finite number", ast.unparse(node))
        return value

    def _error(self, node: ast.expr, expected: str, found: str) -> SpellingError:
        return SpellingError(f"in {self.text!r} at column {node.col_offset + 1}: expected {expected}, found {found}")


def resolved(adapter: Adapter, defaults: Mapping[str, object]) -> Adapter:
    """
    The adapter made anew with every option that is None and named in `defaults` set from there, nested ones too.

    So an analyser left at its default follows the language of the passage set, and so does one that is written without
    its language.
    """
    if isinstance(adapter, VectorRetriever):
        return VectorRetriever(resolved(adapter.encoder, defaults), resolved(adapter.storage, defaults))
    options = {
        name: defaults[name] if value is None and name in defaults else within(value, lambda a: resolved(a, defaults))
        for name, value in options_of(adapter).items()
    }
    return type(adapter)(**options)


def within(value: Any, change: Callable[[Adapter], Adapter]) -> Any:  # Any: see option
    """An option with every adapter in it changed; itself where it holds none."""
    if isinstance(value, list | tuple):
        return tuple(within(item, change) for item in value)
    return change(value) if isinstance(value, Encoder | Storage | Retriever | Analyser) else value


def spelled_in_full(adapter: object) -> dict[str, str]:
    """Every resolved option of an adapter as it is spelled, for the record."""
    return {name: spell(value) for name, value in options_of(adapter).items()}
