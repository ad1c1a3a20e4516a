"""What two runs were made on and from."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from bench.analysis.conditions import differing
from tests.helpers.run_folders import cell


def test_what_differs_is_named_with_both_values(folders):
    """
    The machine's fields come first, then the suite's keys, plug-ins and adapters; what is the same is not named.
    """
    old = folders.run("old", cell(), k=10)
    new = folders.run("new", cell(), k=20, cpu="B CPU")
    plugged = msgspec.structs.replace(new.record, plugins=("/p.py sha256:1",), identities={"tiny: A()": "2"})
    known = msgspec.structs.replace(old.record, identities={"tiny: A()": "1", "tiny: B()": "1"})

    named = list(differing(replace(old, record=known), replace(new, record=plugged)))

    assert [
        ("cpu", "A CPU", "B CPU"),
        ("suite.k", 10, 20),
        ("plugins", (), ("/p.py sha256:1",)),
        ("adapters.tiny: A()", "1", "2"),
    ] == named


def test_a_plugin_seen_from_elsewhere_is_no_difference(folders):
    """
    A plug-in file is told by its name and its content, whatever folder the run was started in.
    """
    old, new = folders.run("old", cell()), folders.run("new", cell())
    one, other = (
        replace(run, record=msgspec.structs.replace(run.record, plugins=(f"{path}/p.py sha256:1",)))
        for run, path in ((old, "ours"), (new, "/far"))
    )

    assert [] == list(differing(one, other))


def test_a_key_that_an_old_record_lacks_is_no_difference(folders):
    """
    A suite of an older record says nothing of a newer key: its default is what held.
    """
    old, new = folders.run("old", cell()), folders.run("new", cell(), rounds=5, seed=7)

    assert [] == list(differing(old, new))
