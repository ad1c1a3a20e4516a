"""What a command refuses: a clear message on stderr, exit code 2, no traceback, no run folder."""

from __future__ import annotations

import datetime
import gzip
import json
import os
import sys
from pathlib import Path

import pytest

from bench import cli
from bench.commands import read_run
from bench.commands.run import _dated
from bench.errors import InputError
from tests.helpers.command import said
from tests.helpers.zoo import write_set


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def missing(folder: Path) -> None:
    (folder / "queries.jsonl").unlink()


def truncated(folder: Path) -> None:
    path = folder / "corpus.jsonl"
    path.with_name("corpus.jsonl.gz").write_bytes(gzip.compress(path.read_bytes())[:-20])
    path.unlink()


def broken_line(folder: Path) -> None:
    replace_in(folder / "corpus.jsonl", '"p3"', '"p3')


def duplicate(folder: Path) -> None:
    replace_in(folder / "corpus.jsonl", '"p3"', '"p1"')


def not_utf8(folder: Path) -> None:
    (folder / "queries.jsonl").write_bytes('{"_id": "q1", "text": "é"}\n'.encode("latin-1"))


def no_passages(folder: Path) -> None:
    (folder / "corpus.jsonl").write_text("\n")


def no_queries(folder: Path) -> None:
    (folder / "queries.jsonl").write_text("")


def only_foreign_judgments(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp99\t1\n")


def no_grade(folder: Path) -> None:
    replace_in(folder / "qrels" / "test.tsv", "p2\t1", "p2\tgood")


def huge_grade(folder: Path) -> None:
    replace_in(folder / "qrels" / "test.tsv", "p2\t1", "p2\t99999")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (missing, ["zoo: expected a BEIR folder", "found a folder without queries.jsonl: name"]),
        (truncated, ["corpus.jsonl.gz", "truncated or damaged"]),
        (broken_line, ["corpus.jsonl:3:", "expected a JSON object", '\'{"_id": "p3,']),
        (duplicate, ["corpus.jsonl:3", "'p1'"]),
        (not_utf8, ["queries.jsonl:1:", "expected UTF-8", "0xe9"]),
        (no_passages, ["corpus.jsonl", "expected", "passage"]),
        (no_queries, ["queries.jsonl", "expected", "quer"]),
        (only_foreign_judgments, ["zoo", "expected qrels of its passages and queries", "'p99'"]),
        (no_grade, ["test.tsv:3", "'good'"]),
        (huge_grade, ["test.tsv:3", "expected a grade of at most 10000, found 99999"]),
    ],
)
def test_damaged_passage_sets(sparring, zoo, tmp_path, damage, words):
    """
    A damaged file is refused by name, and by line where it has one.
    """
    damage(zoo)

    message = said(sparring("run", "BM25() @ CSR()", "--passages", "./zoo", "-o", "out", cwd=tmp_path))

    assert [] == [word for word in words if word not in message]
    assert not (tmp_path / "out").exists()


def test_wrong_hash(sparring, zoo, tmp_path):
    """
    A file that is not the one its card names is refused with both hashes or sizes.
    """
    (tmp_path / "zoo.toml").write_text(
        'title = "Zoo"\nlanguage = "en"\nlicence = "CC0"\ncitation = "none"\nformat = "beir"\n'
        "counts = { passages = 4, queries = 3, judgments = 3 }\n"
        + "".join(
            f'[[files]]\npath = "zoo/{name}"\nrole = "{role}"\nsha256 = "{"0" * 64}"\n'
            f"bytes = {(zoo / name).stat().st_size}\n"
            for name, role in (("corpus.jsonl", "passages"), ("queries.jsonl", "queries"), ("qrels/test.tsv", "qrels"))
        )
    )

    message = said(sparring("run", "BM25() @ CSR()", "--passages", "zoo.toml", "-o", "out", cwd=tmp_path))

    assert "zoo/corpus.jsonl" in message
    assert "0" * 64 in message
    assert not (tmp_path / "out").exists()


SUITE = """
name = "tiny"
passages = ["primer"]
measures = ["R@1"]
primary = "R@1"
[[cells]]
retrievers = ["BM25() @ CSR()"]
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name =", "nmae =", ["suite tiny.toml", "unknown key 'nmae'", "Did you mean name?"]),
        ("BM25", "BM52", ["'BM52'", "Did you mean BM25?"]),
        ("BM25()", "BM25(k=1)", ["BM25 has no option 'k'", "Did you mean k1?"]),
        ('measures = ["R@1"]', 'measures = ["MRR@10"]', ["unknown measure 'MRR@10'", "Did you mean RR@10?"]),
        ('["primer"]', '["pirmer"]', ["unknown passage set 'pirmer'", "Did you mean primer?"]),
        ('["primer"]', '["scifact"]', ["scifact", "SPARRING_DATA"]),
        ("[[cells]]", 'baseline = "RankBM25()"\n[[cells]]', ["baseline", "'RankBM25()'", "BM25() @ CSR()"]),
        ("[[cells]]", "[[cells]", ["tiny.toml: no valid TOML", "line 6"]),
        ('"tiny"', '"../tiny"', ["tiny.toml: name: expected a letter or digit", "'../tiny'"]),
        ('["R@1"]', '["R@1", "R@1000"]', ["tiny.toml: measures: expected no deeper look", "found 'R@1000'"]),
    ],
)
def test_wrong_suites(sparring, tmp_path, old, new, words):
    """
    A suite with a name that is none is refused before anything starts, with the nearest name.
    """
    assert old in SUITE
    (tmp_path / "tiny.toml").write_text(SUITE.replace(old, new, 1))

    message = said(sparring("run", "tiny.toml", "-o", "out", cwd=tmp_path))

    assert [] == [word for word in words if word not in message]
    assert ["tiny.toml"] == [path.name for path in tmp_path.iterdir()]


def test_no_suite(sparring, tmp_path):
    """
    A suite that is not there is refused with those that ship; retrievers without passage sets are no suite.
    """
    assert "'frist': expected a TOML file or one of first" in said(sparring("run", "frist", cwd=tmp_path))
    assert "expected one suite (first" in said(sparring("run", "first", "published", cwd=tmp_path))
    assert "at least one retriever is expected" in said(sparring("run", "--passages", "primer", cwd=tmp_path))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scifact"], "scifact is a passage set: sparring run --passages scifact RETRIEVER"),
        (["BM25() @ CSR()"], "BM25() @ CSR() is a retriever: add --passages NAME"),
        (["BM25()", "TfIdf()"], "BM25() is a retriever: add --passages NAME"),
        (["first", "--passages", "primer"], "first is a suite: run it without --passages"),
        (["mine.toml", "--passages", "primer"], "mine.toml is a suite: run it without --passages"),
        (["first", "--mode", "fast"], "--mode: expected single, batch, joint, rate, found 'fast'"),
        (["first", "--p99", "10ms"], "--p99: expected with --mode rate, found single, batch"),
    ],
)
def test_one_thing_in_place_of_another(sparring, tmp_path, arguments, words):
    """
    A passage set, a retriever or a suite where another is expected is named for what it is, with the way to run it.
    """
    assert words in said(sparring("run", *arguments, cwd=tmp_path))
    assert [] == list(tmp_path.iterdir())


def test_two_sets_of_one_name(sparring, tmp_path):
    """
    Two passage sets of one name are refused before anything starts.
    """
    write_set(tmp_path / "a" / "zoo")
    write_set(tmp_path / "b" / "zoo")

    message = said(
        sparring("run", "BM25() @ CSR()", "--passages", "a/zoo", "--passages", "b/zoo", "-o", "out", cwd=tmp_path)
    )

    assert "expected each name once, found 'zoo' again" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["first", "--queries", "no.csv", "--text", "body"], "--text, --queries: expected only with --passages"),
        (["first", "--language", "de"], "--language: expected only with --passages and a path"),
        (["BM25() @ CSR()", "--passages", "primer", "--id", "key"], "--id: expected only with --passages"),
        (
            ["BM25() @ CSR()", "--passages", "primer", "--passages", "zoo.toml", "--query-text", "q"],
            "--query-text: exp",
        ),
    ],
)
def test_options_of_files_without_files(sparring, tmp_path, arguments, words):
    """
    An option that says how one's own files are read is refused where there are none: a suite, or only sets with cards.
    """
    message = said(sparring("run", *arguments, "-o", "out", cwd=tmp_path))

    assert words in message
    assert [] == list(tmp_path.iterdir())


def test_a_wrong_language(sparring, zoo, tmp_path):
    """
    A language that is no code is refused before anything starts.
    """
    message = said(
        sparring("run", "BM25() @ CSR()", "--passages", "./zoo", "--language", "english", "-o", "out", cwd=tmp_path)
    )

    assert "expected as its language an ISO 639 code such as \"en\", found 'english': correct --language" in message
    assert not (tmp_path / "out").exists()


def test_a_cache_that_cannot_be_written(zoo, tmp_path, monkeypatch, capsys):
    """
    A cache folder that cannot be is refused before the run folder is begun, by the name of its variable.
    """
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "file" / "cache"))
    arguments = ("run", "BM25() @ CSR()", "--passages", zoo, "-o", tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["sparring", *map(str, arguments)])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    message = capsys.readouterr().err
    assert 2 == ended.value.code
    assert f"cache folder {tmp_path}/file/cache: expected a folder that can be written, found: Not a dir" in message
    assert "set SPARRING_CACHE" in message
    assert not (tmp_path / "out").exists()


def test_what_is_printed_is_plain_text(sparring, tmp_path):
    """
    A name with control characters is quoted without them: what a terminal obeys is never passed on.
    """
    message = said(sparring("run", "BM25() @ CSR()", "--passages", "\x1b]0;title\x07.csv", "-o", "out", cwd=tmp_path))

    assert "\ufffd]0;title\ufffd.csv: expected" in message
    assert not {"\x1b", "\x07"} & set(message)


def test_a_dated_folder_that_is_taken(tmp_path, monkeypatch):
    """
    A run without -o goes into a folder of its own: where the name is taken a number is added.
    """
    monkeypatch.chdir(tmp_path)
    now = datetime.datetime(2026, 1, 2, 3, 4, 5)

    found = []
    for _ in range(3):
        found.append(_dated("first", now))
        found[-1].mkdir(parents=True)

    assert [f"results/2026-01-02-030405-first{number}" for number in ("", "-2", "-3")] == list(map(str, found))


def test_a_broken_plugin_file(sparring, zoo, tmp_path):
    """
    A plug-in file that cannot be loaded is named with its cause.
    """
    (tmp_path / "broken.py").write_text("import no_such_module\n")

    message = said(
        sparring("run", "BM25() @ CSR()", "--passages", zoo, "--plugin", "broken.py", "-o", "out", cwd=tmp_path)
    )

    assert "broken.py cannot be loaded: ModuleNotFoundError" in message
    assert not (tmp_path / "out").exists()


def test_a_plugin_file_that_ends_the_process(sparring, zoo, tmp_path):
    """
    A plug-in file that calls sys.exit(0) is an error of the file, never a command that did nothing and ended well.
    """
    (tmp_path / "exit.py").write_text("import sys\nsys.exit(0)\n")

    for command in (("check", "Mine()"), ("run", "BM25() @ CSR()", "--passages", zoo, "-o", "out")):
        message = said(sparring(*command, "--plugin", "exit.py", cwd=tmp_path))

        assert "exit.py cannot be loaded: SystemExit: 0" in message


def test_a_plugin_file_that_prints(ring, sparring, tmp_path):
    """
    What a plug-in file prints goes to stderr: JSON for other programs stays JSON.
    """
    (tmp_path / "talks.py").write_text(
        "print('hello')\nclass Talks:\n    def __call__(self, text):\n        return text.split()\n"
    )

    for command in (("retrievers",), ("table", ring.out)):
        ended = sparring(*command, "--json", "--plugin", "talks.py", cwd=tmp_path)

        assert (0, "hello\n") == (ended.returncode, ended.stderr)
        assert json.loads(ended.stdout)


def test_no_run(sparring, tmp_path):
    """
    A folder that is no run has no table and nothing to export.
    """
    assert "expected a run folder with run.json" in said(sparring("table", ".", cwd=tmp_path))
    assert "expected a run folder with run.json" in said(sparring("export", ".", "-o", "trec", cwd=tmp_path))
    assert [] == list(tmp_path.iterdir())


def test_a_folder_of_runs(tmp_path):
    """
    A folder that holds runs, and is none, is refused with the newest of them.
    """
    for age, name in enumerate(("d", "b", "a", "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
        os.utime(tmp_path / name / "run.json", (1_000_000 - age, 1_000_000 - age))

    with pytest.raises(InputError) as refused:
        read_run(tmp_path)

    newest = ", ".join(str(tmp_path / name) for name in ("d", "b", "a"))
    assert f"run {tmp_path}: expected a run folder, found a folder of 4 runs: name one, the newest first: {newest}" == (
        str(refused.value)
    )


def test_foreign_folder(sparring, zoo, tmp_path):
    """
    A folder that holds something else is refused and stays as it was.
    """
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")

    message = said(sparring("run", "BM25() @ CSR()", "--passages", zoo, "-o", "home", cwd=tmp_path))

    assert "expected a new or empty folder or a run, found other files" in message
    assert ["thesis.tex"] == [path.name for path in (tmp_path / "home").iterdir()]
