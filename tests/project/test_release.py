"""What names the version, and who is told how to cite and report: the files agree."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest

from tests.helpers.places import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def written(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_one_version():
    """
    CITATION.cff and the newest version of the CHANGELOG are those of the package, released on the same day.
    """
    newest = re.findall(r"^## \[(\d\S*)\] - (\S+)$", written("CHANGELOG.md"), re.MULTILINE)[0]
    cited = re.findall(r"^(?:version|date-released): (\S+)$", written("CITATION.cff"), re.MULTILINE)

    assert (VERSION, *newest) == (newest[0], *cited)


@pytest.mark.parametrize("page", ["README.md", "bench/gate/README.md", ".gitlab/sparring.yml"])
def test_tags_shown(page):
    """
    A page that shows how to take Sparring by its tag shows that of this version.
    """
    assert {f"v{VERSION}"} == set(re.findall(r"@(v\d+\.\d+\.\d+)", written(page)))


@pytest.mark.slow
def test_citation():
    """
    CITATION.cff is as the format's published schema says.
    """
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format"]

    ended = subprocess.run(
        [*command, str(ROOT / "CITATION.cff")], capture_output=True, text=True, timeout=60, check=False
    )

    assert 0 == ended.returncode, ended.stdout + ended.stderr


def test_every_entry_is_a_line():
    """
    An entry of the CHANGELOG's newest versions is short: no line is longer than 130 characters, no entry than three.
    """
    entries = re.split(r"^- ", written("CHANGELOG.md"), flags=re.MULTILINE)[1:]

    assert [] == [entry for entry in entries if entry.split("\n\n")[0].count("\n") > 3]
    assert [] == [line for line in written("CHANGELOG.md").splitlines() if len(line) > 130]
