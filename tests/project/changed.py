"""The tests of what changed since the last commit, for `make check`: `python -m tests.project.changed`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from tests.helpers.places import ROOT

ALWAYS = ("tests/project/test_house.py", "tests/project/test_changed.py")
EVERYWHERE = ("pyproject.toml", "constraints.txt", "Makefile", "conftest.py")
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
    if top == "retrievers":
        yield f"tests/retrievers/{rooms[0]}" if rooms else "tests/retrievers/test_contract.py"
        yield f"tests/retrievers/test_{rooms[0] if rooms else file.stem}.py"
    if top == "tests" and file.name.startswith("test_"):
        yield str(file)
    elif top == "tests" and file.suffix == ".py":  # shared by those that name its module
        module = ".".join(file.with_suffix("").parts)
        package, name = module.rsplit(".", 1)
        for path in sorted((ROOT / "tests").rglob("test_*.py")):
            text = path.read_text(encoding="utf-8")
            if f"from {module} import" in text or (f"from {package} import" in text and name in text):
                yield path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    print("\n".join(selected(changed())))
