"""Liars, broken adapters and honest ones, and what each is to come to: held to it by tests/benchmarks/confusion.py."""

from __future__ import annotations

from typing import NamedTuple

from tests.helpers import sparse_models

# What speaks of an adapter. `contention` speaks of the machine, `few-hits` of what there was to find.
MARKS = ("remembers", "batch", "threads", "waits", "ledger", "mapped", "memory", "stale")
NONE = "-"
BESIDE, SPLADE = "BESIDE", "SPLADE"  # in a spelling: the folder of the plug-in files, and that of a model
MINILM = 'BiEncoder("all-MiniLM-L6-v2")'


class Conditions(NamedTuple):
    """How cells are run."""

    modes: tuple[str, ...] = ("single", "batch")
    threads: int = 1


ALONE = Conditions()
TOGETHER = Conditions(modes=("single", "joint"))
TWO_THREADS = Conditions(threads=2)


class Expected(NamedTuple):
    """What a cell is to come to."""

    mark: str  # how it fails, or the word that its one flag begins with; NONE
    rule: str = ""  # of `sparring check`, that catches it
    unseen: str = ""  # why no rule can
    checked: str = ""  # what is checked, where it is not the part of the cell that is no base of the others
    conditions: Conditions = ALONE


# Why a rule of the contract cannot see what a run does.
A_CACHE = "a cache breaks no rule; what it saves is time, which the rules do not take"
OUTSIDE = "the rules see what an adapter's attributes lead to, and nothing beside it"
ITS_PROCESS = "the rules watch the threads of the adapter's own process"
A_FACT = "what a fact says is held to nothing"
A_RUN = "there is no run folder, no judgment and no second stage"

LIARS: dict[str, Expected] = {
    # other answers where time is taken
    "Letters() @ NoneToSingles()": Expected("failed", "hits-types"),
    "Letters() @ WrongToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ EmptyToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ WiderToSingles()": Expected("failed", "hits-shape"),
    "Letters() @ UnsortedToSingles()": Expected("failed", "best-first"),
    "Letters() @ RoughToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ PreviousToSingles()": Expected("failed", "batch-equals-single"),
    "Letters() @ WrongToBatches()": Expected("failed", "batch-equals-single"),
    "Letters() @ RightWhenJudged()": Expected("failed", "batch-equals-single"),
    "Letters() @ OtherFirstTen()": Expected("failed", "first-k"),
    "Letters() @ KnowsAgain()": Expected("failed", "batch-equals-single"),
    "Letters() @ Tires()": Expected("failed", "batch-equals-single"),
    "Letters() @ NapsAWhile()": Expected("failed", "batch-equals-single"),
    "Letters() @ ZeroesQueries()": Expected("failed", "inputs-unchanged"),
    "EmptiesQueries()": Expected("failed", "inputs-unchanged"),
    # work that is put off
    "Letters() @ NotHits()": Expected("failed", "hits-types"),
    "Letters() @ LateHits()": Expected("failed", "hits-types"),
    "Letters() @ LateRows()": Expected("failed", "hits-types"),
    "LateVectors() @ Plain()": Expected("failed", "vectors-type"),
    "Letters() @ FilledByThread()": Expected("failed", "batch-equals-single"),
    "Letters() @ FilledByProcess()": Expected("failed", "batch-equals-single"),
    # work that is remembered
    "Letters() @ RecallsAnswers(ms=2.0)": Expected("remembers", unseen=A_CACHE, checked="RecallsAnswers()"),
    "RecallsInText(ms=2.0)": Expected("remembers", unseen=A_CACHE, checked="RecallsInText()"),
    "RecallsEncodings(ms=2.0) @ Plain()": Expected("remembers", unseen=A_CACHE, checked="RecallsEncodings()"),
    "RecallsOnDisk(ms=2.0) @ Plain()": Expected("remembers", unseen=A_CACHE, checked="RecallsOnDisk()"),
    "Letters() @ RecallsLast(ms=0.2)": Expected("remembers", "ledger-adds-up", checked="RecallsLast()"),
    "SavesRecalled(ms=2.0) @ Plain()": Expected("remembers", "ledger-adds-up", checked="SavesRecalled()"),
    "BM25(analyser=RecallsTokens(ms=0.3)) @ CSC()": Expected("remembers", unseen=A_CACHE, checked="RecallsTokens()"),
    # what is saved, and what is loaded
    "LoadsZeros() @ Plain()": Expected("failed", "saves-and-loads"),
    "LoadsOtherFile() @ Plain()": Expected("failed", "saves-and-loads"),
    "ForgetsGlobal() @ Plain()": Expected("failed", "same-in-another-process"),
    "Letters() @ ForgetsIndex()": Expected("failed", "same-in-another-process"),
    "ShortOnceLoaded() @ Plain()": Expected("failed", "saves-and-loads"),
    "ByHash() @ Plain()": Expected("failed", "same-in-another-process"),
    # other vectors where time is taken
    "ShortSingles() @ Plain()": Expected("batch", "batch-mates"),
    "NoisyQueries() @ Plain()": Expected("failed", "deterministic"),
    "NoVectorAlone() @ Plain()": Expected("failed", "vectors-shape"),
    # bytes
    "Letters() @ TellsLess()": Expected("ledger", "ledger-adds-up"),
    "Letters() @ TellsLittle()": Expected("ledger", "ledger-adds-up"),
    "Letters() @ TellsMore()": Expected("ledger", "ledger-adds-up"),
    "LeavesOut() @ Plain()": Expected("ledger", "ledger-adds-up"),
    "Letters() @ SaysMapped()": Expected("mapped", unseen=A_FACT),
    "Letters() @ AtImport()": Expected("ledger", unseen=OUTSIDE),
    "Letters() @ InPrepare()": Expected("ledger", unseen=OUTSIDE),
    "Letters() @ InChild()": Expected("ledger", unseen=OUTSIDE),
    "AfterWarmUp()": Expected("memory", unseen=A_RUN),
    # threads and processes
    "Letters() @ TwoThreads()": Expected("threads", "threads-respected"),
    "Letters() @ TwoProcesses()": Expected("threads", unseen=ITS_PROCESS),
    "Letters() @ WorksElsewhere()": Expected("waits", unseen=ITS_PROCESS),
    "Letters() @ Detached()": Expected("ledger", unseen=ITS_PROCESS),
    "Watched() @ WrongTogether()": Expected("failed", unseen=A_RUN, checked="WrongTogether()", conditions=TOGETHER),
    # files
    "Letters() @ ReadsJudgments()": Expected("failed", unseen=A_RUN),
    "Rewrites() @ Plain()": Expected("stale", unseen=A_RUN),
}

HONEST: dict[str, Expected] = {
    # of what the liars are made
    "Letters() @ Plain()": Expected(NONE, checked="Letters()"),
    "Letters() @ Padded()": Expected(NONE),
    "Letters() @ NoLedger()": Expected(NONE),
    "SharedWords()": Expected(NONE),
    "Watched() @ Plain()": Expected(NONE, checked="Plain()", conditions=TOGETHER),
    # what ships (tests/retrievers/test_conformance.py holds it to the contract)
    "TfIdf() @ CSR()": Expected(NONE),
    "TfIdf() @ Flat()": Expected(NONE),
    "TfIdf(ngrams=2, sublinear=True) @ CSC()": Expected(NONE),
    "BM25() @ CSR()": Expected(NONE),
    "BM25() @ CSC()": Expected(NONE),
    'BM25() @ CSC(dtype="uint8", mmap=True)': Expected(NONE),
    'BM25() @ CSR(dtype="float16")': Expected(NONE),
    "BM25() @ COO()": Expected(NONE),
    "BM25() @ Packed()": Expected(NONE),
    "BM25(analyser=CharNGrams(n=3)) @ CSC()": Expected(NONE),
    "BM25(analyser=Whitespace()) @ CSC()": Expected(NONE),
    f"{MINILM} @ Flat()": Expected(NONE),
    f"{MINILM} @ Flat(mmap=True)": Expected(NONE),
    f'{MINILM} @ Faiss("HNSW32", efSearch=64)': Expected(NONE),
    f'{MINILM} @ Faiss("SQ4", oversampling=2)': Expected(NONE),
    f"{MINILM} @ Usearch(expansion_search=10)": Expected(NONE),
    'BiEncoder("all-MiniLM-L6-v2", dtype="bfloat16") @ Flat()': Expected("batch"),
    f'Vectors(passages="{BESIDE}/passages.npy", queries="{BESIDE}/queries.npy") @ Flat()': Expected(NONE),
    "RankBM25()": Expected(NONE),
    # odd ones
    "Letters() @ Slow(ms=2.0)": Expected(NONE, checked="Slow()"),
    "Counts(ms=2.0) @ Plain()": Expected(NONE, checked="Counts()"),
    "Nearest()": Expected(NONE),
    "LargeImports() @ CSR()": Expected(NONE),
    "Letters() @ Threaded()": Expected(NONE, conditions=TWO_THREADS),
    "Letters() @ Table(33554432)": Expected(NONE, checked="Table(4096)"),
    "Letters() @ Table(33554432, mapped=True)": Expected(NONE, checked="Table(4096, mapped=True)"),
    "Letters() @ Server(33554432)": Expected(NONE, checked="Server(4096)"),
    "Letters() @ Server(33554432, apart=True)": Expected(NONE, checked="Server(4096, apart=True)"),
    "Letters() @ Coarse()": Expected(NONE),
    "Rounded() @ Plain()": Expected("batch", "batch-mates"),
    "FromFile() @ Plain()": Expected(NONE),
}
if sparse_models.carried() is not None:
    HONEST[f'SparseEncoder("{SPLADE}") @ CSC()'] = Expected(NONE)
ALL = LIARS | HONEST
BASES = ("Letters", "Plain", "BM25")  # of a pair, the part that is as honest as those beside it
