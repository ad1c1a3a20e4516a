"""
The records: what one stage measured, what one cell came to, and where it was measured.

History of the formats (a field added or changed is a new tag, a line here, and a pure function in
`bench.records.upgrades`; an old file of each version stays in tests/):

measurement/1, stage/1, environment/1, run/1    the first
measurement/2    `origin` and `ceilings`: hits found elsewhere, and what a measure could reach at best
measurement/3    `n_distractors`; `predicted_ledger`, by component, for `predicted_bytes`
measurement/4    `rate`, latency under load; `label`; the intervals of a latency's percentiles
measurement/5    `query` and `search`, the stages' names, for ask and serve, in fields and files; `built_apart`,
                 `cell_name` and `synthetic` for split, label and made_up
measurement/6    `new` (queries that the process has not seen) and `new_ratio`; `cpu_p50`; `runtime_bytes`,
                 `encoder_runtime_bytes`, `deployment_bytes`; `batch_overlap`; `figure_flags`; a memory's `children`;
                 a rate's `held_qps`
measurement/7    `decision`: what was decided before all queries were asked; `n_timed`
measurement/8    `limit_idle_seconds`, and no limit of time (None); `queries_key`, apart from `matrix_key`;
                 `timed_at`: cells of one run may have been timed at different times
stage/2          the same as measurement/5; `timed_memory` for serve_memory
stage/3          `loops`, `runtime` and `runtime_memory`, `opened`, `deployment_bytes`
environment/2    what else decides times: processor family, model and stepping, caches, affinity, governor, clock
run/2            `command` and `columns`: how the passage sets were named and read
run/3            the name of a suite's cell is `name`, not label
run/4            `cells`: which measurements it is made of, where some are of it no more
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from bench.records.decision import Decision

Status: TypeAlias = Literal["ok", "failed", "timeout", "out-of-memory", "over-budget", "unsupported"]
Stage: TypeAlias = Literal[
    "encode", "query", "build", "search", "joint", "deploy", "rehearse"
]  # the last is never recorded
Fact: TypeAlias = str | int | float | None
Record = TypeVar("Record", bound=msgspec.Struct)
RecordedColumns: TypeAlias = dict[str, str | tuple[str, ...] | None]
RecordFields: TypeAlias = dict[str, Any]  # Any: fields of a Measurement, of their several types

UNTRIED: tuple[Status, ...] = ("over-budget", "unsupported")  # refused by design: no failure, and not tried again


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Growth of one process over one phase, in bytes, from its own accounts (Linux: smaps_rollup and VmHWM)."""

    private: int  # unique set size (USS): pages that no other process maps
    private_file: int  # of it backed by a file: memory-mapped weights and storages live here
    shared: int
    children: int = 0  # of the processes that it started, theirs alone and their share of what is shared (PSS)
    peak: int | None  # high-water mark of the whole process at the end of the phase
    peak_above_start: int | None  # high-water mark above what was resident when the phase began
    source: str  # where the figures come from

    @property
    def resident(self) -> int:
        """All of it: a memory-mapped file counts as shared while another process has it mapped too."""
        return self.private + self.shared + self.children


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """What the loop of one mode took, all passes together."""

    wall_seconds: float
    cpu_seconds: float  # of the process and those that it started
    ready_seconds: float = 0.0  # that their threads were ready, and other work had the core
    queries: int  # answered


class StageResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="stage/3"):
    """What one child process measured. Bytes are bytes, times are seconds; None means not measured."""

    stage: Stage
    status: Status
    reason: str = ""
    output: tuple[str, ...] = ()  # the last lines it printed, where it is not ok
    process_seconds: float | None = None  # the whole child, seen from the parent
    measured_seconds: float = 0.0  # of it inside measured phases
    threads: int | None = None
    limited_by: str = ""  # what held the memory limit: cgroup-v1, cgroup-v2, rlimit-data
    build_seconds: float | None = None  # encode: fit and encode all passages; build: vectors to storage
    query_seconds: float | None = None  # encode: all queries
    load_seconds: float | None = None
    cold_ms: float | None = None  # the first query after loading
    warm_up_seconds: float | None = None
    ledger: dict[str, int] | None = None
    disk_bytes: int | None = None
    build_memory: Memory | None = None
    load_memory: Memory | None = None
    timed_memory: Memory | None = None  # over the timed loops
    runtime: tuple[str, ...] = ()  # encode, build: modules of other distributions that it had imported at its end
    kernels: tuple[str, ...] = ()  # the same: those of ours that it had compiled; the journal has neither
    runtime_memory: Memory | None = None  # of importing those, before anything of the adapter's
    loops: dict[str, Loop] = {}  # mode -> what its loop took
    deployment_bytes: int | None = None  # deploy: what a process that only answers queries takes at most
    built_apart: bool = True  # False: built and searched in one process, so load_memory holds what building left behind
    samples: str | None = None  # file of raw times, relative to the run folder
    shape: tuple[int, int] | None = None  # encode: (passages, dims)
    nonzeros: int | None = None  # encode: of a sparse matrix
    facts: dict[str, Fact] = {}
    reused: bool = False  # encode: found in the cache; the costs are those measured when it was made
    digests: dict[str, str] = {}  # encode: sha256 of each file of the cached matrix
    opened: dict[str, str] = {}  # encode: files beside a plug-in that it read -> sha256
    code: tuple[str, ...] = ()  # where the job asked for it: files of Python that were imported; the journal has none


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """What one part weighs, in bytes: its ledger (exact), on disk, and resident in a clean process."""

    ledger: dict[str, int] | None
    disk_bytes: int | None
    resident: Memory | None
    under_resolution: bool = False  # the growth is under 1 MiB, which the page accounts cannot tell from noise

    @property
    def ledger_bytes(self) -> int | None:
        return None if self.ledger is None else sum(self.ledger.values())


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """
    Times of single queries in milliseconds: service times (closed loop), or latencies under load (`Rate`).

    Each is the median over rounds of each round's percentile, None where there are too few queries: p95 needs at least
    200 distinct ones, p99 1,000. Intervals hold 95 %: the wider of a bootstrap over rounds and queries and of Student's
    t over rounds.
    """

    p50: float | None
    p95: float | None
    p99: float | None
    cold: float | None  # median over rounds of the first query after loading
    p50_interval: tuple[float, float] | None = None
    p95_interval: tuple[float, float] | None = None
    p99_interval: tuple[float, float] | None = None


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """
    Latency under load: queries arrive at random (Poisson) at an offered rate, whether or not the last one is answered.

    A latency runs from the moment a query was to arrive to its end, so that it holds the wait for those before it.
    """

    offered: str  # as the suite says it: "70%" of the capacity, or "200/s"
    offered_qps: float  # median over rounds
    capacity_qps: float  # of one query after the other in the same process just before: median over rounds
    utilisation: float  # share of the time that the server was busy; 1 and more: it could not keep up
    n_arrivals: int  # of all rounds
    latency: Latency | None  # None where saturated: a wait that grows as long as one looks has no percentiles
    service_p50: float | None  # ms of it that answering took, without the wait
    saturated: bool
    held_qps: float | None = None  # the highest rate at which p99 stayed within what the suite asks for


class Environment(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="environment/2"):
    """The machine and the software, as far as they decide numbers."""

    cpu: str
    cores: int  # that this process may use
    memory_bytes: int
    kernel: str
    platform: str
    python: str
    accelerator: str | None
    libraries: dict[str, str]
    commit: str | None  # of the checkout that Sparring runs from, where it is one
    dirty: bool | None  # whether that checkout had uncommitted changes
    code_sha256: str  # of bench and retrievers as they ran
    installed_sha256: str = ""  # of every installed distribution and its version: adapters may depend on any
    visible_devices: str | None = None  # CUDA_VISIBLE_DEVICES
    cpu_stepping: str | None = None  # family, model and stepping
    caches: dict[str, int] = {}  # L1d, L1i, L2, L3 -> bytes of one
    affinity: tuple[int, ...] = ()  # the CPUs that this process may use
    governor: str | None = None  # of the clock
    mhz: float | None = None  # of the first CPU that it may use, when the run began
    mhz_end: float | None = None  # and when its last child had ended


class Measurement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="schema",
    tag="measurement/8",
):
    """One cell, once. Never edited; a correction is a new line."""

    cell: str  # hash of passage set, resolved spelling and conditions
    suite: str
    cell_name: str = ""  # the suite's name for the cell, by which it is found again in another run
    origin: str | None = None  # where hits that were imported came from; None: found and measured here
    passage_set: str
    passage_set_sha256: str
    language: str
    retriever: str  # as spelled in the suite
    encoder: str | None
    storage: str | None
    resolved: str  # the spelling with every option left to the passage set filled in
    options: dict[str, dict[str, str]]  # every resolved option, by part
    status: Status
    reason: str
    output: tuple[str, ...]
    # conditions
    seed: int
    rounds: int
    threads: int
    encode_threads: int | None
    k: int
    depth: int
    limit_seconds: float | None
    limit_idle_seconds: float | None = None  # None also of older records
    limit_memory_bytes: int
    limited_by: str
    # what was searched
    n_passages: int
    n_distractors: int = 0  # of them synthetic, to see how bytes and time grow: quality is unknown then
    n_queries: int
    n_timed: int | None = None  # of them
    n_judged: int | None
    n_unanswered: int | None
    n_merged: int
    unknown_judgments: int
    text_bytes: int
    shape: tuple[int, int] | None
    nonzeros: int | None
    exact: bool | None
    # quality: means over judged queries
    quality: dict[str, float | None] | None
    quality_by_label: dict[str, dict[str, float]] | None
    label_counts: dict[str, int] | None
    ceilings: dict[str, float] | None = None  # measure -> its value if every query's own passage were found first
    tie_rate: float | None  # tie_rate@k
    overlap_with_exact: float | None  # overlap@10 with an exact storage of the same encoder
    overlap_with_baseline: float | None  # overlap@10 with the suite's baseline; agreement, not quality
    decision: Decision | None = None  # of a suite that stops what is decided; where it stopped, the above are None
    # time
    timed_at: str | None = None  # when the run began, or went on, that timed it; None also of older records
    single: Latency | None  # text to ids: encode + search, query by query
    encode: Latency | None
    search: Latency | None
    joint: Latency | None  # both in one process
    rate: Rate | None = None  # under load, both in one process
    new: Latency | None = None  # text to ids, of queries that the process has not seen before
    new_ratio: tuple[float, float] | None = None  # 95 % interval of new over repeated, the median query's
    cpu_p50: float | None = None  # ms of CPU of a query in mode single, all processes of the part: median over rounds
    batch_overlap: float | None = None  # overlap@k of queries encoded all at once with those encoded one at a time
    batch_qps: float | None
    search_batch_qps: float | None
    encode_seconds: float | None  # fit, and encode all passages
    build_seconds: float | None  # vectors to storage; an engine: text to index
    load_seconds: float | None
    # bytes
    storage_weight: Footprint | None  # the storage's; an engine's are the whole engine's
    encoder_weight: Footprint | None
    build_memory: Memory | None
    search_memory: Memory | None
    encode_memory: Memory | None = None  # of fitting and encoding all passages
    query_memory: Memory | None = None  # of the encoder while it encodes queries
    runtime_bytes: int | None = None  # of the libraries that the storage or engine imports, no part of its weight
    encoder_runtime_bytes: int | None = None
    deployment_bytes: int | None = None  # one process from text to ids: its high-water mark, libraries included
    predicted_ledger: dict[str, int] | None = None  # the storage's, predicted from the size of its matrix alone
    built_apart: bool  # False: built and searched in one process
    # provenance
    reused_matrix: bool
    matrix_key: str | None
    queries_key: str | None = None  # None also of older records, whose queries lie beside their passages
    facts: dict[str, Fact]
    flags: tuple[str, ...]
    figure_flags: dict[str, str] = {}  # key of JSON -> what speaks against that figure alone
    files: dict[str, str]  # what -> path in the run folder

    @property
    def is_stopped(self) -> bool:
        """Whether it was decided, and left off, before all queries were asked."""
        return self.decision is not None and self.decision.n_asked < (self.n_judged or 0)

    @property
    def predicted_bytes(self) -> int | None:
        return None if self.predicted_ledger is None else sum(self.predicted_ledger.values())

    @property
    def index_seconds(self) -> float | None:
        """
        From the passages' text to an index: encode and build, each in full, whoever else uses what they made.

        None where one of the two was not measured, or encoding took some of the passages alone.
        """
        if self.encoder is None:  # an engine does both itself
            return self.build_seconds
        if self.encode_seconds is None or self.build_seconds is None or self.facts.get("synthetic") == "vectors":
            return None
        return self.encode_seconds + self.build_seconds

    @property
    def joint_gap(self) -> float | None:
        """By what share the p50 of both parts in one process lies above that of their sum, each timed alone."""
        joint, single = (None if found is None else found.p50 for found in (self.joint, self.single))
        return joint / single - 1 if joint is not None and single else None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="run/4"):
    """What a run folder was made from: decides what of it stays when a run goes on there."""

    suite_sha256: str
    suite: dict[str, object]  # the suite as it was resolved
    passage_sets: dict[str, str]  # name -> sha256
    plugins: tuple[str, ...]  # path and sha256 of each file
    identities: dict[str, str | None] = {}  # "set: retriever" -> hash of models and code; None: it could not be made
    cells: tuple[str, ...] | None = None  # keys of the measurements that it is made of; None: all that are there
    made: str  # date and time, UTC
    command: tuple[str, ...] = ()  # the command line, as it was given
    columns: RecordedColumns | None = None  # how one's own files were read

    @property
    def plugin_hashes(self) -> list[tuple[str, str]]:
        """Path and sha256 of each plug-in file."""
        parts = (plugin.rpartition(" sha256:") for plugin in self.plugins)
        return [(path, sha256) for path, _, sha256 in parts]


def digest(value: object) -> str:
    """sha256, in hex, of the stable JSON of a value."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
