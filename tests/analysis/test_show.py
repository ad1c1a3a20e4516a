"""One query of a run."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from bench.analysis import show
from bench.errors import InputError
from bench.records import run_folder
from bench.report.console.query import print_query
from bench.run import runner
from tests.helpers.console import printed
from tests.helpers.places import KNOWN
from tests.helpers.pooled import pooled_run
from tests.helpers.tiny import registry, suite, tiny_set


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


class TestShow:
    @pytest.mark.slow
    def test_matched_words(self, primer_run, monkeypatch):
        """
        The matched words of a sparse retriever add up to its score; a dense one and an engine have none.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(primer_run / "cache"))

        shown = show.show(run_folder.read(primer_run / "run"), "lighthouse-q08", registry(), k=3)

        sparse, dense, engine = shown.found
        assert "horns driven by compressed air heard in fog" == shown.text
        assert ["lighthouse-03"] == list(shown.gold)
        assert ("lighthouse-03", 1) == (sparse.hits[0].passage, sparse.hits[0].grade)
        assert {"horn", "fog", "compress", "driven", "air"} == {match.term for match in sparse.hits[0].matches}
        for hit in sparse.hits:
            assert pytest.approx(sum(match.score for match in hit.matches), rel=1e-5) == hit.score
        assert [None] * 6 == [hit.matches for one in (dense, engine) for hit in one.hits]
        assert {"lighthouse-03": 1} == sparse.gold_ranks

    def test_a_cache_that_is_gone(self, primer_run):
        """
        Without the vectors the hits are shown as they are, and it is said why no words are.
        """
        shown = show.show(run_folder.read(primer_run / "run"), "lighthouse-q08", registry(), k=1)

        assert "no longer in the cache" in shown.found[0].said
        assert shown.found[0].hits[0].matches is None

    def test_a_cache_of_others(self, primer_run, monkeypatch):
        """
        Vectors that others may have written are not read, and it is said what to do.
        """
        cache = primer_run / "cache"
        monkeypatch.setenv("SPARRING_CACHE", str(cache))
        mode = cache.stat().st_mode
        cache.chmod(0o777)

        try:
            shown = show.show(run_folder.read(primer_run / "run"), "lighthouse-q08", registry(), k=1)
        finally:
            cache.chmod(mode)

        assert "chmod go-w" in shown.found[0].said
        assert shown.found[0].hits[0].matches is None

    @pytest.mark.slow
    def test_texts_that_are_gone(self, tmp_path):
        """
        A set whose texts are not at hand, or are others by now, is shown by its ids, and it is said why.
        """
        runner.run(suite("Constant() @ Exact()"), [tiny_set()], tmp_path / "run", registry(), plugins=[KNOWN])

        shown = show.show(run_folder.read(tmp_path / "run"), "q3", registry(), k=2)

        assert "no texts: " in shown.said
        assert ("", ["p0", "p1"]) == (shown.text, [hit.passage for hit in shown.found[0].hits])
        assert {"p3": 4} == shown.found[0].gold_ranks

    def test_an_unknown_query(self, primer_run):
        """
        A query or a set that the run has not is refused, with the nearest.
        """
        run = run_folder.read(primer_run / "run")

        with pytest.raises(InputError, match=r"such as 'lighthouse-q[0-9]+'"):
            show.show(run, "lighthouse-q8", registry())
        with pytest.raises(InputError, match="expected one of its passage sets primer, found 'scifact'"):
            show.show(run, "lighthouse-q08", registry(), passage_set="scifact")

    def test_it_is_printed(self, primer_run, monkeypatch):
        """
        A star marks what is relevant; a relevant passage below the cut is named with its rank.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(primer_run / "cache"))
        shown = show.show(run_folder.read(primer_run / "run"), "lighthouse-q08", registry(), k=2)

        text = printed(print_query, shown)

        assert all(len(line) <= 120 for line in text.splitlines())
        assert "*  1  lighthouse-03  12.47" in text
        assert "horn 3.58 + fog 3.22" in text
        place = shown.found[1].gold_ranks["lighthouse-03"]
        assert f"* lighthouse-03 {'not found' if place is None else f'at {place}'}" in text

    @pytest.mark.parametrize("width", [80, 120])
    @pytest.mark.parametrize("text", ["word " * 100, "가나다 " * 100])
    def test_a_hit_is_one_line(self, width, text):
        """
        A passage's text, and the words that matched, take what room there is on one line, wide letters too.
        """
        matches = [show.Match(f"word{number}", 2.0, 1.0) for number in range(20)]
        hit = show.Hit(rank=1, passage="p1", score=3.5, grade=1, text=text, matches=matches)
        found = show.RetrieverView("BM25() @ CSR()", "ok", [hit], {"p1": 1}, "")
        shown = show.QueryView("tiny", "q1", "", "", {"p1": (1, text)}, [found], "", {})
        out = io.StringIO()

        print_query(shown, Console(file=out, width=width))

        lines = out.getvalue().splitlines()
        (line,) = [line for line in lines if line.startswith("*  1  p1  3.5")]
        assert cell_len(line) in (width - 1, width)  # before the ellipsis a wide letter may leave a cell
        assert all(cell_len(line) <= width for line in lines)
        assert lines[-1].endswith(" more")

    def test_the_same_hits_are_printed_once(self):
        """
        Retrievers that put the same first, with scores as near as 8 bits come, stand above it together; another order,
        other scores, other words, or a relevant passage at another rank stand apart.
        """
        one, two = (show.Hit(rank, f"p{rank}", 1 / rank, None, "", None) for rank in (1, 2))
        word = show.Match("cat", 1.0, 1.0)
        views = {
            "A() @ Flat()": [one, two],
            "Turned()": [two._replace(rank=1), one._replace(rank=2)],
            "A() @ CSR()": [one._replace(score=1.001), two],
            "Higher()": [one._replace(score=1.02), two],
            "Words()": [one._replace(matches=[word]), two],
            "Fewer()": [one],
        }
        found = [show.RetrieverView(name, "ok", hits, {}, "") for name, hits in views.items()]
        found.append(show.RetrieverView("Ranked()", "ok", [one, two], {"p9": 7}, ""))
        found.append(show.RetrieverView("A() @ COO()", "ok", [one, two], {}, ""))

        blocks = printed(print_query, show.QueryView("tiny", "q1", "", "", {}, found, "", {})).split("\n\n")[1:]

        names = [
            "A() @ Flat()\nA() @ CSR()\nA() @ COO()",
            "Turned()",
            "Higher()",
            "Words()",
            "Fewer()",
            "Ranked()",
        ]
        assert names == [block.partition("\n ")[0] for block in blocks]
        assert 2 == blocks[0].count("  p")

    def test_a_title_is_printed_once(self, tmp_path):
        """
        Title and text stand apart, and a title that the text begins with once; JSON has the text as it is searched.
        """
        corpus = [
            {"_id": "p1", "title": "Cats", "text": "Cats sit on a mat."},
            {"_id": "p2", "title": "A dog", "text": "barks."},
        ]
        run = pooled_run(
            tmp_path, {"A()": [[0, 1], [], []]}, passages={"p1": "Cats Cats sit on a mat.", "p2": "A dog barks."}
        )
        (tmp_path / "zoo" / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))

        shown = show.show(run, "q1", registry())

        lines = [line.split("  ")[-1] for line in printed(print_query, shown).splitlines()]
        assert ["Cats sit on a mat.", "A dog - barks."] == lines[-2:]
        assert ({"p1": "Cats", "p2": "A dog"}, "Cats Cats sit on a mat.") == (shown.titles, shown.found[0].hits[0].text)

    @pytest.mark.slow
    def test_what_failed_is_named(self, tmp_path):
        """
        A retriever that did not end well stands among the others, with its status and the reason.
        """
        chosen = suite("Constant() @ Exact()", "Constant() @ Raises()")
        runner.run(chosen, [tiny_set()], tmp_path / "run", registry(), plugins=[KNOWN])

        shown = show.show(run_folder.read(tmp_path / "run"), "q3", registry(), k=1)

        assert ["ok", "failed"] == [one.status for one in shown.found]
        text = printed(print_query, shown)
        assert "Constant() @ Raises()\n  failed: RuntimeError: broken on purpose" in text
        assert "found nothing" not in text

    def test_as_json(self, primer_run):
        """
        The plain form is what JSON can hold, with every hit and match by name.
        """
        shown = show.show(run_folder.read(primer_run / "run"), "lighthouse-q08", registry(), k=1)

        back = msgspec.json.decode(msgspec.json.encode(show.plain(shown)))

        assert "lighthouse-03" == back["found"][0]["hits"][0]["passage"]
        assert [{"passage": "lighthouse-03", "grade": 1}] == [
            {name: gold[name] for name in ("passage", "grade")} for gold in back["gold"]
        ]
