"""TOML -> cells: read strictly, every name checked before anything starts."""

from __future__ import annotations

import pytest

from bench.errors import InputError
from bench.passages.loader import PassageSet, names
from bench.run import overrides, resolve, suite
from bench.run.cells import make_cells
from retrievers.registry import Entry, Registry, SpellingError, installed, parse

WHOLE = """
name = "tiny"
passages = ["primer", "./zoo"]
measures = ["R@1", "nDCG@10"]
primary = "R@1"
baseline = "BM25() @ CSR()"
rounds = 2
seed = 11
threads = 1
modes = ["single"]
limits = { seconds = 30, memory = "500MiB" }

[[cells]]
encoders = ["TfIdf()", "BM25()"]
storages = ["CSR()", "Flat()"]

[[cells]]
passages = ["primer"]
retrievers = ["RankBM25()", "BM25() @ CSR()"]

[[published]]
passage_set = "primer"
retriever = "BM25() @ CSR()"
measure = "R@1"
at_least = 0.5
source = "a floor"
"""


def passage_set(name: str, language: str = "en") -> PassageSet:
    return PassageSet(
        name=name,
        title=name,
        language=language,
        licence="CC0",
        citation="",
        sha256=name,
        passage_ids=("p1",),
        passages=("a cat",),
        query_ids=("q1",),
        queries=("cat",),
        qrels=None,
    )


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        suite.parse(text, "tiny.toml")
    return str(caught.value)


# What ships


@pytest.mark.slow
@pytest.mark.parametrize("name", suite.shipped())
def test_shipped_suites(name):
    """
    Every suite that ships loads; its passage sets have cards, its spellings parse, its baseline is one of its cells.
    """
    shipped = suite.load(name)
    known = installed()

    cells = make_cells(shipped, [passage_set(each) for each in shipped.passages], known)

    assert name == shipped.name
    assert set(shipped.passages) <= set(names())
    assert [] == [cell.problem for cell in cells if cell.problem]
    assert shipped.baseline == resolve.resolve_baseline(shipped, cells, known)


@pytest.mark.slow
@pytest.mark.parametrize("name", suite.shipped())
def test_published_figures_name_a_cell(name):
    """
    A published figure that ships stands beside a cell that runs: set, retriever as it prints, measure.
    """
    shipped = suite.load(name)
    cells = make_cells(shipped, [passage_set(each) for each in shipped.passages], installed())
    ran = {(cell.passage_set.name, cell.spelling, measure) for cell in cells for measure in shipped.measures}

    assert [] == [p for p in shipped.published if (p.passage_set, p.retriever, p.measure) not in ran]


# What a suite says


def test_a_whole_suite():
    """
    Every encoder meets every storage, retrievers stand alone; each cell once, on the sets that its group names.
    """
    tiny = suite.parse(WHOLE, "tiny.toml")

    crossed = ["TfIdf() @ CSR()", "TfIdf() @ Flat()", "BM25() @ CSR()", "BM25() @ Flat()"]
    assert [("primer", s) for s in (*crossed, "RankBM25()")] + [("./zoo", s) for s in crossed] == tiny.pairs()
    assert (2, 11, ("single",), 30.0, 500 * 2**20) == (
        tiny.rounds,
        tiny.seed,
        tiny.modes,
        tiny.limits.seconds,
        tiny.limits.memory_bytes,
    )


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ("8GB", 8_000_000_000),
        ("8 gb", 8_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("500MiB", 524_288_000),
        ("64kb", 64_000),
        (" 2KiB ", 2048),
    ],
)
def test_sizes(memory, expected):
    """
    A limit of memory is a number and a unit, of a thousand (KB, MB, GB) or of 1,024 (KiB, MiB, GiB).
    """
    assert expected == suite.Limits(memory=memory).memory_bytes


@pytest.mark.parametrize("memory", ["8", "8G", "eight GB", "-1GB", "", "GB", "1e3MB", "0GB", "8GB 8GB", "∞GB"])
def test_no_size(memory):
    """
    What is no size, or none at all, is refused before anything starts.
    """
    message = refused(WHOLE.replace("500MiB", memory))

    assert "limits.memory: expected" in message
    assert repr(memory) in message


# What is refused


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rounds = 2", "round = 2", ["unknown key 'round'", "Did you mean rounds?"]),
        (
            "seconds = 30",
            "second = 30",
            ["limits: unknown key 'second'", "seconds, idle, memory", "Did you mean seconds?"],
        ),
        ("encoders =", "encoder =", ["cells: unknown key 'encoder'", "Did you mean encoders?"]),
        ("at_least =", "atleast =", ["published: unknown key 'atleast'", "Did you mean at_least?"]),
        ("[[cells]]\nencoders", "[[cell]]\nencoders", ["unknown key 'cell'", "Did you mean cells?"]),
        ("seed = 11", "zzz = 11", ["unknown key 'zzz'", "expected one of name, passages"]),
        (
            "seed = 11",
            'retrievers = ["RankBM25()"]',
            ["unknown key 'retrievers'", "stands under [[cells]]"],
        ),
    ],
)
def test_unknown_keys(old, new, words):
    """
    An unknown key, wherever it stands, is refused with the keys that are known and the nearest of them.
    """
    assert old in WHOLE
    message = refused(WHOLE.replace(old, new, 1))

    assert [] == [word for word in ["suite tiny.toml", *words] if word not in message]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rounds = 2", 'rounds = "2"', ["Expected `int`, got `str`", "rounds"]),
        ("rounds = 2", "rounds = 0", ["rounds: expected a whole number of at least 1, found 0"]),
        ("rounds = 2", "rounds = true", ["Expected `int`, got `bool`"]),
        ("threads = 1", "threads = -1", ["threads: expected", "found -1"]),
        ('name = "tiny"', 'name = "../tiny"', ["name: expected a letter or digit, then letters", "found '../tiny'"]),
        ('name = "tiny"', 'name = ""', ["name: expected a letter or digit", "found ''"]),
        ('name = "tiny"', 'name = "a b"', ["name: expected a letter or digit", "found 'a b'"]),
        ('"nDCG@10"]', '"R@1000"]', ["measures: expected no deeper look", "depth = 100, found 'R@1000'"]),
        ('set = "primer"', 'set = "primerr"', ["published.passage_set: expected one of", "primer, ./zoo", "primerr"]),
        ('measure = "R@1"', 'measure = "nDCG@11"', ["published.measure: expected one of", "R@1, nDCG@10", "nDCG@11"]),
        ("at_least = 0.5", "", ["published: expected value and within, or at_least alone, found {}"]),
        ("at_least = 0.5", "value = 0.5", ["value and within, or at_least alone, found {'value': 0.5}"]),
        ("at_least = 0.5", "within = 0.5", ["value and within, or at_least alone, found {'within': 0.5}"]),
        ("at_least = 0.5", "at_least = 0.5\nvalue = 0.6\nwithin = 0.1", ["value and within, or at_least alone"]),
        ("at_least = 0.5", "at_least = 50.0", ["published.at_least: expected a number from 0 to 1", "found 50.0"]),
        ("at_least = 0.5", "value = nan\nwithin = 0.1", ["published.value: expected a number from 0 to 1"]),
        ("threads = 1", "threads = 1\nk = 10\ndepth = 9", ["depth: expected at least k = 10, found 9"]),
        ('["primer", "./zoo"]', '"primer"', ["Expected `array`, got `str`", "passages"]),
        ('["primer", "./zoo"]', "[]", ["passages: expected at least one passage set"]),
        (
            'modes = ["single"]',
            'modes = ["singel"]',
            ["modes: expected some of single, batch, joint, rate, found 'singel'", "Did you mean single?"],
        ),
        ("threads = 1", 'threads = 1\nstop = "never"', ["stop: expected 'decided', found 'never'"]),
        ('baseline = "BM25() @ CSR()"', 'stop = "decided"', ["stop: expected with a baseline", "found None"]),
        ("threads = 1", 'stop = "decided"\ndistractors = 5', ["stop: expected without distractors", "found 5"]),
        ("seconds = 30", "seconds = 0", ["limits.seconds: expected more than 0"]),
        ("seconds = 30", "seconds = inf", ["limits.seconds: expected more than 0, at most 10,000,000, found inf"]),
        ("seconds = 30", "seconds = nan", ["limits.seconds: expected more than 0"]),
        ('limits = { seconds = 30, memory = "500MiB" }', 'limits = "8GB"', ["Expected `object`, got `str`", "limits"]),
        ('"R@1", "nDCG@10"]', '"R@1", "NDCG@10"]', ["unknown measure 'NDCG@10'", "nDCG@10"]),
        ('primary = "R@1"', 'primary = "R@10"', ["primary: expected one of the measures R@1, nDCG@10, found 'R@10'"]),
        ('storages = ["CSR()", "Flat()"]', "", ["cells: expected encoders and storages together"]),
        ('passages = ["primer"]\nretr', 'passages = ["scifact"]\nretr', ["cells.passages", "primer, ./zoo", "scifact"]),
        ('name = "tiny"', "", ["missing required field `name`"]),
        ('source = "a floor"', "", ["missing required field `source`", "published"]),
        ("[[cells]]\nencoders", "[cells]\nencoders", ["suite tiny.toml"]),
    ],
)
def test_wrong_values(old, new, words):
    """
    A value of the wrong type or out of range is refused with its key, what was expected, and what was found.
    """
    assert old in WHOLE
    message = refused(WHOLE.replace(old, new, 1))

    assert [] == [word for word in ["tiny.toml", *words] if word not in message]


def test_no_cells():
    """
    A suite without a cell is refused.
    """
    head = WHOLE[: WHOLE.index("[[cells]]")]

    assert "missing required field `cells`" in refused(head)
    assert "cells: expected at least one cell" in refused(head + "[[cells]]\n")


def test_no_toml(tmp_path):
    """
    A file that is no TOML is refused with the line that breaks it; one that is not UTF-8 with the byte.
    """
    path = tmp_path / "broken.toml"

    path.write_text('name = "tiny"\nrounds = = 2\n')
    with pytest.raises(InputError, match=r"broken\.toml: no valid TOML: .*line 2, column 10"):
        suite.load(str(path))

    path.write_bytes('name = "é"\n'.encode("latin-1"))
    with pytest.raises(InputError, match=r"broken\.toml: expected UTF-8, found byte 8"):
        suite.load(str(path))


def test_no_suite(tmp_path):
    """
    A name that is no suite is refused with the suites that ship and the nearest of them; a folder is no suite.
    """
    with pytest.raises(InputError, match=r"suite 'frist': expected a TOML file or one of first.*Did you mean first\?"):
        suite.load("frist")
    with pytest.raises(InputError, match="expected a TOML file, found a folder"):
        suite.load(str(tmp_path))


# From the command line


def test_from_retrievers():
    """
    Retrievers named on the command line are a suite; the first is its baseline.
    """
    made = overrides.from_retrievers(["primer"], ["BM25() @ CSR()", "RankBM25()"])

    assert [("primer", "BM25() @ CSR()"), ("primer", "RankBM25()")] == made.pairs()
    assert "BM25() @ CSR()" == made.baseline


def test_changed():
    """
    What the command line says stands above the suite; what it does not say stays.
    """
    tiny = suite.parse(WHOLE, "tiny.toml")

    changes = {"rounds": 5, "seed": None, "modes": ["joint"]}
    changed = overrides.override(tiny, changes, {"memory": "1GB", "seconds": None})

    assert (5, 11, ("joint",), 10**9, 30.0) == (
        changed.rounds,
        changed.seed,
        changed.modes,
        changed.limits.memory_bytes,
        changed.limits.seconds,
    )
    assert tiny == overrides.override(tiny, {}, {})


@pytest.mark.parametrize(
    ("changes", "limits", "words"),
    [
        ({"modes": ["fast"]}, {}, "--mode: expected single, batch, joint, rate, found 'fast'"),
        ({"queries": 0}, {}, "queries: expected a whole number of at least 1, found 0"),
        ({}, {"memory": "lots"}, "limits.memory: expected a size"),
    ],
)
def test_a_wrong_change(changes, limits, words):
    """
    The command line is held to the same rules.
    """
    with pytest.raises(InputError, match=words):
        overrides.override(suite.parse(WHOLE, "tiny.toml"), changes, limits)


# Against names


def test_baseline_as_its_cells_are_spelled():
    """
    A baseline is the cell that it spells, however it is written.
    """
    tiny = suite.parse(WHOLE.replace('baseline = "BM25() @ CSR()"', 'baseline = "BM25(k1=0.9)@CSR()"'), "tiny.toml")
    known = installed()

    cells = make_cells(tiny, [passage_set("primer"), passage_set("zoo")], known)

    assert "BM25() @ CSR()" == resolve.resolve_baseline(tiny, cells, known)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("BM25(k1=1.2) @ CSR()", r"found 'BM25\(k1=1.2\) @ CSR\(\)'. Did you mean BM25\(\) @ CSR\(\)\?"),
        ("Whitespace()", r"baseline: expected one of the cells TfIdf\(\) @ CSR\(\), .*, found 'Whitespace\(\)'"),
    ],
)
def test_baseline_that_is_no_cell(written, words):
    """
    A baseline that is none of the suite's cells is refused with the nearest cell.
    """
    tiny = suite.parse(WHOLE.replace('baseline = "BM25() @ CSR()"', f'baseline = "{written}"'), "tiny.toml")
    known = installed()
    cells = make_cells(tiny, [passage_set("primer"), passage_set("zoo")], known)

    with pytest.raises(InputError, match=words):
        resolve.resolve_baseline(tiny, cells, known)


def test_published_figures_as_their_cells_are_spelled():
    """
    A published figure stands beside the cell that it spells, however it is written, by the name of the loaded set.
    """
    written = WHOLE.replace(
        'set = "primer"\nretriever = "BM25() @ CSR()"', 'set = "./zoo"\nretriever = "BM25(b=0.4)@CSR()"'
    )
    tiny, known = suite.parse(written, "tiny.toml"), installed()
    cells = [("primer", "BM25() @ CSR()"), ("zoo", "BM25() @ CSR()")]

    found = resolve.resolve_published(tiny, ["primer", "zoo"], cells, known)

    assert [("zoo", "BM25() @ CSR()", 0.5)] == [(f.passage_set, f.retriever, f.at_least) for f in found]


@pytest.mark.parametrize(
    ("written", "error", "words"),
    [
        (
            "BM25(k1=1.2) @ CSR()",
            InputError,
            r"expected one of the cells on primer \(BM25\(\) @ CSR\(\)\), found 'BM25\(k1=1.2\) .* Did you mean BM25",
        ),
        ("BM52() @ CSR()", SpellingError, r"unknown encoder 'BM52'.* Did you mean BM25\?"),
    ],
)
def test_published_figure_beside_no_cell(written, error, words):
    """
    A published figure of a retriever that is not run is refused with the nearest cell, as is one that spells nothing.
    """
    tiny = suite.parse(WHOLE.replace('ver = "BM25() @ CSR()"\nmeas', f'ver = "{written}"\nmeas'), "tiny.toml")

    with pytest.raises(error, match=words):
        resolve.resolve_published(tiny, ["primer", "zoo"], [("primer", "BM25() @ CSR()")], installed())


def test_no_baseline():
    """
    A suite may do without a baseline.
    """
    tiny = suite.parse(WHOLE.replace('baseline = "BM25() @ CSR()"', ""), "tiny.toml")

    assert resolve.resolve_baseline(tiny, [], installed()) is None


def test_two_sets_of_one_name():
    """
    Two passage sets of one name are refused: hits and records are kept by it.
    """
    tiny = suite.parse(WHOLE, "tiny.toml")

    with pytest.raises(InputError, match="expected each name once, found 'zoo' again: rename its file or folder"):
        make_cells(tiny, [passage_set("zoo"), passage_set("zoo")], installed())


def test_unknown_retriever():
    """
    A spelling that names nothing stops the suite before it starts.
    """
    tiny = suite.parse(WHOLE.replace('"RankBM25()"', '"RankBM52()"'), "tiny.toml")

    with pytest.raises(SpellingError, match=r"unknown name 'RankBM52': .* Did you mean RankBM25\?"):
        make_cells(tiny, [passage_set("primer"), passage_set("zoo")], installed())


def test_a_broken_plugin_breaks_its_own_row():
    """
    An adapter that cannot be loaded, or does not keep its options, is a cell with its problem; the others run.
    """
    tiny = suite.parse(
        WHOLE.replace('"RankBM25()"', '"Gone()", "Forgets(1)"').replace('"BM25() @ CSR()"\n', '"Gone()"\n', 1),
        "tiny.toml",
    )
    known = installed()
    known.add(Entry("retrievers", "Gone", "no_such_module:Gone", "gone"))
    known.add(Entry("retrievers", "Forgets", f"{__name__}:Forgets", "forgets"))

    cells = make_cells(tiny, [passage_set("primer"), passage_set("zoo")], known)

    problems = {cell.spelling: cell.problem for cell in cells if cell.problem}
    assert {"Gone()", "Forgets(1)"} == set(problems)
    assert "'gone' cannot be loaded" in problems["Gone()"]
    assert "Forgets does not keep its option 'size': expected the attribute self.size" in problems["Forgets(1)"]
    assert 8 == sum(not cell.problem for cell in cells)
    assert "Gone()" == resolve.resolve_baseline(tiny, cells, known)


class Forgets:
    """An engine that does not keep its option."""

    def __init__(self, size):
        pass

    def index(self, passages): ...

    def search(self, queries, k): ...


def test_the_analyser_follows_the_language():
    """
    An analyser left at its default is resolved from the language of each passage set, and makes another cell.
    """
    tiny = overrides.from_retrievers(["en", "ko"], ["BM25() @ CSR()"])

    english, korean = make_cells(tiny, [passage_set("en", "en"), passage_set("ko", "ko")], installed())

    assert "BM25() @ CSR()" == english.spelling == korean.spelling
    assert repr(english.retriever) != repr(korean.retriever)
    assert english.key != korean.key


@pytest.mark.slow
def test_conditions_make_another_cell():
    """
    A cell is found again by its set, its resolved spelling and its conditions, not by its suite's name or baseline.
    """
    known, sets = installed(), [passage_set("primer"), passage_set("zoo")]
    tiny = suite.parse(WHOLE, "tiny.toml")

    def keys(changed: suite.Suite, registry: Registry = known) -> list[str]:
        return [cell.key for cell in make_cells(changed, sets, registry)]

    assert keys(tiny) == keys(overrides.override(tiny, {"name": "other", "baseline": "RankBM25()"}, {}))
    for changes in ({"seed": 12}, {"rounds": 3}, {"threads": 2}, {"queries": 9}, {"k": 5}):
        assert set() == set(keys(tiny)) & set(keys(overrides.override(tiny, changes, {})))


def test_every_spelling_that_ships_parses():
    """
    Every encoder, storage and retriever that a shipped suite names can be spelled on its own.
    """
    known = installed()
    groups = [group for name in suite.shipped() for group in suite.load(name).cells]

    spelled = {text for group in groups for text in (*group.encoders, *group.storages, *group.retrievers)}

    assert spelled
    assert [] == [text for text in spelled if parse(text, known) is None]
