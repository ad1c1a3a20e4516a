"""A run folder that grows: what was measured stays, and what changes a number makes that number anew, and no other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.errors import InputError
from bench.instruments import environment, imports
from bench.records import run_folder
from bench.records.schema import Measurement
from bench.run import runner
from bench.run.cells import make_cells
from bench.run.suite import CellGroup, Limits, Suite
from retrievers.registry import SpellingError
from tests.helpers.begun import contents
from tests.helpers.places import KNOWN
from tests.helpers.tiny import journal, registry, run, suite, tiny_set

ONE, TWO = "Constant() @ Exact()", "Constant() @ Tuned()"
MINE = '''
import numpy as np

from retrievers.contract import Spelled


class Mine(Spelled):
    """An encoder of somebody's, who works on it."""

    def fit(self, passages): ...

    def encode(self, texts, role):
        return np.full((len(texts), 2), {number}, np.float32)
'''

MODELLED = '''
from pathlib import Path

import numpy as np

from retrievers.contract import NotFound, Spelled


class Modelled(Spelled):
    """An encoder with a model, which may be gone."""

    def fingerprint(self):
        if not Path("{model}").is_file():
            raise NotFound("expected a model, found none")
        return Path("{model}").read_text()

    def fit(self, passages): ...

    def encode(self, texts, role):
        return np.ones((len(texts), 2), np.float32)
'''


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def stages_of(folder: Path) -> Counter[str]:
    """How often each kind of stage was run, and went well, by the journal."""
    return Counter(line.result.stage for line in journal(folder) if line.result.status == "ok")


def rows(folder: Path) -> dict[str, Measurement]:
    return {m.retriever: m for m in run_folder.read(folder).measurements}


def timed(m: Measurement) -> dict[str, object]:
    """All of a measurement that judging does not decide."""
    judged = ("quality", "quality_by_label", "label_counts", "ceilings", "n_judged", "n_unanswered", "files")
    others = (*judged, "passage_set_sha256", "overlap_with_baseline", "overlap_with_exact")
    return {name: value for name, value in msgspec.structs.asdict(m).items() if name not in others}


# What grows


def test_one_retriever_more(folder):
    """
    It is measured, the others stay as they were, and no passage is encoded a second time.
    """
    first = run(suite(ONE), folder)
    before = stages_of(folder)

    both = run(suite(ONE, TWO), folder)

    assert timed(first[ONE]) == timed(both[ONE])
    assert first[ONE].timed_at == both[ONE].timed_at <= both[TWO].timed_at
    assert [ONE, TWO] == list(rows(folder))
    assert Counter(encode=1, query=1, build=2, search=2) == stages_of(folder)
    assert Counter(encode=1, query=1, build=1, search=1) == before


def test_one_that_is_named_alone(folder):
    """
    Whoever names the new one alone keeps the others: they are part of the run, and of its record.
    """
    run(suite(ONE), folder)

    run(suite(TWO, baseline=TWO), folder)

    assert [ONE, TWO] == sorted(rows(folder))
    recorded = msgspec.convert(run_folder.read(folder).record.suite, Suite)
    assert [("tiny", TWO), ("tiny", ONE)] == recorded.pairs()


def test_another_set(folder):
    """
    A run of another set in the same folder keeps the rows of the first.
    """
    run(suite(ONE), folder)

    run(suite(ONE, passages="other"), folder, tiny_set(12, 8, name="other"))

    found = run_folder.read(folder)
    assert [("tiny", 30), ("other", 12)] == [(m.passage_set, m.n_passages) for m in found.measurements]
    assert {"tiny", "other"} == found.record.passage_sets.keys()
    assert ("other", "tiny") == msgspec.convert(found.record.suite, Suite).passages


def test_a_typo_that_is_corrected(folder):
    """
    A row that failed, and is asked for no more, is no row of the run.
    """
    wrong = "Constant() @ Raises()"
    assert "failed" == run(suite(wrong), folder)[wrong].status

    run(suite(ONE), folder)

    assert [ONE] == list(rows(folder))


@pytest.mark.slow
def test_a_longer_limit(folder):
    """
    What ran into its limit is tried again without one; what was done before that stays.
    """
    cell = "Constant() @ Sleeps()"
    short, longer = (Limits(seconds=seconds, memory="4GB") for seconds in (5.0, None))
    found = run(suite(ONE, cell, limits=short), folder)
    assert [("ok", "timeout")] == [(found[ONE].status, found[cell].status)]
    assert "build took more than its limit of 5 s (--seconds, limits.seconds of a suite)" == found[cell].reason
    before = stages_of(folder)

    idle = run(suite(ONE, cell, limits=msgspec.structs.replace(longer, idle=5.0)), folder)

    assert found[ONE] == idle[ONE]
    assert "timeout" == idle[cell].status
    assert idle[cell].reason.startswith("build made no progress for 5 s: ")
    assert idle[cell].reason.endswith("(--idle, limits.idle of a suite)")
    assert before == stages_of(folder)


def test_judgments(folder):
    """
    They are judged by, and nothing is run again: not one stage, and every time stays.
    """
    before = run(suite(ONE), folder, tiny_set(judged=False))[ONE]
    lines = (folder / run_folder.STAGES).read_bytes()

    after = run(suite(ONE), folder, tiny_set())[ONE]

    assert before.quality is None
    assert 1.0 == after.quality["R@100"]
    assert timed(before) == timed(after)
    assert lines == (folder / run_folder.STAGES).read_bytes()
    assert tiny_set().qrels == run_folder.read_set(folder, "tiny").qrels
    with np.load(folder / after.files["quality"]) as values:
        assert 20 == len(values["R@100"])


def test_other_judgments(folder):
    """
    Those of before count no longer.
    """
    run(suite(ONE), folder)
    other = msgspec.structs.replace(tiny_set(), qrels={"q0": {"p7": 1}}, sha256="other")
    other = msgspec.structs.replace(other, query_ids=tiny_set().query_ids, queries=tiny_set().queries)

    found = run(suite(ONE), folder, other)[ONE]

    assert 1 == found.n_judged
    assert "other" == found.passage_set_sha256 == run_folder.read(folder).record.passage_sets["tiny"]


def test_other_measures(folder):
    """
    A measure more is reckoned from the hits that are there.
    """
    run(suite(ONE), folder)
    lines = (folder / run_folder.STAGES).read_bytes()
    wanted = msgspec.structs.replace(suite(ONE), measures=("R@3", "nDCG@10"))

    assert ["R@3", "nDCG@10"] == list(run(wanted, folder)[ONE].quality)
    assert lines == (folder / run_folder.STAGES).read_bytes()


def test_other_queries(folder):
    """
    They are asked anew, and no passage is encoded for them.
    """
    run(suite(ONE), folder, tiny_set(30, 20))

    found = run(suite(ONE), folder, tiny_set(30, 12))[ONE]

    assert 12 == found.n_queries
    assert found.reused_matrix
    assert [found] == list(rows(folder).values())
    assert Counter(encode=2, query=2, build=1, search=2) - Counter(build=1) <= stages_of(folder)
    kept = [line.result.build_seconds for line in journal(folder) if line.result.stage == "encode"]
    assert kept[0] == kept[1]


def test_an_edited_plug_in(folder, tmp_path):
    """
    Its own cells are made anew, those of others stay.
    """
    mine = tmp_path / "mine.py"
    mine.write_text(MINE.format(number=1))
    cells, plugins = suite(ONE, "Mine() @ Exact()"), (KNOWN, mine)
    before = run(cells, folder, known=registry(*plugins), plugins=plugins)
    mine.write_text(MINE.format(number=2))

    after = run(cells, folder, known=registry(*plugins), plugins=plugins)

    assert before[ONE] == after[ONE]
    assert before["Mine() @ Exact()"].matrix_key != after["Mine() @ Exact()"].matrix_key
    assert Counter(encode=3, query=3, build=3, search=3) == stages_of(folder)


def test_a_plug_in_that_is_not_named(folder, tmp_path):
    """
    A row of its stays as it is; where its set has changed, the file has to be named, and that is said.
    """
    mine = tmp_path / "mine.py"
    mine.write_text(MINE.format(number=1))
    run(suite("Mine() @ Exact()"), folder, known=registry(KNOWN, mine), plugins=(KNOWN, mine))

    run(suite(ONE), folder)
    assert [ONE, "Mine() @ Exact()"] == sorted(rows(folder))
    before = contents(folder)

    with pytest.raises(InputError, match=rf"Mine\(\) @ Exact\(\) on tiny: expected its plug-in again.*{mine}"):
        run(suite(ONE), folder, tiny_set(judged=False))
    assert before == contents(folder)


def test_a_model_that_is_gone(folder, tmp_path):
    """
    A row that is not named, and whose model is not there any more, stays as it is; one that is named is an error.
    """
    plugin, model = tmp_path / "modelled.py", tmp_path / "model"
    plugin.write_text(MODELLED.format(model=model))
    model.write_text("1")
    used = {"known": registry(KNOWN, plugin), "plugins": (KNOWN, plugin)}
    run(suite("Modelled() @ Exact()"), folder, **used)
    model.unlink()

    run(suite(ONE), folder, **used)
    assert {ONE: "ok", "Modelled() @ Exact()": "ok"} == {name: m.status for name, m in rows(folder).items()}
    before = contents(folder)

    with pytest.raises(InputError, match=r"Modelled\(\) @ Exact\(\) on tiny: expected a model.*its set has changed"):
        run(suite(ONE), folder, tiny_set(judged=False), **used)
    with pytest.raises(InputError, match=r"Modelled\(\) @ Exact\(\) on tiny: expected a model"):
        run(suite("Modelled() @ Exact()"), folder, **used)
    assert before == contents(folder)


# What does not


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rounds": 2}, "expected rounds = 1, as it was begun, found 2"),
        ({"seed": 8}, "expected seed = 7, as it was begun, found 8"),
        ({"k": 5}, "expected k = 10, as it was begun, found 5"),
        ({"depth": 200}, "expected depth = 100, as it was begun, found 200"),
        ({"modes": ("single",)}, r'expected modes = \[\], as it was begun, found \["single"\]'),
        ({"threads": 2}, "expected threads = 1, as it was begun, found 2"),
        ({"queries": 5}, "expected queries = 500, as it was begun, found 5"),
    ],
)
def test_other_conditions(folder, changes, words):
    """
    Numbers that were measured otherwise do not come under one name: the field is named, what to do, and nothing is
    touched.
    """
    run(suite(ONE), folder)
    before = contents(folder)

    with pytest.raises(InputError, match=words + r"; choose another folder with -o, or add --fresh"):
        run(msgspec.structs.replace(suite(ONE), **changes), folder)

    assert before == contents(folder)


def test_a_spelling_that_is_none_touches_nothing(folder):
    """
    A folder stays as it was where what is asked for cannot be read.
    """
    run(suite(ONE), folder)
    before = contents(folder)

    with pytest.raises(SpellingError):
        run(suite("Constnt() @ Exact()"), folder)

    assert before == contents(folder)


def test_begun_anew(folder):
    """
    With fresh what is there goes aside, as it was; and again, beside that.
    """
    run(suite(ONE), folder)
    before = {name: data for name, data in contents(folder).items() if name != "lock"}
    cells = msgspec.structs.replace(suite(TWO), rounds=2)

    for number in (1, 2):
        runner.run(cells, [tiny_set()], folder, registry(), plugins=(KNOWN,), fresh=True)
        assert {f"old-{n}" for n in range(1, number + 1)} == {path.name for path in folder.glob("old-*")}

    assert [TWO] == list(rows(folder))
    assert before == contents(folder / "old-1")
    assert [TWO] == list(rows(folder / "old-2"))


# What is lost


@pytest.mark.parametrize("what", ["hits", "search-0", "query-0"])
@pytest.mark.parametrize("harm", ["gone", "cut", "emptied"])
def test_a_file_that_is_lost(folder, what, harm):
    """
    A file that the journal names and that is gone or torn makes its stage run again, and no other but the build.
    """
    before = run(suite(ONE), folder)[ONE]
    path = folder / before.files[what]
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2 if harm == "cut" else 0])

    after = run(suite(ONE), folder)[ONE]

    assert "ok" == after.status
    assert before.quality == after.quality
    again = "query" if what == "query-0" else "search"
    assert Counter({"encode": 1, "query": 1, "build": 2, "search": 1, again: 2}) == stages_of(folder)
    assert run(suite(ONE), folder)[ONE] == after


def test_lost_values_are_reckoned_again(folder):
    """
    Each query's values come from the hits.
    """
    before = run(suite(ONE), folder)[ONE]
    (folder / before.files["quality"]).unlink()
    lines = (folder / run_folder.STAGES).read_bytes()

    assert before == run(suite(ONE), folder)[ONE]
    assert (folder / before.files["quality"]).is_file()
    assert lines == (folder / run_folder.STAGES).read_bytes()


def test_a_cell_that_fails_keeps_its_build(folder, tmp_path):
    """
    What died in its search is not built again, and once it is measured nothing of the build is left.
    """
    flag = tmp_path / "kill"
    flag.touch()
    cell = f'Constant() @ Dies("search", "{flag}")'
    assert "failed" == run(suite(ONE, cell), folder)[cell].status
    assert Counter(encode=1, query=1, build=2, search=1) == stages_of(folder)
    flag.unlink()

    assert "ok" == run(suite(ONE, cell), folder)[cell].status
    assert Counter(encode=1, query=1, build=2, search=2) == stages_of(folder)
    assert not (folder / "work").exists()


# What a matrix hangs on


def keys(passage_set=None, spelling: str = "BM25() @ CSR()") -> tuple[str, str]:
    cells = Suite(name="s", passages=("tiny",), cells=(CellGroup(retrievers=(spelling,)),))
    (cell,) = make_cells(cells, [passage_set or tiny_set()], registry())
    return cell.matrix_key, cell.queries_key


def test_judgments_and_queries_cost_no_passage():
    """
    The matrix of the passages is called by their texts alone, that of the queries by theirs too, and by no judgment.
    """
    whole = keys()

    assert whole == keys(tiny_set(judged=False))
    fewer = keys(tiny_set(n_queries=10))
    assert whole[0] == fewer[0]
    assert whole[1] != fewer[1]
    assert whole[0] != keys(tiny_set(n_passages=31))[0]


def test_a_package_that_has_nothing_to_do_with_it(monkeypatch):
    """
    What is installed beside counts for nothing; another version of what the encoder imports makes another matrix.
    """
    whole = keys()
    monkeypatch.setattr(environment, "installed_sha256", lambda: "another")
    assert whole == keys()

    versions = imports.metadata.version
    monkeypatch.setattr(imports.metadata, "version", lambda name: "99" if name == "torch" else versions(name))
    assert whole == keys()
    monkeypatch.setattr(imports.metadata, "version", lambda name: "99" if name == "scipy" else versions(name))
    assert whole[0] != keys()[0]
