"""A child process: whatever way it ends is a status with a reason, and each stage is measured as its like."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.records.schema import StageResult
from bench.stage import cgroup, failure, matrices, process, worker
from bench.stage.child import Allowed
from bench.stage.job import Job
from retrievers.contract import Unsupported
from retrievers.registry import parse
from tests.helpers.tiny import registry


def said(result: StageResult) -> str:
    """The reason without the place in the plug-in where it was raised."""
    return re.sub(r" \(known\.py:\d+ in \w+\)$", "", result.reason)


def broken(call: Callable[[], object]) -> str:
    """The reason of a stage that a call ended; none where it ended well."""
    try:
        call()
    except Exception as error:
        return failure.raised("build", error).reason
    return ""


class OutOfMemoryError(RuntimeError):
    """What PyTorch raises where a GPU has no memory left."""


class Ring:
    """A folder with one matrix and its texts, in which stages of storages are done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.samples, self.hits = folder / "samples" / "s.npz", folder / "hits" / "h.npz"
        for name in ("out", "matrix", "encoder", "samples", "hits"):
            (folder / name).mkdir()
        for name in ("passages", "queries", "warm"):
            matrices.save(folder / "matrix", name, np.ones((5, 1), np.float32))
            (folder / name).write_bytes(msgspec.json.encode(["a text"] * 5))
        self.common = Job(
            stage="build",
            encoder="Constant()",
            entries=tuple((e.group, e.name, e.target, e.package) for e in registry().entries.values()),
            passages=str(folder / "passages"),
            queries=str(folder / "queries"),
            warm=str(folder / "warm"),
            matrix=str(folder / "matrix"),
            query_matrix=str(folder / "matrix"),
            encoder_folder=str(folder / "encoder"),
            out=str(folder / "out"),
            result=str(folder / "work" / "result.json"),
            n_passages=5,
            sample=(0, 1, 2),
        )

    def do(self, stage: str, storage: str, seconds: float = 60.0, **fields: object) -> StageResult:
        if stage == "search":
            fields |= {"samples": str(self.samples), "hits": str(self.hits)}
        if stage == "joint":
            fields |= {"samples": str(self.samples), "storage_folder": str(self.folder / "out"), "scope": "pair"}
        job = msgspec.structs.replace(self.common, stage=stage, storage=storage, **fields)
        return process.run(job, self.folder / "work", Allowed(1, 4 * 10**9, seconds))


@pytest.fixture
def ring(tmp_path):
    return Ring(tmp_path)


class TestRaised:
    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            OSError(errno.ENOMEM, "in any language"),
            OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
            RuntimeError("std::bad_alloc"),
            ImportError("libfaiss.so: failed to map segment from shared object: Cannot allocate memory"),
            RuntimeError("storage 'X' cannot be loaded:\nMemoryError: "),
        ],
    )
    def test_no_memory_by_any_name(self, error):
        """
        That no memory was left is one status, whether Python, the kernel, a library or a GPU says so.
        """
        assert "out-of-memory" == failure.raised("build", error).status

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            ImportError("libgomp.so.1: cannot allocate memory in static TLS block"),
            ValueError("memory"),
        ],
    )
    def test_what_only_sounds_like_it(self, error):
        """
        A full disk, or a linker without room of its own, lacks no memory.
        """
        assert "failed" == failure.raised("build", error).status

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (ValueError("five\nlines"), "ValueError: five\nlines"),
            (ValueError(), "ValueError"),
            (ValueError("  "), "ValueError"),
            (MemoryError(), "MemoryError"),
            (Unsupported("only dense"), "only dense"),
            (Unsupported(), "Unsupported"),
            (ValueError("at \ud83d"), "ValueError: at \\ud83d"),
        ],
    )
    def test_a_reason_is_never_empty(self, error, reason):
        """
        The reason is the error's type and words, in characters that a record can hold; without words, the type.
        """
        assert reason == failure.raised("build", error).reason

    def test_where_a_strangers_adapter_broke(self, tmp_path):
        """
        The reason ends with the last line of the adapter's own code, or of a helper beside it, that an exception went
        through, however deep in a library it was raised; what the harness or our own adapters refuse has none.
        """
        (tmp_path / "beside_mine.py").write_text("def look(word):\n    return {}[word]\n")
        (tmp_path / "mine.py").write_text(
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport numpy as np\nfrom beside_mine import look\n"
            "class Mine:\n"
            "    def index(self, passages):\n        np.concatenate([])\n"
            "    def search(self, queries, k):\n        look(queries[0])\n"
        )
        mine = parse("Mine()", registry(tmp_path / "mine.py"))

        assert "KeyError: 'x' (beside_mine.py:2 in look)" == broken(lambda: mine.search(["x"], 1))
        assert broken(lambda: mine.index([])).endswith(" (mine.py:6 in index)")
        assert broken(lambda: parse("Flat()", registry()).search(np.ones((1, 3)), 1)).endswith("load(folder) first")

    def test_a_result_that_cannot_be_written(self):
        """
        What a record cannot hold, or could not be read from again, is a failure that says so.
        """
        for odd in ({"facts": {"name": "\ud83d"}}, {"ledger": {"held": 0.5}}, {"shape": (1, 2, 3)}):
            result = worker.writable(StageResult(stage="build", status="ok", **odd))

            assert ("failed", "build") == (result.status, result.stage)
            assert result.reason.startswith("the result of build cannot be written: ")


class TestEnds:
    @pytest.mark.parametrize(
        ("how", "status", "reason"),
        [
            ("no memory", "out-of-memory", "OSError: [Errno 12] " + os.strerror(errno.ENOMEM)),
            ("half a character", "failed", "RuntimeError: broken at \\ud83d"),
            ("no word", "failed", "RuntimeError"),
            ("exit", "failed", "build ended with exit code 0 and no result"),
            ("15", "failed", "build was ended by SIGTERM"),
            ("35", "failed", "build was ended by signal 35"),
        ],
    )
    def test_each_end_is_a_status(self, ring, how, status, reason):
        """
        What is raised, a signal with or without a name, and an early exit are each a status and a reason.
        """
        result = ring.do("build", f'Fails("{how}")')

        assert (status, reason) == (result.status, said(result))

    def test_numbers_of_numpy_are_numbers(self, ring):
        """
        A ledger or facts in numpy's own types arrive as Python's.
        """
        result = ring.do("build", 'Tells("numpy")')

        assert ("ok", {"held": 8, "more": 2}) == (result.status, result.ledger)
        assert {"dims": 8, "cut": 0.5, "unit": 1, "name": "a", "none": None} == result.facts

    @pytest.mark.parametrize(
        ("how", "reason"),
        [
            ("float", "TypeError: ledger: expected 'held' in whole bytes, an int, found 8.5"),
            ("list", "TypeError: ledger: expected a dict, found list"),
            ("fact", "TypeError: facts: expected 'dims' to be str, int, float or None, found (1, 2)"),
            ("half a character", "the result of build cannot be written: UnicodeEncodeError"),
        ],
    )
    def test_what_no_record_can_hold(self, ring, how, reason):
        """
        A ledger or a fact that breaks the contract is a failure that says what was expected and found.
        """
        result = ring.do("build", f'Tells("{how}")')

        assert ("failed", reason) == (result.status, result.reason[: len(reason)])

    def test_what_cannot_be_closed_was_measured(self, ring):
        """
        An adapter that breaks when it is closed was wholly measured: the cell is ok, and a fact says what broke.
        """
        ring.do("build", "Shuts()")

        result = ring.do("search", "Shuts()", storage_folder=str(ring.folder / "out"))

        assert ("ok", "Shuts: OSError: the door is stuck") == (result.status, result.facts["not_closed"])
        assert ring.hits.exists()

    def test_what_fails_is_closed_all_the_same(self, ring):
        """
        An adapter that cannot be closed after its stage failed changes nothing of how it failed, and is printed.
        """
        ring.do("build", "Shuts()")

        result = ring.do("search", "Shuts()", storage_folder=str(ring.folder / "out"), n_passages=1)

        assert "failed" == result.status
        assert result.reason.startswith("ValueError: hits: expected rows within the passages")
        assert "OSError: the door is stuck" in result.output

    @pytest.mark.parametrize("storage", ["Backwards()", 'Tells("float")', 'Tells("half a character")'])
    def test_what_fails_leaves_no_file(self, ring, storage):
        """
        Of a stage that does not end well no samples and no hits are found, whole or half written.
        """
        ring.do("build", "Exact()")

        result = ring.do("search", storage, storage_folder=str(ring.folder / "out"))

        assert "failed" == result.status
        assert [] == [*ring.samples.parent.iterdir(), *ring.hits.parent.iterdir()]

    @pytest.mark.parametrize("broken", ["folder", "job", "child"])
    def test_what_could_not_be_started_is_a_failure(self, ring, monkeypatch, broken):
        """
        No room for the job, or no memory to start a process, ends the stage and not the run.
        """

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOMEM, "no room")

        owner, name = {"folder": (Path, "mkdir"), "job": (Path, "write_bytes"), "child": (subprocess, "Popen")}[broken]
        monkeypatch.setattr(owner, name, full)

        result = ring.do("build", "Exact()")

        assert ("failed", "build could not be run: OSError: [Errno 12] no room") == (result.status, result.reason)

    @pytest.mark.parametrize(
        ("storage", "status", "reason"),
        [
            ("Raises()", "out-of-memory", "needed more than its limit of 4,000,000,000 bytes: RuntimeError: broken"),
            ("Exact()", "ok", ""),
        ],
    )
    def test_a_process_of_the_adapter_that_was_killed(self, ring, monkeypatch, storage, status, reason):
        """
        Where the kernel ended what an adapter had started, for memory, a stage that then fails lacked memory.
        """
        group = cgroup.Cgroup(ring.folder, "cgroup-v2")
        (ring.folder / "memory.events").write_text("oom 1\noom_kill 1\n")
        monkeypatch.setattr(process, "memory_cgroup", lambda limit: contextlib.nullcontext(group))

        result = ring.do("build", storage)

        found = said(result).removeprefix("build ").removesuffix(" on purpose")
        assert (status, reason) == (result.status, found)


class TestDoors:
    @pytest.mark.parametrize(
        ("stage", "made"), [("encode", 2), ("query", 2), ("build", 2), ("search", 2), ("joint", 4)]
    )
    def test_what_is_opened_is_closed(self, ring, stage, made):
        """
        Every adapter that a stage made is closed when it ends, and so is every toy.
        """
        path = ring.folder / "doors"
        ring.do("build", "Exact()")

        result = ring.do(
            stage, f'DoorsStorage("{path}")', encoder=f'DoorsEncoder("{path}")', storage_folder=str(ring.folder / "out")
        )

        assert "ok" == result.status
        assert ["close"] * made + ["open"] * made == sorted(path.read_text().split())

    @pytest.mark.parametrize(("stage", "made"), [("search", 2), ("joint", 4)])
    def test_what_breaks_is_closed(self, ring, stage, made):
        """
        A stage that fails closes its adapters too, and a toy that fails is closed.
        """
        path = ring.folder / "doors"
        ring.do("build", "Exact()")

        result = ring.do(
            stage,
            f'DoorsStorage("{path}", breaks=True)',
            encoder=f'DoorsEncoder("{path}")',
            storage_folder=str(ring.folder / "out"),
        )

        assert ("failed", "RuntimeError: broken on purpose") == (result.status, said(result))
        assert ["close"] * made + ["open"] * made == sorted(path.read_text().split())


class TestConditions:
    def test_what_could_not_be_warmed_is_said(self, ring):
        """
        An adapter that refuses the toy it is warmed up with is measured all the same, and a fact tells why.
        """
        result = ring.do("build", "Picky(5)")

        assert "ok" == result.status
        assert {"not_warmed": "Picky: ValueError: 3 passages, expected 5"} == result.facts

    def test_what_is_warmed_has_nothing_to_say(self, ring):
        """
        An adapter that takes the toy has no such fact.
        """
        assert {} == ring.do("build", "Exact()").facts

    def test_joint_is_measured_as_single(self, ring):
        """
        A storage beside its encoder is prepared, asked and warmed up as it is alone: queries one by one, a batch, then
        new queries; and what is alive is left out of collections when it is loaded, and again when it is timed.
        """

        def watched(stage: str, mode: str) -> list[tuple[int, int]]:
            path = ring.folder / stage
            spelling = f'Watches("{path}")'
            folder = str(ring.folder / "out")
            assert "ok" == ring.do(stage, spelling, modes=(mode, "batch"), storage_folder=folder).status
            lines = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
            frozen = list(dict.fromkeys(count for _, count in lines))
            return [(n_queries, frozen.index(count)) for (n_queries, count), _ in itertools.groupby(lines)][:3]

        ring.do("build", "Exact()")

        alone, beside = watched("search", "single"), watched("joint", "joint")

        assert [(1, 0), (3, 0), (1, 1)] == alone == beside
        with np.load(ring.samples) as arrays:
            assert (3, 2) == arrays["joint"].shape[1:]


class TestSeeds:
    def test_hashes_are_seeded_anew_each_round(self, ring):
        """
        Python's hash seed is another in each stage, round and suite's seed, and the same when they are the same.
        """
        jobs = [
            msgspec.structs.replace(ring.common, stage=stage, number=number, seed=seed)
            for stage in ("query", "search")
            for number in (0, 1, 2)
            for seed in (7, 8)
        ]

        seeds = [process.hash_seed(job) for job in jobs]

        assert len(jobs) == len(set(seeds))
        assert seeds == [process.hash_seed(job) for job in jobs]
        assert all(0 < int(seed) < 2**32 for seed in seeds)

    def test_a_child_has_it(self, ring, monkeypatch):
        """
        A child is started with its seed.
        """
        found = {}

        def started(*_: object, env: dict[str, str], **__: object) -> None:
            found.update(env)
            raise OSError(errno.ENOMEM, "no room")

        monkeypatch.setattr(subprocess, "Popen", started)

        ring.do("build", "Exact()", number=2)

        assert process.hash_seed(msgspec.structs.replace(ring.common, number=2)) == found["PYTHONHASHSEED"]


class TestLimits:
    def test_swap_that_cannot_be_limited(self, tmp_path, monkeypatch):
        """
        Where the kernel does not account for swap, a control group of version 2 still limits memory.
        """

        def mkdir(folder: Path) -> None:  # as the kernel does: with its files, of which one cannot be written
            os.mkdir(folder)  # noqa: PTH102  # the method is what is replaced
            (folder / "memory.max").touch()
            os.mkdir(folder / "memory.swap.max")  # noqa: PTH102

        monkeypatch.setattr(cgroup, "parents", lambda: iter([(tmp_path, "cgroup-v2", "memory.max")]))
        monkeypatch.setattr(Path, "mkdir", mkdir)

        group = cgroup.make_cgroup(10**9)

        assert "cgroup-v2" == group.version
        assert "1000000000" == (group.folder / "memory.max").read_text()


def test_signals_by_name():
    """
    A signal is told by its name, where it has one.
    """
    assert ("SIGSEGV", "signal 35") == (failure.signal_name(signal.SIGSEGV), failure.signal_name(35))
