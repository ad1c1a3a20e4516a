"""The house: where code may lie, and who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {
    "faiss",
    "h5py",
    "kiwipiepy",
    "numba",
    "pandas",
    "pyarrow",
    "sentence_transformers",
    "sklearn",
    "torch",
    "transformers",
    "usearch",
    "vl_convert",
}
# What numba compiles: heavy as a whole, and therefore imported late itself.
COMPILED = "retrievers.storages.compiled"

# Layer -> what of the project it may import, itself apart; a package stands for all its modules. The longest name that
# fits a module is its layer; a new module gets a line.
RECORDS = ("bench.errors", "bench.record", "bench.comparability")
INSTRUMENTS = (
    *("bench.latency", "bench.rate", "bench.stability", "bench.memory"),
    *("bench.answers", "bench.quality", "bench.environment"),
)
SETS = ("bench.formats", "bench.cards", "bench.passage_set", "bench.splits", "bench.corpora")
RUNS = (*RECORDS, *SETS, *INSTRUMENTS, "bench.suite", "bench.store")
ALLOWED: dict[str, tuple[str, ...]] = {
    "bench": (*RUNS, "bench.report"),
    "bench.errors": (),
    "bench.record": ("bench.errors",),
    "bench.comparability": ("bench.record",),
    "bench.guard": RECORDS,
    "bench.distractors": ("retrievers.contract", "retrievers.similarity"),
    "bench.failure": (*RECORDS, "retrievers"),
    "bench.letters": (),
    "bench.adapters": (*RECORDS, "bench.failure", "bench.guard", "retrievers"),
    "bench.git": ("bench.errors",),
    "bench.statistics": ("bench.errors",),
    "bench.formats": ("bench.errors", "retrievers.contract"),
    "bench.cache": ("bench.errors",),
    "bench.download": ("bench.errors",),
    "bench.fetch": ("bench.errors", "bench.cache", "bench.cards", "bench.download", "bench.formats"),
    "bench.cards": ("bench.cache", "bench.errors", "bench.formats"),
    "bench.formats.hdf5": (
        *("bench.errors", "bench.formats", "retrievers.contract"),
        "retrievers.similarity",
    ),
    "bench.passage_set": ("bench.errors", "bench.formats", "bench.cards"),
    "bench.toml": ("bench.errors",),
    "bench.training": (*RUNS, "bench.cells", "bench.toml", "retrievers"),
    "bench.splits": ("bench.errors", "bench.passage_set"),
    "bench.corpora": ("bench.errors", "bench.formats", "bench.cards", "bench.passage_set", "bench.splits"),
    **dict.fromkeys(INSTRUMENTS, (*RECORDS, "bench.bootstrap", "bench.git", "retrievers.contract")),
    **dict.fromkeys(("bench.rate", "bench.stability"), (*RECORDS, "bench.latency")),
    "bench.quality": (*RECORDS, "bench.answers", "bench.formats", "retrievers.contract"),
    "bench.matrices": (*RECORDS, "bench.cache", "retrievers.contract"),
    "bench.suite": (*RECORDS, *SETS, "bench.quality", "bench.rate", "bench.toml", "retrievers"),
    "bench.store": (*RECORDS, *SETS, "retrievers.contract"),
    # Every stage starts anew with what the worker imports: no cards, no suite, no store.
    "bench.serving": (*RECORDS, *INSTRUMENTS),
    "bench.rehearsal": (
        *(*RECORDS, *INSTRUMENTS, "bench.adapters", "bench.distractors", "bench.matrices", "retrievers.contract"),
        "retrievers.similarity",
    ),
    "bench.stages": (
        *RECORDS,
        *INSTRUMENTS,
        *("bench.adapters", "bench.guard", "bench.job", "bench.matrices", "bench.rehearsal", "bench.serving"),
        "retrievers",
        "bench.distractors",
        "bench.formats",  # a set of vectors is read where it is encoded
    ),
    "bench.estimate": (
        *(*RUNS, "bench.cells", "bench.guard", "bench.matrices", "bench.rehearsal", "bench.tasks", "retrievers"),
    ),
    "bench.job": (*RECORDS, "bench.distractors"),
    "bench.worker": (*RECORDS, "bench.failure", "bench.job", "bench.stages"),
    "bench.remains": (),
    "bench.child": (*RECORDS, "bench.worker", "bench.failure", "bench.job", "bench.remains"),
    "bench.cells": (*RUNS, "bench.distractors", "bench.matrices", "bench.stages", "retrievers"),
    "bench.tasks": (
        *RUNS,
        *("bench.cells", "bench.cache", "bench.job", "bench.matrices", "bench.worker", "retrievers"),
    ),
    "bench.measure": (*RUNS, "bench.cells", "bench.statistics", "retrievers"),
    "bench.perform": (
        *(*RUNS, "bench.cells", "bench.child", "bench.estimate", "bench.matrices", "bench.tasks", "retrievers"),
    ),
    "bench.run": (
        *RUNS,
        *("bench.matrices", "bench.cells", "bench.estimate", "bench.measure", "bench.perform", "bench.tasks"),
        "retrievers",
    ),
    "bench.plan": (*RUNS, "bench.cells", "bench.estimate", "bench.perform", "bench.run", "bench.tasks", "retrievers"),
    "bench.export": (*RUNS, "retrievers.contract"),
    "bench.imports": (*RUNS, "bench.measure", "retrievers.contract"),
    "bench.explain": (*RUNS, "bench.measure"),
    "bench.show": (*RUNS, "bench.matrices", "bench.texts", "retrievers"),
    "bench.bootstrap": ("bench.statistics",),
    "bench.differences": (*RUNS, "bench.measure", "bench.statistics"),
    "bench.matching": (),
    "bench.costs": (*RUNS, "bench.measure", "bench.statistics", "bench.differences", "bench.bootstrap"),
    "bench.compare": (
        *(*RUNS, "bench.costs", "bench.differences", "bench.matching", "bench.measure", "bench.statistics"),
    ),
    "bench.texts": RUNS,
    "bench.changes": (
        *(*RUNS, "bench.measure", "bench.statistics", "bench.differences", "bench.compare", "bench.texts"),
        "retrievers.contract",
    ),
    "bench.history": (*RUNS, "bench.git"),
    "bench.pytest_child": ("bench.cli", "bench.worker"),
    "bench.pytest_plugin": ("bench.pytest_child", "bench.corpora", "bench.errors", "bench.suite", "retrievers"),
    "bench.side": (*RUNS, "bench.cells", "bench.measure", "bench.run", "bench.worker", "retrievers"),
    "bench.revision": ("bench.errors", "bench.git"),
    "bench.opponent": ("bench.errors", "bench.revision", "bench.side"),
    "bench.sequential": (),
    "bench.speed": ("bench.suite", "bench.sequential"),
    "bench.ab": (*RUNS, "bench.matching", "bench.git", "bench.opponent", "bench.revision", "bench.side", "bench.speed"),
    "bench.gate": (*RUNS, "bench.compare", "bench.differences", "bench.speed"),
    "bench.reference": (*RUNS, "bench.compare", "bench.differences"),
    "bench.report": (
        *(*RUNS, "bench.statistics", "bench.compare", "bench.explain", "bench.plan", "bench.show", "retrievers"),
        "bench.training",
        *("bench.changes", "bench.costs", "bench.differences", "bench.gate", "bench.history", "bench.measure"),
    ),
    "bench.new": ("bench.errors", "retrievers"),
    "bench.commands": ("bench", "retrievers"),
    "bench.cli": ("bench", "retrievers"),
    "retrievers": (),
    "retrievers.contract": (),
    "retrievers.similarity": ("retrievers.contract",),
    "retrievers.analysers": ("retrievers.contract",),
    "retrievers.plugin": ("retrievers.analysers", "retrievers.contract"),
    "retrievers.registry": ("retrievers.analysers", "retrievers.contract", "retrievers.plugin"),
    "retrievers.morphemes": ("retrievers.contract", "retrievers.analysers"),
    "retrievers.conformance": ("retrievers.contract", "retrievers.analysers", "retrievers.registry"),
    **dict.fromkeys(
        ("retrievers.encoders", "retrievers.storages", "retrievers.engines"),
        ("retrievers.contract", "retrievers.analysers", "retrievers.similarity"),
    ),
}
EXACT = ("bench", "retrievers")  # as layers: the package's own __init__ alone


def modules() -> dict[str, Path]:
    """Every module of the project by its name."""
    paths = [path for package in ("bench", "retrievers") for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Every module of the project that a tree imports, at the top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            # `import bench` says where it lies: what it offers is in no module's way.
            yield from (alias.name for alias in node.names if alias.name in known - {"bench"})
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # `from package import name`: the name may be a module; where it is not, the package is what is imported.
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield from [name] if name in known else [node.module] if node.module in known else []


def within(module: str, layer: str) -> bool:
    return module == layer or module.startswith(f"{layer}.")


def layer_of(module: str) -> str | None:
    layers = [layer for layer in ALLOWED if module == layer or (layer not in EXACT and within(module, layer))]
    return max(layers, key=len, default=None)


def forbidden(module: str, imported: Iterator[str]) -> list[str]:
    """What of `imported` the module's layer may not import."""
    layer = layer_of(module)
    assert layer is not None, f"{module} has no layer: give it a line in ALLOWED"
    return [name for name in imported if not within(name, layer) and not any(within(name, a) for a in ALLOWED[layer])]


def test_datasets_and_results_hold_no_python():
    """
    A Python file there would shadow the Hugging Face `datasets` package.
    """
    found = [path for folder in ("datasets", "results") for path in (ROOT / folder).rglob("*.py")]

    assert [] == found


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_run_one_way(module):
    """
    A module imports only what its layer may: the harness by layers, adapters the contract and the analysers alone.
    """
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))

    assert [] == forbidden(module, imports(tree, set(modules())))


@pytest.mark.parametrize("module", sorted(modules()))
def test_heavy_imports_are_late(module):
    """
    What takes seconds to import is imported where it is used, never with the module.
    """
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    names = [alias.name for node in top.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in top.body if isinstance(node, ast.ImportFrom)]
    names += imports(top, {COMPILED})
    heavy = {name for name in names if name.split(".")[0] in HEAVY or name == COMPILED}

    assert heavy == ({"numba", "numba.extending"} if module == COMPILED else set())


def test_what_is_compiled_stands_alone():
    """
    What numba keeps on disk goes stale with its own file alone: nothing from another is compiled into it.
    """
    tree = ast.parse(modules()[COMPILED].read_text(encoding="utf-8"))

    assert [] == list(imports(tree, set(modules())))


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("retrievers.storages.csr", "from bench import latency", ["bench.latency"]),
        ("retrievers.storages.csr", "def f():\n    import bench.record", ["bench.record"]),
        ("retrievers.storages.csr", "from retrievers.registry import parse", ["retrievers.registry"]),
        ("retrievers.storages.csr", "from retrievers.contract import Hits", []),
        ("bench.record", "from bench.corpora import PassageSet", ["bench.corpora"]),
        ("bench.latency", "from bench.run import run\nfrom bench.record import Latency", ["bench.run"]),
    ],
)
def test_forbidden_imports_are_seen(module, source, expected):
    """
    The check sees an import of either form, at the top or inside a function.
    """
    known = {
        "bench.latency",
        "bench.record",
        "bench.corpora",
        "bench.run",
        "retrievers.registry",
        "retrievers.contract",
    }

    assert expected == forbidden(module, imports(ast.parse(source), known))
