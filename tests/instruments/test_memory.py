"""The memory instrument held to bytes that are known."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from bench.instruments import memory
from bench.run.weights import LEDGER_TOLERANCE
from tests.helpers.tiny import run, suite

MB = 1_000_000
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="exact accounts are Linux's")
pytestmark = LINUX


def alone(code: str) -> dict[str, int]:
    """What a piece of code stores in `found`, run in a process of its own: this one has held too much."""
    program = (
        f"import json\nfrom bench.instruments.memory import *\nimport numpy as np\n{code}\nprint(json.dumps(found))"
    )
    return json.loads(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)


class TestInstrument:
    def test_what_is_held_is_private_growth(self):
        """
        Memory that was taken and written to is private, and backed by no file.
        """
        found = alone(
            "phase = Phase()\nheld = np.ones(100_000_000, np.uint8)\nend = phase.end()\n"
            "found = dict(private=end.private, file=end.private_file, peak=end.peak_above_start)"
        )

        assert pytest.approx(100 * MB, rel=0.02) == found["private"]
        assert pytest.approx(100 * MB, rel=0.02) == found["peak"]
        assert abs(found["file"]) < memory.RESOLUTION

    def test_what_was_released_is_in_the_peak_alone(self):
        """
        Memory that was taken and given back during a phase is in its peak, and not in its growth.
        """
        found = alone(
            "phase = Phase()\nnp.ones(100_000_000, np.uint8)\nend = phase.end()\n"
            "found = dict(private=end.private, peak=end.peak_above_start)"
        )

        assert pytest.approx(100 * MB, rel=0.02) == found["peak"]
        assert abs(found["private"]) < memory.RESOLUTION

    def test_a_peak_before_the_phase_is_not_the_phases(self):
        """
        What the process once held before a phase does not show in the phase's peak.
        """
        found = alone(
            "np.ones(200_000_000, np.uint8)\nphase = Phase()\nheld = np.ones(50_000_000, np.uint8)\nend = phase.end()\n"
            "found = dict(peak=end.peak_above_start, reset='not reset' not in end.source)"
        )

        if found["reset"]:
            assert pytest.approx(50 * MB, rel=0.02) == found["peak"]
        else:  # without a reset the mark has not moved, and says nothing
            assert found["peak"] is None

    def test_a_mapped_file_is_private_and_backed_by_a_file(self, tmp_path):
        """
        A file that one process alone maps and reads is private memory of that process, seen as backed by a file.
        """
        np.save(tmp_path / "held.npy", np.ones(100 * MB, np.uint8))

        found = alone(
            f"phase = Phase()\nheld = np.load({str(tmp_path / 'held.npy')!r}, mmap_mode='r')\n"
            "held[::4096].sum()\nend = phase.end()\n"
            "found = dict(private=end.private, file=end.private_file)"
        )

        assert pytest.approx(100 * MB, rel=0.02) == found["private"]
        assert pytest.approx(100 * MB, rel=0.02) == found["file"]

    def test_garbage_of_a_phase_is_no_weight(self):
        """
        A cycle that only the collector can free is not counted as held.
        """
        found = alone(
            "phase = Phase()\ncycle = [np.ones(100_000_000, np.uint8)]\ncycle.append(cycle)\ndel cycle\n"
            "end = phase.end()\nfound = dict(private=end.private)"
        )

        assert abs(found["private"]) < memory.RESOLUTION

    def test_the_heap_that_was_freed_is_no_weight(self):
        """
        Many small pieces that a phase took and freed are not counted as held, though one that stays lies above them.
        """
        found = alone(
            "phase = Phase()\nmany = [bytes(2000) for _ in range(20_000)]\nheld = bytes(2000)\ndel many\n"
            "end = phase.end()\nfound = dict(private=end.private, peak=end.peak_above_start)"
        )

        assert found["peak"] is None or found["peak"] > 40 * MB
        assert abs(found["private"]) < memory.RESOLUTION

    def test_elsewhere_psutil_serves(self, monkeypatch, tmp_path):
        """
        Where the kernel's accounts are missing, psutil's figures serve, and the source says so.
        """
        monkeypatch.setattr(memory, "_PROC", tmp_path)

        found = memory.snapshot()

        assert "psutil" == found.source
        assert found.private > 0
        assert memory.peak() is None


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    """Storages of known weight, measured by a run whose parent has held, and still holds, a gigabyte."""
    home = tmp_path_factory.mktemp("weighed")
    gigabyte = np.ones(1000 * MB, np.uint8)
    cells = suite(
        "Constant() @ Holds(200000000)",
        "Constant() @ Holds(200000000, mapped=True)",
        "Constant() @ Holds(500000)",
        "Constant() @ Peaks(500000000)",
        "Constant() @ Claims(50000000)",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(home / "cache"))
        found = run(cells, home / "run")
    assert gigabyte[-1] == 1
    return {cell.storage: cell for cell in found.values()}


@pytest.mark.slow
class TestRuns:
    @pytest.mark.slow
    def test_a_loaded_storage(self, weighed):
        """
        A storage that holds 200 MB is reported so, whatever the parent holds: in its ledger to the byte, in its
        resident growth within 2 %, and nothing of it is backed by a file.
        """
        weight = weighed["Holds(200000000)"].storage_weight

        assert 200 * MB == weight.ledger_bytes
        assert pytest.approx(200 * MB, rel=0.02) == weight.resident.private
        assert weight.resident.private_file < memory.RESOLUTION
        assert weight.disk_bytes >= 200 * MB
        assert not weight.under_resolution

    @pytest.mark.slow
    def test_a_mapped_storage(self, weighed):
        """
        The same memory-mapped weighs as much, and is seen to be backed by a file.
        """
        resident = weighed["Holds(200000000, mapped=True)"].storage_weight.resident

        assert pytest.approx(200 * MB, rel=0.02) == resident.private
        assert pytest.approx(200 * MB, rel=0.02) == resident.private_file

    def test_a_peak_of_building(self, weighed):
        """
        500 MB that a build takes and gives back are its peak, within 2 %, and no part of what it weighs.
        """
        cell = weighed["Peaks(500000000)"]

        assert pytest.approx(500 * MB, rel=0.02) == cell.build_memory.peak_above_start
        assert cell.build_memory.private < memory.RESOLUTION
        assert cell.storage_weight.resident.private < memory.RESOLUTION

    def test_a_ledger_that_is_not_held(self, weighed):
        """
        A growth far below the ledger contradicts it: it is withheld, and the record says so.
        """
        cell = weighed["Claims(50000000)"]

        assert (50 * MB, None) == (cell.storage_weight.ledger_bytes, cell.storage_weight.resident)
        assert any("lies below its ledger of 50,000,000: withheld" in flag for flag in cell.flags)

    def test_a_small_storage(self, weighed):
        """
        A growth below 1 MiB cannot be told from page noise: it reads under resolution, its ledger stays exact.
        """
        weight = weighed["Holds(500000)"].storage_weight

        assert weight.under_resolution
        assert 500_000 == weight.ledger_bytes

    def test_a_query_is_answered_before_weighing(self, weighed):
        """
        A part is weighed loaded and warmed up: the peak while it serves is hardly above that.
        """
        assert weighed["Holds(200000000)"].search_memory.peak_above_start < 0.02 * 200 * MB

    @pytest.mark.slow
    def test_a_memory_mapped_model(self, tmp_path, monkeypatch):
        """
        A model whose 90.9 MB of weights are memory-mapped from safetensors weighs no less than its ledger, and no more
        than 40 MB above it (a tokenizer, and what PyTorch takes at its first sentences); its weights are seen as pages
        of a file, private, or shared while another process maps the same model. They count on disk, where they lie
        apart from what the encoder saves.
        """
        if importlib.util.find_spec("sentence_transformers") is None:
            pytest.skip("needs sentence-transformers, of the extra `dense`")
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))

        cell = run(suite('BiEncoder("all-MiniLM-L6-v2") @ Exact()'), tmp_path / "run").popitem()[1]

        weight = cell.encoder_weight
        assert weight.disk_bytes >= weight.ledger["weights"]
        assert pytest.approx(90.9 * MB, rel=0.02) == weight.ledger["weights"]
        assert (1 - LEDGER_TOLERANCE) * weight.ledger_bytes <= weight.resident.resident
        assert weight.resident.resident <= weight.ledger_bytes + 40 * MB
        assert weight.resident.private_file + weight.resident.shared >= (1 - LEDGER_TOLERANCE) * 90.9 * MB
