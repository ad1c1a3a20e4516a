"""What other tools are handed: runs as dictionaries, and passage sets as BEIR folders."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis import export
from bench.errors import InputError
from bench.formats import files, qrels
from bench.passages import loader
from bench.passages.loader import PassageSet
from bench.records import run_folder
from bench.run import imported, outside_run
from tests.helpers.tiny import run as run_cells
from tests.helpers.tiny import suite, tiny_set


def test_a_run_as_dictionaries(tmp_path):
    """
    A run is {query: {passage: score}} and its qrels {query: {passage: grade}}; a query without hits is left out.
    """
    runs = [
        outside_run.OutsideRun(name, "", {"q1": {"p1": 2.0, "stranger": 2.0, "p0": 0.5}})
        for name in ("SPLADE-v3", "qrels")
    ]
    found = imported.import_runs(runs, tiny_set(5, 2), 7, tmp_path / "run")

    paths = export.export(run_folder.read(tmp_path / "run"), tmp_path / "files", "json")

    qrels, splade, called_qrels = (json.loads(path.read_bytes()) for path in paths)
    assert ["qrels.json", "SPLADE-v3.json", f"qrels-{found[1].cell}.json"] == [path.name for path in paths]
    assert {"q0": {"p0": 1}, "q1": {"p1": 1}} == qrels
    assert {"q1": {"stranger": 2.0, "p1": pytest.approx(2.0), "p0": 0.5}} == splade == called_qrels
    assert splade["q1"]["p1"] < 2.0


@pytest.mark.parametrize("form", ["trec", "json"])
def test_a_query_with_nothing_relevant(tmp_path, form):
    """
    A judged query to which nothing is relevant is in the exported judgments, and scores 0 wherever they are read.
    """
    searched = msgspec.structs.replace(tiny_set(5, 2), qrels={"q0": {"p0": 1}, "q1": {}})
    imported.import_runs([outside_run.OutsideRun("a", "", {"q0": {"p0": 2.0}})], searched, 7, tmp_path / "run")

    judged, _ = export.export(run_folder.read(tmp_path / "run"), tmp_path / "files", form)
    export.export_set(searched, tmp_path / "set")

    assert {"q0", "q1"} == {query for query, _, _ in qrels.read(files.read(judged))}
    assert {"q0": {"p0": 1}, "q1": {"p0": 0}} == loader.load(str(tmp_path / "set")).qrels


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("trouble", ["hits gone", "blank in an id", "full"])
def test_all_of_it_or_nothing(tmp_path, monkeypatch, trouble, before):
    """
    Where one file cannot be written none is, and an export that was there stays as it was.
    """
    passage = "p 0" if trouble == "blank in an id" else "p0"
    runs = [outside_run.OutsideRun(name, "", {"q1": {"p1": 2.0}, "q0": {passage: 1.0}}) for name in "ab"]
    searched = tiny_set(5, 2)
    if trouble == "blank in an id":
        ids = tuple(passage if name == "p0" else name for name in searched.passage_ids)
        searched = msgspec.structs.replace(searched, passage_ids=ids, qrels={"q0": {passage: 1}, "q1": {"p1": 1}})
    found = imported.import_runs(runs, searched, 7, tmp_path / "run")
    if before:
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "mine").write_text("kept")
    if trouble == "hits gone":
        (tmp_path / "run" / "hits" / f"{found[1].cell}.npz").unlink()
    if trouble == "full":
        write = export.write_whole
        monkeypatch.setattr(
            export, "write_whole", lambda path, content: full() if path.name == "b.json" else write(path, content)
        )

    with pytest.raises(InputError) as refused:
        export.export(run_folder.read(tmp_path / "run"), tmp_path / "files", "json" if trouble == "full" else "trec")

    assert ".part" not in str(refused.value)
    assert (["files", "run"] if before else ["run"]) == sorted(path.name for path in tmp_path.iterdir())
    assert not before or ["mine"] == [path.name for path in (tmp_path / "files").iterdir()]


def full():
    raise OSError(28, "No space left on device")


# Tags of run files


@pytest.mark.parametrize(
    ("retriever", "tag"),
    [
        ("BM25(k1=1.2) @ CSC()", "BM25(k1=1.2)@CSC()"),
        (
            'BiEncoder("all-MiniLM-L6-v2") @ Faiss("HNSW32", efSearch=64)',
            "BiEncoder(all-MiniLM-L6-v2)@Faiss(HNSW32,efSearch=64)",
        ),
        ('BiEncoder("my own\u3000model") @ Flat()', "BiEncoder(my_own_model)@Flat()"),
        ("their run\n", "their_run_"),
    ],
)
def test_a_tag_is_the_spelling(retriever, tag):
    """
    A retriever's tag is its spelling without quotes and blanks.
    """
    assert {retriever: tag} == export.tags([retriever])


@given(st.lists(st.text(max_size=12) | st.text('"a b@,_', max_size=5), max_size=6))
def test_tags_are_words_and_unlike(retrievers):
    """
    Whatever retrievers are called, each tag is one word that a run file can hold, and none is another's.
    """
    found = export.tags(retrievers)

    assert set(retrievers) == set(found)
    assert len(found) == len(set(found.values()))
    assert [] == [tag for tag in found.values() if tag.split() != [tag] or "\0" in tag or "\ufeff" in tag]


def test_tags_in_the_files(tmp_path):
    """
    Every line of a retriever's file has its tag, by which a reader tells the systems apart.
    """
    hits = {"q0": {"p0": 2.0, "p1": 1.0}, "q1": {"p1": 2.0}}
    runs = [outside_run.OutsideRun(name, "", hits) for name in ('A("x y") @ B()', 'A("xy") @ B()', "A(xy) @ B()")]
    imported.import_runs(runs, tiny_set(5, 2), 7, tmp_path / "run")

    paths = export.export(run_folder.read(tmp_path / "run"), tmp_path / "files")

    tags = [{line.split()[5] for line in path.read_text().splitlines()} for path in paths if path.suffix == ".run"]
    first, second, third = (tag for (tag,) in tags)
    assert "A(x_y)@B()" == first
    assert ("A(xy)@B()-", "A(xy)@B()-") == (second[:-8], third[:-8])
    assert second != third


# Passage sets

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4).filter(
    lambda text: text == text.strip() and not set(text) & set("\t\n\0")
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@st.composite
def loaded_sets(draw) -> PassageSet:
    """A set as loading one makes it: ids and texts unique, only judged queries, an id of qrels perhaps unknown."""
    passages = draw(st.lists(st.tuples(IDS, TEXTS), min_size=1, max_size=5, unique_by=(lambda p: p[0], lambda p: p[1])))
    queries = draw(st.lists(st.tuples(IDS, TEXTS), min_size=1, max_size=4, unique_by=lambda q: q[0]))
    ids = [passage for passage, _ in passages]
    judged = st.dictionaries(IDS, st.integers(-2, 10), max_size=2)
    qrels = {query: {draw(st.sampled_from(ids)): draw(st.integers(-2, 10))} | draw(judged) for query, _ in queries}
    labels = tuple(draw(st.sampled_from(["", "a", "b"])) for _ in queries)
    answers = tuple(tuple(draw(st.lists(TEXTS, max_size=2))) for _ in queries)
    return msgspec.structs.replace(
        tiny_set(),
        answers=answers if any(answers) else None,
        passage_ids=tuple(ids),
        passages=tuple(text for _, text in passages),
        query_ids=tuple(query for query, _ in queries),
        queries=tuple(text for _, text in queries),
        qrels=qrels if draw(st.booleans()) else None,
        labels=labels if any(labels) else None,
    )


@pytest.mark.slow
@settings(deadline=None)
@given(loaded_sets())
def test_a_beir_folder_loads_back(tmp_path_factory, passage_set):
    """
    A set that was exported loads back with the same ids, texts, labels, answers and judgments, so with the same hash.
    """
    folder = tmp_path_factory.mktemp("beir")

    paths = export.export_set(passage_set, folder)

    again = loader.load(str(folder))
    for name in ("passage_ids", "passages", "query_ids", "queries", "qrels", "labels", "answers"):
        assert getattr(passage_set, name) == getattr(again, name), name
    assert {path.relative_to(folder) for path in folder.rglob("*.*")} == {path.relative_to(folder) for path in paths}


def test_a_shipped_set_loads_back(tmp_path):
    """
    The shipped set comes back under the hash that its runs record.
    """
    primer = loader.load("primer")

    export.export_set(primer, tmp_path / "primer")

    assert primer.sha256 == loader.load(str(tmp_path / "primer")).sha256


@pytest.mark.parametrize("licence", ["CC BY-ND 2.0 KR", "cc-by-nc-ND 4.0", "No derivatives", "NoDerivatives"])
def test_no_derivatives(tmp_path, licence):
    """
    A set whose licence allows no derivatives is not converted.
    """
    passage_set = msgspec.structs.replace(tiny_set(), licence=licence)

    with pytest.raises(InputError, match=f"its licence, '{licence}', allows no derivatives"):
        export.export_set(passage_set, tmp_path / "beir")

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("passage", ["two\twords", " p", "p\u2003", "p\n", "p\0", ""])
def test_an_id_that_no_line_of_qrels_holds(tmp_path, passage):
    """
    An id with a tab, a line's end or white space at an end would not come back: it is refused, and no file appears.
    """
    passage_set = msgspec.structs.replace(tiny_set(), qrels={"q0": {passage: 1}})

    with pytest.raises(InputError, match="a line of qrels holds no id such as"):
        export.export_set(passage_set, tmp_path / "beir")

    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_empty(tmp_path):
    """
    Files of another set would be taken for this one's: only a new or empty folder is written into.
    """
    (tmp_path / "corpus.jsonl").write_text("")

    with pytest.raises(InputError, match="expected a new or empty folder"):
        export.export_set(tiny_set(), tmp_path)


def test_vectors_without_texts(tmp_path):
    """
    A set of vectors has no texts to write.
    """
    passage_set = msgspec.structs.replace(tiny_set(), vectors="vectors.hdf5")

    with pytest.raises(InputError, match="expected one with texts, found vectors alone"):
        export.export_set(passage_set, tmp_path / "beir")


# The command


def test_export_of_a_set(sparring, tmp_path):
    """
    `sparring export SET` writes a BEIR folder, and says under which licence.
    """
    ended = sparring("export", "primer", "-o", "beir", cwd=tmp_path)

    assert (0, "beir/corpus.jsonl\nbeir/queries.jsonl\nbeir/qrels/test.tsv\n") == (ended.returncode, ended.stdout)
    assert "primer: licence Apache-2.0" in ended.stderr
    assert "--language" not in ended.stderr


def test_export_as_json(ring, sparring, tmp_path):
    """
    `--format json` writes dictionaries that pytrec_eval takes as they are, and comes to the table's measures.
    """
    pytrec_eval = pytest.importorskip("pytrec_eval")

    ended = sparring("export", ring.out, "-o", "files", "--format", "json", cwd=tmp_path)

    lines = [line for line in ended.stdout.splitlines() if not line.endswith(".k10.json")]
    timed = {line.replace(".k10.json", ".json"): line for line in ended.stdout.splitlines() if line not in lines}
    qrels, *runs = (json.loads((tmp_path / timed.get(line, line)).read_bytes()) for line in lines)
    table = json.loads(sparring("table", ring.out, "--json", cwd=tmp_path).stdout)
    for row, run in zip(table, runs, strict=True):
        scores = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut_10"}).evaluate(run)
        assert row["nDCG@10"] == pytest.approx(sum(each["ndcg_cut_10"] for each in scores.values()) / len(qrels))


def test_what_failed_is_not_exported(cache, tmp_path, sparring):
    """
    A retriever that did not end well has no file, which is said.
    """
    run_cells(suite("Constant() @ Exact()", "Constant() @ Raises()"), tmp_path / "run")

    ended = sparring("export", "run", "-o", "files", cwd=tmp_path)

    assert 0 == ended.returncode
    assert "not exported: tiny: Constant() @ Raises() (failed)\n" == ended.stderr
    assert ["qrels.txt", "Constant-Exact.run"] == [Path(line).name for line in ended.stdout.splitlines()]


def test_formats_that_do_not_fit(ring, sparring, tmp_path):
    """
    A run is no BEIR folder, and a passage set no run: both are refused, and nothing is written.
    """
    run = sparring("export", ring.out, "-o", "files", "--format", "beir", cwd=tmp_path)
    passage_set = sparring("export", ring.folder / "zoo", "-o", "files", "--format", "trec", cwd=tmp_path)

    assert (2, 2) == (run.returncode, passage_set.returncode)
    assert "expected trec or json of a run, found 'beir'" in run.stderr
    assert "expected beir of a passage set, found 'trec'" in passage_set.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_set_in_another_language(tmp_path, sparring):
    """
    A BEIR folder has no place for a language, so the command says how to name it.
    """
    ended = sparring("export", "primer-ko", "-o", "korean", cwd=tmp_path)

    assert 0 == ended.returncode
    assert "run it with --language ko" in ended.stderr
