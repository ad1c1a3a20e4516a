"""The house: where code may lie, and who may import whom."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

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
COMPILED = "retrievers.storages.search.compiled"
# Packages that hand out more than their modules. Any other's __init__ imports nothing: each child would pay for it.
HANDS_OUT = {"bench.commands", "bench.formats", "retrievers.analysers", "retrievers.conformance"}
FREE = {"__future__", "os", "pathlib", "typing"}  # what every process has imported anyway
# What a child process never imports, whatever stage it does, and what of it it may.
NOT_IN_A_CHILD = ("bench.passages", "bench.records", "bench.run")
IN_A_CHILD = {"bench.passages", "bench.passages.synthetic", "bench.records"}
IN_A_CHILD |= {"bench.records.decision", "bench.records.schema"}


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of the project by its name."""
    paths = [path for package in ("bench", "retrievers") for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Every module of the project that a tree imports, at the top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import, which no rule here follows"
            # `from package import name`: the name may be a module; where it is not, the package is what is imported.
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield from [name] if name in known else [node.module] if node.module in known else []


def names_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules that an import names."""
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]


def with_packages(module: str) -> list[str]:
    """A module and the packages it lies in, which are imported before it."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def at_import(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that run with a module: those inside `try`, `with`, `if` and classes too, none inside a function."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            handlers = [each for handler in getattr(node, "handlers", []) for each in handler.body]
            inside = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
            yield from at_import([*handlers, *(each for part in inside for each in part)])


@functools.cache
def imported_by(module: str) -> frozenset[str]:
    """Every module of the project that one imports."""
    return frozenset(imports(ast.parse(modules()[module].read_text(encoding="utf-8")), set(modules())))


# The wings in the order data flows: each imports itself and those before it. Adapters never import the harness.
CONTRACT = ("retrievers.contract", "retrievers.spelling", "retrievers.ranking")  # one page, in three files
FAMILIES = ("retrievers.encoders", "retrievers.storages", "retrievers.engines")
WINGS = (
    *("retrievers.contract", "retrievers.paths", "retrievers.languages", "retrievers.similarity"),
    *("retrievers.model_names", "retrievers.hub", "retrievers.model_folders", "retrievers.models"),
    *("retrievers.available", "retrievers.analysers"),
    *FAMILIES,
    *("retrievers.plugin", "retrievers.hints", "retrievers.registry", "retrievers.conformance"),
    *("bench.errors", "bench.cache", "bench.git", "bench.hit_rules", "bench.lock", "bench.progress", "bench.toml"),
    *("bench.formats", "bench.passages", "bench.records", "bench.statistics", "bench.instruments", "bench.stage"),
    *("bench.run", "bench.calibration", "bench.analysis", "bench.gate", "bench.training", "bench.scaffold"),
    *("bench.report", "bench.commands", "bench.streams", "bench.cli"),
)


def wing(module: str) -> str:
    """The wing of a module; ValueError for one that lies in none."""
    name = ".".join(module.split(".")[:2])
    return WINGS[WINGS.index("retrievers.contract" if name in CONTRACT else name)]


def backward(module: str, imported: str) -> bool:
    """Whether an import runs against the order, or reaches from one part of the adapters into a family of them."""
    here, there = wing(module), wing(imported)
    into_family = there in FAMILIES and there != here and here.startswith("retrievers")
    return into_family or WINGS.index(there) > WINGS.index(here)


@pytest.mark.parametrize("module", sorted(set(modules()) - {"bench", "retrievers"}))
def test_a_wing_imports_only_those_before_it(module):
    """
    Each module lies in a wing that imports none below it, and no adapter imports the harness or another family.
    """
    assert wing(module)
    assert [] == [name for name in imported_by(module) - {"bench", "retrievers"} if backward(module, name)]


def test_what_is_shared_stays_in_its_folder():
    """
    A module whose name begins with _ is imported by its own folder alone, and by those inside.
    """
    found = [
        f"{module} imports {name}"
        for module in modules()
        for name in imported_by(module)
        if "._" in name and name[: name.index("._")] not in with_packages(module)
    ]

    assert [] == found


def test_a_child_imports_no_suite_and_no_run_folder():
    """
    A child starts with what the worker imports, late imports too: of records the schema, of passages what it makes up.
    """
    reached, ahead = {"bench"}, {"bench.stage.worker"}  # what `bench` hands out is late, and no child asks for it
    while ahead:
        reached |= ahead
        ahead = {part for name in ahead for one in imported_by(name) for part in with_packages(one)} - reached

    assert {name for name in reached if name.startswith(NOT_IN_A_CHILD)} <= IN_A_CHILD
    assert "bench.stage.rehearsal" in reached  # late imports are followed


@pytest.mark.parametrize("package", sorted(m for m, path in modules().items() if path.name == "__init__.py"))
def test_packages_import_nothing(package):
    """
    A package's own file imports nothing: every process that needs one module of it would pay for all.
    """
    tree = ast.parse(modules()[package].read_text(encoding="utf-8"))
    found = [node for node in at_import(tree.body) if not set(names_of(node)) <= FREE]

    assert package in HANDS_OUT or [] == found


def test_datasets_and_results_hold_no_python():
    """
    A Python file there would shadow the Hugging Face `datasets` package.
    """
    found = [path for folder in ("datasets", "results") for path in (ROOT / folder).rglob("*.py")]

    assert [] == found


@pytest.mark.parametrize("module", sorted(modules()))
def test_heavy_imports_are_late(module):
    """
    What takes seconds to import is imported where it is used, never with the module.
    """
    top = list(at_import(ast.parse(modules()[module].read_text(encoding="utf-8")).body))
    names = [name for node in top for name in names_of(node)]
    names += imports(ast.Module(top, []), {COMPILED})
    heavy = {name for name in names if name.split(".")[0] in HEAVY or name == COMPILED}

    assert heavy == ({"numba", "numba.extending"} if module == COMPILED else set())


def test_what_is_compiled_stands_alone():
    """
    What numba keeps on disk goes stale with its own file alone: nothing from another is compiled into it.
    """
    assert frozenset() == imported_by(COMPILED)


def test_imports_of_a_module_are_seen_wherever_they_run():
    """
    An import that runs with its module counts inside `try`, `with`, `if` and a class; one for types or late does not.
    """
    source = """
import a
try:
    import b
except ImportError:
    import c
with d():
    from e import f
if g:
    pass
else:
    import h
class I:
    import j
if TYPE_CHECKING:
    import k
def l():
    import m
"""

    assert ["a", "b", "c", "e", "h", "j"] == sorted(
        name for node in at_import(ast.parse(source).body) for name in names_of(node)
    )


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("retrievers.storages.csr", "from bench.instruments import latency", ["bench.instruments.latency"]),
        ("retrievers.storages.csr", "def f():\n    import bench.records.schema", ["bench.records.schema"]),
        ("retrievers.storages.csr", "from retrievers.registry import parse", ["retrievers.registry"]),
        ("retrievers.storages.csr", "from retrievers.encoders import lexical", ["retrievers.encoders.lexical"]),
        ("retrievers.registry", "from retrievers.storages.csr import CSR", ["retrievers.storages.csr"]),
        ("retrievers.storages.csr", "from retrievers.contract import Hits", []),
        ("bench.records.schema", "from bench.run.suite import Suite", ["bench.run.suite"]),
        ("bench.instruments.latency", "from bench.run.runner import run\nimport bench.errors", ["bench.run.runner"]),
        ("bench.run.runner", "from retrievers.storages.csr import CSR\nfrom bench.instruments import load", []),
    ],
)
def test_backward_imports_are_seen(module, source, expected):
    """
    The check sees an import of either form, at the top or inside a function.
    """
    found = imports(ast.parse(source), set(modules()))

    assert expected == [name for name in found if backward(module, name)]
