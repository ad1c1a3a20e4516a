"""Runs made elsewhere: scored as pytrec_eval scores them, and kept as a run folder like any other."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis import export
from bench.errors import InputError
from bench.formats import run_json
from bench.formats.files import Content
from bench.instruments import quality
from bench.passages.loader import PassageSet
from bench.records import run_folder
from bench.report import rows
from bench.report.render import markdown
from bench.run import imported as imports
from bench.run import outside_run
from tests.helpers.collections import beir_folder
from tests.helpers.tiny import tiny_set

pytrec_eval = pytest.importorskip("pytrec_eval")


def run_of(scores, name="theirs"):
    return outside_run.OutsideRun(name, f"trec run {name} sha256:00", scores)


def set_of(passage_ids, qrels, merged=None) -> PassageSet:
    """A set of these passages whose queries are those of the qrels."""
    texts = {"passage_ids": tuple(passage_ids), "passages": tuple(f"text of {name}" for name in passage_ids)}
    queries = {"query_ids": tuple(qrels), "queries": tuple(f"text of {name}" for name in qrels)}
    return msgspec.structs.replace(tiny_set(), qrels=qrels, merged=merged or {}, **texts, **queries)


def scored(scores, passage_set, measures, depth=20):
    """Each measure's values of every query of the set."""
    widened, (placed,) = outside_run.place([run_of(scores)], passage_set, depth)
    qrels = passage_set.qrels
    return quality.measure(placed.hits, widened.passage_ids, widened.query_ids, qrels, measures)


def imported(scores, passage_set, folder, **options):
    """The one measurement of an import."""
    (found,) = imports.import_runs([run_of(scores)], passage_set, 7, folder, **options)
    return found


# Scores


def test_scores_by_hand():
    """
    An unknown passage keeps its rank and is not relevant: the answer behind it is at rank 2.
    """
    passage_set = set_of(["a", "b", "c"], {"q": {"b": 1, "c": 1}})

    values = scored({"q": {"stranger": 3.0, "b": 2.0, "a": 1.0}}, passage_set, ["R@1", "R@2", "RR@10", "nDCG@10"])

    ndcg = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert {"R@1": [0.0], "R@2": [0.5], "RR@10": [0.5], "nDCG@10": [pytest.approx(ndcg)]} == {
        name: each.tolist() for name, each in values.items()
    }


def test_ties_are_broken_as_trec_eval_breaks_them():
    """
    Scores that are equal as 32-bit floats stand in descending order of id; the order of the file counts for nothing.
    """
    passage_set = set_of(["a", "b", "é", "z"], {"q": {"a": 1}})
    scores = {"a": 1.0, "z": 1.0 + 1e-12, "é": 1.0, "b": -0.0, "stranger": 0.0}

    _, (placed,) = outside_run.place([run_of({"q": scores})], passage_set, 6)

    assert [[2, 3, 0, 4, 1, -1]] == placed.hits.rows.tolist()
    assert [[1.0, 1.0, 1.0, 0.0, 0.0, -math.inf]] == placed.hits.scores.tolist()


def test_merged_passages():
    """
    A passage that the set merged into its equal is the one kept, at the better rank of the two; those below move up.
    """
    passage_set = set_of(["a", "b"], {"q": {"b": 1}}, merged={"copy": "a"})

    _, (placed,) = outside_run.place([run_of({"q": {"copy": 3.0, "a": 2.0, "b": 1.0}})], passage_set, 3)

    assert [[0, 1, -1]] == placed.hits.rows.tolist()
    assert ("hits left out because an equal passage stands above them: 1",) == placed.flags


THEIRS = {  # our measures, but for RR@10, by their names
    "R@1": "recall_1",
    "R@5": "recall_5",
    "nDCG@3": "ndcg_cut_3",
    "nDCG@10": "ndcg_cut_10",
    "nDCG": "ndcg",
    "P@5": "P_5",
    "Success@1": "success_1",
    "AP@3": "map_cut_3",
    "AP": "map",
    "RR": "recip_rank",
}
IN_SET = [f"p{number}" for number in range(8)]
UNKNOWN = ["p", "p10", "u", "é"]
QUERIES = ["q0", "q1", "q2"]
SCORES = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, 1.0 + 1e-6, 2.0**24, 2.0**24 + 1, -1.0, 1e-50, 3e38])
GRADES = st.dictionaries(st.sampled_from([*IN_SET, "u"]), st.integers(-1, 3), min_size=1)
OUTSIDE_SCORES = st.dictionaries(
    st.sampled_from([*IN_SET, *UNKNOWN]), SCORES | st.floats(-1e30, 1e30), min_size=0, max_size=12
)


def by_pytrec_eval(run, qrels, names):
    """Each measure's values of every query of the qrels, by pytrec_eval alone; 0 of a query that is not in the run."""
    # Grades below 0 are no gain to trec_eval; to pytrec_eval 0.5.11 they are a crash.
    judged = {query: {passage: max(grade, 0) for passage, grade in grades.items()} for query, grades in qrels.items()}
    answered = {query: scores for query, scores in run.items() if scores}
    found = pytrec_eval.RelevanceEvaluator(judged, set(names)).evaluate(answered)
    return {name: [found.get(query, {}).get(name, 0.0) for query in qrels] for name in names}


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(
    st.fixed_dictionaries(dict.fromkeys(QUERIES, GRADES)),
    st.dictionaries(st.sampled_from([*QUERIES, "x"]), OUTSIDE_SCORES),
)
def test_scores_equal_pytrec_evals(qrels, run):
    """
    Whatever ties, unknown passages and queries, missing queries and grades there are, every value is pytrec_eval's.
    """
    run = run | {"q0": {"p0": 0.5} | run.get("q0", {})}  # something that the set knows: else the run is refused

    values = scored(run, set_of(IN_SET, qrels), [*THEIRS, "RR@10"])

    expected = by_pytrec_eval(run, qrels, THEIRS.values())
    for ours, theirs in THEIRS.items():
        assert expected[theirs] == pytest.approx(values[ours].tolist(), abs=1e-9), ours
    assert [rr if rr >= 0.1 else 0.0 for rr in expected["recip_rank"]] == pytest.approx(values["RR@10"].tolist())


@settings(deadline=None)
@given(GRADES, OUTSIDE_SCORES)
def test_merging_is_done_to_the_finished_ranking(grades, scores):
    """
    With merged passages every value is pytrec_eval's of the file's own ranking, its copies taken for their originals.
    """
    merged, qrels = {"p10": "p1", "é": "p2"}, {"q": grades}
    scores = {"p0": 0.5} | scores
    ranking = sorted(scores, key=lambda passage: (np.float32(scores[passage]), passage.encode()), reverse=True)
    kept = list(dict.fromkeys(merged.get(passage, passage) for passage in ranking))

    values = scored({"q": scores}, set_of(IN_SET, qrels, merged), list(THEIRS))

    expected = by_pytrec_eval(
        {"q": {passage: float(-rank) for rank, passage in enumerate(kept)}}, qrels, THEIRS.values()
    )
    assert {ours: pytest.approx(expected[theirs], abs=1e-9) for ours, theirs in THEIRS.items()} == {
        ours: each.tolist() for ours, each in values.items()
    }


# The run folder


def test_an_import_is_a_run(tmp_path):
    """
    What was imported has quality, an origin and a free name; time and memory are None, and what did not fit is told.
    """
    scores = {"q0": {"p0": 2.0, "stranger": 1.0}, "q1": {"p0": 2.0, "p1": 1.0}, "elsewhere": {"p0": 1.0}}

    found = imported(scores, tiny_set(5, 4), tmp_path / "run")

    run = run_folder.read(tmp_path / "run")
    assert (found,) == run.measurements
    assert ("theirs", None, None, "trec run theirs sha256:00") == (
        found.retriever,
        found.encoder,
        found.storage,
        found.origin,
    )
    assert {"R@1": 0.25, "R@10": 0.5, "R@100": 0.5, "RR@10": 0.375} == {
        name: value for name, value in found.quality.items() if name != "nDCG@10"
    }
    assert (5, 4, 4, 2, 7) == (
        found.n_passages,
        found.n_queries,
        found.n_judged,
        found.n_unanswered,
        found.text_bytes,
    )
    assert (
        "hits that name a passage that is not in the set, kept at their rank: 1",
        "queries left out because they are not in the set, or have no judgment: 1",
        "few-hits: 4 of 4 queries have fewer than 10 hits",
    ) == found.flags
    measured = (found.single, found.batch_qps, found.build_seconds, found.storage_weight, found.search_memory)
    assert (None,) * 5 == measured


def test_hits_are_kept_as_deep_as_the_file(tmp_path):
    """
    Hits are kept to depth 100, deeper where the file or a measure is, and a measure without a cut-off reads them all.
    """
    scores = {"q0": {f"p{number}": -float(number) for number in range(150)}}
    passage_set = set_of([f"p{number}" for number in range(150)], {"q0": {"p149": 1}})

    deep = imported(scores, passage_set, tmp_path / "deep", measures=["R@100", "RR"])
    shallow = imported({"q0": {"p149": 1.0}}, passage_set, tmp_path / "shallow", measures=["R@120"])

    assert (150, {"R@100": 0.0, "RR": 1 / 150}) == (deep.depth, deep.quality)
    assert (120, {"R@120": 1.0}) == (shallow.depth, shallow.quality)
    assert (1, 150) == run_folder.read_hits(tmp_path / "deep", deep.cell).rows.shape


def test_several_runs(tmp_path):
    """
    Several files are as many cells of one run, and the first is the baseline that the others agree with.
    """
    runs = [run_of({"q0": {"p0": 1.0, "u": 0.5}}, "one"), run_of({"q0": {"v": 1.0, "u": 0.5, "p0": 0.1}}, "two")]

    one, two = imports.import_runs(runs, tiny_set(5, 1), 7, tmp_path / "run")

    assert ("one", "two") == (one.retriever, two.retriever)
    assert (1.0, 2 / 3) == (one.overlap_with_baseline, two.overlap_with_baseline)
    assert ("p0", "p1", "p2", "p3", "p4", "u", "v") == run_folder.read_set(tmp_path / "run", "tiny").passage_ids


def test_without_judgments(tmp_path):
    """
    On a set without judgments quality is None, and the hits are kept.
    """
    found = imported({"q0": {"p0": 1.0}}, tiny_set(5, 2, judged=False), tmp_path / "run")

    assert (None, None, {"hits": f"hits/{found.cell}.npz"}) == (found.quality, found.n_judged, found.files)


def test_measures_of_answers_need_texts(tmp_path):
    """
    A measure that reads answers is refused where the set has none, or is as a run keeps it; no folder is made.
    """
    imported({"q0": {"p0": 1.0}}, tiny_set(5, 2), tmp_path / "run")
    kept, _, _ = imports.kept_set(run_folder.read(tmp_path / "run"))

    for passage_set, words in (
        (kept, "without texts: name the set itself with --passages"),
        (tiny_set(5, 2), "no ans"),
    ):
        with pytest.raises(InputError, match=f"import: Answer@10: expected 'tiny' with texts and answers, .*{words}"):
            imported({"q0": {"p0": 1.0}}, passage_set, tmp_path / "other", measures=["R@1", "Answer@10"])

    assert not (tmp_path / "other").exists()


def test_measures_of_a_run(tmp_path):
    """
    What a run was measured by measures an import beside it, but for answers, whose texts it does not keep.
    """
    imported({"q0": {"p0": 1.0}}, tiny_set(5, 2), tmp_path / "run", measures=["R@1000", "nDCG@5"])
    run = run_folder.read(tmp_path / "run")
    answers = msgspec.structs.replace(run.record, suite=run.record.suite | {"measures": ["R@5", "Answer@10"]})

    assert ("R@1000", "nDCG@5") == imports.kept_measures(run)
    assert ("R@5",) == imports.kept_measures(run_folder.Run(run.folder, answers, run.environment, run.measurements))


def test_importing_again(tmp_path):
    """
    The same file into the same folder changes nothing; another file, another name and another set are refused.
    """
    scores, folder = {"q0": {"p0": 1.0}}, tmp_path / "run"
    imported(scores, tiny_set(), folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    other_file = outside_run.OutsideRun("theirs", "trec run theirs sha256:11", scores)

    imported(scores, tiny_set(), folder)
    with pytest.raises(InputError, match=r"expected theirs to be trec run theirs sha256:00, found .*sha256:11"):
        imports.import_runs([other_file], tiny_set(), 7, folder)
    with pytest.raises(InputError, match=r"holds another run: suite differs \(baseline, cells\)"):
        imports.import_runs([run_of(scores, "other")], tiny_set(), 7, folder)
    with pytest.raises(InputError, match="holds another run: passage_sets differs"):
        imported(scores, tiny_set(31), folder)

    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([run_of({"q0": {"p0": 1.0}}), run_of({"q0": {"p0": 1.0}})], "found 'theirs' twice: use --name"),
        ([run_of({"1": {"p0": 1.0}, "2": {}, "3": {}})], "queries there are 1, 2, ..., here q0, q1, ..."),
        ([run_of({"q0": {"d1": 1.0}})], "passages there are d1, here p0, p1, ..."),
        ([run_of({"q0": {"p0": 1e39}})], r"found 1e\+39 for query 'q0', passage 'p0': scale the scores"),
    ],
)
def test_runs_that_do_not_fit(tmp_path, runs, message):
    """
    Two runs of one name, ids of another set and scores beyond 32 bits are refused, and no folder is made.
    """
    with pytest.raises(InputError, match=message):
        imports.import_runs(runs, tiny_set(), 7, tmp_path / "run")

    assert [] == list(tmp_path.iterdir())


def test_more_hits_than_memory_holds(tmp_path, monkeypatch):
    """
    A file so deep that its hits would not fit is refused before they are laid out.
    """
    monkeypatch.setattr(imports, "MOST_HITS", 100)

    with pytest.raises(InputError, match="expected at most 100 hits, found 100 for each of 20 queries"):
        imported({"q0": {"p0": 1.0}}, tiny_set(), tmp_path / "run")


def test_the_set_of_a_run(tmp_path):
    """
    A run folder lends its passage set, without the passages that only an import knew.
    """
    imported({"q0": {"stranger": 2.0, "p0": 1.0}}, tiny_set(5, 1), tmp_path / "run")

    passage_set, text_bytes, _ = imports.kept_set(run_folder.read(tmp_path / "run"))

    assert (("p0", "p1", "p2", "p3", "p4"), (), 7) == (passage_set.passage_ids, passage_set.passages, text_bytes)
    again = imported({"q0": {"stranger": 2.0, "p0": 1.0}}, passage_set, tmp_path / "again")
    assert run_folder.read(tmp_path / "run").measurements == (again,)


def test_the_table_says_so(tmp_path):
    """
    The table marks an imported row, and its conditions name no machine; the JSON has its origin.
    """
    imported({"q0": {"p0": 1.0}}, tiny_set(5, 1), tmp_path / "run")
    run = run_folder.read(tmp_path / "run")

    shown = markdown.table([run])
    (row,) = rows.rows([run])

    assert "- a: imported: scored here, not measured here\n" in shown
    assert run.environment.cpu not in shown
    assert ("theirs", None, None) == (row["retriever"], row["encoder"], row["storage"])
    assert ("trec run theirs sha256:00", None, None) == (row["origin"], row["single_p50_ms"], row["ledger_bytes"])


# Files


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


TREC = b"q Q0 a 1 2.0 t\nq Q0 b 2 1.0 t\n"
JSON = b'{"q": {"a": 2.0, "b": 1}}'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("SPLADE-v3.run.gz", gzip.compress(TREC, mtime=0), "SPLADE-v3"),
        ("colbert.v2.txt", TREC, "colbert.v2"),
        ("dense.json", JSON, "dense"),
        ("dense.trec.JSON.gz", gzip.compress(b"\xef\xbb\xbf" + JSON, mtime=0), "dense"),
    ],
)
def test_files_are_read(tmp_path, name, content, expected):
    """
    A TREC run file and a dictionary in JSON, compressed or not, are the same run, called by the name of the file.
    """
    run = outside_run.read(written(tmp_path, name, content))

    assert (expected, {"q": {"a": 2.0, "b": 1.0}}) == (run.name, run.scores)


def test_a_compressed_file_is_the_same_file(tmp_path):
    """
    The origin is the hash of the uncompressed content, under the uncompressed name.
    """
    plain = outside_run.read(written(tmp_path, "a.run", TREC))
    packed = outside_run.read(written(tmp_path, "a.run.gz", gzip.compress(TREC, mtime=0)), "another name")

    assert plain.origin == packed.origin
    assert "another name" == packed.name


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.run.gz", gzip.compress(TREC, mtime=0)[:-9], r"cut\.run\.gz: expected a whole gzip file"),
        ("a.run", TREC + b"q a 1.0\n", r"a\.run, line 3: expected six fields"),
        ("a.run", TREC + b"q Q0 c 3 NaN t\n", r"a\.run, line 3: score: expected a finite number"),
        ("a.run", TREC + TREC, r"a\.run, line 3: passage 'a' is there already for query 'q'"),
        ("empty.run", b"\n", r"empty\.run: expected a run, found no hit"),
        ("a.lz4", b"", r"a\.lz4: expected a TREC run file or a \.json, found \.lz4: save it as one of those"),
        ("a.pkl", b"", r"found \.pkl"),
        ("none.run", None, r"none\.run: expected a file that can be read"),
        ("\x1b.run", TREC, "give another with --name"),
        ("a.json", b'{\n"q": {"a": 1.0,}}', r"a\.json, line 2: expected JSON, .*, found"),
        ("a.json", b"[" * 100_000, r"a\.json: expected JSON"),
        ("a.json", b"9" * 5000, r"a\.json: expected JSON"),
        ("a.json", b'["q"]', r"a\.json: expected a JSON object, .*, found list"),
        ("a.json", b'{"q": [1]}', r"a\.json, query 'q': expected a JSON object, .*, found list"),
        ("a.json", b'{"q": {}}', r"a\.json: expected a run, found no hit"),
        ("a.json", b'{"q": {"a": 1}, "q": {"b": 1}}', r"a\.json, query 'q': expected each query once"),
        ("a.json", b'{"q": {"a": 1, "a": 2}}', r"a\.json, query 'q': expected each passage once, found 'a' again"),
        ("a.json", b'{"q": {"a": NaN}}', r"a\.json, query 'q', passage 'a': score: expected a finite number"),
        ("a.json", b'{"q": {"a": 1e999}}', r"query 'q', passage 'a': score: expected a finite number, found inf"),
        ("a.json", b'{"q": {"a": true}}', "score: expected a finite number, found True"),
        ("a.json", b'{"q": {"a": "1"}}', "score: expected a finite number, found '1'"),
        ("a.json", b'{"q": {"a": 1' + b"0" * 400 + b"}}", r"score: expected a finite number, found 10+$"),
        ("a.json", b'{"q": {"\\ud800": 1}}', "expected ids that have a UTF-8 form and no NUL"),
        ("a.json", b'{"q\\u0000": {"a": 1}}', "expected ids that have a UTF-8 form and no NUL"),
        ("a.json", b'{"q": {"\xff": 1}}', r"a\.json:1: expected UTF-8"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    """
    What cannot be read as a run is an input error that names the file, and the line or the query.
    """
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match=message):
        outside_run.read(path)


IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3)


@pytest.mark.slow
@settings(deadline=None)
@given(st.dictionaries(IDS, st.dictionaries(IDS, st.floats(allow_nan=False, allow_infinity=False))))
def test_any_dictionary_is_read(run):
    """
    Whatever the ids and scores of a dictionary, what Python writes as JSON is read as it was.
    """
    assert run == run_json.parse(Content(Path("any.json"), json.dumps(run).encode()))


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data):
    """
    Whatever a .json holds, it is a run or an input error.
    """
    try:
        run = run_json.parse(Content(Path("any.json"), b'{"q": {"a": 1' + data))
    except InputError:
        return
    assert all(math.isfinite(score) for scores in run.values() for score in scores.values())


# There and back


FINITE = st.floats(width=32, min_value=-(2.0**100), max_value=2.0**100)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["trec", "json"])
@settings(deadline=None, max_examples=15)
@given(scores=st.dictionaries(st.sampled_from(["p0", "p1", "p2", "u1", "u2"]), FINITE))
def test_an_exported_run_comes_back(tmp_path_factory, form, scores):
    """
    A run that was exported and imported again has the same hits and the same figures.
    """
    folder = tmp_path_factory.mktemp("back")
    passage_set = tiny_set(3, 2)
    before = imported({"q0": {"p2": 0.5} | scores, "q1": {"p1": 1.0}}, passage_set, folder / "run")

    paths = export.export(run_folder.read(folder / "run"), folder / "files", form)
    (after,) = imports.import_runs([outside_run.read(paths[-1])], passage_set, 7, folder / "again")

    def ids(home: Path, cell: str) -> list[list[str]]:
        known = run_folder.read_set(home, "tiny").passage_ids
        return [[known[row] for row in found if row >= 0] for found in run_folder.read_hits(home, cell).rows.tolist()]

    assert before.quality == after.quality
    assert ids(folder / "run", before.cell) == ids(folder / "again", after.cell)


# The command


@pytest.fixture(scope="session")
def both(ring, sparring, tmp_path_factory):
    """A folder with a real run's two cells exported to `trec`, and imported from there into `theirs`."""
    folder = tmp_path_factory.mktemp("both")
    sparring("export", ring.out, "-o", "trec", cwd=folder)
    files = sorted(path for path in folder.glob("trec/zoo/*.run") if ".k10." not in path.name)
    names = [option for name in ("SPLADE-v3", "BM25 of ours") for option in ("--name", name)]
    ended = sparring("import", *reversed(files), "--passages", ring.out, *names, "-o", "theirs", cwd=folder)
    return folder, ended


def test_import_command(both, ring, sparring):
    """
    `sparring import` prints the table, and one table shows theirs beside ours with equal figures.
    """
    folder, ended = both

    shown = sparring("table", "theirs", ring.out, "--json", cwd=folder)
    drawn = sparring("table", "theirs", ring.out, "--markdown", cwd=folder)

    assert (0, "records in theirs\n") == (ended.returncode, ended.stderr)
    assert "imported: scored here, not measured here" in ended.stdout
    found = json.loads(shown.stdout)
    assert ["SPLADE-v3", "BM25 of ours", "Constant() @ Spin(0.01)", "BM25() @ Unsaved()"] == [
        row["retriever"] for row in found
    ]
    figures = [{name: row[name] for name in (*imports.MEASURES, "n_unanswered", "passage_set_sha256")} for row in found]
    assert figures[:2] == figures[2:]
    assert [None, None] == [row["single_p50_ms"] for row in found[:2]]
    assert 1 == drawn.stdout.count("\n| run | retriever |")
    assert "| theirs | `SPLADE-v3` | " in drawn.stdout


def test_import_of_a_set_by_its_files(both, ring, sparring):
    """
    The set may also be named by its files, and comes to the same record but for its time.
    """
    folder, _ = both
    file = next(folder.glob("trec/zoo/BM25*[!0].run"))
    arguments = ("--name", "SPLADE-v3", "-o")

    sparring("import", file, "--passages", ring.out, *arguments, "kept", cwd=folder)
    ended = sparring("import", file, "--passages", ring.folder / "zoo", *arguments, "loaded", cwd=folder)

    assert 0 == ended.returncode
    assert run_folder.read(folder / "kept").measurements == run_folder.read(folder / "loaded").measurements


def test_import_by_the_measures_of_a_run(both, ring, sparring):
    """
    Beside a run, what is imported is measured as the run is, unless measures are named.
    """
    folder, _ = both
    file = next(folder.glob("trec/zoo/BM25*[!0].run"))
    sparring("import", file, "--passages", ring.out, "--measure", "R@3", "--measure", "RR@5", "-o", "few", cwd=folder)

    ended = sparring("import", file, "--passages", "few", "-o", "as-few", cwd=folder)

    assert 0 == ended.returncode
    assert ["R@3", "RR@5"] == [name for m in run_folder.read(folder / "as-few").measurements for name in m.quality]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "a", "--name", "b"], "--name is given once for each file"),
        (["--language", "de"], "--language: expected only with a set's files, found the run"),
        (["--measure", "recall"], "unknown measure 'recall'"),
        (["--measure", "Answer@10"], "name the set itself with --passages"),
    ],
)
def test_import_refuses(both, ring, sparring, arguments, message):
    """
    What cannot be is said in one message, ends with 2, and makes no folder.
    """
    folder, _ = both
    file = next(folder.glob("trec/zoo/BM25*[!0].run"))

    ended = sparring("import", file, "--passages", ring.out, "-o", "refused", *arguments, cwd=folder)

    assert 2 == ended.returncode
    assert message in ended.stderr
    assert not (folder / "refused").exists()


def test_texts_are_found_again(sparring, tmp_path):
    """
    An import records where its set lies and how it was read, also behind a run: `show` finds the texts there.
    """
    beir_folder(tmp_path / "data" / "pets")
    (tmp_path / "judged.tsv").write_text("q1\td1\t1\n")
    (tmp_path / "good.run").write_text("q1 Q0 d1 1 2 x\nq2 Q0 d2 1 2 x\n")
    asked = "import", "good.run", "--passages", "data/pets", "--qrels", "judged.tsv", "--language", "deu", "-o", "one"

    first = sparring(*asked, cwd=tmp_path)
    behind = sparring("import", "good.run", "--passages", "one", "--name", "x", "-o", "two", cwd=tmp_path)
    shown = [sparring("show", folder, "q1", cwd=tmp_path) for folder in ("one", "two")]

    assert [0] * 4 == [ended.returncode for ended in (first, behind, *shown)], behind.stderr
    assert all("Cats - purr" in ended.stdout for ended in shown)
