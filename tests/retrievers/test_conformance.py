"""The conformance checks: every built-in passes, and what is broken is caught by the check meant for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from retrievers.analysers import CharNGrams, Whitespace, Words
from retrievers.analysers.morphemes import Morphemes
from retrievers.conformance import ConformanceError, UntriedError, checks
from retrievers.conformance.held_bytes import held_bytes
from retrievers.conformance.hits import brute_force
from retrievers.conformance.toy_collections import CROWD_PASSAGES, SEASONS, VECTORS
from retrievers.contract import Spelled
from retrievers.encoders.biencoder import BiEncoder
from retrievers.encoders.lexical import BM25, TfIdf
from retrievers.encoders.sparse import SparseEncoder
from retrievers.encoders.vectors import Vectors
from retrievers.engines.rank_bm25 import RankBM25
from retrievers.registry import installed
from retrievers.storages.coo import COO
from retrievers.storages.csc import CSC
from retrievers.storages.csr import CSR
from retrievers.storages.faiss import Faiss
from retrievers.storages.flat import Flat
from retrievers.storages.packed import Packed
from retrievers.storages.usearch import Usearch
from tests.helpers import sparse_models
from tests.plugins import broken, broken_encoders

MINILM = "all-MiniLM-L6-v2"
SPLADE = sparse_models.carried()
BUILT_IN = {
    repr(make()): make
    for make in (
        TfIdf,
        lambda: TfIdf(ngrams=2, sublinear=True, analyser=CharNGrams(3)),
        BM25,
        lambda: BM25(k1=1.2, b=0.75, variant="robertson"),
        lambda: BM25(variant="atire", analyser=Words("de")),
        lambda: BiEncoder(MINILM),
        *([lambda: SparseEncoder(SPLADE)] if SPLADE else []),
        COO,
        lambda: COO(dtype="float16", mmap=True),
        CSR,
        lambda: CSR(dtype="uint8"),
        CSC,
        lambda: CSC(dtype="float16"),
        lambda: CSC(dtype="uint8", mmap=True),
        Packed,
        lambda: Packed(mmap=True),
        Flat,
        lambda: Flat(mmap=True),
        lambda: Faiss("Flat"),
        lambda: Faiss("HNSW32", efSearch=64),
        lambda: Faiss("SQ8"),
        lambda: Faiss("HNSW32", mmap=True),
        lambda: Faiss("SQ4", oversampling=4),
        lambda: Faiss("RaBitQ", oversampling=4),
        lambda: Faiss("IVF8,Flat", nprobe=2),
        Usearch,
        lambda: Usearch(dtype="i8", mmap=True),
        lambda: Usearch(dtype="b1", oversampling=4),
        RankBM25,
        lambda: RankBM25(variant="plus"),
        Vectors,
        Words,
        CharNGrams,
        Whitespace,
        Morphemes,
    )
}
PAIRS = {
    repr(make()): make
    for make in (
        lambda: BM25() @ CSR(),
        lambda: TfIdf() @ Flat(),
        lambda: BM25(variant="robertson") @ Faiss("HNSW32", efSearch=64),
        lambda: Vectors() @ CSR(),
    )
}
ASK_ALONE = {"hits-types", "hits-shape", "rows-in-range", "best-first", "batch-equals-single"}  # for one query alone
READ_HITS = {  # of an exact storage: hits that cannot be read fail all of these
    *("hits-shape", "rows-in-range", "padding", "best-first", "ties-by-position", "zero-scores", "k-zero"),
    *(
        "k-beyond-n",
        "batch-equals-single",
        "one-passage",
        "no-passages",
        "exact-as-claimed",
        "first-k",
        "deterministic",
    ),
    *("learns-anew", "saves-and-loads", "failed-load-harmless", "same-in-another-process", "threads-respected"),
}
# Class -> the checks that must catch it, and no others.
CAUGHT: dict[type, set[str]] = {
    broken.NarrowRows: {"hits-types"},
    broken.Sideways: READ_HITS,
    broken.NothingAlone: ASK_ALONE,
    broken.OtherHits: {"hits-types"},
    broken.OtherArrays: {"hits-types"},
    broken.NoColumns: {"hits-shape"},
    broken.WorstFirst: {"best-first"},
    broken.LastOfTies: {"ties-by-position"},
    broken.ArbitraryCut: {"ties-by-position"},
    broken.ZeroScores: {"zero-scores"},
    broken.PadsWithZero: {"padding"},
    broken.Repeats: {"rows-in-range"},
    broken.NeedsEnough: {"k-beyond-n"},
    broken.NeedsSome: {"k-zero"},
    broken.BadRefusal: {"holds-or-refuses"},
    broken.SpoilsQueries: {"inputs-unchanged"},
    broken.SpoilsPassages: {"inputs-unchanged"},
    broken.Dice: {"deterministic"},
    broken.BatchScaled: {"batch-equals-single"},
    broken.First64: {"batch-equals-single"},
    broken.FirstQueries: {"batch-equals-single"},
    broken_encoders.FirstTexts: {"batch-mates"},
    broken.Stale: {"learns-anew"},
    broken.Recalls: {"learns-anew"},
    broken.Shortcut: {"first-k", "ties-by-position"},  # what it leaves out may tie
    broken.Displaces: {"exact-as-claimed"},
    broken.Shallow: {"exact-as-claimed", "zero-scores"},
    broken.HalfOfThem: {"own-words", "depth"},
    broken.Reverses: {"own-words"},
    broken.Twenty: {"depth"},
    broken.Quits: {"k-zero"},
    broken.Appends: {"learns-anew"},
    broken.Forgets: {"saves-and-loads"},
    broken.LosesFiles: {"linked-files-found"},
    broken.HereOnly: {"same-in-another-process"},
    broken.Boasts: {"ledger-adds-up"},
    broken.Swells: {"ledger-adds-up"},
    broken.SwellsInside: {"ledger-adds-up"},
    broken.Hides: {"ledger-adds-up"},
    broken.Foresees: {"ledger-predicted"},
    broken.ForeseesOthers: {"ledger-predicted"},
    broken.Loud: {"silent"},
    broken.Crowd: {"threads-respected"},
    broken.Slams: {"closes-twice"},
    broken.NotExact: {"exact-as-claimed"},
    broken.Guesses: {"overlap"},
    broken.Misnames: {"claims-well-formed"},
    broken.LosesOption: {"options-kept"},
    broken.ChangesOption: {"options-kept"},
    broken_encoders.StoresZeros: {"really-sparse"},
    broken_encoders.Double: {"vectors-type"},
    broken_encoders.OtherVectors: {"vectors-type"},
    broken_encoders.RolesApart: {"roles-share-dims"},
    broken_encoders.DividesByZero: {"finite"},
    broken_encoders.BatchMates: {"batch-mates"},
    broken_encoders.FlattensOne: {"vectors-shape", "batch-mates"},
    broken_encoders.InItsClass: {"same-in-another-process"},
    broken_encoders.Hashes: {"same-in-another-process"},
    broken_encoders.Sorts: {"inputs-unchanged"},
    broken.NeedsWords: {"unknown-text"},
    broken.SkipsEmpty: {"empty-passage"},
    broken_encoders.Tuples: {"list-of-str"},
    broken_encoders.EmptyToken: {"empty-text"},
    broken_encoders.Unequal: {"equal-values"},
    broken_encoders.Remembers: {"asked-again"},
}
APART = (broken.Dies, broken.Hangs)  # would take these tests with them
ELSEWHERE = {"same-in-another-process", "silent", "threads-respected"}  # need another process
RIGHT = (
    *(broken.Right, broken.RightBoth, broken.RightViews, broken_encoders.RightEncoder, broken_encoders.RightWithMany),
    *(broken.RightEngine, broken_encoders.RightAnalyser, broken.RightForesees, broken.RightGuess),
)


def failed(make, only=lambda name: True):
    """Name -> what was found, of every check that fails."""
    outcomes = {check.name: check.outcome() for check in checks(make) if only(check.name)}
    return {name: outcome.found for name, outcome in outcomes.items() if outcome.status == "failed"}


def named(make, name):
    """The one check of that name."""
    return next(check for check in checks(make) if check.name == name)


class TestBuiltIn:
    @pytest.mark.slow
    @pytest.mark.parametrize("spelled", BUILT_IN)
    def test_every_built_in_passes(self, spelled):
        """
        Every encoder, storage, engine and analyser that ships keeps the contract, without an exemption.
        """
        if spelled == "Morphemes()":
            pytest.importorskip("kiwipiepy", reason="kiwipiepy is not installed: pip install 'sparring[korean]'")

        outcomes = {check.name: check.outcome() for check in checks(BUILT_IN[spelled])}

        assert {} == {name: found for name, found in outcomes.items() if found.status in ("failed", "exempt")}

    @pytest.mark.parametrize("make", [BM25, CSR, Flat, RankBM25], ids=lambda make: make.__name__)
    def test_ledgers_are_held_from_both_sides(self, make):
        """
        What a ledger of ours in Python and numpy says can be looked into, so that it is held from above too.
        """
        subject = named(make, "ledger-adds-up").subject

        with subject.taught(subject.collections[-1]) as adapter:
            assert not held_bytes(adapter).opaque

    @pytest.mark.slow
    @pytest.mark.parametrize("spelled", PAIRS)
    def test_pairs_pass(self, spelled):
        """
        What is asked of a pair as a whole is kept by pairs of what ships.
        """
        assert {} == failed(PAIRS[spelled], only=lambda name: ":" not in name)

    @pytest.mark.slow
    def test_a_real_model_is_held_to_brute_force(self):
        """
        A pair with a model finds, in a crowd, what brute force finds with vectors that were made a few at a time.
        """
        outcome = named(lambda: BiEncoder(MINILM) @ CSR(), "exact-as-claimed")()

        assert "passed" == outcome.status

    def test_every_name_is_held(self):
        """
        No adapter that is registered is left out here.
        """
        ours = {name for (_, name), entry in installed().entries.items() if entry.package == "sparring"}

        assert set() == {name for name in ours if not any(spelled.startswith(f"{name}(") for spelled in BUILT_IN)}


class TestBroken:
    @pytest.mark.slow
    @pytest.mark.parametrize("adapter", RIGHT, ids=lambda adapter: adapter.__name__)
    def test_what_they_are_made_from_passes(self, adapter):
        """
        What the broken adapters differ from keeps the contract, so that each is broken in its own way alone.
        """
        assert {} == failed(adapter)

    @pytest.mark.slow
    @pytest.mark.parametrize("adapter", CAUGHT, ids=lambda adapter: adapter.__name__)
    def test_each_is_caught(self, adapter):
        """
        An adapter that is broken in one way fails the check meant for that way, and no other.

        The checks that start a process, which takes a second, are held against those that they are meant for.
        """
        found = failed(adapter, only=lambda name: name in CAUGHT[adapter] or name not in ELSEWHERE)

        assert CAUGHT[adapter] == set(found), found

    def test_every_one_is_held(self):
        """
        No class of the files is left out of the table.
        """
        files = broken, broken_encoders
        classes = {value for file in files for value in vars(file).values() if isinstance(value, type)}

        others = {broken_encoders.NeedsMore, broken.LateHits, broken.LateArray, broken_encoders.LateVectors}
        own = {file.__name__ for file in files}
        assert {c for c in classes if c.__module__ in own} == {*CAUGHT, *RIGHT, *APART, *others}


class TestChecks:
    def test_a_check_prints_as_its_name(self):
        """
        A check prints as its name, and tells its rule in a sentence; no two have one name.
        """
        found = checks(lambda: BM25() @ CSR())

        assert [check.name for check in found] == [str(check) for check in found]
        assert len(found) == len({check.name for check in found})
        assert [] == [check.name for check in found if not check.sentence.endswith((".", ":"))]

    def test_a_broken_rule_is_told_whole(self):
        """
        The error says who, what was expected, what was found, what to do, and the rule.
        """
        check = named(broken.NarrowRows, "hits-types")

        with pytest.raises(ConformanceError) as raised:
            check()

        said = str(raised.value)
        assert said.startswith("NarrowRows() breaks hits-types: expected rows int64 and scores float32, found int32")
        assert "top_k" in said
        assert said.endswith(f"the rule: {check.sentence}")

    def test_what_an_adapter_raises_is_a_broken_rule(self):
        """
        Whatever else an adapter raises becomes the same kind of error, with the cause behind it.
        """
        check = named(broken.NeedsSome, "k-zero")

        with pytest.raises(ConformanceError, match="found ZeroDivisionError") as raised:
            check()

        assert isinstance(raised.value.__cause__, ZeroDivisionError)

    def test_a_missing_ability_is_no_fault(self):
        """
        A rule about an ability that the adapter does not have passes, and says that it is not applicable.
        """
        outcome = named(RankBM25, "saves-and-loads")()

        assert ("not applicable", "it has no save and load") == (outcome.status, outcome.found)

    def test_an_exemption_is_told(self):
        """
        A rule that a class breaks and exempts itself from is not held against it, and the reason is shown.
        """

        class Excused(broken.NeedsSome):
            conformance_exemptions = {"k-zero": "its library knows no empty answer"}  # noqa: RUF012  # as one would

        outcome = named(Excused, "k-zero")()

        assert ("exempt", "its library knows no empty answer") == (outcome.status, outcome.found)

    @pytest.mark.parametrize(
        ("claimed", "expected"),
        [
            (["k-zero"], "expected a dict of rules to reasons, found ['k-zero']"),
            ({"k-zeor": "a slip"}, "expected rules out of options-kept, .*, found 'k-zeor'"),
            ({"finite": "of encoders alone"}, "expected rules out of .*, found 'finite'"),
            ({"hits-types": "it gives a number"}, "no class is exempt from .*hits-types"),
            ({"learns": "it need not"}, "no class is exempt from learns"),
            ({"k-zero": " "}, "expected a text as the reason for 'k-zero', found ' '"),
            ({"k-zero": True}, "expected a text as the reason for 'k-zero', found True"),
        ],
    )
    def test_what_is_no_exemption_is_refused(self, claimed, expected):
        """
        ValueError, naming the class, for exemptions that are no dict of rules to reasons, and from rules that none is.
        """

        class Claims(broken.RightEngine):
            conformance_exemptions = claimed

        with pytest.raises(ValueError, match=rf"Claims\.conformance_exemptions: .*{expected}".replace("['", r"\['")):
            checks(Claims)

    def test_an_exemption_is_what_the_dict_holds(self):
        """
        A dict that answers for every rule exempts from those that it lists alone.
        """

        class Anything(dict):
            def get(self, key, default=None):
                return "because"

        class Claims(broken.NeedsSome):
            conformance_exemptions = Anything()

        assert "failed" == named(Claims, "k-zero").outcome().status

    def test_leaving_python_is_a_broken_rule(self):
        """
        An adapter that calls sys.exit, even with 0, ends no process: it breaks the rule that was held.
        """
        check = named(broken.Quits, "k-zero")

        with pytest.raises(ConformanceError, match="found SystemExit: 0"):
            check()

    def test_a_constructor_that_leaves_python_is_refused(self):
        """
        ValueError where an adapter calls sys.exit while it is made.
        """

        class Leaves(broken.RightEngine):
            def __init__(self):
                raise SystemExit(0)

        with pytest.raises(ValueError, match="expected an adapter, found SystemExit: 0"):
            checks(Leaves)

    def test_too_few_passages_are_no_fault(self):
        """
        One that refuses a few passages by Unsupported is tried on more.
        """
        outcome = named(broken_encoders.RightWithMany, "learns")()

        assert ("passed", "more texts") == (outcome.status, outcome.found)

    @pytest.mark.parametrize(
        "make", [broken_encoders.NeedsMore, lambda: Faiss("IVF1024,PQ8")], ids=["encoder", "storage"]
    )
    def test_what_takes_nothing_is_not_proven(self, make):
        """
        One that refuses by Unsupported all there is breaks no rule, is held to none, and does not pass.
        """
        found = {check.name: check.outcome() for check in checks(make)}

        assert {"could not be tried", "not applicable", "passed"} == {outcome.status for outcome in found.values()}
        assert "unsupported: " in found["learns"].found
        assert found["deterministic"].found.startswith("it holds nothing that it was handed: unsupported: ")
        with pytest.raises(UntriedError, match="unsupported: "):
            named(make, "learns")()

    def test_a_class_inside_a_function_is_checked_here_alone(self):
        """
        A class that another process cannot import is held to all other rules.
        """

        class Local(broken.RightEngine):
            pass

        outcome = named(Local, "same-in-another-process")()

        assert "not applicable" == outcome.status
        assert "Local cannot be made elsewhere" in outcome.found

    def test_a_pair_is_checked_with_its_parts(self):
        """
        The checks of a pair are those of its encoder, those of its storage, and its own.
        """
        make = lambda: broken_encoders.DividesByZero() @ broken.NeedsSome()  # noqa: E731  # as one is handed in

        found = {check.name for check in checks(make) if check.name.endswith(("finite", "k-zero"))}
        faults = failed(make, only=lambda name: name.endswith(("finite", "k-zero")))

        assert {"encoder: finite", "storage: k-zero", "k-zero"} == found == set(faults)

    def test_a_pair_that_does_not_meet_is_not_applicable(self):
        """
        Where the storage refuses what the encoder makes, the rules of the pair are not applicable.
        """
        outcome = named(lambda: BM25() @ broken.Right(), "best-first")()

        assert "not applicable" == outcome.status
        assert "expected dense vectors" in outcome.found

    def test_what_is_no_adapter_is_refused(self):
        """
        ValueError for what is neither encoder, storage, retriever nor analyser.
        """
        with pytest.raises(ValueError, match=r"expected an encoder .*, found 7"):
            checks(lambda: 7)


class TestToyCollections:
    @pytest.mark.parametrize("collection", VECTORS, ids=lambda collection: collection.name)
    def test_vectors_hold_what_rules_ask_for(self, collection):
        """
        The vectors have ties across the cut at 10, empty rows on both sides, and sums that are exact in float32.
        """
        passages, queries = collection.passages(), collection.queries()

        hits = brute_force(passages, queries, 30, positive=bool(collection.sparse))

        whole = [v.toarray() if isinstance(v, csr_array) else v for v in (passages, queries)]
        assert [True, True] == [bool((rows == 0).all(axis=1).any()) for rows in whole]
        assert ((hits.scores[:, 9] == hits.scores[:, 10]) & (hits.rows[:, 10] >= 0)).any()
        assert np.array_equal((whole[1] @ whole[0].T).astype(np.float64), whole[1].astype(np.float64) @ whole[0].T)

    def test_a_crowd(self):
        """
        500 texts, no two of the same words; each season is in more of them than the 100 hits that are asked for.
        """
        words = [frozenset(passage.strip(".").lower().split()) for passage in CROWD_PASSAGES]

        assert 500 == len(set(words))
        assert [125] * len(SEASONS) == [sum(season in found for found in words) for season in SEASONS]

    def test_a_material_is_made_anew(self):
        """
        Every call gives arrays of its own, with the same numbers.
        """
        one, two = VECTORS[2].passages(), VECTORS[2].passages()

        assert not np.shares_memory(one, two)
        assert np.array_equal(one, two)

    def test_brute_force(self):
        """
        By hand: the best first, ties by position, and for sparse vectors nothing without a shared non-zero.
        """
        passages = np.array([[1, 0], [2, 0], [0, 1], [2, 0]], np.float32)
        queries = np.array([[1, 0]], np.float32)

        sparse = brute_force(csr_array(passages), csr_array(queries), 4, positive=True)
        dense = brute_force(passages, queries, 3, positive=False)

        assert [[1, 3, 0, -1]] == sparse.rows.tolist()
        assert [[2.0, 2.0, 1.0, -np.inf]] == sparse.scores.tolist()
        assert [[1, 3, 0]] == dense.rows.tolist()


class TestHeld:
    def test_arrays_are_counted_once(self):
        """
        An array that is reached twice, or as a view of the same numbers, is counted once; so are scipy's three.
        """

        class Holder:
            def __init__(self):
                self.array = np.zeros(100, np.float32)
                self.again = {"view": self.array[:]}
                self.sparse = [csr_array(np.eye(4, dtype=np.float32))]

        held = held_bytes(holder := Holder())

        (matrix,) = holder.sparse
        assert 400 + matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes == held.arrays
        assert held.everything > held.arrays

    def test_views_are_no_memory_of_their_own(self):
        """
        An array and views of it, side by side, overlapping or with gaps, hold the array's bytes.
        """

        class Holder:
            def __init__(self):
                self.array = np.zeros((100, 8), np.float32)
                self.blocks = [self.array[:60], self.array[40:], self.array[:, ::2], self.array.T]

        assert 3200 == held_bytes(Holder()).arrays

    def test_views_alone(self):
        """
        Without their array, views count for what they show: blocks their union, columns theirs, repeats one number.
        """
        array = np.zeros((100, 8), np.float32)

        class Holder:
            def __init__(self, *views):
                self.views = views

        held = [
            held_bytes(Holder(*views)).arrays
            for views in (
                (array[:10], array[5:20]),
                (array[:, ::2],),
                (array[:, ::2], array[:, 1::2]),
                (np.broadcast_to(np.zeros(1, np.float32), (1000,)),),
                (array[:0],),
            )
        ]

        assert [640, 1600, 1600, 4, 0] == held
        assert held_bytes(Holder(array[:10])).everything >= array.nbytes

    def test_what_can_not_be_looked_into_is_told(self):
        """
        An object without attributes of Python's, such as one of a C library, makes the whole opaque.
        """

        class Holder:
            def __init__(self, held):
                self.held = held

        assert [False, True] == [held_bytes(Holder(held)).opaque for held in (np.zeros(3), object())]

    def test_slots_and_cycles(self):
        """
        Slots are looked into, and an object that leads back to itself ends the walk.
        """

        class Slotted:
            __slots__ = ("array", "me")

            def __init__(self):
                self.array, self.me = np.zeros(10, np.uint8), self

        assert 10 == held_bytes(Slotted()).arrays


def test_the_readme_way():
    """
    The list is what pytest.mark.parametrize takes: each check is called without arguments.
    """

    class Mine(Spelled):
        def __call__(self, text: str) -> list[str]:
            return text.split()

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Mine)

        __hash__ = None

    assert {"passed", "reported", "not applicable"} == {check().status for check in checks(Mine)}
