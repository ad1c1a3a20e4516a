"""The cache of encoded vectors: found again by content, and never stale."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from scipy.sparse import csr_array

from bench.instruments import imports
from bench.records.schema import StageResult
from bench.report import rows
from bench.run.cells import make_cells
from bench.stage import matrices
from tests.helpers.places import KNOWN
from tests.helpers.tiny import journal, registry, run, suite, tiny_set

TOUCHING = '''
from pathlib import Path

import numpy as np

from retrievers.contract import Spelled


class Touching(Spelled):
    """An encoder whose model is a number in a file, and which changes what it is made of once that was read."""

    def __init__(self, model: str, then: str = "") -> None:
        self.model, self.then = model, then

    def fingerprint(self):
        return Path(self.model).read_text()

    def fit(self, passages): ...

    def encode(self, texts, role):
        vectors = np.full((len(texts), 1), float(self.fingerprint()), np.float32)
        last = role == "query" and len(texts) > 1  # not the one query that warms it up
        if last and self.then == "other":
            Path(self.model).write_text("4")
        if last and self.then == "gone":
            Path(self.model).unlink()
        if last and self.then == "code":
            Path(__file__).write_text(Path(__file__).read_text() + "# changed")
        return vectors
'''


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPARRING_CACHE", str(folder))
    return folder


def place(folder: Path, encoder: str = "Constant()", passage_set=None, known=None, **changes) -> str:
    cells = msgspec.structs.replace(suite(f"{encoder} @ Exact()"), **changes)
    (cell,) = make_cells(cells, [passage_set or tiny_set()], known or registry())
    return cell.matrix_key


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


def made(part: Path, value: float, seconds: float) -> StageResult:
    """A finished matrix in a folder of its own, and what was measured when it was made."""
    part.mkdir(parents=True)
    matrices.save(part, "passages", np.full((2, 1), value, np.float32))
    return StageResult(stage="encode", status="ok", build_seconds=seconds)


class TestPublishing:
    def test_the_first_stays(self, tmp_path):
        """
        Where another run has published the same matrix meanwhile, that one stays as it is, for it may be being read:
        its costs are those that count, and the second goes.
        """
        final = tmp_path / "key"
        first, second = made(tmp_path / "one", 1.0, 1.5), made(tmp_path / "two", 1.0, 9.0)
        matrices.publish(tmp_path / "one", final, first)
        there = {path: path.stat().st_ino for path in (final, *final.iterdir())}

        kept = matrices.publish(tmp_path / "two", final, second)

        assert (1.5, True) == (kept.build_seconds, kept.reused)
        assert there == {path: path.stat().st_ino for path in (final, *final.iterdir())}
        assert [final] == list(tmp_path.iterdir())

    def test_what_is_not_whole_makes_way(self, tmp_path):
        """
        A matrix whose bytes have changed is replaced, and nothing of it is left beside.
        """
        final = tmp_path / "key"
        matrices.publish(tmp_path / "one", final, made(tmp_path / "one", 1.0, 1.5))
        (final / "passages.npy").write_bytes(b"torn")

        kept = matrices.publish(tmp_path / "two", final, made(tmp_path / "two", 2.0, 9.0))

        assert (9.0, False) == (kept.build_seconds, kept.reused)
        assert [[2.0], [2.0]] == matrices.load(final, "passages").tolist()
        assert [final] == list(tmp_path.iterdir())

    def test_another_error_is_no_matrix(self, tmp_path):
        """
        A matrix that cannot be put in its place for another reason is the caller's to hear of.
        """
        result = made(tmp_path / "one", 1.0, 1.5)

        with pytest.raises(FileNotFoundError):
            matrices.publish(tmp_path / "one", tmp_path / "no such folder" / "key", result)


class TestSweeping:
    def test_what_the_dead_left_is_removed(self):
        """
        Parts of processes that are gone go; parts of living ones, of other machines, and matrices stay.
        """
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        own = matrices.part_of(matrices.place("key"))
        gone = own.with_name(own.name.replace(f"-{os.getpid()}.", f"-{ended.pid}."))
        elsewhere = gone.with_name(gone.name.replace(platform.node(), f"not-{platform.node()}"))
        nameless = own.with_name(own.name.replace(f"-{os.getpid()}.", "-nobody."))
        for folder in (own, gone, elsewhere, nameless, matrices.place("key")):
            folder.mkdir(parents=True)
            (folder / "passages.npy").touch()

        matrices.sweep()

        assert {own, elsewhere, nameless, matrices.place("key")} == set(matrices.place("key").parent.iterdir())

    def test_a_number_that_was_given_again_is_no_owner(self):
        """
        A part that was last written before the process of that number began is another's, who is gone.
        """
        part = matrices.part_of(matrices.place("key"))
        part.mkdir(parents=True)
        os.utime(part, (0, psutil.Process().create_time() - 3600))

        matrices.sweep()

        assert not part.exists()

    def test_an_empty_cache(self):
        """
        Without any matrix there is nothing to sweep.
        """
        matrices.sweep()

        assert not matrices.place("key").parent.exists()


class TestKey:
    def test_the_same_is_the_same(self, tmp_path):
        """
        The same texts, encoder, options, code and versions have one place, in whatever folder the run lies.
        """
        assert place(tmp_path) == place(tmp_path / "elsewhere")

    def test_everything_that_decides_the_numbers_is_in_the_key(self, tmp_path, monkeypatch):
        """
        Another option, passage, number of threads, library version, project code or plug-in code: another place. Other
        queries have one of their own.
        """
        copy = shutil.copy(KNOWN, tmp_path / "copied.py")
        places = [
            place(tmp_path),
            place(tmp_path, "Constant(ms=1.0)"),
            place(tmp_path, passage_set=tiny_set(31)),
            place(tmp_path, encode_threads=2),
        ]
        known = registry(copy)
        with copy.open("a") as file:
            file.write("# changed\n")
        places.append(place(tmp_path, known=known))
        with monkeypatch.context() as patch:
            patch.setattr(imports, "libraries", lambda files: {"numpy": "0.1"})
            places.append(place(tmp_path))
        with monkeypatch.context() as patch:
            patch.setattr(imports, "sha256", lambda files: "other code")
            places.append(place(tmp_path))

        assert len(places) == len(set(places))
        assert places[0] == place(tmp_path, passage_set=tiny_set(n_queries=19))

    def test_a_model_is_in_the_key(self, tmp_path, monkeypatch):
        """
        An encoder's model counts by its bytes: the same spelling with another model has another place.
        """
        before = place(tmp_path)
        monkeypatch.setattr("bench.run.identity.fingerprints", lambda adapter: ["bytes of another model"])

        assert before != place(tmp_path)


class TestReuse:
    @pytest.mark.slow
    def test_a_second_run_reuses_and_says_so(self, tmp_path):
        """
        Another run folder finds the matrix, says that it was reused, and keeps the cost measured when it was made.
        """
        cells = suite("TfIdf() @ Brute()")

        first = run(cells, tmp_path / "one")["TfIdf() @ Brute()"]
        second = run(cells, tmp_path / "two")["TfIdf() @ Brute()"]

        assert (False, True) == (first.reused_matrix, second.reused_matrix)
        assert (first.matrix_key, first.encode_seconds) == (second.matrix_key, second.encode_seconds)
        assert first.encode_seconds + second.build_seconds == rows.row(second)["index_seconds"]
        assert first.quality == second.quality
        assert 1.0 == first.quality["R@1"]
        assert ["build", "query", "search"] == sorted({line.result.stage for line in journal(tmp_path / "two")})

    @pytest.mark.slow
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

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("then", "found"), [("other", "they had changed"), ("code", "they had changed"), ("gone", "No such file")]
    )
    def test_what_changes_while_it_is_read_is_not_kept(self, tmp_path, cache, then, found):
        """
        A model, or a plug-in's code, that is another after encoding than when the run began fails the cells of that
        encoder and no others; of what was read the cache keeps nothing.
        """
        model, plugin = tmp_path / "model.txt", tmp_path / "touching.py"
        model.write_text("3")
        plugin.write_text(TOUCHING)
        touching, steady = (f'Touching("{model}", then="{what}") @ Exact()' for what in (then, ""))

        failed = run(suite(touching, "Constant() @ Exact()"), tmp_path / "one", plugins=[KNOWN, plugin])
        kept = {path.name for path in (cache / "matrices").iterdir()}
        model.write_text("3")
        plugin.write_text(TOUCHING)
        (sound,) = run(suite(steady), tmp_path / "two", plugins=[KNOWN, plugin]).values()

        assert ["failed", "ok"] == [cell.status for cell in failed.values()]
        assert "expected its files and code to be read as the run found them when it began" in failed[touching].reason
        assert found in failed[touching].reason
        steady_one = failed["Constant() @ Exact()"]
        assert {steady_one.matrix_key, steady_one.queries_key} == kept
        assert "ok" == sound.status

    @pytest.mark.slow
    def test_changed_plugin_code_is_encoded_anew(self, tmp_path):
        """
        A plug-in edited between two runs is another encoder: nothing of the old one is used, and in the old folder its
        cell is measured anew.
        """
        copy = shutil.copy(KNOWN, tmp_path / "edited.py")
        cells = suite("Constant() @ Exact()")
        first = run(cells, tmp_path / "one", plugins=[copy])["Constant() @ Exact()"]
        with copy.open("a") as file:
            file.write("# changed\n")

        second = run(cells, tmp_path / "two", plugins=[copy])["Constant() @ Exact()"]

        assert not second.reused_matrix
        again = run(cells, tmp_path / "one", plugins=[copy])["Constant() @ Exact()"]
        assert first.matrix_key != second.matrix_key == again.matrix_key
        searches = [line.task for line in journal(tmp_path / "one") if line.result.stage == "search"]
        assert 2 == len(set(searches)) == len(searches)
