"""References: what of a run is kept as one, and how one replaces another."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.analysis.compare import compare
from bench.errors import InputError
from bench.gate import reference
from bench.records import run_folder
from bench.records.kept_overlap import read_overlap
from tests.helpers.gated import EXACT, cell, judged, requery


class TestAccept:
    @pytest.mark.slow
    def test_what_a_reference_holds(self, ran, tmp_path):
        """
        A reference has no text, no hits, no samples, no ids of passages; what it has is named in it.
        """
        folder = tmp_path / "reference"

        reference.accept(run_folder.read(ran), folder)

        names = {path.relative_to(folder).parts[0] for path in folder.rglob("*")}
        assert {"run.json", "environment.json", "measurements.jsonl", "sets", "quality"} == names
        assert () == run_folder.read_set(folder, "tiny").passage_ids
        for m in run_folder.read(folder).measurements:
            assert ["quality"] == list(m.files)
            assert (folder / m.files["quality"]).is_file()

    def test_a_reference_keeps_word_overlap(self, ran, tmp_path):
        """
        What a run has kept of its queries' word overlap is in the reference too, where no texts are needed to compare.
        """
        folder = tmp_path / "reference"

        reference.accept(run_folder.read(ran), folder)

        kept = [read_overlap(home, run_folder.read_set(home, "tiny")) for home in (ran, folder)]
        assert 20 == len(kept[0])
        assert kept[0].tolist() == kept[1].tolist()

    @pytest.mark.parametrize(
        "read",
        [
            run_folder.read_hits,
            lambda folder, key: run_folder.read_timed(folder, key, 10, apart=True),
            lambda folder, key: run_folder.read_ranking(folder, key, 10, apart=False),
        ],
    )
    def test_hits_of_a_reference(self, ran, tmp_path, read):
        """
        Who asks a reference for hits is told that it keeps none; of a run they are read, and a lost file is named.
        """
        folder = tmp_path / "reference"
        reference.accept(run_folder.read(ran), folder)

        with pytest.raises(
            InputError, match="expected hits, found an accepted reference, which keeps none: name the run"
        ):
            read(folder, cell(ran).cell)
        with pytest.raises(InputError, match="expected the hits of cell none, found none that can be read"):
            read(ran, "none")

    def test_a_reference_is_replaced(self, ran, other, tmp_path):
        """
        Accepting another run replaces the reference whole: no file of the first stays.
        """
        folder = tmp_path / "reference"
        reference.accept(run_folder.read(ran), folder)
        (folder / "quality" / "stale.npz").touch()
        requery(other, {0: -0.5})

        reference.accept(run_folder.read(other), folder)

        assert "pass" == judged(folder, other).outcome
        assert not (folder / "quality" / "stale.npz").exists()
        assert [folder] == [path for path in tmp_path.iterdir() if "reference" in path.name]

    def test_a_failed_replacement(self, ran, other, tmp_path, monkeypatch):
        """
        Where the new reference cannot be put in its place the old one is there again, and nothing beside it.
        """
        folder = tmp_path / "reference"
        reference.accept(run_folder.read(ran), folder)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        replace = Path.replace

        def full(path, target):
            if path.name.endswith(".part"):
                raise OSError(28, "No space left on device")
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(InputError, match="cannot be written: No space left"):
            reference.accept(run_folder.read(other), folder)

        assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert [folder] == list(tmp_path.glob("*reference*")) + list(tmp_path.glob(".reference*"))

    def test_other_files_beside_a_reference(self, ran, tmp_path):
        """
        A file of the user's in the reference's folder would go with it: it is named, and nothing is touched.
        """
        folder = tmp_path / "reference"
        reference.accept(run_folder.read(ran), folder)
        (folder / "README.md").write_text("mine")

        with pytest.raises(InputError, match=r"found README\.md.*move them elsewhere"):
            reference.accept(run_folder.read(ran), folder)

        assert "mine" == (folder / "README.md").read_text()

    def test_a_link_to_a_reference(self, ran, other, tmp_path):
        """
        Where the folder is a link, it stays one, and what it names is replaced.
        """
        reference.accept(run_folder.read(ran), tmp_path / "kept")
        (tmp_path / "reference").symlink_to(tmp_path / "kept")
        requery(other, {0: -0.5})

        reference.accept(run_folder.read(other), tmp_path / "reference")

        assert (tmp_path / "reference").is_symlink()
        assert "pass" == judged(tmp_path / "kept", other).outcome

    def test_what_accepting_changes(self, ran, other):
        """
        Every quality figure and byte count that changes is told.
        """
        requery(other, {0: -1.0})  # of 20 queries: 0.05

        (line,) = reference.changes(compare(run_folder.read(ran), run_folder.read(other)))

        was, now = (cell(folder).quality["nDCG@10"] for folder in (ran, other))
        assert f"{EXACT} on tiny: nDCG@10 {was:.6g} -> {now:.6g}" == line

    @pytest.mark.parametrize("kind", ["file", "other files", "run"])
    def test_a_folder_that_is_no_reference(self, ran, other, tmp_path, kind):
        """
        A file, a folder of other files and a whole run are not overwritten.
        """
        folder = other if kind == "run" else tmp_path / "place"
        if kind == "file":
            folder.write_text("mine")
        elif kind == "other files":
            folder.mkdir()
            (folder / "mine").write_text("mine")

        with pytest.raises(InputError, match="expected"):
            reference.accept(run_folder.read(ran), folder)

        assert folder.exists()
