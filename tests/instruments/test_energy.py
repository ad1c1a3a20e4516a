"""Joules, as the counters of the processors tell them."""

from __future__ import annotations

from bench.instruments.energy import Energy


class TestEnergy:
    def counter(self, folder, name, microjoules, span=1_000_000):
        path = folder / name
        path.mkdir(exist_ok=True)
        (path / "energy_uj").write_text(f"{microjoules}\n")
        (path / "max_energy_range_uj").write_text(f"{span}\n")

    def test_packages_are_added_up(self, tmp_path):
        """
        Joules are what every package's counter grew by; one that began anew is counted over its span.
        """
        self.counter(tmp_path, "intel-rapl:0", 100)
        self.counter(tmp_path, "intel-rapl:1", 900_000)
        self.counter(tmp_path, "intel-rapl:0:0", 5)  # a part of the first
        energy = Energy(tmp_path)
        self.counter(tmp_path, "intel-rapl:0", 500_100)
        self.counter(tmp_path, "intel-rapl:1", 100_000)
        self.counter(tmp_path, "intel-rapl:0:0", 400_000)

        energy.tick()

        assert 0.7 == energy.joules

    def test_not_readable(self, tmp_path):
        """
        Without counters, and with one that goes away, there is no figure; never a zero.
        """
        none = Energy(tmp_path)
        self.counter(tmp_path, "intel-rapl:0", 100)
        gone = Energy(tmp_path)
        (tmp_path / "intel-rapl:0" / "energy_uj").unlink()

        for energy in (none, gone):
            energy.tick()
            assert energy.joules is None
