"""Names -> classes, and the spelling that makes a retriever."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrievers import registry as registry_module
from retrievers.contract import Spelled, VectorRetriever, no_hits, spell
from retrievers.registry import (
    Entry,
    PluginError,
    Registry,
    SpellingError,
    installed,
    parse,
    resolved,
    spelled_in_full,
)

# Adapters that do nothing, one of each kind and of each kind of option.


class Bag(Spelled):
    def __init__(self, k1=0.9, mode="plain", analyser=None, stop=()):
        self.k1, self.mode, self.analyser, self.stop = k1, mode, analyser, stop

    def fit(self, passages): ...

    def encode(self, texts, role): ...


class Model(Bag):
    def __init__(self, name, lower=True, dims=None):
        self.name, self.lower, self.dims = name, lower, dims


class Rows(Spelled):
    def __init__(self, shift=-1):
        self.shift = shift

    def build(self, vectors): ...

    def search(self, queries, k):
        return no_hits(len(queries), k)


class Sharded(Spelled):
    def __init__(self, retriever, shards=2):
        self.retriever, self.shards = retriever, shards

    def index(self, passages): ...

    def search(self, queries, k):
        return no_hits(len(queries), k)


class Tokens(Spelled):
    def __init__(self, n=1):
        self.n = n

    def __call__(self, text):
        return text.split()


KINDS = {Bag: "encoders", Model: "encoders", Rows: "storages", Sharded: "retrievers", Tokens: "analysers"}


def toys() -> Registry:
    """The adapters of this file, registered as a package's would be."""
    known = Registry()
    for adapter, group in KINDS.items():
        known.add(Entry(group, adapter.__name__, f"{__name__}:{adapter.__name__}", "toys"))
    return known


# The spelling


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bag() @ Rows()", "Bag() @ Rows()"),
        ("  Bag( k1 = 1.2 )@Rows( )", "Bag(k1=1.2) @ Rows()"),
        ("Bag(0.9, 'plain') @ Rows()", "Bag() @ Rows()"),
        ("Bag(mode='x', k1=2)", 'Bag(k1=2, mode="x")'),
        ("Bag(k1=-1.5) @ Rows(shift=-1)", "Bag(k1=-1.5) @ Rows()"),
        ("Model(name='all-MiniLM')", 'Model("all-MiniLM")'),
        ("Model('a', lower=False, dims=None)", 'Model("a", lower=False)'),
        ("Model('a', True, 64)", 'Model("a", dims=64)'),
        ("""Model('say "@" \\\\ now')""", 'Model("say \\"@\\" \\\\ now")'),
        ("Model('한국어 é \\n')", 'Model("한국어 é \\n")'),
        ("Bag(stop=('a', 'b')) @ Rows()", 'Bag(stop=["a", "b"]) @ Rows()'),
        ("Bag(stop=[[1, 2], (3,)])", "Bag(stop=[[1, 2], [3]])"),
        ("Bag(analyser=Tokens(n=2)) @ Rows()", "Bag(analyser=Tokens(n=2)) @ Rows()"),
        ("Sharded(Bag() @ Rows(), shards=3)", "Sharded(Bag() @ Rows(), shards=3)"),
        ("Sharded(Sharded(Bag(k1=1) @ Rows()))", "Sharded(Sharded(Bag(k1=1) @ Rows()))"),
        ("Tokens(3)", "Tokens(n=3)"),
    ],
)
def test_canonical_spelling(text, expected):
    """
    A spelling prints in one way: options in constructor order, double quotes, only what differs from its default.
    """
    assert expected == spell(parse(text, toys()))
    assert expected == spell(parse(expected, toys()))


@pytest.mark.parametrize(
    "text", ["Bag(k1=true)", "Bag(k1=-inf)", "Bag(analyser=Tokens)", "Bag(k1=1 + 1)", "Bag(k1=(1]"]
)
def test_no_quotes_where_no_text_is_meant(text):
    """
    Quotes are proposed for what may be a text, not for a literal of another language, an adapter or a sum.
    """
    with pytest.raises(SpellingError) as caught:
        parse(text, toys())

    assert "quotes round the whole" not in str(caught.value)


def test_deep_nesting():
    """
    However deep retrievers nest, a spelling is read and printed in a moment: the work grows with its length alone.
    """
    spelling = "Sharded(" * 60 + "Bag() @ Rows()" + ")" * 60

    assert spelling == spell(parse(spelling, toys()))


def test_required_by_name():
    """
    An option without a default that can only be named is spelled with its name.
    """
    assert "Named(size=3)" == spell(Named(size=3))


class Named:
    def __init__(self, *, size):
        self.size = size


def test_an_adapter_that_can_not_be_made():
    """
    What a constructor raises, but for a caller's mistake, is the adapter's own row: a PluginError with the cause.
    """
    known = toys()
    known.add(Entry("storages", "Needs", f"{__name__}:Needs", "needs"))

    with pytest.raises(PluginError, match="Needs cannot be made:\nImportError: pip install needs"):
        parse("Bag() @ Needs()", known)


class Needs(Rows):
    def __init__(self):
        raise ImportError("pip install needs")


def test_spelled_in_python():
    """
    What `@` makes in Python prints as it is spelled in a suite.
    """
    retriever = Sharded(Bag(k1=1.2) @ Rows(), shards=3)

    assert "Sharded(Bag(k1=1.2) @ Rows(), shards=3)" == repr(retriever)


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5)
ENCODERS = st.one_of(
    st.builds(Bag, VALUES, VALUES, st.one_of(VALUES, st.builds(Tokens, VALUES)), VALUES),
    st.builds(Model, VALUES, VALUES, VALUES),
)
PAIRS = st.builds(VectorRetriever, ENCODERS, st.builds(Rows, VALUES))
RETRIEVERS = st.recursive(PAIRS, lambda inner: st.builds(Sharded, inner, VALUES), max_leaves=3)


@pytest.mark.slow
@given(st.one_of(RETRIEVERS, ENCODERS))
@settings(deadline=None)
def test_round_trip(adapter):
    """
    Whatever an adapter is made of, its print parses back to an adapter with the same print.
    """
    spelling = spell(adapter)

    assert spelling == spell(parse(spelling, toys()))


@given(st.text(st.sampled_from("BagRowsM()@=,'\"[]{}\\ 0.-+eNonek1*:lambdafx\n#"), max_size=60))
@settings(deadline=None)
def test_any_text(text):
    """
    A text that is no spelling is refused as one, whatever it is.
    """
    try:
        adapter = parse(text, toys())
    except SpellingError:
        return

    assert type(adapter) in (*KINDS, VectorRetriever)


class Typed(Bag):
    def __init__(self, size=1, mode="plain", low=False):
        if size < 0 or low + mode:
            raise ValueError("Typed: expected size to be positive")


def quoted(argument: str) -> list[str]:
    return [f"Did you mean Model({argument}) @ Rows()?", "in double quotes; put single quotes round the whole"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bga() @ Rows()", ["unknown encoder 'Bga'", "Bag, Model", "Did you mean Bag?"]),
        ("Bag() @ Rosw()", ["unknown storage 'Rosw'", "expected one of Rows", "Did you mean Rows?"]),
        ("Bag() @ Bag()", ["unknown storage 'Bag'", "Bag is a name of the encoders"]),
        ("Rows() @ Bag()", ["unknown encoder 'Rows'", "Rows is a name of the storages"]),
        ("Shraded(1)", ["'Shraded'", "Did you mean Sharded?"]),
        ("Bag(k=1)", ["no option 'k'", "k1, mode, analyser, stop", "Did you mean k1?"]),
        ("Bag", ["column 1", "expected a call, Bag()", "found Bag"]),
        ("", ["''", "BM25(k1=1.2) @ CSR()"]),
        ("Bag(", ["'Bag('", "column 4", "syntax error"]),
        ("Bag() @ Rows() @ Rows()", ["one of the encoders", "a pairing with @"]),
        ("Bag() + Rows()", ["expected a call", "Bag() + Rows()"]),
        ("Bag(k1=1 + 1)", ["column 8", "expected a number", "found 1 + 1"]),
        ("Bag(1, 2, 3, 4, 5)", ["Bag", "positional arguments"]),
        ("Model()", ["Model", "'name'"]),
        ("42", ["expected a call", "42"]),
        ("Bag(k1=1, k1=2)", ["column 14", "expected k1 once, found k1 again"]),
        ("Bag(k1=1e999)", ["expected a finite number"]),
        ('Typed(size="large")', ["Typed: expected size to be a number, found 'large'"]),
        ("Typed(1, 2)", ["Typed: expected mode to be a text, found 2"]),
        ("Typed(low=1)", ["Typed: expected low to be True or False, found 1"]),
        ("Typed(size=None)", ["Typed: '<' not supported"]),
        ("Model(all-MiniLM-L6) @ Rows()", ["column 7", "found all-MiniLM-L6.", *quoted('"all-MiniLM-L6"')]),
        ("Model(BAAI/bge-v1.5) @ Rows()", ["syntax error", *quoted('"BAAI/bge-v1.5"')]),
        ("Model( ./model ) @ Rows()", ["syntax error", *quoted(' "./model" ')]),
        ("Model(p.npy, dims=q.npy) @ Rows()", ["found p.npy.", *quoted('"p.npy", dims="q.npy"')]),
        ("Model(./p.npy, dims=q.npy) @ Rows()", ["syntax error", *quoted('"./p.npy", dims="q.npy"')]),
        ('Model("a, b, c", dims=d) @ Rows()', ["found d.", *quoted('"a, b, c", dims="d"')]),
        ("Typed(size=-1)", ["in 'Typed(size=-1)': Typed: expected size to be positive"]),
    ],
)
def test_no_spelling(text, words):
    """
    An error names the spelling, what was expected, what was found, and the nearest name.
    """
    known = toys()
    known.add(Entry("encoders", "Typed", f"{__name__}:Typed", "toys"))

    with pytest.raises(SpellingError) as caught:
        parse(text, known)

    assert [] == [word for word in words if word not in str(caught.value)]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch owned')",
        "Bag(k1=__import__('os').system('touch owned'))",
        "Bag(k1=(lambda: open('owned', 'w'))())",
        "Bag(k1=[open('owned', 'w') for _ in 'x'])",
        'Bag(mode=f\'{open("owned", "w")}\')',
        "Bag().fit(open('owned', 'w'))",
        "Bag(*[open('owned', 'w')])",
        "Bag(**{'k1': open('owned', 'w')})",
        "Bag(k1=(x := 1))",
        "Bag(k1=2 ** 10 ** 10)",
        "Bag(mode='a' * 10 ** 10)",
        "Bag(k1={'a': 1})",
        "Bag(k1=Bag.fit)",
        "(" * 10_000 + "Bag()" + ")" * 10_000,
        "Bag(k1=" + "-" * 10_000 + "1)",
        "Bag(k1=1" + "+1" * 900 + ")",
        "Bag" + ".fit" * 900,
        "Bag(\0)",
    ],
    ids=lambda text: text[:20],
)
def test_nothing_is_evaluated(text, tmp_path, monkeypatch):
    """
    A spelling is read and never run: no import, no attribute, no arithmetic, no nesting that breaks the reader.
    """
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SpellingError):
        parse(text, toys())

    assert [] == list(tmp_path.iterdir())


# Defaults left to the passage set


def test_resolved():
    """
    An option that is None and has a default from the passage set takes it, nested ones too; nothing else changes.
    """
    retriever = Sharded(Bag(k1=1.2) @ Rows(shift=None), shards=3)

    full = resolved(retriever, {"analyser": Tokens(n=2)})

    assert "Sharded(Bag(k1=1.2, analyser=Tokens(n=2)) @ Rows(shift=None), shards=3)" == spell(full)
    assert "Sharded(Bag(k1=1.2) @ Rows(shift=None), shards=3)" == spell(retriever)


def test_resolved_keeps_what_was_said():
    """
    An analyser that was named stays.
    """
    encoder = Bag(analyser=Tokens(n=7))

    assert "Bag(analyser=Tokens(n=7))" == spell(resolved(encoder, {"analyser": Tokens(n=2)}))


def test_resolved_in_a_sequence():
    """
    Adapters in a tuple or a list, however deep, take the passage set's defaults too; plain values stay as they are.
    """
    retriever = Sharded(("a", None, [Bag() @ Rows(), Bag(analyser=Tokens(n=7))]))

    full = resolved(retriever, {"analyser": Tokens(n=2)})

    assert 'Sharded(["a", None, [Bag(analyser=Tokens(n=2)) @ Rows(), Bag(analyser=Tokens(n=7))]])' == spell(full)


def test_spelled_in_full():
    """
    The record keeps every option, also those at their defaults.
    """
    assert {"k1": "0.9", "mode": '"plain"', "analyser": "Tokens()", "stop": "[]"} == spelled_in_full(
        Bag(analyser=Tokens())
    )


# Where adapters come from


def test_own_adapters_are_entry_points():
    """
    The adapters that ship are registered by entry point, as a stranger's are.
    """
    known = installed()

    assert {"BM25", "BiEncoder", "TfIdf"} <= set(known.names("encoders"))
    assert {"CSR", "Faiss", "Flat"} <= set(known.names("storages"))
    assert {"RankBM25"} <= set(known.names("retrievers"))
    assert {"CharNGrams", "Whitespace", "Words"} <= set(known.names("analysers"))


@pytest.mark.slow
def test_listing_loads_nothing():
    """
    Listing the names imports no adapter, and making a lexical one imports nothing heavy.
    """
    program = (
        "import sys; from retrievers.registry import GROUPS, installed, parse; known = installed();"
        "assert all(known.names(group) for group in GROUPS);"
        "assert not [m for m in sys.modules if m.startswith(('retrievers.encoders', 'retrievers.storages'))];"
        "parse('BM25()', known);"
        "print(*sorted({'torch', 'faiss', 'sklearn', 'sentence_transformers', 'pandas'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ("\n", "", 0) == (found.stdout, found.stderr, found.returncode)


def test_a_strangers_package(monkeypatch):
    """
    A package that registers an entry point is known by the name it gave; its code is not loaded before it is spelled.
    """
    point = metadata.EntryPoint("Stranger", "no_such_module:Stranger", "sparring.encoders")
    monkeypatch.setattr(
        registry_module.metadata,
        "entry_points",
        lambda group: metadata.EntryPoints([point] if group == "sparring.encoders" else []),
    )

    known = installed()

    assert ["Stranger"] == known.names("encoders")
    with pytest.raises(PluginError, match=r"encoder 'Stranger'.*\nModuleNotFoundError: No module named"):
        parse("Stranger()", known)


def test_two_packages_claim_one_name():
    """
    Two packages that claim one name are an error that names both.
    """
    known = toys()

    with pytest.raises(PluginError, match=r"'Bag' is claimed by two packages, 'toys' .* and 'others' \(others:Bag\)"):
        known.add(Entry("encoders", "Bag", "others:Bag", "others"))


def test_one_name_twice_from_one_package():
    """
    The same entry twice is one entry, and one name in two groups is two adapters.
    """
    known = toys()
    known.add(known.entries["encoders", "Bag"])
    known.add(Entry("storages", "Bag", "others:Bag", "others"))

    assert ["Bag", "Model"] == known.names("encoders")
    assert ["Bag", "Rows"] == known.names("storages")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such_module:Thing", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("retrievers.contract:Thing", "AttributeError: .*'Thing'"),
    ],
)
def test_broken_entry_point(target, words):
    """
    An adapter that cannot be loaded is a PluginError that names the adapter, its package and the cause.
    """
    entry = Entry("storages", "Thing", target, "things")

    with pytest.raises(PluginError, match=f"storage 'Thing' from package 'things' cannot be loaded:\n{words}"):
        entry.load()


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("Sack", "Bag", "expected its class to be called Sack, found Bag: rename the class, or register it as Bag"),
        ("toys", "toys", "toys to be a class, found <function toys"),
    ],
)
def test_an_adapter_is_registered_under_the_name_of_its_class(name, target, words):
    """
    An entry point that is no class, or is called otherwise than its class, is refused with the remedy: an adapter
    prints with the name of its class, and that print has to parse back.
    """
    entry = Entry("encoders", name, f"{__name__}:{target}", "things")

    with pytest.raises(PluginError) as caught:
        entry.load()

    assert f"encoder {name!r} from package 'things' cannot be used:" in str(caught.value)
    assert words in str(caught.value)


# Plug-in files

PLUGIN = """
from retrievers.contract import no_hits

class Shout:
    '''An engine.'''
    def index(self, passages): ...
    def search(self, queries, k): return no_hits(len(queries), k)

class Bare:
    '''A storage.'''
    def build(self, vectors): ...
    def search(self, queries, k): return no_hits(len(queries), k)

class Letters:
    '''An analyser.'''
    def __call__(self, text): return list(text)

class Nothing:
    '''No adapter.'''

class Called:
    '''No adapter either: it takes more than a text.'''
    def __call__(self, text, other): ...

Loud = Shout  # a second name is no second adapter
"""


def test_plugin_file(tmp_path):
    """
    The classes of a plug-in file that meet a protocol are registered under their own names, others are left alone.
    """
    path = tmp_path / "shout.py"
    path.write_text(PLUGIN)
    known = toys()

    known.add_file(path)

    assert ["Sharded", "Shout"] == known.names("retrievers")
    assert ["Bare", "Rows"] == known.names("storages")
    assert ["Letters", "Tokens"] == known.names("analysers")
    assert "Bag(analyser=Letters()) @ Rows()" == spell(parse("Bag(analyser=Letters()) @ Rows()", known))
    assert "Bag() @ Bare()" == spell(parse("Bag() @ Bare()", known))
    assert str(path) == known.entries["retrievers", "Shout"].package


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("import no_such_module\n", "cannot be loaded:\nModuleNotFoundError"),
        ("def broken(:\n", "cannot be loaded:\nSyntaxError"),
        ("raise RuntimeError('not today')\n", "cannot be loaded:\nRuntimeError: not today"),
        ("import sys\nsys.exit(0)\n", "cannot be loaded:\nSystemExit: 0"),
        ("x = 1\n", "holds no adapter: expected a class with fit and encode .*, found: no class of its own"),
        ("class Cat:\n    def purr(self): ...\n", "holds no adapter: .*, found: only Cat\n"),
        (
            "from retrievers.encoders.lexical import BM25\n",
            "what it imports does not count",
        ),
        (
            "class Mine:\n    def index(self, passages): ...\n    def serach(self, queries, k): ...\n",
            r"found: broken.py has a class Mine: it has no search\(queries, k\)\n",
        ),
        (None, "expected a Python file, found none"),
    ],
)
def test_broken_plugin_file(tmp_path, content, words):
    """
    A plug-in file that cannot be loaded, ends the process, or holds no adapter is a PluginError that names the file
    and the cause.
    """
    path = tmp_path / "broken.py"
    if content is not None:
        path.write_text(content)

    with pytest.raises(PluginError, match=words) as caught:
        toys().add_file(path)

    assert str(path) in str(caught.value)


def test_a_broken_plugin_file_stays_broken(tmp_path):
    """
    What is left of a file that broke half-way is not taken for the file when it is asked for again.
    """
    path = tmp_path / "half.py"
    path.write_text(f"{PLUGIN}\nraise RuntimeError('not today')\n")
    known = toys()

    for _ in range(2):
        with pytest.raises(PluginError, match="not today"):
            known.add_file(path)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def index(self, passages): ...\n def serach(self, queries, k): ...", "it has no search(queries, k)"),
        ("def search(self, queries, k): ...", "it has no build(vectors) or index(passages)"),
        ("def encode(self, texts, role): ...", "it has no fit(passages)"),
        ("def __call__(self, text, n): ...", "expected __call__(text), found __call__(self, text, n)"),
    ],
)
@pytest.mark.parametrize("spelling", ["Mine()", "Mine() @ Rows()"])
def test_a_class_that_nearly_is_an_adapter(tmp_path, spelling, body, said):
    """
    A class of a plug-in file that lacks a method is named with what it lacks, when it is asked for, and no other
    adapter proposed.
    """
    path = tmp_path / "shout.py"
    path.write_text(f"{PLUGIN}\nclass Mine:\n {body}\n")
    known = toys()
    known.add_file(path)

    with pytest.raises(SpellingError) as caught:
        parse(spelling, known)

    assert str(caught.value).endswith(f"'Mine': shout.py has a class Mine: {said}")


def test_an_adapter_that_ends_the_process(tmp_path):
    """
    An adapter whose constructor, or whose package, would end the process breaks its own row instead; Ctrl-C does not.
    """
    (tmp_path / "ends.py").write_text(f"{PLUGIN}\nclass Ends(Shout):\n    def __init__(self): raise SystemExit(0)\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "stopped.py").write_text("raise KeyboardInterrupt\n")
    known = toys()
    known.add_file(tmp_path / "ends.py")
    exits = Entry("encoders", "Exits", f"{tmp_path / 'exits.py'}:Exits", "theirs")

    with pytest.raises(PluginError, match="Ends cannot be made:\nSystemExit: 0"):
        parse("Ends()", known)
    with pytest.raises(PluginError, match="'theirs' cannot be loaded:\nSystemExit: 0"):
        exits.load()
    with pytest.raises(KeyboardInterrupt):
        known.add_file(tmp_path / "stopped.py")


def test_two_files_of_one_name(tmp_path):
    """
    Two plug-in files called alike are two plug-ins.
    """
    known = toys()
    for folder, name in (("a", "One"), ("b", "Two")):
        (tmp_path / folder).mkdir()
        other = PLUGIN.replace("Shout", name).replace("Bare", f"Bare{name}").replace("Letters", f"Letters{name}")
        (tmp_path / folder / "plugin.py").write_text(other)
        known.add_file(tmp_path / folder / "plugin.py")

    assert ["One()", "Two()"] == [spell(parse(text, known)) for text in ("One()", "Two()")]


def test_an_analyser_that_can_not_be_called():
    """
    What is registered as an analyser and cannot be called with one text is refused, although every class is callable.
    """
    entry = Entry("analysers", "Rows", f"{__name__}:Rows", "things")

    with pytest.raises(PluginError, match=r"analyser 'Rows' .*\nexpected __call__\(text\), found no __call__"):
        entry.load()


def test_method_with_another_signature(tmp_path):
    """
    A method that cannot take what the harness hands it is refused on arrival, with its signature and the contract's.
    """
    path = tmp_path / "odd.py"
    path.write_text(PLUGIN.replace("def search(self, queries, k)", "def search(self, queries)"))
    known = toys()
    known.add_file(path)

    with pytest.raises(PluginError) as caught:
        parse("Shout()", known)

    assert f"retriever 'Shout' from package '{path}' cannot be used:" in str(caught.value)
    assert "expected search(queries, k), found search(self, queries)" in str(caught.value)
    assert "retrievers/README.md" in str(caught.value)


def test_source_sha256(tmp_path):
    """
    The hash of an adapter's code changes with its file, since cached matrices are found by it.
    """
    path = tmp_path / "shout.py"
    path.write_text(PLUGIN)
    entry = Entry("retrievers", "Shout", f"{path}:Shout", str(path))
    before = entry.source_sha256()

    path.write_text(PLUGIN + "# changed\n")

    assert before != entry.source_sha256()
