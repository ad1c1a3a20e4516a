"""Passage sets of vectors without text: ann-benchmarks' HDF5 files."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import hdf5
from bench.passages import loader
from bench.passages.loader import Columns
from bench.progress import Silent
from bench.run import runner
from bench.run.cells import make_cells
from retrievers.storages.flat import Flat
from tests.helpers.tiny import registry, run, suite

h5py = pytest.importorskip("h5py", reason="the extra hdf5 is not installed")

# On a line: the nearest of 0.1 is row 0 by distance; by angle (2, 0) and (1, 0) are alike, and (0, 3) stands across.
TRAIN = np.array([[1, 0], [2, 0], [0, 3]], np.float32)
TEST = np.array([[3, 0.5], [0, 1]], np.float32)


def nearest(distance, train, test):
    """Every position by falling nearness, ties by position: the slow, obvious way, in float64."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    if distance in ("euclidean", "l2"):
        far = [[np.linalg.norm(query - row) for row in train] for query in test]
    elif distance not in ("angular", "cosine"):
        far = [[-query @ row for row in train] for query in test]
    else:
        far = [[-query @ row / (np.linalg.norm(query) * np.linalg.norm(row)) for row in train] for query in test]
    return np.argsort(np.round(far, 9), axis=1, kind="stable")


def write(path, distance="euclidean", train=TRAIN, test=TEST, **changes):
    """A file of the layout with the true neighbours; changes: other datasets."""
    near = nearest(distance, train, test)
    return write_raw(
        path, distance, {"train": train, "test": test, "neighbors": near, "distances": near * 0.5} | changes
    )


def write_raw(path, distance, datasets):
    """A file of those datasets and that distance; None is left out."""
    with h5py.File(path, "w") as file:
        for name, content in datasets.items():
            if content is not None:
                file[name] = content
        if distance is not None:
            file.attrs["distance"] = distance
    return str(path)


def refusal(name, columns=None):
    with pytest.raises(InputError) as refused:
        loader.load(name, columns=columns)
    return str(refused.value)


class TestReading:
    def test_positions_and_neighbours(self, tmp_path):
        """
        Ids and texts are positions; the nearest neighbours are relevant; there is no text and no language.
        """
        passage_set = loader.load(write(tmp_path / "line.hdf5"))

        assert ("line", "zxx", 0) == (passage_set.name, passage_set.language, loader.text_bytes(passage_set))
        assert (("0", "1", "2"), ("0", "1")) == (passage_set.passages, passage_set.queries)
        assert {"0": {"1": 1, "0": 1, "2": 1}, "1": {"0": 1, "2": 1, "1": 1}} == passage_set.qrels
        assert str(tmp_path / "line.hdf5") == passage_set.vectors

    def test_ten_neighbours_are_relevant(self, tmp_path):
        """
        Of a hundred neighbours the ten nearest are relevant.
        """
        near = np.array([range(100), range(100, 0, -1)], np.int32)
        train = np.arange(202, dtype=np.float32).reshape(101, 2)

        passage_set = loader.load(write(tmp_path / "many.h5", train=train, neighbors=near))

        assert [[*map(str, range(10))], [*map(str, range(100, 90, -1))]] == [
            list(q) for q in passage_set.qrels.values()
        ]

    @pytest.mark.slow
    def test_the_hash_follows_the_vectors(self, tmp_path):
        """
        Two files with the same neighbours and other vectors are two passage sets.
        """
        one = loader.load(write(tmp_path / "line.hdf5"))
        other = loader.load(write(tmp_path / "line.hdf5", train=TRAIN * 2, neighbors=nearest("euclidean", TRAIN, TEST)))

        assert one.qrels == other.qrels
        assert one.sha256 != other.sha256

    def test_angular_vectors_have_unit_length(self, tmp_path):
        """
        The inner product of unit vectors is the cosine.
        """
        path = tmp_path / "angles.hdf5"
        write(path, "angular")

        assert [[1, 0], [1, 0], [0, 1]] == hdf5.vectors(path, "passage").tolist()
        assert [0, 1] == hdf5.vectors(path, "query")[1].tolist()

    def test_euclidean_vectors_have_one_more_dimension(self, tmp_path):
        """
        Passages [x, -|x|^2/2] and queries [q, 1], both seen from the mean of `train`.
        """
        path = tmp_path / "line.hdf5"
        write(path)

        assert [[0, -1, -0.5], [1, -1, -1], [-1, 2, -2.5]] == hdf5.vectors(path, "passage").tolist()
        assert [[2, -0.5, 1], [-1, 0, 1]] == hdf5.vectors(path, "query").tolist()

    @pytest.mark.parametrize(("distance", "mean"), [("euclidean", 1000), ("euclidean", 1e5), ("angular", 1)])
    def test_far_from_the_origin(self, tmp_path, monkeypatch, distance, mean):
        """
        Vectors whose squares take all of float32's digits are told apart: exact search finds all true neighbours.
        """
        monkeypatch.setattr(hdf5, "BLOCK", 64)
        random = np.random.default_rng(5)
        train, test = ((mean + random.normal(size=(n, 8))).astype(np.float32) for n in (500, 50))
        path = tmp_path / "far.hdf5"
        write(path, distance, train, test)
        storage = Flat()

        storage.build(hdf5.vectors(path, "passage"))
        hits = storage.search(hdf5.vectors(path, "query"), 10)

        expected = nearest(distance, train, test)[:, :10]
        assert [{*row} for row in expected.tolist()] == [{*row} for row in hits.rows.tolist()]

    @settings(deadline=None, max_examples=25)
    @given(
        seed=st.integers(0, 10**6),
        distance=st.sampled_from(["angular", "euclidean"]),
        dtype=st.sampled_from(["float32", "float64", "int16"]),
        block=st.integers(1, 9),
    )
    def test_inner_products_order_as_the_distance(self, tmp_path_factory, seed, distance, dtype, block):
        """
        Whatever the blocks and the type, the order by inner product is that of the distance.
        """
        random = np.random.default_rng(seed)
        train, test = (random.integers(1, 60, (n, 4)).astype(dtype) for n in (8, 3))
        path = tmp_path_factory.mktemp("files") / "some.hdf5"
        write(path, distance, train, test)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hdf5, "BLOCK", block)
            passages, queries = hdf5.vectors(path, "passage"), hdf5.vectors(path, "query")

        scores = queries.astype(np.float64) @ passages.astype(np.float64).T
        by_rank = np.take_along_axis(scores, nearest(distance, train, test), axis=1)
        assert (np.diff(by_rank, axis=1) <= 1e-6 * np.abs(scores).max()).all()


class TestGroundTruth:
    @staticmethod
    def drawn(path, distance, near_by=None, shift=0):
        rng = np.random.default_rng(3)
        train, test = rng.normal(size=(400, 5)) * rng.uniform(0.5, 3, (400, 1)), rng.normal(size=(30, 5))
        near = nearest(near_by or distance, train, test)[:, :10]
        return write_raw(path, distance, {"train": train, "test": test, "neighbors": (near + shift) % 400})

    @pytest.mark.parametrize("distance", hdf5.SIMILARITIES)
    def test_that_fits(self, tmp_path, distance):
        """
        Of true neighbours nothing is said, whatever the distance and its name.
        """
        assert () == loader.load(self.drawn(tmp_path / "true.hdf5", distance)).remarks

    @pytest.mark.parametrize(("near_by", "shift"), [("dot", 0), ("euclidean", 0), (None, 1)])
    def test_that_does_not(self, tmp_path, near_by, shift):
        """
        Neighbours by another distance, or counted from 1, are said not to fit.
        """
        (said,) = loader.load(self.drawn(tmp_path / "wrong.hdf5", "angular", near_by, shift)).remarks

        assert said.startswith("the neighbours do not belong to these vectors and this distance: of vectors")


class TestRefusals:
    @pytest.mark.parametrize("distance", ["jaccard", "hamming", None, 3])
    def test_other_distances(self, tmp_path, distance):
        """
        Distances of sets and bits, and none, are refused with those that are taken.
        """
        said = refusal(write_raw(tmp_path / "sets.hdf5", distance, {"train": TRAIN, "test": TEST}))

        assert (
            "sets.hdf5: expected the attribute `distance` to be angular or cosine or euclidean or l2 or dot or" in said
        )
        assert repr(distance) in said

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"train": None}, "a dataset `train`, found neighbors, test"),
            ({"neighbors": None}, "a dataset `neighbors`"),
            ({"test": np.zeros((2, 3))}, "test vectors of 2 dimensions as in train, found 3"),
            ({"test": np.zeros(2)}, "`test` to hold numbers of shape (n, dims), found float64 of shape (2,)"),
            ({"train": np.zeros((0, 2))}, "(0, 2)"),
            ({"train": np.array([[b"a", b"b"]])}, "`train` to hold numbers"),
            ({"neighbors": np.array([[0]])}, "a row for each of 2 test vectors, found int64 of shape (1, 1)"),
            ({"neighbors": np.array([[0.0], [1.0]])}, "found float64"),
            ({"neighbors": np.array([[0], [3]])}, "positions in train, 0 to 2, found 3"),
            ({"neighbors": np.array([[-1], [0]])}, "found -1"),
            ({"neighbors": np.array([[0, 1], [2, 2]])}, "found one again for test vector 1"),
        ],
    )
    def test_other_layouts(self, tmp_path, changes, words):
        """
        A file that lacks a dataset, or has one of another shape, type or range, is refused with what was found.
        """
        near = np.zeros((2, 1), np.int32)
        path = write_raw(
            tmp_path / "other.hdf5", "euclidean", {"train": TRAIN, "test": TEST, "neighbors": near} | changes
        )

        said = refusal(path)

        assert "other.hdf5: expected" in said
        assert words in said

    def test_other_files_are_not_read(self, tmp_path):
        """
        Datasets that are kept in another file, or linked there, are refused: any file of the machine could be one.
        """
        write(tmp_path / "own.hdf5")
        raw = tmp_path / "secret.bin"
        raw.write_bytes(bytes(range(24)))
        ways = {}
        for way in ("external", "link", "soft", "virtual"):
            path = tmp_path / f"{way}.hdf5"
            with h5py.File(path, "w") as file:
                file.attrs["distance"] = "euclidean"
                if way == "external":
                    file.create_dataset("train", (3, 2), np.float32, external=[(str(raw), 0, 24)])
                elif way == "link":
                    file["train"] = h5py.ExternalLink(str(tmp_path / "own.hdf5"), "train")
                elif way == "soft":
                    file["train"] = h5py.SoftLink("/elsewhere")
                else:
                    layout = h5py.VirtualLayout((3, 2), np.float64)
                    layout[:] = h5py.VirtualSource(str(tmp_path / "own.hdf5"), "train", (3, 2))
                    file.create_virtual_dataset("train", layout)
            ways[way] = refusal(str(path))

        assert [] == [way for way, said in ways.items() if "expected `train` in this file, found" not in said]

    def test_more_vectors_than_bytes(self, tmp_path):
        """
        A file that declares far more vectors than it can hold is refused at once.
        """
        with h5py.File(tmp_path / "huge.hdf5", "w") as file:
            file.attrs["distance"] = "euclidean"
            file.create_dataset("train", (200_000_000, 2), np.float32, chunks=(1000, 2))
            file.create_dataset("test", data=TEST)

        assert "found 200,000,002 declared" in refusal(str(tmp_path / "huge.hdf5"))

    def test_groups_are_no_datasets(self, tmp_path):
        """
        A group of a dataset's name is none.
        """
        write(tmp_path / "group.hdf5", train=TRAIN)
        with h5py.File(tmp_path / "group.hdf5", "a") as file:
            del file["test"]
            file.create_group("test")

        assert "a dataset `test`" in refusal(str(tmp_path / "group.hdf5"))

    @pytest.mark.slow
    def test_damaged_files(self, tmp_path):
        """
        A file that is missing, empty, cut short or no HDF5 is refused with its name.
        """
        whole = (tmp_path / "whole.hdf5", write(tmp_path / "whole.hdf5"))[0].read_bytes()
        for name, content in {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"train,test\n"}.items():
            (tmp_path / f"{name}.hdf5").write_bytes(content)

        for name in ("empty", "cut", "text", "missing"):
            said = refusal(str(tmp_path / f"{name}.hdf5"))

            assert f"{name}.hdf5: expected an HDF5 file that can be read, found: " in said

    @pytest.mark.slow
    @settings(deadline=None, max_examples=25)
    @given(place=st.integers(0, 6000), value=st.integers(0, 255))
    def test_a_changed_byte(self, tmp_path_factory, place, value):
        """
        A file with one other byte is read, or refused with its name; nothing else is raised.
        """
        path = tmp_path_factory.mktemp("changed") / "one.hdf5"
        write(path)
        content = bytearray(path.read_bytes())
        content[place % len(content)] = value
        path.write_bytes(content)

        try:
            passage_set = loader.load(str(path))
        except InputError as error:
            assert "one.hdf5" in str(error)  # noqa: PT017  # either end is right
        else:
            assert passage_set.passages

    def test_columns_have_no_effect(self, tmp_path):
        """
        Options of tables are refused.
        """
        assert "expected no option, found text" in refusal(write(tmp_path / "line.hdf5"), Columns(text="body"))

    def test_without_h5py(self, tmp_path, monkeypatch):
        """
        Without h5py the message says what to install.
        """
        path = write(tmp_path / "line.hdf5")
        monkeypatch.setitem(sys.modules, "h5py", None)

        assert "pip install 'sparring[hdf5]'" in refusal(path)


class TestRun:
    @pytest.mark.slow
    def test_a_storage_without_text(self, tmp_path, cache):
        """
        Exact search finds every true neighbour of either distance, the first of them first: a tenth of the ten.
        """
        random = np.random.default_rng(3)
        train, test = random.normal(size=(40, 6)), random.normal(size=(20, 6))
        for distance in ("angular", "euclidean"):
            passage_set = loader.load(write(tmp_path / f"{distance}.hdf5", distance, train, test))

            found = run(suite("Vectors() @ Flat()", passages=distance), tmp_path / distance, passage_set, plugins=())

            cell = found["Vectors() @ Flat()"]
            assert ("ok", 1.0, 0) == (cell.status, cell.quality["R@10"], cell.text_bytes)
            assert (40, 6 + (distance == "euclidean")) == cell.shape
            assert 0.1 == pytest.approx(cell.quality["R@1"])
            assert [] == [flag for flag in cell.flags if "unit length" in flag]  # the set says what they stand for

    @pytest.mark.slow
    def test_a_file_that_changes_during_the_run(self, tmp_path, cache):
        """
        Vectors that were read after the file had changed are kept by no name: the cell fails and says why.
        """
        path = tmp_path / "line.hdf5"
        passage_set = loader.load(write(path))
        whole = path.read_bytes()

        class Changing(Silent):
            def starts(self, *told):
                write(path, train=TRAIN[::-1])

        cells = suite("Vectors() @ Flat()", passages="line")
        (failed,) = runner.run(cells, [passage_set], tmp_path / "one", registry(), progress=Changing()).measurements
        path.write_bytes(whole)
        found = run(cells, tmp_path / "two", passage_set, plugins=())["Vectors() @ Flat()"]

        assert "failed" == failed.status
        assert f"Vectors(): expected {path} to be read as the run found " in failed.reason
        assert ("ok", False) == (found.status, found.reused_matrix)

    def test_text_is_refused(self, tmp_path, cache):
        """
        An encoder of text, or an engine, has nothing to read in such a set, and its own cell says so.
        """
        passage_set = loader.load(write(tmp_path / "line.hdf5"))

        cells = make_cells(
            suite("BM25() @ CSR()", "RankBM25()", "Vectors() @ Flat()", passages="line"), [passage_set], registry()
        )

        expected = "passage set 'line' holds vectors and no text: expected an encoder of given vectors"
        assert [True, True, False] == [expected in cell.problem for cell in cells]
        assert "" == cells[2].problem
