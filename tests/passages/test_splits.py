"""Parts of a passage set: `squad:train`, `squad:dev`, `squad:test`."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.passages import cards, loader, splits
from bench.passages.splits import Part
from tests.helpers.tiny import tiny_set


def squad_file(folder, *, n_articles=20, n_questions=3, name="book.json"):
    """A SQuAD-style file: each article has two paragraphs, with so many questions each."""
    data = [
        {
            "title": f"article {article}",
            "paragraphs": [
                {
                    "context": f"paragraph {article}-{paragraph}",
                    "qas": [
                        {
                            "id": f"{article}-{paragraph}-{n}",
                            "question": f"what is {article}-{paragraph}-{n}?",
                            "answers": [],
                        }
                        for n in range(n_questions)
                    ],
                }
                for paragraph in range(2)
            ],
        }
        for article in range(n_articles)
    ]
    path = folder / name
    path.write_text(json.dumps({"data": data}))
    return path


def parts_of(path, seed=""):
    return {name: loader.load(f"{path}:{name}{seed}") for name in splits.SHARES}


class TestPart:
    def test_questions_are_shared_out(self, tmp_path):
        """
        Each question is in one part, every part has all passages, and the shares are near 60, 10 and 30 %.
        """
        whole = loader.load(str(squad_file(tmp_path)))

        parts = parts_of(tmp_path / "book.json")

        assert Counter(whole.query_ids) == Counter(q for part in parts.values() for q in part.query_ids)
        assert all(whole.passages == part.passages for part in parts.values())
        assert {"train": 72, "dev": 12, "test": 36} == {name: len(part.query_ids) for name, part in parts.items()}

    def test_parts_share_no_article(self, tmp_path):
        """
        No article is asked about in two parts, so no paragraph is relevant in two.
        """
        squad_file(tmp_path)

        parts = parts_of(tmp_path / "book.json").values()

        articles = [set(part.articles) for part in parts]
        relevant = [{passage for grades in part.qrels.values() for passage in grades} for part in parts]
        for sets in (articles, relevant):
            assert sum(map(len, sets)) == len(set.union(*sets))

    def test_what_belongs_to_a_query_goes_with_it(self):
        """
        Qrels, labels, clusters, answers and positions in the files stay beside their query.
        """
        n = 20
        whole = msgspec.structs.replace(
            tiny_set(n_queries=n),
            labels=tuple(f"label {i}" for i in range(n)),
            clusters=tuple(f"cluster {i}" for i in range(n)),
            answers=tuple((f"answer {i}",) for i in range(n)),
            query_rows=tuple(range(n)),
        )

        found = splits.part(whole, Part("test"))

        numbers = [int(query[1:]) for query in found.query_ids]
        assert 6 == len(numbers)
        assert tuple(f"where is word{i}" for i in numbers) == found.queries
        assert {f"q{i}": {f"p{i}": 1} for i in numbers} == found.qrels
        assert tuple(f"label {i}" for i in numbers) == found.labels
        assert tuple(f"cluster {i}" for i in numbers) == found.clusters
        assert tuple((f"answer {i}",) for i in numbers) == found.answers
        assert tuple(numbers) == found.query_rows

    def test_parts_and_seeds_have_hashes_of_their_own(self, tmp_path):
        """
        The SHA-256 tells part and seed apart from the whole and from one another, and is the same the next time.
        """
        path = squad_file(tmp_path)

        found = [loader.load(f"{path}{end}").sha256 for end in ("", ":train", ":dev", ":test", ":test:1", ":test:2")]

        assert 6 == len(set(found))
        assert found[-1] == loader.load(f"{path}:test:2").sha256
        assert found[3] == loader.load(f"{path}:test:{splits.SEED}").sha256

    def test_queries_without_judgments(self):
        """
        They are in no part, and move no other query to another one.
        """
        whole = tiny_set(n_queries=20)
        known = dict(list(whole.qrels.items())[:12])

        parts = [splits.part(msgspec.structs.replace(whole, qrels=known), Part(name)) for name in splits.SHARES]

        alone = [splits.part(tiny_set(n_queries=12), Part(name)) for name in splits.SHARES]
        assert [part.query_ids for part in alone] == [part.query_ids for part in parts]
        assert [part.qrels for part in alone] == [part.qrels for part in parts]

    def test_no_qrels(self):
        """
        A set without judgments has nothing to share out by.
        """
        with pytest.raises(InputError, match="'tiny': expected qrels to share its queries out, found none"):
            splits.part(tiny_set(judged=False), Part("dev"))

    def test_too_few_articles(self, tmp_path):
        """
        Where an article cannot be given to every part, the message says how many there are and what is left empty.
        """
        path = squad_file(tmp_path, n_articles=2)

        with pytest.raises(InputError, match=r"articles enough for test, dev, train, found 2 .* none is left for dev"):
            loader.load(f"{path}:test")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [("squad", (6265, 1190, 3115)), ("korquad", (3451, 588, 1735)), ("scifact", (180, 30, 90))],
)
def test_real_sets(name, expected):
    """
    The parts of real collections are these, and share no relevant passage.
    """
    if not cards.at_hand(cards.card(name)):
        pytest.skip(f"SPARRING_DATA names no folder that holds the files of {name}")
    parts = parts_of(name)

    relevant = [{passage for grades in part.qrels.values() for passage in grades} for part in parts.values()]
    assert expected == tuple(len(parts[part].query_ids) for part in ("train", "dev", "test"))
    assert sum(map(len, relevant)) == len(set.union(*relevant))


class TestGroups:
    def test_a_passage_in_common_holds_together(self):
        """
        Without articles, queries with a relevant passage in common are one group, over any number of steps.
        """
        qrels = {"q0": {"p0": 1, "p1": 1}, "q1": {"p1": 1, "p2": 1}, "q2": {"p2": 1}, "q3": {"p3": 1}}
        found = splits.groups(msgspec.structs.replace(tiny_set(n_queries=4), qrels=qrels))

        assert found[0] == found[1] == found[2]
        assert found[3] != found[0]

    def test_a_passage_that_two_articles_have(self):
        """
        Articles with a passage in common, merged as a duplicate, are one group.
        """
        qrels = {"q0": {"p0": 1}, "q1": {"p1": 1}, "q2": {"p1": 1}, "q3": {"p3": 1}}
        whole = msgspec.structs.replace(tiny_set(n_queries=4), qrels=qrels, articles=("a", "a", "b", "c"))

        found = splits.groups(whole)

        assert found[0] == found[1] == found[2]
        assert found[3] != found[0]

    @given(
        st.lists(st.sets(st.integers(0, 12), max_size=3), min_size=1, max_size=12), st.randoms(use_true_random=False)
    )
    def test_they_are_the_connected_components(self, judged, order):
        """
        Groups are the components of the graph of queries and passages, named alike in whatever order queries come.
        """
        ids = [f"q{i}" for i in range(len(judged))]
        qrels = {query: {f"p{p}": 1 for p in passages} for query, passages in zip(ids, judged, strict=True)}
        found = splits.groups(graph(ids, qrels))
        shuffled = order.sample(ids, len(ids))

        again = dict(zip(shuffled, splits.groups(graph(shuffled, qrels)), strict=True))

        assert [again[query] for query in ids] == found
        for i, one in enumerate(judged):
            for j, other in enumerate(judged):
                assert (found[i] == found[j]) == (i == j or other in reached(one, judged)), (i, j)


def graph(ids, qrels):
    return msgspec.structs.replace(tiny_set(n_queries=1), query_ids=tuple(ids), qrels=qrels)


def reached(start, judged):
    """The slow, obvious way: sets that share a passage with what is reached so far, until none comes to it."""
    found, passages = [], set(start)
    while new := [one for one in judged if one & passages and one not in found]:
        found += new
        passages |= set().union(*new)
    return found


class TestSharedOut:
    @given(st.lists(st.integers(1, 30), min_size=30, max_size=60), st.integers(0, 1_000))
    def test_shares_are_met_as_near_as_whole_groups_come(self, sizes, seed):
        """
        Each part's share is off by no more than the largest group, and a group is never cut.
        """
        named = [f"g{i}" for i, size in enumerate(sizes) for _ in range(size)]

        found = splits.shared_out(named, seed)

        assert len(set(zip(named, found, strict=True))) == len(sizes)
        for name, share in splits.SHARES.items():
            assert abs(found.count(name) - share * len(named)) <= max(sizes)

    def test_other_seeds_give_others(self):
        """
        Another seed shares out otherwise; the order of the queries does not matter.
        """
        named = [f"g{i}" for i in range(50)]

        one, same, other = splits.shared_out(named, 7), splits.shared_out(named[::-1], 7), splits.shared_out(named, 8)

        assert one == same[::-1]
        assert one != other


class TestSpelling:
    @pytest.mark.parametrize(
        ("spelling", "expected"),
        [
            ("squad:test", ("squad", Part("test"))),
            ("squad:dev:13", ("squad", Part("dev", 13))),
            ("./a:b/mine.json:train", ("./a:b/mine.json", Part("train"))),
            ("squad", ("squad", None)),
            ("squad:validation", ("squad:validation", None)),
            ("squad:test:x", ("squad:test:x", None)),
            (":test", (":test", None)),
        ],
    )
    def test_parsed(self, spelling, expected):
        """
        A part stands behind the set, behind a colon, and its seed behind another; all else is a set's own name.
        """
        assert expected == splits.parsed(spelling)

    def test_a_file_of_that_name_is_itself(self, tmp_path, monkeypatch):
        """
        A path that ends like a part and is there is read whole.
        """
        monkeypatch.chdir(tmp_path)
        squad_file(tmp_path).rename(tmp_path / "zoo:test")
        (tmp_path / "zoo:test").rename(tmp_path / "book.json:test")

        with pytest.raises(InputError, match="ends otherwise"):
            loader.load("book.json:test")

    @pytest.mark.parametrize("spelling", ["book.json:test", "book.json:dev:5"])
    def test_the_set_is_called_so(self, tmp_path, monkeypatch, spelling):
        """
        Its name, which files are called by, has dots for colons; it can be told without reading, and leads back.
        """
        monkeypatch.chdir(tmp_path)
        squad_file(tmp_path)

        found = loader.load(spelling)

        assert spelling.replace(".json", "").replace(":", ".") == found.name == loader.name_of(spelling)
        assert "book" == splits.whole(found.name)
        assert "book" == splits.whole("book")
