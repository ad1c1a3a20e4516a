"""What keeps two environments apart, and what does not."""

from __future__ import annotations

import msgspec
import pytest

from bench.records.comparability import differences, hardware_differences
from bench.records.schema import Environment
from bench.records.upgrades import decode
from tests.helpers.places import RECORDS

NOW = decode((RECORDS / "environment-2.json").read_bytes(), Environment)
BEFORE = decode((RECORDS / "environment-1.json").read_bytes(), Environment)


@pytest.mark.parametrize(
    ("changes", "differs", "apart"),
    [
        ({"cpu_stepping": "family 26, model 2, stepping 1"}, ["cpu_stepping"], ["cpu_stepping"]),
        ({"caches": {"L3": 96 << 20}}, ["caches"], ["caches"]),
        ({"affinity": (2, 3)}, ["affinity"], []),
        ({"mhz": 800.0, "mhz_end": None}, [], []),
        ({"cpu_stepping": None, "caches": {}, "affinity": ()}, [], []),
    ],
)
def test_what_decides_times(changes, differs, apart):
    """
    Another generation or other caches keep latencies apart; other CPUs of the same kind are told; the clock of a moment
    is no difference, nor is what one record does not know.
    """
    other = msgspec.structs.replace(NOW, **changes)

    assert differs == [*differences(NOW, other)] == [*differences(other, NOW)]
    assert apart == [*hardware_differences(NOW, other)]


def test_another_governor():
    """
    Two governors that are known keep latencies apart.
    """
    slow, fast = (msgspec.structs.replace(NOW, governor=name) for name in ("powersave", "performance"))

    assert {"governor": ("powersave", "performance")} == hardware_differences(slow, fast)


def test_a_record_of_before_is_compared_by_what_it_knows():
    """
    An environment of the first version is no other hardware for what it does not tell.
    """
    now = msgspec.structs.replace(NOW, **{name: getattr(BEFORE, name) for name in ("cpu", "cores", "memory_bytes")})

    assert {} == hardware_differences(BEFORE, now)
