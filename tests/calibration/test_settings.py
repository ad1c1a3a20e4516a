"""How processors and clock are set, read from folders that are laid out as the kernel's."""

from __future__ import annotations

from pathlib import Path

from bench.calibration.settings import CpuSettings, settings


def write(system: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_all_of_it(tmp_path):
    """
    Governors of all cores, each once; Intel's turbo; the widest span of frequencies, from kHz; the clock's source.
    """
    files = {"clocksource/clocksource0/current_clocksource": "tsc\n", "cpu/intel_pstate/no_turbo": "0\n"}
    for core, (governor, low, high) in enumerate(
        [("powersave", 800_000, 4_200_000), ("powersave", 600_000, 3_000_000)]
    ):
        files[f"cpu/cpu{core}/cpufreq/scaling_governor"] = f"{governor}\n"
        files[f"cpu/cpu{core}/cpufreq/scaling_min_freq"] = f"{low}\n"
        files[f"cpu/cpu{core}/cpufreq/scaling_max_freq"] = f"{high}\n"
    write(tmp_path, files)

    found = settings(tmp_path)

    assert CpuSettings(("powersave",), True, (600.0, 4200.0), "tsc") == found


def test_cores_that_are_set_apart(tmp_path):
    """
    Every governor is named; a folder that is no core's is none.
    """
    names = {"cpu0": "schedutil", "cpu1": "performance", "cpuidle": "menu"}
    write(tmp_path, {f"cpu/{name}/cpufreq/scaling_governor": text for name, text in names.items()})

    found = settings(tmp_path)

    assert ("performance", "schedutil") == found.governors


def test_turbo_of_other_drivers(tmp_path):
    """
    Other drivers than Intel's say whether cores may run faster, instead of whether they may not.
    """
    write(tmp_path, {"cpu/cpufreq/boost": "0"})

    assert settings(tmp_path).turbo is False


def test_turbo_that_intel_forbids(tmp_path):
    """
    Intel's driver says that turbo is off with a 1.
    """
    write(tmp_path, {"cpu/intel_pstate/no_turbo": "1"})

    assert settings(tmp_path).turbo is False


def test_nothing_to_read(tmp_path):
    """
    A machine without these files, or with empty and odd ones, is unknown.
    """
    odd = {"cpu/cpu0/cpufreq/scaling_governor": "", "cpu/cpu0/cpufreq/scaling_min_freq": "<unsupported>"}
    write(tmp_path / "odd", odd | {"cpu/cpufreq/boost": "?"})

    assert CpuSettings() == settings(tmp_path / "none")
    assert CpuSettings() == settings(tmp_path / "odd")
