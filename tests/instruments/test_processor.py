"""What the kernel tells of a processor, read from files as it writes them."""

from __future__ import annotations

import pytest

from bench.instruments import processor

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R)
stepping\t: 8
cpu MHz\t\t: 2100.5

processor\t: 1
cpu family\t: 6
model\t\t: 207
stepping\t: 2
cpu MHz\t\t: 3000.0
"""
ARM = """processor\t: 1
BogoMIPS\t: 243.75
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A /proc/cpuinfo and a /sys of two CPUs of which this process may use the second."""
    monkeypatch.setattr(processor, "affinity", lambda: (1,))
    (tmp_path / "cpuinfo").write_text(X86)
    caches = {"index0": ("1", "Data", "48K"), "index1": ("1", "Instruction", "32K"), "index3": ("3", "Unified", "36M")}
    for index, texts in caches.items():
        folder = tmp_path / "cpu1" / "cache" / index
        folder.mkdir(parents=True)
        for name, text in zip(("level", "type", "size"), texts, strict=True):
            (folder / name).write_text(f"{text}\n")
    (tmp_path / "cpu1" / "cpufreq").mkdir()
    (tmp_path / "cpu1" / "cpufreq" / "scaling_governor").write_text("powersave\n")
    return tmp_path


def test_the_generation_of_a_processor(told):
    """
    Family, model and stepping are those of the first CPU that may be used; an ARM processor has others.
    """
    x86 = processor.stepping(told / "cpuinfo")
    (told / "cpuinfo").write_text(ARM)

    arm = processor.stepping(told / "cpuinfo")

    assert "family 6, model 207, stepping 2" == x86
    assert "implementer 0x41, architecture 8, variant 0x3, part 0xd0c, revision 1" == arm


def test_caches_governor_and_clock(told):
    """
    Caches are told in bytes, by level and kind; the clock as it is set, else as the processor is listed with.
    """
    listed = processor.mhz(told, told / "cpuinfo")
    (told / "cpu1" / "cpufreq" / "scaling_cur_freq").write_text("1234500\n")

    assert {"L1d": 48 * 1024, "L1i": 32 * 1024, "L3": 36 * 1024**2} == processor.caches(told)
    assert ("powersave", 3000.0, 1234.5) == (processor.governor(told), listed, processor.mhz(told, told / "cpuinfo"))


def test_what_the_kernel_does_not_tell_is_unknown(tmp_path):
    """
    Where there are no such files everything is unknown, and nothing is guessed.
    """
    nowhere = tmp_path / "nowhere"

    found = processor.stepping(nowhere), processor.caches(nowhere), processor.governor(nowhere)

    assert (None, {}, None) == found
    assert processor.mhz(nowhere, nowhere) is None


class TestCores:
    def stat(self, path, *ticks):
        """A /proc/stat of cores with so many ticks: user, idle and steal."""
        lines = ["cpu  1 2 3 4 5 6 7 8 0 0"]
        lines += [f"cpu{core} {user} 0 0 {idle} 9 0 0 {steal} 0 0" for core, (user, idle, steal) in enumerate(ticks)]
        path.write_text("\n".join([*lines, "intr 1", "ctxt 2"]))

    def test_the_quietest(self, tmp_path, monkeypatch):
        """
        The core that was least at work since it was asked last; steal is work, waiting for a disk is none.
        """
        monkeypatch.setattr(processor, "affinity", lambda: (0, 1))
        path = tmp_path / "stat"
        self.stat(path, (900, 0, 0), (0, 900, 0))
        cores = processor.Cores(path)

        self.stat(path, (910, 90, 0), (50, 950, 0))
        first = cores.quietest()
        self.stat(path, (920, 180, 70), (100, 1000, 0))
        second = cores.quietest()

        assert (0, 1) == (first, second)

    def test_those_of_others(self, tmp_path, monkeypatch):
        """
        A core that this process may not use is none, however quiet; of equals the first.
        """
        monkeypatch.setattr(processor, "affinity", lambda: (1, 2))
        path = tmp_path / "stat"
        self.stat(path, (0, 0, 0), (0, 0, 0), (0, 0, 0))
        cores = processor.Cores(path)
        self.stat(path, (0, 50, 0), (30, 20, 0), (30, 20, 0))

        assert 1 == cores.quietest()

    def test_where_nothing_is_told(self, tmp_path):
        """
        Without such a file there is no core to choose.
        """
        assert processor.Cores(tmp_path / "none").quietest() is None
