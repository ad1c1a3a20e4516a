"""The pictures whose runs are not committed are those of the figures that are, and these are those of their pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.benchmarks import pictures
from tests.benchmarks.pictures import RESULTS


def test_pictures_are_those_of_their_figures():
    """
    The SVG files are what `python -m tests.benchmarks.pictures` draws, byte for byte.
    """
    for path, picture in pictures.drawn().items():
        assert picture == path.read_text("utf-8"), path.name


def tables(page: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each line of a page's tables, with the title above its table."""
    title, head = "", []
    for line in (RESULTS / page).read_text("utf-8").splitlines():
        cells = [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        if line.startswith(("**", "#")):
            title = line.strip("*# ")
        elif not line.startswith("|"):
            head = []
        elif not head:
            head = cells
        elif not cells[0].startswith("---"):
            yield title, dict(zip(head, cells, strict=True))


def test_the_picture_of_storages_says_what_its_page_says():
    """
    Each storage of each table has a field, whose bytes are the ledger's and whose quality is the table's.
    """
    found = pictures.stored(RESULTS / "storage.json")
    fields = {(patch.column, patch.storage): patch for patch in found.patches}

    rows = {}
    for title, row in tables("storage.md"):
        heading = re.fullmatch(r"(\S+): ([\d,]+) passages.*, \w\w: (.+)", title)
        named = re.match(r"`([^`]*)`", row.get("storage", ""))
        if heading and named:
            rows[(heading[3], heading[1]), named[1]] = int(heading[2].replace(",", "")), row
    assert rows.keys() == fields.keys()
    for key, (n_passages, row) in rows.items():
        patch = fields[key]
        if patch.bytes is None:
            assert f"({patch.first}: " in row["storage"]
            continue
        assert float(row["index MB"].replace(",", "")) * 1e6 == pytest.approx(patch.bytes * n_passages, rel=0.011)
        word, value = patch.second.split()
        assert {"exact": row["R@10"], "lost": row["R@10 lost"]}[word] == value


def test_the_picture_of_trainings_says_what_its_page_says():
    """
    Mean, interval and seeds by negatives are those of the page's table.
    """
    found = pictures.trained(RESULTS / "towers.json")

    rows = {row["negatives"]: row for _, row in tables("towers.md") if "batch × accumulated" in row}
    first = [float(seed) for seed in rows.pop(f"{found.fewest}")["seeds"].split(";")]
    assert list(rows) == [f"{gain.negatives}" for gain in found.gains]
    for gain in found.gains:
        row = rows[f"{gain.negatives}"]
        told = [gain.difference, *(gain.interval or ())]
        assert [float(part) for part in re.findall(r"[+-]?\.\d+", row["R@10, more than the first"])] == pytest.approx(
            told, abs=6e-5
        )
        seeds = [float(seed) - other for seed, other in zip(row["seeds"].split(";"), first, strict=True)]
        assert seeds == pytest.approx(gain.seeds, abs=1.1e-4)
