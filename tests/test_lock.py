"""Locks: one process at a time in a folder."""

from __future__ import annotations

import threading

import pytest

from bench.errors import InputError
from bench.lock import LOCK, held


def test_a_folder_that_is_held_is_refused(tmp_path):
    """
    A folder is made and held by one; a second is refused, and has it once the first is done.
    """
    folder = tmp_path / "new"
    with (
        held(folder, "run"),
        pytest.raises(InputError, match="new: another run is writing into it"),
        held(folder, "run"),
    ):
        pass

    with held(folder, "run"):
        assert [LOCK] == [path.name for path in folder.iterdir()]


def test_a_folder_that_is_held_can_be_waited_for(tmp_path):
    """
    Who waits is told so first, and has the folder when the other is done.
    """
    done = threading.Event()
    order: list[str] = []

    def second() -> None:
        with held(tmp_path, "data", lambda: (order.append("waits"), done.set())):
            order.append("second")

    with held(tmp_path, "data"):
        thread = threading.Thread(target=second)
        thread.start()
        done.wait(10)
        order.append("first")
    thread.join(10)

    assert ["waits", "first", "second"] == order


def test_a_folder_that_cannot_be_made(tmp_path):
    """
    A folder that cannot be written is an error that names it.
    """
    (tmp_path / "file").touch()

    message = r"run folder .*file/below: cannot be written: Not a directory"

    with pytest.raises(InputError, match=message), held(tmp_path / "file" / "below", "run"):
        pass
