"""The compressed inverted file: its bits, its hits and its ledger."""

from __future__ import annotations

import contextlib
import os
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from retrievers.contract import Unsupported, is_deterministic, is_exact, search_options, spell
from retrievers.storages import packed
from retrievers.storages.codecs import bitpacking
from retrievers.storages.codecs.bitpacking import FORMAT, pack, unpack
from retrievers.storages.csc import CSC
from retrievers.storages.packed import Packed
from retrievers.storages.search import kernels

PATHS = ("compiled", "plain")
LIMITS = {"scifact": 17, "medquad": 16}  # bits a posting, the vocabulary left out


def path(name):
    """The searches by numba, or as they go without it."""
    if name == "plain":
        return patch.object(kernels, "available", lambda: False)
    pytest.importorskip("numba", reason="numba is not installed (extra `fast`)")
    return contextlib.nullcontext()


@st.composite
def numbers(draw):
    """Numbers whose widths go up and down, of a length about where blocks and their groups end."""
    length = draw(st.sampled_from((0, 1, 2, 15, 16, 17, 33, 1023, 1024, 1025, 2100)))
    widths = draw(st.lists(st.integers(0, 32), min_size=1, max_size=8))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    each = np.repeat(np.resize(widths, -(-length // 16)), 16)[:length]
    return random.integers(0, 2**each, dtype=np.int64)


@st.composite
def ranges(draw, length):
    """Where some ranges of so many numbers begin, and how long each is; none empty."""
    starts = draw(st.lists(st.integers(0, length - 1), max_size=6))
    counts = [draw(st.integers(1, length - start)) for start in starts]
    return np.array(starts, np.int64), np.array(counts, np.int64)


@st.composite
def searches(draw):
    """Passages and queries of few different numbers, so that scores tie; rows and columns may be empty."""
    n, dims = draw(st.sampled_from((0, 1, 2, 20, 70))), draw(st.sampled_from((1, 2, 65, 130)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from((0, 0.03, 0.3, 1)))
    passages = random.integers(1, 4, (n, dims)) * (random.random((n, dims)) < share)
    queries = random.integers(-2, 4, (draw(st.integers(0, 4)), dims)) * (random.random(dims) < 0.5)
    return csr_array(passages.astype(np.float32)), csr_array(queries.astype(np.float32))


def collection(n=3000, dims=500, seed=5):
    """Passages whose columns are as unequal as words are, and queries of three columns each."""
    random = np.random.default_rng(seed)
    share = 0.5 / np.arange(1, dims + 1)
    passages = (random.random((n, dims)) < random.permutation(share)) * random.random((n, dims))
    queries = np.zeros((40, dims))
    queries[np.repeat(np.arange(40), 3), random.integers(0, dims, 120)] = 1
    return csr_array(passages.astype(np.float32)), csr_array(queries.astype(np.float32))


def assert_same(expected, found):
    assert expected.rows.tolist() == found.rows.tolist()
    assert expected.scores.tolist() == found.scores.tolist()


# Bits


def test_a_block_is_as_wide_as_its_largest_number():
    """
    Sixteen numbers stand one after the other, lowest bits first, at the width of the largest.
    """
    blocks = pack(np.array([1, 0, 3] + [0] * 13 + [5]))

    assert [2, 3] == blocks.widths.tolist()
    assert [0b110001 + (5 << 32), 0, 0, 0][: len(blocks.words)] == blocks.words.tolist()
    assert [0] == blocks.starts.tolist()


@settings(deadline=None, max_examples=60)
@given(numbers())
def test_what_is_packed_unpacks(given_numbers):
    """
    Packed numbers of any width up to 32 bits come back as they were.
    """
    blocks = pack(given_numbers)

    lengths = np.array([len(given_numbers)])[: len(given_numbers)]  # no range where there is no number

    assert given_numbers.tolist() == unpack(blocks, np.zeros_like(lengths), lengths).tolist()


def test_packing_by_chunks_is_packing_at_once():
    """
    Where one chunk ends and the next begins does not show in the words.
    """
    given_numbers = np.random.default_rng(3).integers(0, 1000, 5000)
    at_once = pack(given_numbers)

    with patch.object(bitpacking, "CHUNK", 48):
        by_chunks = pack(given_numbers)

    assert at_once.words.tolist() == by_chunks.words.tolist()


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_ranges_unpack_alike_compiled_and_plain(data):
    """
    Any ranges of packed numbers unpack to those numbers, compiled and plain, bit for bit.
    """
    pytest.importorskip("numba", reason="numba is not installed (extra `fast`)")
    from retrievers.storages.search import compiled

    given_numbers = data.draw(numbers().filter(len))
    starts, counts = data.draw(ranges(len(given_numbers)))
    expected = [number for at, count in zip(starts, counts, strict=True) for number in given_numbers[at : at + count]]
    blocks = pack(given_numbers)

    found = []
    for start, count in zip(starts, counts, strict=True):
        out = np.empty(count, np.uint32)
        compiled.unpack(*blocks, start, out, *FORMAT)
        found += out.tolist()

    assert expected == unpack(blocks, starts, counts).tolist()
    assert expected == found


@pytest.mark.parametrize("number", [-1, 2**32])
def test_numbers_that_do_not_fit_are_refused(number):
    """
    A number below 0 or of more than 32 bits is no number to pack.
    """
    with pytest.raises(ValueError, match=f"expected numbers from 0 .* found 0 to {number}|found {number} to 0"):
        pack(np.array([0, number]))


# Hits


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
@settings(deadline=None, max_examples=60)
@given(searches(), st.sampled_from((0, 1, 3, "n", "n + 5")))
def test_hits_are_those_of_the_lists_uncompressed(name, search, k):
    """
    Packed finds the very rows and scores that CSC(dtype="uint8") finds, ties, empty lists and few passages among them.
    """
    passages, queries = search
    k = {"n": passages.shape[0], "n + 5": passages.shape[0] + 5}.get(k, k)
    with path(name):
        plain, storage = CSC(dtype="uint8"), Packed()
        plain.build(passages)
        storage.build(passages)

        hits = storage.search(queries, k)

        assert_same(plain.search(queries, k), hits)
        assert_same(plain.search(queries.toarray(), k), hits)


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("scratch", [1, 2**14, 2**25])
def test_scratch_bounds_the_lists_not_the_hits(name, scratch):
    """
    However few unpacked bytes may be held at once, the hits are the same, of one query and of many.
    """
    passages, queries = collection()
    with path(name), patch.object(packed, "SCRATCH", scratch):
        plain, storage = CSC(dtype="uint8"), Packed()
        plain.build(passages)
        storage.build(passages)

        hits = storage.search(queries, 10)
        alone = storage.search(queries[:1], 10)

        assert_same(plain.search(queries, 10), hits)
        assert_same(plain.search(queries[:1], 10), alone)


def test_fewer_lists_are_unpacked_where_scratch_is_short():
    """
    Queries are searched so many at once that their lists fit, and one at a time where not even that many do.
    """
    passages, queries = collection()
    storage = Packed()
    storage.build(passages)
    asked = []
    once = Packed._unpacked_once

    def counted(self, columns):
        postings = once(self, columns)
        asked.append(5 * len(postings.rows))
        return postings

    with path("compiled"), patch.object(Packed, "_unpacked_once", counted), patch.object(packed, "SCRATCH", 2**15):
        storage.search(queries, 10)

    assert len(asked) > 1
    assert max(asked) <= 2**15


@pytest.mark.parametrize("mmap", [False, True])
def test_a_saved_folder_serves_loaded_and_mapped(tmp_path, mmap):
    """
    What was saved gives the same hits, read or mapped; only what is mapped says so.
    """
    passages, queries = collection()
    built, loaded = Packed(), Packed(mmap=mmap)
    built.build(passages)

    built.save(tmp_path)
    loaded.load(tmp_path)

    assert_same(built.search(queries, 10), loaded.search(queries, 10))
    assert built.ledger() == loaded.ledger()
    assert ({"memory_mapped": 1} if mmap else {}).items() == loaded.describe().items() - built.describe().items()


def test_a_folder_of_lists_uncompressed_is_refused(tmp_path):
    """
    What CSC saved is no packed file; the message names both.
    """
    passages, _ = collection(n=50)
    plain = CSC(dtype="uint8")
    plain.build(passages)
    plain.save(tmp_path)

    with pytest.raises(ValueError, match="to be saved by Packed, found CSC: load it"):
        Packed().load(tmp_path)


@pytest.mark.parametrize(
    ("name", "damaged", "expected"),
    [
        ("gap_widths", lambda array: array[:-1], "gap_widths.npy is damaged"),
        ("gap_widths", lambda array: array + 33, "gaps.npy is damaged"),
        ("gap_starts", lambda array: array + 1, "gaps.npy is damaged"),
        ("gaps", lambda array: array[:-1], "gaps.npy is damaged"),
        ("length_starts", lambda array: array[1:], "length_widths.npy is damaged"),
        ("lengths", lambda array: array + 1, "list_starts.npy is damaged: expected what the lengths of lists add up"),
        ("list_starts", lambda array: array + 1, "list_starts.npy is damaged"),
        ("list_starts", lambda array: array[1:], "list_starts.npy is damaged: expected a start of every 64th"),
        ("values", lambda array: array[100:], "gap_widths.npy is damaged"),
    ],
)
def test_damaged_positions_are_refused(name, damaged, expected, tmp_path):
    """
    Widths, starts, words and lengths that do not go together are refused when they are loaded, by the name of a file.
    """
    passages, _ = collection()
    storage = Packed()
    storage.build(passages)
    storage.save(tmp_path)
    array = np.load(tmp_path / f"{name}.npy")
    np.save(tmp_path / f"{name}.npy", damaged(array).astype(array.dtype))

    with pytest.raises(ValueError, match=expected):
        Packed().load(tmp_path)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("mmap", [False, True])
def test_damaged_gaps_are_refused_when_they_are_unpacked(name, mmap, tmp_path):
    """
    Gaps that lead beyond the passages, round 32 bits too, are found by the search that unpacks them.
    """
    storage, damaged = Packed(), Packed(mmap=mmap)
    storage.build(csr_array(np.ones((20, 1), np.float32)[np.arange(20) % 2 > 0].repeat(2, 0)))
    first = csr_array((np.ones(2, np.float32), (np.array([0, 2**17]), np.zeros(2, int))), shape=(2**17 + 1, 1))
    storage.build(first)
    storage.save(tmp_path)
    words = np.load(tmp_path / "gaps.npy")
    np.save(tmp_path / "gaps.npy", words | np.uint64(2**17 - 1))

    damaged.load(tmp_path)

    with path(name), pytest.raises(ValueError, match=r"below 131,073, found .*: the saved gaps are damaged"):
        damaged.search(csr_array(np.ones((1, 1), np.float32)), 1)


# What it holds


def test_it_says_what_it_is():
    """
    It is not exact, its bytes are an estimate before it is built, and mapping acts when it is loaded.
    """
    storage = Packed(mmap=True)

    assert "Packed(mmap=True)" == spell(storage)
    assert "Packed()" == spell(Packed())
    assert is_exact(storage) is False
    assert is_deterministic(storage) is False
    assert ("mmap",) == search_options(storage)


def test_what_is_no_inverted_file_is_refused():
    """
    Dense vectors, negative numbers and more passages than 32 bits count are Unsupported.
    """
    passages, _ = collection(n=50)

    with pytest.raises(Unsupported, match="holds sparse vectors"):
        Packed().build(passages.toarray())
    with pytest.raises(Unsupported, match="found -"):
        Packed().build(-passages)
    with patch.object(packed, "MOST_PASSAGES", 49), pytest.raises(Unsupported, match="up to 49 passages: found 50"):
        Packed().build(passages)


def test_the_ledger_of_a_list_by_hand():
    """
    Three postings in two lists: 3 impacts, a block of gaps 2 bits wide and one of lengths, each in a word and two more.
    """
    storage = Packed()

    storage.build(csr_array(np.array([[1, 0], [0, 0], [0, 0], [1, 2]], np.float32)))  # gaps 0 and 2, and 3

    assert {"values": 3, "gaps": 24, "lengths": 24, "widths": 2, "directory": 24, "scales": 2} == storage.ledger()


def test_the_ledger_is_the_arrays_and_the_files(tmp_path):
    """
    The components add up to the bytes of every array held, and to those of the files but for their heads.
    """
    passages, _ = collection()
    storage = Packed()
    storage.build(passages)

    storage.save(tmp_path)

    files = [np.load(file) for file in tmp_path.glob("*.npy")]
    assert sum(array.nbytes for array in storage.arrays.values()) == sum(storage.ledger().values())
    assert sum(array.nbytes for array in files) == sum(storage.ledger().values())
    assert passages.nnz == storage.ledger()["values"]


@pytest.mark.parametrize(("n", "dims", "postings"), [(0, 0, 0), (0, 5, 0), (1, 1, 1), (7, 0, 0), (4, 3, 12), (2, 9, 4)])
def test_a_predicted_ledger_names_what_the_ledger_names(n, dims, postings):
    """
    The few and the full are predicted too, in the ledger's names, and exactly but for gaps and lengths.
    """
    places = np.arange(postings)
    matrix = csr_array((np.ones(postings, np.float32), np.divmod(places, max(dims, 1))), shape=(n, dims))
    storage = Packed()
    storage.build(matrix)

    predicted, ledger = storage.predict_ledger(n, dims, postings), storage.ledger()

    assert ledger.keys() == predicted.keys()
    assert all(ledger[name] == predicted[name] for name in ledger.keys() - {"gaps", "lengths"})
    assert all(isinstance(size, int) and size >= 0 for size in predicted.values())


def test_a_predicted_ledger_is_near_where_lists_are_as_words_are():
    """
    Of lists that follow Zipf the estimate is within 10 % of what they take.
    """
    passages, _ = collection(n=5000, dims=800)
    storage = Packed()
    storage.build(passages)

    predicted = sum(storage.predict_ledger(*passages.shape, passages.nnz).values())

    assert pytest.approx(sum(storage.ledger().values()), rel=0.1) == predicted


@pytest.mark.slow
@pytest.mark.skipif("SPARRING_DATA" not in os.environ, reason="SPARRING_DATA is not set: no real collection to pack")
@pytest.mark.parametrize("name", LIMITS)
def test_real_lists_take_few_bits_and_give_the_same_hits(name):
    """
    BM25's postings of SciFact take at most 17 bits each, of MedQuAD 16, and nothing is found that is not found without.
    """
    from bench.passages import loader
    from retrievers.encoders.lexical import BM25

    passage_set = loader.load(name)
    encoder = BM25()
    encoder.fit(passage_set.passages)
    passages, queries = (
        encoder.encode(passage_set.passages, "passage"),
        encoder.encode(passage_set.queries[:300], "query"),
    )
    plain, storage = CSC(dtype="uint8"), Packed()
    plain.build(passages)

    storage.build(passages)

    assert 8 * sum(storage.ledger().values()) / passages.nnz <= LIMITS[name]
    assert_same(plain.search(queries, 100), storage.search(queries, 100))
    with path("plain"):
        assert_same(plain.search(queries[:50], 100), storage.search(queries[:50], 100))
