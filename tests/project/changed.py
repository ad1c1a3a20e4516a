"""The tests of what changed since the last commit, for `make check`: `python -m tests.project.changed`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from tests.helpers.places import ROOT

ALWAYS = ("tests/project/test_house.py", "tests/project/test_changed.py")
EVERYWHERE = ("pyproject.toml", "constraints.txt", "Makefile", "conftest.py")
FEW = 4  # test files outside a wing that are run for one of its modules: the whole is to end within a minute
PAGES = ("tests/project/test_docs.py", "tests/report/test_pages.py")


def changed(root: Path = ROOT) -> list[str]:
    """Files that differ from the last commit, new ones too, as git names them from the top of the checkout."""
    found: list[str] = []
    for command in (("diff", "--name-only", "-z", "HEAD"), ("ls-files", "--others", "--exclude-standard", "-z")):
        listed = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True)
        found += filter(None, listed.stdout.split("\0"))
    return found


def selected(files: Iterable[str]) -> list[str]:
    """The folders and files of tests of some files, as arguments of pytest; those of the house always."""
    found = dict.fromkeys(ALWAYS)
    for file in files:
        found |= dict.fromkeys(path for path in _tests_of(PurePosixPath(file)) if (ROOT / path).exists())
    inside = [path for path in found if not any(str(above) in found for above in PurePosixPath(path).parents)]
    return sorted(inside)


def _tests_of(file: PurePosixPath) -> Iterator[str]:
    top, *rooms = file.parts[:-1] or ("",)
    if file.name in EVERYWHERE or file.parts[:2] in (("tests", "plugins"), ("tests", "data")):
        yield "tests"
    if top in (".github", ".gitlab") or file.name == "action.yml":
        yield "tests/gate/test_ci_files.py"
    if file.suffix == ".md" or top in ("results", "datasets"):
        yield from PAGES
    if top == "datasets":
        yield "tests/passages"
    if top == "bench":
        yield from (f"tests/{rooms[0]}",) if rooms else (f"tests/test_{file.stem}.py", "tests/commands")
    if file.parts[:2] == ("bench", "commands"):
        yield "tests/project/test_docs.py"  # every option is described
    if file.parts == ("results", "README.md"):
        yield "tests/report/test_table.py"  # every column is explained
    if top == "retrievers":
        shared = ("contract", "registry", file.stem)
        yield from (f"tests/retrievers/{rooms[0]}",) if rooms else (f"tests/retrievers/test_{it}.py" for it in shared)
        yield f"tests/retrievers/test_{rooms[0]}.py" if rooms else ""
    if top == "tests" and file.name.startswith("test_"):
        yield str(file)
    elif file.suffix == ".py":
        found = list(_importing(".".join(file.with_suffix("").parts)))
        yield from found if top == "tests" or len(found) <= FEW else ()  # what many use is held by its own wing


def _importing(module: str) -> Iterator[str]:
    """The test files that import a module by its name."""
    package, name = module.rsplit(".", 1)
    direct = re.compile(rf"^ *from ({re.escape(module)} import|{re.escape(package)} import .*\b{name}\b)", re.MULTILINE)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if direct.search(path.read_text(encoding="utf-8")):
            yield path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    print("\n".join(selected(changed())))
