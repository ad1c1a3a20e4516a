"""
What can go wrong with an adapter or with a run, and what comes of it.

`python -m tests.benchmarks.faults` writes the page, which is made of the rows here; tests/stage/test_faults.py holds
every row to a run of the command.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.helpers.places import ROOT

PAGE = ROOT / "results" / "faults.md"
SOUND = "TfIdf() @ Brute()"
SECONDS, MEMORY = 6, "300MB"  # limits of the runs in which they are reached
LEFT_OUT = "..."  # of a reason: whatever stands there


class Fault(NamedTuple):
    """A cell at fault, beside a sound one in the same run. reason: with LEFT_OUT where it says what differs."""

    done: str
    retriever: str
    status: str
    reason: str = ""
    flag: str = ""  # of a cell that is ok


class Blow(NamedTuple):
    """Something done to a run. code: how the command ends; said: what it says then."""

    done: str
    code: int
    said: str
    after: str


def engine(how: str) -> str:
    return f'Faulty("{how}")'


def encoder(how: str) -> str:
    return f'FaultyEncoder("{how}") @ Brute()'


def failed(done: str, retriever: str, reason: str) -> Fault:
    return Fault(done, retriever, "failed", reason)


ENDED = "search was ended by "
STAYED = "did not close: search did not end of itself once it was measured"
NO_RESULT = "search ended with exit code {} and no result"

PRINTING = (
    Fault("prints", engine("prints"), "ok"),
    Fault("prints 100 MB, to stdout and stderr", engine("floods"), "ok"),
    Fault("closes stdout and stderr", engine("shuts"), "ok"),
    failed("closes stdout and stderr, then raises", engine("shuts and fails"), "RuntimeError: broken on purpose"),
)
RAISING = (
    failed("calls `sys.exit(0)`", engine("exits"), NO_RESULT.format(0)),
    failed("calls `os._exit(0)`", engine("leaves"), NO_RESULT.format(0)),
    failed("raises KeyboardInterrupt", engine("interrupts"), ENDED + "SIGINT"),
    failed(
        "raises a BaseException of its own",
        engine("beyond"),
        NO_RESULT.format(1) + ": sparring_plugin_faulty.Beyond: no Exception",
    ),
    failed(
        "raises with a text of 10 MB", engine("long"), "ValueError: xxx...xxx ... (9,998,000 characters) ... xxx...xxx"
    ),
    failed("raises what cannot tell its text", engine("wordless"), "Wordless: (its text cannot be told: RuntimeError)"),
    failed("calls itself without end", engine("deep"), "RecursionError: maximum recursion depth exceeded"),
    failed("leaves Python 5 calls of depth", engine("shallow"), "...RecursionError: ..."),
    failed("reads memory that is not there", engine("crashes"), ENDED + "SIGSEGV"),
)
ENDING = (
    Fault("hangs when its process ends: a thread", engine("hangs in a thread"), "ok", flag=STAYED),
    Fault("hangs when its process ends: an exit hook", engine("hangs in a hook"), "ok", flag=STAYED),
    Fault(
        "crashes when its process ends",
        engine("crashes in a hook"),
        "ok",
        flag="did not close: search was ended by SIGABRT once it was measured",
    ),
    Fault("starts a thread that goes on", engine("goes on"), "ok"),
    Fault("forks a process that stays", engine("forks"), "ok"),
    Fault("forks a process that stays, in a session of its own", engine("forks apart"), "ok"),
    Fault("forks in the middle of a search, and both go on", engine("forks and answers"), "ok"),
    Fault("starts a program in a session of its own", engine("starts"), "ok"),
    failed("is killed with temporary files", engine("litters"), ENDED + "SIGKILL"),
    Fault("changes the working directory", engine("moves"), "ok"),
)
HANDING_BACK = (
    failed(
        "returns NaN scores",
        engine("NaN"),
        "ValueError: hits: expected finite scores, and -inf on padding; query 0 breaks it at rank 1",
    ),
    failed("answers fewer queries", engine("fewer queries"), "ValueError: hits: expected shape (3, 100), ..."),
    failed("gives more columns", engine("more columns"), "ValueError: hits: expected shape (3, 100), ..."),
    failed("gives fewer scores", engine("fewer scores"), "ValueError: hits: expected shape (3, 100), ..."),
    failed(
        "gives a passage twice",
        engine("repeats"),
        "ValueError: hits: expected each passage once; query 0 breaks it at rank 2",
    ),
    failed(
        "gives unsorted scores",
        engine("unsorted"),
        "ValueError: hits: expected scores descending; query 0 breaks it at rank 1",
    ),
    failed(
        "gives a row beyond the passages",
        engine("beyond the passages"),
        "ValueError: hits: expected rows within the passages; query 0 breaks it at rank 1",
    ),
    failed(
        "gives float64 scores",
        engine("wide scores"),
        "ValueError: hits: expected rows int64 and scores float32, found int64 and float64",
    ),
    failed(
        "gives int32 rows",
        engine("narrow rows"),
        "ValueError: hits: expected rows int64 and scores float32, found int32 and float32",
    ),
    failed(
        "gives rows of objects",
        engine("objects"),
        "ValueError: hits: expected rows int64 and scores float32, found object and float32",
    ),
    failed("gives lists", engine("lists"), "TypeError: hits: expected Hits(rows, scores) of two ndarrays, found tuple"),
    failed(
        "gives nothing",
        engine("nothing"),
        "TypeError: hits: expected Hits(rows, scores) of two ndarrays, found NoneType",
    ),
    Fault("changes the queries it is given", engine("spoils"), "ok"),
    failed(
        "encodes to NaN",
        encoder("NaN"),
        "ValueError: encoding passages: expected finite numbers, found NaN or infinity",
    ),
    failed(
        "encodes fewer texts",
        encoder("fewer"),
        "ValueError: encoding passages: expected float32 of shape (4, dims), found float32 of shape (3, 1)",
    ),
    failed(
        "encodes to float64",
        encoder("wide"),
        "ValueError: encoding passages: expected float32 of shape (4, dims), found float64 of shape (4, 1)",
    ),
    failed(
        "encodes to lists",
        encoder("lists"),
        "TypeError: encoding passages: expected a csr_array or an ndarray, found list",
    ),
    failed(
        "encodes to a sparse matrix that names dimensions it has not",
        encoder("unsound"),
        "ValueError: encoding passages: expected a csr_array that is sound, found: ...",
    ),
)
STAGES = (
    failed("worker killed: encode", 'KilledEncoder("encode") @ Brute()', "encode was ended by SIGKILL"),
    failed("worker killed: query", 'KilledEncoder("query") @ Brute()', "query was ended by SIGKILL"),
    failed("worker killed: build", 'TfIdf() @ KilledStorage("build")', "build was ended by SIGKILL"),
    failed("worker killed: search", 'TfIdf() @ KilledStorage("search")', "search was ended by SIGKILL"),
    failed("worker killed: joint", 'TfIdf() @ KilledStorage("joint")', "joint was ended by SIGKILL"),
    failed("removes its own saved folder", "TfIdf() @ Removes()", "FileNotFoundError: ..."),
)
LIMITED = (
    Fault("takes all memory there is", engine("hungry"), "out-of-memory", LEFT_OUT),
    Fault(
        "ignores SIGTERM and SIGINT, and never comes back",
        engine("deaf"),
        "timeout",
        f"search took more than its limit of {SECONDS} s (--seconds, limits.seconds of a suite)",
    ),
)
FULL = (
    failed("saves more than the disk takes", "TfIdf() @ Fills()", "...OSError: [Errno 28] No space left on device"),
)
HARMFUL = (
    Fault("removes the saved folders of other cells", "TfIdf() @ Removes(others=True)", "ok"),
    failed("(the sound cell beside it)", SOUND, "FileNotFoundError: ..."),
)
ADAPTERS = {
    "Printing": PRINTING,
    "Raising and crashing": RAISING,
    "Processes, threads, files": ENDING,
    "What it hands back": HANDING_BACK,
    "Stage by stage": STAGES,
    f"At its limits, here {SECONDS} s and {MEMORY}": LIMITED,
    "On a disk of 12 MB": FULL,
}

GOES_ON = "the same command goes on: no finished stage is done again, the hits are the same"
BLOWS = {
    "killed": Blow("killed (SIGKILL) by turns at encode, query, build, search and joint", -9, "", GOES_ON),
    "terminated": Blow(
        "ended (SIGTERM) by turns at encode, query, build, search and joint", 143, "stopped; the same command", GOES_ON
    ),
    "full": Blow(
        "the disk of run folder and cache is filled by something else",
        2,
        "No space left on device",
        "what is recorded stays; with room made, " + GOES_ON,
    ),
    "read-only": Blow("the run folder cannot be written", 2, "cannot be written: Read-only file system", "nothing"),
    "read-only cache": Blow(
        "the cache cannot be written",
        2,
        "expected a folder that can be written, found: Read-only file system",
        "nothing",
    ),
    "second": Blow(
        "another run is begun in the same folder", 2, "another run is writing into it", "the first is not disturbed"
    ),
    "torn": Blow(
        "the last line of `stages.jsonl` and of `measurements.jsonl` is cut in half",
        0,
        "going on",
        "the torn lines count as none: their stage and cell are done again",
    ),
    "corrupted": Blow(
        "a file of a cached matrix is cut, changed by one bit, or removed (each file in turn)",
        0,
        "",
        "the matrix counts as none and is made again, with the same bytes",
    ),
    "clock": Blow(
        "the wall clock jumps by hours, to and fro, in the run and in its stages",
        0,
        "",
        "no time and no hit shows it",
    ),
}


def page() -> str:
    """The page, of the rows above."""
    lines = [
        "# Faults",
        "",
        "What goes wrong, and what comes of it. Each row is held to a run of the command by",
        "`tests/stage/test_faults.py`; this page is made of the same rows by `python -m tests.benchmarks.faults`.",
        "",
        "## Adapters at fault",
        "",
        "Each is a cell of a run beside a sound one. Of every row these hold too: the sound cell finds the very hits",
        "it finds when it runs alone, what was recorded before stays, and when the run ends no process of it is alive,",
        "no control group is left, and nothing in the place of temporary files, in the cache or in the run folder is",
        "half written; what a cell had built before it failed waits there to be tried again. Of what an adapter prints",
        "the last 20 kB are kept, in memory, and nothing in a file: 10 GB of it take no more room than 100 MB. `...`",
        "stands for what differs from run to run.",
    ]
    for title, faults in ADAPTERS.items():
        lines += ["", f"### {title}", "", "| the adapter | status | reason, or flag |", "|---|---|---|"]
        lines += [f"| {fault.done} | {fault.status} | {_shown(fault.reason or fault.flag)} |" for fault in faults]
    lines += [
        "",
        "## Runs",
        "",
        "| what is done | the command ends with | and says | afterwards |",
        "|---|---|---|---|",
    ]
    lines += [f"| {blow.done} | {blow.code} | {_shown(blow.said)} | {blow.after} |" for blow in BLOWS.values()]
    lines += [
        "",
        "A code below 0 is the signal that ended the command; 0 is a run whose cells are all ok.",
        "",
        "## What is not caught",
        "",
        "- Adapters run as the user who runs the command: one may read, change or remove what that user may. One",
        "  that removes the saved folders of other cells makes those fail, with a reason; the same command builds them",
        "  anew:",
        "",
        "| the adapter | status | reason |",
        "|---|---|---|",
        *(f"| {fault.done} | {fault.status} | {_shown(fault.reason)} |" for fault in HARMFUL),
        "",
        "- An adapter that changes the queries it was given spoils its own hits, and its cell is ok: `sparring check`",
        "  refuses it.",
        "- A plug-in is imported, and its adapters are made, by the command too, before anything runs: one that",
        "  crashes or hangs in that ends the command.",
        "- What an adapter had started, and the temporary files it had open, outlive a run that is itself killed; the",
        "  next stage of any run of the same user on the machine ends and removes them. Where there is no /proc, a",
        "  process that left its group is not found.",
    ]
    return "\n".join(lines) + "\n"


def _shown(text: str) -> str:
    return f"`{text}`" if text and text != LEFT_OUT else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
