"""Cells: what breaks in making one is its own, and nothing of another model's or another set's is taken for it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bench.errors import InputError
from bench.records import run_folder
from bench.run import identity, runner
from bench.run.cells import Cell, make_cells
from bench.run.suite import Suite
from retrievers.contract import spell
from tests.helpers.places import PLUGINS
from tests.helpers.tiny import journal, registry, run, suite, tiny_set

MODELS = PLUGINS / "models.py"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model"
    path.write_text("1")
    return path


def test_more_hits_than_a_file_holds(monkeypatch):
    """
    A run whose hits could not be read again is refused before it begins, with what to lower.
    """
    monkeypatch.setattr("bench.run.cells.MOST_HITS", 1999)

    with pytest.raises(InputError, match=r"at most 1,999 hits .* found 2,000 \(20 queries times depth 100\): lower"):
        make_cells(suite("BM25() @ CSR()"), [tiny_set()], registry())


def before_and_after(cells: Suite, plugin: Path, changed: Path, text: str) -> tuple[Cell, Cell]:
    """The only cell, and the same once another text is in a file."""
    (before,) = make_cells(cells, [tiny_set()], registry(plugin))
    changed.write_text(text)
    (after,) = make_cells(cells, [tiny_set()], registry(plugin))
    return before, after


class TestBroken:
    @pytest.mark.slow
    def test_a_model_that_is_not_there_breaks_its_own_row(self, tmp_path):
        """
        An encoder whose model cannot be found fails with the reason, and the other cells run.
        """
        cells = suite('Modelled("no/such/file") @ First()', "TfIdf() @ First()")

        found = run(cells, tmp_path / "run", plugins=[MODELS])

        assert "failed" == found['Modelled("no/such/file") @ First()'].status
        assert "no/such/file" in found['Modelled("no/such/file") @ First()'].reason
        assert "ok" == found["TfIdf() @ First()"].status

    @pytest.mark.slow
    def test_a_storage_that_cannot_predict_its_size_breaks_its_own_row(self, tmp_path):
        """
        What predict_ledger raises is that cell's failure.
        """
        cells = suite("TfIdf() @ Unpredictable()", "TfIdf() @ First()")

        found = run(cells, tmp_path / "run", plugins=[MODELS])

        assert ("failed", "predict_ledger: RuntimeError: no idea") == (
            found["TfIdf() @ Unpredictable()"].status,
            found["TfIdf() @ Unpredictable()"].reason,
        )
        assert "ok" == found["TfIdf() @ First()"].status


class TestIdentity:
    @pytest.mark.parametrize("encoder", ['Modelled("{}")', 'Wrapped(Modelled("{}"))'])
    def test_a_model_that_changed_is_another_cell(self, model, encoder):
        """
        The same spelling with other model bytes, of an encoder or of one nested in it, keeps its key, by which it is
        found, and changes its identity.
        """
        cells = suite(f"{encoder.format(model)} @ First()")

        before, after = before_and_after(cells, MODELS, model, "2")

        assert before.key == after.key
        assert before.identity != after.identity
        assert before.matrix_key != after.matrix_key

    @pytest.mark.parametrize("place", ["beside.py", "package/__init__.py", "package/deeper/part.py"])
    def test_a_helper_of_a_plugin_file_that_changed_is_another_cell(self, tmp_path, place):
        """
        What lies beside a plug-in file, alone or in a package, may be imported by it: where it changes, what was made
        before is not taken again.
        """
        plugin, helper = tmp_path / "code" / "shout.py", tmp_path / "code" / place
        for path in (plugin, tmp_path / "code" / "package" / "__init__.py", helper):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("scale = 1\n")
        plugin.write_text("class Shout:\n    def fit(self, passages): ...\n    def encode(self, texts, role): ...\n")
        cells = suite("Shout() @ Flat()")

        before, after = before_and_after(cells, plugin, helper, "scale = 2\n")

        assert before.key == after.key
        assert before.identity != after.identity
        assert before.matrix_key != after.matrix_key

    def test_a_cell_without_its_model_is_still_a_pair(self, tmp_path):
        """
        Where the model is missing the record still names encoder and storage.
        """
        cells = suite('Modelled("no/such/file") @ First()')

        (found,) = run(cells, tmp_path / "run", plugins=[MODELS]).values()

        assert ('Modelled("no/such/file")', "First()") == (found.encoder, found.storage)

    @pytest.mark.slow
    def test_a_model_that_came_later_may_change_too(self, tmp_path):
        """
        A model that was missing at first, and then is another than the run found, is measured as it is now.
        """
        model = tmp_path / "later"
        cells = suite(f'Modelled("{model}") @ First()')
        found = [run(cells, tmp_path / "run", plugins=[MODELS])]
        for content in ("1", "2"):
            model.write_text(content)
            found.append(run(cells, tmp_path / "run", plugins=[MODELS]))

        missing, first, second = (m for each in found for m in each.values())
        assert ["failed", "ok", "ok"] == [m.status for m in (missing, first, second)]
        assert first.matrix_key != second.matrix_key
        assert (second,) == run_folder.read(tmp_path / "run").measurements

    @pytest.mark.slow
    def test_another_model_makes_its_cells_anew_and_no_others(self, tmp_path, model):
        """
        A run folder that was begun with other model bytes goes on: of that model nothing of before is used, of the
        other cells nothing is done again.
        """
        other = "BM25() @ CSR()"
        cells = suite(f'Modelled("{model}") @ First()', other)
        before = run(cells, tmp_path / "run", plugins=[MODELS])
        model.write_text("2")

        after = run(cells, tmp_path / "run", plugins=[MODELS])

        (changed,) = before.keys() - {other}
        assert (before[other], "ok", False) == (after[other], after[changed].status, after[changed].reused_matrix)
        assert before[changed].matrix_key != after[changed].matrix_key
        ended = [line.task for line in journal(tmp_path / "run")]
        assert len(set(ended)) == len(ended)
        counts = Counter(
            task.partition("-")[0] for task in ended
        )  # First() cannot be saved: it is built as it searches
        assert {"encode": 3, "build": 1, "query": 3, "search": 3} == counts

    @pytest.mark.slow
    def test_a_cell_whose_model_comes_later_is_tried_again(self, tmp_path, model):
        """
        What could not be made has no identity yet: the same folder takes it when its model is there.
        """
        missing = tmp_path / "later"
        cells = suite(f'Modelled("{missing}") @ First()')
        assert {"failed"} == {m.status for m in run(cells, tmp_path / "run", plugins=[MODELS]).values()}
        missing.write_text("1")

        found = run(cells, tmp_path / "run", plugins=[MODELS])

        assert {"ok"} == {m.status for m in found.values()}
        assert 1 == len(run_folder.read(tmp_path / "run").measurements)


class TestLanguage:
    @pytest.mark.parametrize(
        ("spelling", "expected"),
        [
            ("BM25() @ CSR()", 'BM25(analyser=Words(language="de")) @ CSR()'),
            ("BM25(analyser=Words(stem=False)) @ CSR()", 'BM25(analyser=Words(language="de", stem=False)) @ CSR()'),
            ('BM25(analyser=Words(language="en")) @ CSR()', 'BM25(analyser=Words(language="en")) @ CSR()'),
            ("BM25(analyser=CharNGrams(n=3)) @ CSR()", "BM25(analyser=CharNGrams(n=3)) @ CSR()"),
            ("RankBM25(analyser=Words())", 'RankBM25(analyser=Words(language="de"))'),
        ],
    )
    def test_words_follow_the_set(self, spelling, expected):
        """
        Words without a language take the passage set's, also inside another adapter; the suite's spelling stays.
        """
        german = msgspec.structs.replace(tiny_set(), language="de")

        (cell,) = make_cells(suite(spelling), [german], registry(MODELS))

        assert expected == spell(cell.retriever)
        assert spelling == cell.spelling

    @pytest.mark.slow
    def test_a_record_names_the_language(self, tmp_path):
        """
        The record has the language written out, English too.
        """
        (found,) = run(suite("BM25(analyser=Words()) @ CSR()"), tmp_path / "run", plugins=[MODELS]).values()

        assert 'BM25(analyser=Words(language="en")) @ CSR()' == found.resolved
        assert 'Words(language="en")' == found.options["encoder"]["analyser"]


class TestSynthetic:
    """What decides the synthetic passages of a grown set is part of the key of its matrices."""

    SPELLING = "BM25(analyser=CharNGrams()) @ CSR()"

    def cell(self, language="en", distractors=10):
        grown = msgspec.structs.replace(suite(self.SPELLING), distractors=distractors)
        return make_cells(grown, [msgspec.structs.replace(tiny_set(), language=language)], registry())[0]

    def test_language(self):
        """
        A language without spaces has its text cut otherwise: the same set as English and as Japanese is two; of real
        passages alone an encoder that does not ask for the language makes the same.
        """
        grown, real = ([self.cell(language, n) for language in ("en", "ja")] for n in (10, 0))

        assert grown[0].spelling == grown[1].spelling
        assert [2, 2] == [len({cell.matrix_key for cell in grown}), len({cell.key for cell in grown})]
        assert [1, 1] == [len({cell.matrix_key for cell in real}), len({cell.key for cell in real})]

    def test_texts_or_vectors(self, monkeypatch):
        """
        A matrix of synthetic texts is never taken for one of moved vectors.
        """
        texts = self.cell()

        monkeypatch.setattr(identity, "takes_synthetic_text", lambda encoder: False)

        assert texts.matrix_key != self.cell().matrix_key

    @pytest.mark.slow
    def test_code(self, monkeypatch, tmp_path):
        """
        The code that makes up, that grows a matrix and that writes it counts, file by file; of a set that is not grown
        none of it does.
        """
        grown, real = self.cell(), self.cell(distractors=0)

        names = [path.name for path in identity.SYNTHESISERS]
        changed = tmp_path / "changed.py"
        changed.write_text("")
        keys = set()
        for name in names:
            others = [changed if path.name == name else path for path in identity.SYNTHESISERS]
            with monkeypatch.context() as patch:
                patch.setattr(identity, "SYNTHESISERS", others)
                keys.add(self.cell().matrix_key)
                assert real.matrix_key == self.cell(distractors=0).matrix_key

        assert ["synthetic.py", "job.py", "indexing.py", "outputs.py", "matrices.py"] == names
        assert 6 == len({grown.matrix_key, *keys})


@pytest.mark.slow
def test_equal_sets_of_two_names_are_two_cells(tmp_path):
    """
    A passage set with the contents of another is measured under its own name.
    """
    cells = msgspec.structs.replace(suite("TfIdf() @ First()"), passages=("one", "two"))
    sets = [tiny_set(name="one"), tiny_set(name="two")]

    outcome = runner.run(cells, sets, tmp_path / "run", registry(MODELS), plugins=[MODELS])

    assert [("one", "ok"), ("two", "ok")] == [(m.passage_set, m.status) for m in outcome.measurements]


@pytest.mark.slow
def test_agreement_is_filled_in_when_the_baseline_comes_later(tmp_path):
    """
    A finished cell gets its overlap with a baseline that failed at first: a new line, its other fields unchanged.
    """
    flag = tmp_path / "flag"
    flag.touch()
    baseline = f'TfIdf() @ First(breaks_with="{flag}")'
    cells = suite("BM25() @ First()", baseline, baseline=baseline)
    before = run(cells, tmp_path / "run", plugins=[MODELS])["BM25() @ First()"]
    flag.unlink()

    after = run(cells, tmp_path / "run", plugins=[MODELS])["BM25() @ First()"]

    assert (None, 1.0) == (before.overlap_with_baseline, after.overlap_with_baseline)
    assert before == msgspec.structs.replace(after, overlap_with_baseline=None)
