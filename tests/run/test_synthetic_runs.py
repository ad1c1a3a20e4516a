"""Runs on passage sets that are grown: what they measure, and what they leave out."""

from __future__ import annotations

import msgspec
import pytest

from bench.analysis import export, show
from bench.analysis.explain import explanation_of
from bench.errors import InputError
from bench.passages.synthetic import texts
from bench.records import run_folder
from bench.run.cells import make_cells
from bench.run.suite import parse as parse_suite
from tests.helpers.tiny import registry, run, suite, tiny_set

COUNTED, GIVEN, ENGINE = "TfIdf() @ Flat()", "Constant() @ Flat()", "RankBM25()"


@pytest.fixture(scope="module")
def grown_run(tmp_path_factory):
    """A run of three retrievers on the tiny set, grown by 1,200 passages: its folder and its measurements."""
    home = tmp_path_factory.mktemp("grown")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(home / "cache"))
        cells = msgspec.structs.replace(suite(COUNTED, GIVEN, ENGINE, baseline=COUNTED), distractors=1_200)
        yield home / "run", run(cells, home / "run"), cells


class TestRuns:
    @pytest.mark.slow
    def test_a_grown_cell_tells_bytes_and_no_quality(self, grown_run):
        """
        Its passages are all counted and the synthetic ones named; quality is null, and a flag says why.
        """
        _, found, _ = grown_run

        assert ["ok"] * 3 == [m.status for m in found.values()]
        assert [(1_230, 1_200)] * 3 == [(m.n_passages, m.n_distractors) for m in found.values()]
        for m in found.values():
            assert [None] * 4 == [m.quality, m.n_judged, m.n_unanswered, m.quality_by_label]
            assert "quality" not in m.files
            assert "grown by 1,200 synthetic passages: bytes and time only" in m.flags

    @pytest.mark.slow
    def test_text_is_made_for_what_counts_words_vectors_for_the_rest(self, grown_run):
        """
        A lexical encoder is fitted to the synthetic texts; another encoder's own vectors are moved, and a flag says so.
        """
        _, found, _ = grown_run
        flag = "synthetic vectors are real ones, moved: encoding took the real passages alone"

        assert (1_230, 1) == found[GIVEN].shape
        assert 1_230 == found[COUNTED].shape[0]
        assert ["texts", "vectors"] == [found[name].facts["synthetic"] for name in (COUNTED, GIVEN)]
        assert [False, True] == [flag in found[name].flags for name in (COUNTED, GIVEN)]
        assert {"vectors": 1_230 * 4} == found[GIVEN].storage_weight.ledger

    def test_agreement_and_text_bytes_are_of_what_there_is(self, grown_run):
        """
        Agreement goes over all passages; text_bytes are those of the real ones, the only texts that there are.
        """
        _, found, _ = grown_run

        assert 1.0 == found[COUNTED].overlap_with_baseline
        assert {sum(map(len, tiny_set().passages))} == {m.text_bytes for m in found.values()}

    def test_show_names_synthetic_passages(self, grown_run):
        """
        A hit beyond the real passages is `synthetic passage N`, counted from 1, without a text.
        """
        folder, _, _ = grown_run

        found = show.show(run_folder.read(folder), "q0", registry(), k=50)

        hits = [hit for one in found.found if one.retriever == ENGINE for hit in one.hits]
        rows = run_folder.read_hits(
            folder, next(m.cell for m in run_folder.read(folder).measurements if m.retriever == ENGINE)
        )
        expected = [
            f"p{row}" if row < 30 else f"synthetic passage {row - 29:,}" for row in rows.rows[0, :50] if row >= 0
        ]
        assert any(name.startswith("synthetic") for name in expected)
        assert expected == [hit.passage for hit in hits]
        assert {""} == {hit.text for hit in hits if hit.passage.startswith("synthetic")}

    def test_export_refuses_a_grown_run(self, grown_run, tmp_path):
        """
        Other tools would score hits that no judgment can know.
        """
        with pytest.raises(InputError, match="grown by 1,200 synthetic"):
            export.export(run_folder.read(grown_run[0]), tmp_path / "files")

        assert not (tmp_path / "files").exists()

    def test_a_run_of_another_rung_is_refused(self, grown_run):
        """
        A run folder holds one size: resuming with another names the field.
        """
        folder, _, cells = grown_run

        with pytest.raises(InputError, match="expected distractors = "):
            run(msgspec.structs.replace(cells, distractors=1_300), folder)

    def test_explain_tells_the_option(self, grown_run):
        """
        The command that makes a cell again grows the set as much, and the synthetic passages are counted apart.
        """
        folder, found, _ = grown_run

        told = explanation_of(run_folder.read(folder), found[ENGINE])

        again = told.suite or told.command
        assert "distractors" in again
        assert "1200" in again
        searched = next(part for part in told.sections["conditions"] if part.name == "searched")
        assert "1,230 passages (1,200 of them synthetic), 20 queries" == searched.value

    def test_no_synthetic_text_is_written(self, grown_run):
        """
        No file of the run folder holds a word of a synthetic passage beyond the encoder's own folder in the cache.
        """
        folder, _, _ = grown_run
        drawn = texts(tiny_set().passages, 1_200, language="en", passage_set=tiny_set().sha256, seed=7)

        content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

        assert not any(text.encode() in content for text in drawn if text)

    def test_each_rung_has_its_own_matrix_and_key(self):
        """
        Cells and cached matrices of different sizes, or seeds of what is made up, are never taken for each other.
        """
        plain = suite(COUNTED)
        several = [
            msgspec.structs.replace(plain, distractors=count, seed=seed)
            for count, seed in ((0, 7), (10, 7), (20, 7), (10, 8))
        ]

        cells = [make_cells(one, [tiny_set()], registry())[0] for one in several]

        assert 4 == len({cell.key for cell in cells}) == len({cell.matrix_key for cell in cells})

    def test_a_suite_may_say_it(self):
        """
        `distractors` is a key of a suite; fewer than none is refused.
        """
        text = 'name = "x"\npassages = ["primer"]\ndistractors = {}\n[[cells]]\nretrievers = ["RankBM25()"]\n'

        assert 100_000 == parse_suite(text.format(100_000), "x.toml").distractors
        with pytest.raises(InputError, match="distractors: expected a whole number from 0"):
            parse_suite(text.format(-1), "x.toml")
