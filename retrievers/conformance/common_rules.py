"""The rules that adapters of every kind keep."""

from __future__ import annotations

import importlib.machinery
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from retrievers.conformance.subject import (
    CLOSE,
    Answers,
    BrokenRule,
    NotApplicable,
    NothingToTry,
    Rule,
    Subject,
    difference,
    kind_of,
)
from retrievers.conformance.toy_collections import Given, ToyCollection, count
from retrievers.contract import Adapter, VectorRetriever, is_exact, options_of, search_options, spell
from retrievers.plugin import PROTOCOLS
from retrievers.registry import Entry, Registry, parse


def options_kept(subject: Subject) -> str | None:
    """Every option is kept under its own name, as it was given, and learning changes none."""
    remedy = "keep each option as self.NAME and derive other values under other names"
    with subject.fresh() as adapter:
        try:
            options = options_of(adapter)
            again = type(adapter)(**options)
        except TypeError as error:
            raise BrokenRule("an attribute for each option", str(error), remedy) from error
        if spell(again) != spell(adapter):
            raise BrokenRule(f"{spell(adapter)}, made anew from its options", spell(again), remedy)
        if subject.kind != "analyser":
            collection = first(subject)
            subject.learn(adapter, collection.passages())
            if spell(again) != spell(adapter):
                raise BrokenRule(f"{spell(again)} after learning", spell(adapter), remedy)
    return f"{len(options)} options" if options else "no options"


def spelling_parses_back(subject: Subject) -> str | None:
    """The spelling parses back to an adapter that is spelled the same."""
    with subject.fresh() as adapter:
        registry = registry_of(adapter)
        spelled = spell(adapter)
        try:
            again = parse(spelled, registry)
        except Exception as error:
            remedy = "let options be numbers, texts, True, False, None, lists of them or adapters"
            raise BrokenRule(f"{spelled} to parse", f"{type(error).__name__}: {error}", remedy) from error
        if spell(again) != spelled or type(again).__name__ != type(adapter).__name__:
            raise BrokenRule(spelled, spell(again), "keep options as they were given")
    return spelled


def registry_of(adapter: object) -> Registry:
    """The names that the spelling of an adapter needs. NotApplicable where it has no spelling."""
    registry = Registry()
    try:
        for entry in _entries_of(adapter):
            if (entry.group, entry.name) not in registry.entries:
                registry.add(entry)
    except (TypeError, ValueError) as error:
        raise NotApplicable(f"it cannot be spelled ({error}), see options-kept") from error
    return registry


def _entries_of(adapter: object) -> Iterator[Entry]:
    """Where the class of an adapter is found, and that of each adapter among its options."""
    if isinstance(adapter, VectorRetriever):
        yield from (*_entries_of(adapter.encoder), *_entries_of(adapter.storage))
        return
    kind = kind_of(adapter)
    group = next(group for group in PROTOCOLS if group == f"{kind}s")
    yield Entry(group, type(adapter).__name__, _target(type(adapter)), "the adapter under check")
    for option in options_of(adapter).values():
        for value in option if isinstance(option, list | tuple) else [option]:
            if value is not None and not isinstance(value, str | bool | int | float | list | tuple):
                yield from _entries_of(value)


def _target(adapter: type) -> str:
    """Where a registry finds a class. NotApplicable for one that no other process can import."""
    if "." in adapter.__qualname__:
        raise NotApplicable(
            f"{adapter.__name__} cannot be made elsewhere: its class stands inside {adapter.__module__}"
        )
    top = adapter.__module__.partition(".")[0]
    if top != "__main__" and importlib.machinery.PathFinder.find_spec(top) is not None:
        return f"{adapter.__module__}:{adapter.__name__}"
    try:
        return f"{Path(inspect.getfile(adapter)).resolve()}:{adapter.__name__}"  # of a plug-in file
    except (OSError, TypeError) as error:
        raise NotApplicable(f"{adapter.__name__} cannot be made elsewhere: {error}") from error


def claims_well_formed(subject: Subject) -> str | None:
    """`exact` is True or False, and `search_options` names options of the constructor."""
    with subject.fresh() as adapter:
        try:
            options = options_of(adapter)
        except TypeError as error:
            raise NotApplicable(f"it does not keep its options ({error}), see options-kept") from error
        unknown = [name for name in search_options(adapter) if name not in options]
        if unknown:
            raise BrokenRule(
                f"search_options out of {list(options)}", repr(unknown), "name options as the constructor does"
            )
        if hasattr(adapter, "exact") and is_exact(adapter) is None:
            raise BrokenRule("exact as True or False", repr(adapter.exact), "say one, or leave it out")
        return f"exact: {is_exact(adapter)}; search options: {', '.join(search_options(adapter)) or 'none'}"


def learns(subject: Subject) -> str | None:
    """Some of what it is handed it takes: texts or vectors. What refuses all of it is not proven."""
    try:
        return ", ".join(collection.name for collection in subject.collections)
    except NotApplicable as reason:
        raise NothingToTry(f"{reason}: check it with options that suit fewer passages") from reason


def deterministic(subject: Subject) -> str | None:
    """Asked twice, and made and taught anew, it says the same."""
    for collection in subject.collections:
        said = subject.said(collection)
        with subject.taught(collection) as adapter, subject.learned(collection) as another:
            same(said, subject.answers(adapter, collection), collection, "asked twice", "seed what is random")
            same(said, subject.answers(another, collection), collection, "made anew", "seed what is random")
    return None


def inputs_unchanged(subject: Subject) -> str | None:
    """It changes nothing that it is given, and takes arrays that cannot be written to, and tuples of text."""
    for collection in subject.collections:
        with subject.fresh() as adapter:
            passages, queries = collection.passages(), collection.queries()
            subject.learn(adapter, passages)
            one = collection.queries()[:1]  # what takes a query alone may take another path
            _use(subject, adapter, passages, one)
            _use(subject, adapter, passages, queries)
            for what, before, after in (
                ("passages", collection.passages(), passages),
                ("queries", collection.queries(), queries),
                ("query", collection.queries()[:1], one),
            ):
                if _changed(before, after):
                    raise BrokenRule(f"the {what} ({collection.name}) as before", "a change", "work on a copy")
        with subject.fresh() as adapter:
            passages, queries = _locked(collection.passages()), _locked(collection.queries())
            try:
                subject.learn(adapter, passages)
                _use(subject, adapter, passages, queries)
            except Exception as error:
                what = "tuples of text" if subject.kind in ("encoder", "retriever") else "arrays that are read-only"
                found = f"{type(error).__name__}: {error}"
                raise BrokenRule(f"{what} to do", found, "ask for no more than Sequence[str] or reading") from error
    return None


def _use(subject: Subject, adapter: Adapter, passages: Given, queries: Given) -> None:
    if subject.kind == "encoder":
        adapter.encode(passages, "passage")
        adapter.encode(queries, "query")
    else:
        adapter.search(queries, 3)


def _changed(before: Given, after: Given) -> bool:
    if isinstance(before, list):
        return bool(before != after)
    pairs = [(before, after)]
    if isinstance(before, csr_array):
        pairs = [(getattr(before, part), getattr(after, part)) for part in ("data", "indices", "indptr")]
    return any(one.dtype != two.dtype or not np.array_equal(one, two) for one, two in pairs)


def _locked(given: Given) -> Given:
    if isinstance(given, list):
        return tuple(given)
    for array in (given.data, given.indices, given.indptr) if isinstance(given, csr_array) else (given,):
        array.setflags(write=False)
    return given


def learns_anew(subject: Subject) -> str | None:
    """What it learns the second time replaces the first, also what it was asked in between."""
    for collection in subject.collections:
        expected = subject.said(collection)
        with subject.fresh() as adapter:
            subject.learn(adapter, _others(collection.passages()))
            between = subject.answers(adapter, collection)
            rows = between.get("rows")
            if rows is not None and (rows >= 0).any() and not difference(expected, between):
                remedy = "answer from what was learned last, and keep no answer"
                raise BrokenRule(f"other rows for other passages ({collection.name})", "the same", remedy)
            subject.learn(adapter, collection.passages())
            found = subject.answers(adapter, collection)
            same_as_anew(subject, found, collection, "taught twice", "begin from nothing in fit, build or index")
    return None


def _others(passages: Given) -> Given:
    """As many, in other places and numbers: every second one twice, backwards."""
    places = [place // 2 * 2 for place in reversed(range(count(passages)))]
    return [passages[place] for place in places] if isinstance(passages, list) else passages[places]


def first(subject: Subject) -> ToyCollection:
    """The first of the collections that suit the adapter."""
    return subject.collections[0]


def same(expected: Answers, found: Answers, collection: ToyCollection, when: str, remedy: str) -> None:
    """Raise BrokenRule where two sets of answers differ; when, remedy: for its message."""
    differs = difference(expected, found, CLOSE)
    if differs:
        raise BrokenRule(f"the same answers {when} ({collection.name})", differs, remedy)


def same_as_anew(subject: Subject, found: Answers, collection: ToyCollection, when: str, remedy: str) -> None:
    """Raise BrokenRule where answers differ from those of an adapter made anew."""
    expected = subject.said(collection)
    if difference(expected, found, CLOSE):
        with subject.learned(collection) as another:
            if difference(expected, subject.answers(another, collection), CLOSE):
                raise NotApplicable("made anew it says something else in any case, see deterministic")
    same(expected, found, collection, when, remedy)


SPELLED: tuple[Rule, ...] = (options_kept, spelling_parses_back)
LEARNING: tuple[Rule, ...] = (deterministic, inputs_unchanged, learns_anew)
