"""A run folder that may be a stranger's: what is refused before anything of it is read, written or removed."""

from __future__ import annotations

import json
import os
import shutil

import msgspec
import pytest

from bench.errors import InputError
from bench.records import journal, run_folder
from tests.helpers.begun import begin, contents, environment, measurement, record, stage
from tests.helpers.tiny import tiny_set


@pytest.fixture
def begun(tmp_path):
    """A run folder with two cells, and one stage in its journal."""
    return begin(tmp_path / "run")


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"quality": "../../others.npz"}},
        {"files": {"hits": "/etc/hostname"}},
        {"files": {"quality": "notes"}},
        {"files": {"quality": "quality/a/b"}},
        {"files": {"quality": "quality/a\0b"}},
        {"passage_set": "../../set"},
        {"passage_set": ".."},
        {"cell": "a/b"},
    ],
)
def test_what_names_other_folders_is_refused(begun, changes):
    """
    A record whose files or names lead out of the run's folder is refused: the run may be a stranger's.
    """
    with journal.opened(begun, record(), environment()) as writer:
        writer.measured(measurement(**({"cell": "c"} | changes)))

    with pytest.raises(InputError, match=r"expected (files in hits, quality, samples|names without folders)"):
        run_folder.read(begun)


@pytest.mark.parametrize("name", [run_folder.MEASUREMENTS, run_folder.ENVIRONMENT])
def test_a_folder_in_the_place_of_a_file(begun, name):
    """
    A folder where a record should be is said to be one.
    """
    (begun / name).unlink()
    (begun / name).mkdir()

    with pytest.raises(InputError, match=f"{name}: cannot be read: Is a directory"):
        run_folder.read(begun)


@pytest.mark.parametrize("name", ["../outside", "/outside", "..", "a/b", "a\0b"])
def test_sets_of_other_folders(begun, name):
    """
    A record that names a passage set elsewhere is refused.
    """
    content = json.loads((begun / run_folder.RUN).read_bytes()) | {"passage_sets": {name: "0"}}
    (begun / run_folder.RUN).write_text(json.dumps(content))

    with pytest.raises(InputError, match=r"run\.json: expected names of passage sets without folders, found"):
        run_folder.read(begun)


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "measurements.jsonl",
        "stages.jsonl",
        "lock",
        "sets",
        "hits",
        "quality",
        "samples",
        "quality/a.npz",
        "work",
        "work/0",
    ],
)
def test_links(begun, tmp_path, name):
    """
    A link in a run folder is refused, by who reads it and by who writes there, and what it points to stays as it was.
    """
    victim = tmp_path / "victim"
    victim.mkdir()
    for inside in ("download.part", ".a.part", "primer.json"):
        (victim / inside).write_text("mine")
    place = begun / name
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(victim if "." not in name and name != "lock" else victim / "primer.json")
    before = contents(victim)

    for read in (lambda: run_folder.read(begun), lambda: journal.opened(begun, record(), environment()).__enter__()):
        with pytest.raises(InputError, match=r"expected files of its own, found a link|expected a run folder"):
            read()

    assert before == contents(victim)


def test_what_others_keep_there(begun, tmp_path):
    """
    Whatever else a run folder holds or leads to, nothing there is removed.
    """
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "film.mkv.part").write_text("mine")
    (begun / "extra").symlink_to(victim)
    (begun / "notes").mkdir()
    (begun / "notes" / "draft.part").write_text("mine")
    (begun / "hits" / "a.npz.part").write_text("a run's")

    with journal.opened(begun, record(), environment()):
        left = [path.name for path in begun.rglob("*.part")] + [path.name for path in victim.iterdir()]

    assert ["draft.part", "film.mkv.part"] == left


@pytest.mark.parametrize("place", ["/dev/zero", "../outside.npz", "sets/a.json"])
def test_stages_that_name_other_files(begun, place):
    """
    A stage of the journal whose times would lie elsewhere is refused.
    """
    with journal.opened(begun, record(), environment()) as writer:
        writer.finished("a", stage(samples=place))

    with pytest.raises(InputError, match=r"stages\.jsonl: expected files in hits, quality, samples, found"):
        run_folder.stages(begun)


def test_a_set_that_is_damaged(begun):
    """
    A kept set whose merged passages name none that was kept is refused.
    """
    (begun / "sets").mkdir(exist_ok=True)
    run_folder.write_set(begun, msgspec.structs.replace(tiny_set(), merged={"x": "nope"}))

    with pytest.raises(InputError, match="expected merged passages to name one that was kept"):
        run_folder.read_set(begun, "tiny")


def test_a_loop_of_links(begun):
    """
    So is one that points to itself.
    """
    (begun / run_folder.MEASUREMENTS).unlink()
    (begun / run_folder.MEASUREMENTS).symlink_to(begun / run_folder.MEASUREMENTS)

    with pytest.raises(InputError, match=r"found a link: measurements\.jsonl"):
        run_folder.read(begun)


@pytest.mark.parametrize(
    "name", ["run.json", "measurements.jsonl", "stages.jsonl", "lock", "sets/x.json", "hits/a.npz"]
)
def test_pipes(begun, name):
    """
    A pipe, which might never end, is refused unread.
    """
    place = begun / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)

    with pytest.raises(InputError, match=r"found a pipe or a device|expected a run folder"):
        run_folder.read(begun)


def test_records_without_end(begun):
    """
    Nor is a file of records read that is larger than any is.
    """
    os.truncate(begun / run_folder.MEASUREMENTS, 2**40)

    with pytest.raises(InputError, match=r"measurements\.jsonl: expected records of at most 1,073,741,824 bytes"):
        run_folder.read(begun)
