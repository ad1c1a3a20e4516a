"""Passages encoded block by block: the same vectors as at once, and what ends an encoding costs its last block."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bench.instruments.memory import Phase
from bench.progress import Passages
from bench.stage import blocks, reported
from bench.stage.blocks import Encoded
from bench.stage.job import Job
from retrievers.encoders.lexical import BM25

DIMS = 7
ROWS = 4


class Ended(BaseException):
    """What ends a process in the middle: nothing that an encoder raises."""


def vectors_of(texts: Sequence[str], salt: str = "") -> np.ndarray:
    """A vector for each text, of it alone."""
    rows = [[random.Random(f"{salt}{text}{dim}").random() for dim in range(DIMS)] for text in texts]
    return np.array(rows, np.float32).reshape(len(texts), DIMS)


class Dense:
    """An encoder that counts what it is given, and ends its process before a text that it is told of."""

    def __init__(self, ends_after: int | None = None, salt: str = "") -> None:
        self.ends_after, self.salt = ends_after, salt
        self.fitted, self.encoded, self.counted = 0, list[str](), list[str]()

    def fit(self, passages):
        self.fitted += 1

    def encode(self, texts, role):
        if self.ends_after is not None and len(self.encoded) >= self.ends_after:
            raise Ended
        self.encoded += texts
        return vectors_of(texts, self.salt)


class Sparse(Dense):
    """The same, as a csr_array."""

    def encode(self, texts, role):
        return csr_array(np.where(super().encode(texts, role) > 0.5, 1, 0).astype(np.float32))


class Learning(Dense):
    """One whose vectors are drawn when it is fitted; saved, it gives the same."""

    def fit(self, passages):
        super().fit(passages)
        self.salt = str(np.random.default_rng().random())


class Saving(Learning):
    """The same, which can be saved."""

    def save(self, folder):
        (folder / "salt").write_text(self.salt)

    def load(self, folder):
        self.salt = (folder / "salt").read_text()


class Counts(Dense):
    """One that counts for its facts what was encoded."""

    def count(self, texts, role):
        self.counted += texts


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(blocks, "ROWS", ROWS)
    monkeypatch.setattr(blocks, "FEWEST_ROWS", ROWS)
    monkeypatch.setattr(blocks, "LEXICAL_ROWS", ROWS)
    monkeypatch.setattr(blocks, "TRIED", 2)
    monkeypatch.setattr(blocks, "WRITTEN_SECONDS", 0.0)


def job_in(folder: Path, **changes) -> Job:
    (folder / "stage").mkdir(exist_ok=True)
    job = Job(
        stage="encode", entries=(), result=str(folder / "stage" / "result.json"), blocks=str(folder / "matrix.blocks")
    )
    return msgspec.structs.replace(job, **changes)


def encoded(folder: Path, encoder: object, passages: Sequence[str], **changes) -> Encoded:
    return blocks.encoded(job_in(folder, **changes), encoder, passages, Phase())


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "matrix.blocks").iterdir())


def texts(n: int) -> list[str]:
    """Of several lengths, in no order of them."""
    return [f"text {i} " + "long " * (7 * i % 5) for i in range(n)]


def dense(found: Encoded) -> np.ndarray:
    return found.vectors if isinstance(found.vectors, np.ndarray) else found.vectors.toarray()


class TestTheSameVectors:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(passages=st.lists(st.text(max_size=12), max_size=30), sparse=st.booleans())
    def test_as_at_once(self, tmp_path_factory, passages, sparse):
        """
        Whatever the texts, in whatever blocks, row i is the vector of passage i.
        """
        encoder = Sparse() if sparse else Dense()

        found = encoded(tmp_path_factory.mktemp("one"), encoder, passages)

        whole = (Sparse() if sparse else Dense()).encode(passages, "passage")
        assert np.array_equal(dense(found), whole.toarray() if sparse else whole)
        assert sorted(encoder.encoded) == sorted(passages)

    def test_of_terms(self, tmp_path):
        """
        A lexical encoder's matrix is to the bit what it makes of all texts at once, and in the same types.
        """
        passages = texts(23)
        whole = BM25()
        whole.fit(passages)
        expected = whole.encode(passages, "passage")

        found = encoded(tmp_path, BM25(), passages).vectors

        for part in ("data", "indices", "indptr"):
            assert np.array_equal(getattr(expected, part), getattr(found, part))
            assert getattr(expected, part).dtype == getattr(found, part).dtype

    def test_texts_of_one_length_are_encoded_together(self, tmp_path):
        """
        The longest first, so that a model pads little, and what needs most memory is met at the beginning.
        """
        encoder = Dense()

        encoded(tmp_path, encoder, texts(20))

        lengths = [len(text) for text in encoder.encoded]
        assert sorted(lengths, reverse=True) == lengths

    def test_blocks_grow(self, tmp_path, monkeypatch):
        """
        The first blocks are small, so that a slow model has something to show and to keep soon; what is taken up goes
        on with the same blocks.
        """
        monkeypatch.setattr(blocks, "ROWS", 16 * ROWS)
        encoder, passages = Dense(), texts(16 * 16 * ROWS)
        sizes: list[int] = []
        monkeypatch.setattr(encoder, "encode", lambda found, role: sizes.append(len(found)) or vectors_of(found))

        encoded(tmp_path, encoder, passages)

        assert [ROWS, ROWS, 2 * ROWS, 4 * ROWS, 8 * ROWS, 16 * ROWS, 16 * ROWS] == sizes[:7]
        assert sum(sizes) == len(passages)

    def test_vectors_made_elsewhere_stay_in_their_order(self, tmp_path):
        """
        An encoder that looks rows up is asked once, in the order of the files, and nothing is kept.
        """
        encoder = Dense()

        encoded(tmp_path, encoder, texts(20), alignment="rows.json")

        assert texts(20) == encoder.encoded
        assert not (tmp_path / "matrix.blocks").exists()

    @pytest.mark.parametrize(
        "other", [np.zeros((ROWS, DIMS + 1), np.float32), csr_array((ROWS, DIMS), dtype=np.float32)]
    )
    def test_blocks_of_two_kinds_are_refused(self, tmp_path, other):
        """
        An encoder whose vectors change their kind or their dimensions on the way has broken the contract.
        """

        class Changing(Dense):
            def encode(self, texts, role):
                return other if self.encoded else super().encode(texts, role)

        with pytest.raises(ValueError, match=f"expected an ndarray of {DIMS} dims as of the passages before, found"):
            encoded(tmp_path, Changing(), texts(2 * ROWS))


class TestTakenUp:
    @pytest.mark.parametrize("kind", [Dense, Sparse, Saving, Counts])
    @pytest.mark.parametrize("ends_after", [0, 4, 9, 17])
    def test_after_an_end(self, tmp_path, kind, ends_after):
        """
        What was written is not encoded again, but for the rows that it is held to; what comes out is the same.
        """
        passages = texts(23)
        with pytest.raises(Ended):
            encoded(tmp_path, kind(ends_after), passages)
        written = ends_after + -ends_after % ROWS

        encoder = kind()
        found = encoded(tmp_path, encoder, passages)

        assert np.array_equal(dense(found), dense(encoded(tmp_path / "..", same(encoder), passages, blocks=None)))
        assert len(passages) - written + (2 if written else 0) == len(encoder.encoded)
        assert (2 if written else 1) == found.goes
        if kind is Counts:
            # Those that are tried count themselves.
            assert max(written - 2, 0) == len(encoder.counted)

    def test_how_much_is_kept(self, tmp_path):
        """
        What is done and what is left are told without an encoder, and of other passages nothing is.
        """
        passages, folder = texts(23), tmp_path / "matrix.blocks"
        assert blocks.under_way(folder, passages) is None
        with pytest.raises(Ended):
            encoded(tmp_path, Dense(9), passages)

        found = blocks.under_way(folder, passages)

        assert found is not None
        assert (12, sorted(passages)) == (len(found.done), sorted(found.done + found.left))
        assert min(map(len, found.done)) >= max(map(len, found.left))
        assert found.seconds > 0
        assert blocks.under_way(folder, texts(24)) is None

    def test_after_many_ends(self, tmp_path):
        """
        However often it ends, each go adds to what is there, and the seconds of all are those of the matrix.
        """
        passages = texts(41)
        encoded_texts = 0
        for _ in range(50):
            encoder = Dense(ends_after=2 + ROWS)  # tried, and one block
            try:
                found = encoded(tmp_path, encoder, passages)
            except Ended:
                encoded_texts += len(encoder.encoded)
            else:
                break

        assert np.array_equal(vectors_of(passages), found.vectors)
        assert found.goes > 5
        assert encoded_texts + len(encoder.encoded) <= len(passages) + 2 * found.goes
        assert found.seconds >= 0 < found.measured_seconds

    def test_by_another_encoder_it_is_begun_anew(self, tmp_path):
        """
        One that learns other vectors when it is fitted again must not go on with those of before.
        """
        passages = texts(23)
        with pytest.raises(Ended):
            encoded(tmp_path, Learning(ends_after=9), passages)

        encoder = Learning()
        found = encoded(tmp_path, encoder, passages)

        assert np.array_equal(vectors_of(passages, encoder.salt), found.vectors)
        assert 1 == found.goes
        assert 2 == encoder.fitted

    def test_of_a_saved_encoder_nothing_is_fitted_again(self, tmp_path):
        """
        One that can be saved goes on as it was, and is not fitted a second time.
        """
        with pytest.raises(Ended):
            encoded(tmp_path, Saving(ends_after=9), texts(23))

        encoder = Saving()
        found = encoded(tmp_path, encoder, texts(23))

        assert 0 == encoder.fitted
        assert np.array_equal(vectors_of(texts(23), encoder.salt), found.vectors)

    def test_other_passages(self, tmp_path):
        """
        Blocks of texts in another order are not taken for those of these.
        """
        with pytest.raises(Ended):
            encoded(tmp_path, Dense(ends_after=9), texts(23))

        found = encoded(tmp_path, Dense(), texts(24))

        assert 1 == found.goes
        assert np.array_equal(vectors_of(texts(24)), found.vectors)

    @pytest.mark.parametrize("harm", ["cut", "emptied", "changed", "gone", "record"])
    def test_a_torn_part_costs_itself_and_what_follows(self, tmp_path, harm):
        """
        A part whose bytes are not those that were written is encoded again; those before it stay.
        """
        passages = texts(23)
        with pytest.raises(Ended):
            encoded(tmp_path, Dense(ends_after=17), passages)
        before = [name for name in parts(tmp_path) if name.isdigit()]
        second = tmp_path / "matrix.blocks" / before[1]
        path = second / (blocks.PART if harm == "record" else "passages.npy")
        content = path.read_bytes()
        if harm == "gone":
            path.unlink()
        else:
            path.write_bytes(
                {"cut": content[:-5], "emptied": b"", "changed": content[:-1] + b"\x07", "record": b"{"}[harm]
            )

        encoder = Dense()
        found = encoded(tmp_path, encoder, passages)

        assert np.array_equal(vectors_of(passages), found.vectors)
        assert len(passages) - ROWS + 2 == len(encoder.encoded)

    def test_what_was_half_written_is_no_part(self, tmp_path):
        """
        A kill while a part is written leaves a folder of another name, which nobody takes for one.
        """
        (tmp_path / "matrix.blocks" / "000000000000.part").mkdir(parents=True)

        assert 1 == encoded(tmp_path, Dense(), texts(9)).goes

    def test_a_disk_that_is_full_ends_nothing(self, tmp_path, monkeypatch):
        """
        Where a part cannot be written, encoding goes on without it.
        """

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(blocks, "settle", full)

        assert np.array_equal(vectors_of(texts(9)), encoded(tmp_path, Dense(), texts(9)).vectors)

    def test_what_is_quick_is_not_written(self, tmp_path, monkeypatch):
        """
        An encoding of a few seconds costs no disk.
        """
        monkeypatch.setattr(blocks, "WRITTEN_SECONDS", 60.0)

        encoded(tmp_path, Dense(), texts(23))

        assert not (tmp_path / "matrix.blocks").exists()


class TestReported:
    def test_how_far_it_is(self, tmp_path, monkeypatch):
        """
        Who waits is told of every block: passages, their rate, and what is left by the length of the texts.
        """
        said = []
        monkeypatch.setattr(reported, "report", lambda _, found: said.append(found))
        passages = texts(10)

        encoded(tmp_path, Dense(), passages)

        assert [4, 8, 10] == [found.done for found in said]
        by_length = sorted(map(len, passages), reverse=True)
        assert [sum(by_length[:n]) / sum(by_length) for n in (4, 8, 10)] == pytest.approx([f.share for f in said])
        assert 0 == said[-1].seconds_left()

    def test_of_what_was_taken_up(self):
        """
        The rate is that of this process, not of what an earlier one has done.
        """
        found = reported.Reported(done=60, total=100, share=0.6, kept=50, kept_share=0.5, seconds=2.0)

        assert Passages(60, 100, 5.0) == found.passages()
        assert 8.0 == pytest.approx(found.seconds_left())

    def test_it_is_read_as_it_was_written(self, tmp_path):
        """
        A child that has said nothing yet, or half of it, is none that is known.
        """
        job = job_in(tmp_path)
        found = reported.Reported(done=1, total=2, share=0.4, kept=0, kept_share=0.0, seconds=1.0)

        assert reported.of(job) is None
        reported.report(job, found)
        assert found == reported.of(job)
        Path(job.result).with_name(reported.NAME).write_text("{")
        assert reported.of(job) is None


def same(encoder: Dense) -> Dense:
    """One that gives the same vectors, fresh."""
    fresh = type(encoder)(None, encoder.salt)
    fresh.fit = lambda _: None  # type: ignore[method-assign]  # what it has learned stays
    return fresh
