"""The cache of encoded vectors: found again by content, and never stale."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.sparse import csr_array
from tiny import KNOWN, journal, registry, run, suite, tiny_set

from bench import environment, matrices
from bench.errors import InputError
from bench.record import StageResult
from bench.tasks import Work


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPARRING_CACHE", str(folder))
    return folder


def place(folder: Path, encoder: str = "Constant()", passage_set=None, known=None, **changes) -> str:
    cells = msgspec.structs.replace(suite(f"{encoder} @ Exact()"), **changes)
    return Work(cells, folder / "run", known or registry(), passage_set or tiny_set()).matrix(encoder).name


class TestFiles:
    def test_dense_and_sparse_come_back_as_they_were(self, tmp_path):
        """
        What is read is what was written: kind, shape, dtype and numbers.
        """
        dense = np.array([[1, 2], [3, 4]], np.float32)
        sparse = csr_array(np.array([[0, 5, 0], [0, 0, 6]], np.float32))

        matrices.save(tmp_path, "passages", dense)
        matrices.save(tmp_path, "queries", sparse)
        read_dense, read_sparse = matrices.load(tmp_path, "passages"), matrices.load(tmp_path, "queries")

        assert isinstance(read_dense, np.ndarray)
        assert (np.float32, dense.tolist()) == (read_dense.dtype, read_dense.tolist())
        assert isinstance(read_sparse, csr_array)
        assert (np.float32, (2, 3)) == (read_sparse.dtype, read_sparse.shape)
        assert sparse.toarray().tolist() == read_sparse.toarray().tolist()

    def test_only_what_is_whole_is_found(self, tmp_path):
        """
        A matrix is found after it was published; without its record, or with other bytes, there is none.
        """
        part, final = tmp_path / "key.part", tmp_path / "key"
        part.mkdir()
        matrices.save(part, "passages", np.ones((2, 1), np.float32))
        made = StageResult(stage="encode", status="ok", build_seconds=1.5)

        assert matrices.find(final) is None
        published = matrices.publish(part, final, made)

        assert not part.exists()
        assert (False, {"passages.npy"}) == (published.reused, set(published.digests))
        assert msgspec.structs.replace(published, reused=True) == matrices.find(final)
        (final / "more").write_text("a file that was not there")
        assert matrices.find(final) is None

    @pytest.mark.parametrize("harm", ["flip", "cut", "remove", "record"])
    def test_changed_bytes_are_never_used(self, tmp_path, harm):
        """
        One flipped byte, a missing tail, a missing file or a torn record: the matrix counts as none.
        """
        final = tmp_path / "key"
        (tmp_path / "part").mkdir()
        matrices.save(tmp_path / "part", "passages", np.ones((2, 1), np.float32))
        matrices.publish(tmp_path / "part", final, StageResult(stage="encode", status="ok"))
        file = final / ("passages.npy" if harm != "record" else matrices.RESULT)
        content = bytearray(file.read_bytes())

        if harm == "flip":
            content[-1] ^= 1
            file.write_bytes(content)
        elif harm == "remove":
            file.unlink()
        else:
            file.write_bytes(content[:-1])

        assert matrices.find(final) is None


class TestKey:
    def test_the_same_is_the_same(self, tmp_path):
        """
        The same texts, encoder, options, code and versions have one place, in whatever folder the run lies.
        """
        assert place(tmp_path) == place(tmp_path / "elsewhere")

    def test_everything_that_decides_the_numbers_is_in_the_key(self, tmp_path, monkeypatch):
        """
        Another option, passage set, number of threads, library version, project code or plug-in code: another place.
        """
        copy = shutil.copy(KNOWN, tmp_path / "copied.py")
        places = [
            place(tmp_path),
            place(tmp_path, "Constant(ms=1.0)"),
            place(tmp_path, passage_set=tiny_set(31)),
            place(tmp_path, passage_set=tiny_set(n_queries=19)),
            place(tmp_path, encode_threads=2),
        ]
        known = registry(copy)
        with copy.open("a") as file:
            file.write("# changed\n")
        places.append(place(tmp_path, known=known))
        with monkeypatch.context() as patch:
            patch.setattr(environment, "versions", lambda: {"numpy": "0.1"})
            places.append(place(tmp_path))
        with monkeypatch.context() as patch:
            patch.setattr(environment, "code_sha256", lambda *packages: "other code")
            places.append(place(tmp_path))

        assert len(places) == len(set(places))

    def test_a_model_is_in_the_key(self, tmp_path, monkeypatch):
        """
        An encoder's model counts by its bytes: the same spelling with another model has another place.
        """
        before = place(tmp_path)
        monkeypatch.setattr("bench.tasks.model_fingerprint", lambda adapter: "bytes of another model")

        assert before != place(tmp_path)


class TestReuse:
    def test_a_second_run_reuses_and_says_so(self, tmp_path):
        """
        Another run folder finds the matrix, says that it was reused, and keeps the cost measured when it was made.
        """
        cells = suite("TfIdf() @ Brute()")

        first = run(cells, tmp_path / "one")["TfIdf() @ Brute()"]
        second = run(cells, tmp_path / "two")["TfIdf() @ Brute()"]

        assert (False, True) == (first.reused_matrix, second.reused_matrix)
        assert (first.matrix_key, first.encode_seconds) == (second.matrix_key, second.encode_seconds)
        assert first.quality == second.quality
        assert 1.0 == first.quality["R@1"]
        assert ["ask", "build", "serve"] == sorted({line.result.stage for line in journal(tmp_path / "two")})

    def test_a_corrupted_matrix_is_made_again(self, tmp_path, cache):
        """
        Where a byte of the cached matrix has changed, it is encoded anew, and what is kept is whole again.
        """
        cells = suite("TfIdf() @ Brute()")
        first = run(cells, tmp_path / "one")["TfIdf() @ Brute()"]
        file = cache / "matrices" / first.matrix_key / "passages.data.npy"
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

        second = run(cells, tmp_path / "two")["TfIdf() @ Brute()"]

        assert not second.reused_matrix
        assert whole == file.read_bytes()
        assert first.quality == second.quality

    def test_changed_plugin_code_is_encoded_anew(self, tmp_path):
        """
        A plug-in edited between two runs is another encoder: nothing of the old one is used, and the old folder,
        whose records are the old code's, is refused.
        """
        copy = shutil.copy(KNOWN, tmp_path / "edited.py")
        cells = suite("Constant() @ Exact()")
        first = run(cells, tmp_path / "one", plugins=[copy])["Constant() @ Exact()"]
        with copy.open("a") as file:
            file.write("# changed\n")

        second = run(cells, tmp_path / "two", plugins=[copy])["Constant() @ Exact()"]

        assert not second.reused_matrix
        assert first.matrix_key != second.matrix_key
        with pytest.raises(InputError, match="plugins differs"):
            run(cells, tmp_path / "one", plugins=[copy])
