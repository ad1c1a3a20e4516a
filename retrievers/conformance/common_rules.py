"""The rules that adapters of every kind keep."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from retrievers.conformance.answers_process import registry_of
from retrievers.conformance.material import Material
from retrievers.conformance.subject import (
    CLOSE,
    Answers,
    Broken,
    NotApplicable,
    Rule,
    Subject,
    Untried,
    count,
    difference,
)
from retrievers.contract import is_exact, options_of, search_options, spell
from retrievers.registry import parse


def options_kept(subject: Subject) -> str | None:
    """Every option is kept under its own name, as it was given, and learning changes none."""
    remedy = "keep each option as self.NAME and derive other values under other names"
    with subject.fresh() as adapter:
        try:
            options = options_of(adapter)
            again = type(adapter)(**options)
        except TypeError as error:
            raise Broken("an attribute for each option", str(error), remedy) from error
        if spell(again) != spell(adapter):
            raise Broken(f"{spell(adapter)}, made anew from its options,", spell(again), remedy)
        if subject.kind != "analyser":
            material = first(subject)
            subject.learn(adapter, material.passages())
            if spell(again) != spell(adapter):
                raise Broken(f"{spell(again)} after learning", spell(adapter), remedy)
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
            raise Broken(f"{spelled} to parse", f"{type(error).__name__}: {error}", remedy) from error
        if spell(again) != spelled or type(again).__name__ != type(adapter).__name__:
            raise Broken(spelled, spell(again), "keep options as they were given")
    return spelled


def claims_well_formed(subject: Subject) -> str | None:
    """`exact` is True or False, and `search_options` names options of the constructor."""
    with subject.fresh() as adapter:
        try:
            options = options_of(adapter)
        except TypeError as error:
            raise NotApplicable(f"it does not keep its options ({error}), see options-kept") from error
        unknown = [name for name in search_options(adapter) if name not in options]
        if unknown:
            raise Broken(
                f"search_options out of {list(options)}", repr(unknown), "name options as the constructor does"
            )
        if hasattr(adapter, "exact") and is_exact(adapter) is None:
            raise Broken("exact as True or False", repr(adapter.exact), "say one, or leave it out")
        return f"exact: {is_exact(adapter)}; search options: {', '.join(search_options(adapter)) or 'none'}"


def learns(subject: Subject) -> str | None:
    """Some of what it is handed it takes: texts or vectors. What refuses all of it is not proven."""
    try:
        return ", ".join(material.name for material in subject.materials)
    except NotApplicable as reason:
        raise Untried(f"{reason}: check it with options that suit fewer passages") from reason


def deterministic(subject: Subject) -> str | None:
    """Asked twice, and made and taught anew, it says the same."""
    for material in subject.materials:
        said = subject.said(material)
        with subject.taught(material) as adapter, subject.learned(material) as another:
            same(said, subject.answers(adapter, material), material, "asked twice", "seed what is random")
            same(said, subject.answers(another, material), material, "made anew", "seed what is random")
    return None


def inputs_unchanged(subject: Subject) -> str | None:
    """It changes nothing that it is given, and takes arrays that can not be written to, and tuples of text."""
    for material in subject.materials:
        with subject.fresh() as adapter:
            passages, queries = material.passages(), material.queries()
            subject.learn(adapter, passages)
            _use(subject, adapter, passages, queries)
            for what, before, after in (
                ("passages", material.passages(), passages),
                ("queries", material.queries(), queries),
            ):
                if _changed(before, after):
                    raise Broken(f"the {what} ({material.name}) as they were", "them changed", "work on a copy")
        with subject.fresh() as adapter:
            passages, queries = _locked(material.passages()), _locked(material.queries())
            try:
                subject.learn(adapter, passages)
                _use(subject, adapter, passages, queries)
            except Exception as error:
                what = "tuples of text" if subject.kind in ("encoder", "retriever") else "arrays that are read-only"
                found = f"{type(error).__name__}: {error}"
                raise Broken(f"{what} to do", found, "ask for no more than Sequence[str] or reading") from error
    return None


def _use(subject: Subject, adapter: Any, passages: Any, queries: Any) -> None:  # Any: an adapter; texts or vectors
    if subject.kind == "encoder":
        adapter.encode(passages, "passage")
        adapter.encode(queries, "query")
    else:
        adapter.search(queries, 3)


def _changed(before: Any, after: Any) -> bool:  # Any: texts or vectors
    if isinstance(before, list):
        return bool(before != after)
    pairs = [(before, after)]
    if isinstance(before, csr_array):
        pairs = [(getattr(before, part), getattr(after, part)) for part in ("data", "indices", "indptr")]
    return any(one.dtype != two.dtype or not np.array_equal(one, two) for one, two in pairs)


def _locked(given: Any) -> Any:  # Any: texts or vectors
    if isinstance(given, list):
        return tuple(given)
    for array in (given.data, given.indices, given.indptr) if isinstance(given, csr_array) else (given,):
        array.setflags(write=False)
    return given


def learns_anew(subject: Subject) -> str | None:
    """What it learns the second time replaces the first, also what it was asked in between."""
    for material in subject.materials:
        expected = subject.said(material)
        with subject.fresh() as adapter:
            subject.learn(adapter, _others(material.passages()))
            between = subject.answers(adapter, material)
            rows = between.get("rows")
            if rows is not None and (rows >= 0).any() and not difference(expected, between):
                remedy = "answer from what was learned last, and keep no answer"
                raise Broken(f"other rows for other passages ({material.name})", "the same", remedy)
            subject.learn(adapter, material.passages())
            found = subject.answers(adapter, material)
            same_as_anew(subject, found, material, "taught twice", "begin from nothing in fit, build or index")
    return None


def _others(passages: Any) -> Any:  # Any: texts or vectors
    """As many, in other places and numbers: every second one twice, backwards."""
    places = [place // 2 * 2 for place in reversed(range(count(passages)))]
    return [passages[place] for place in places] if isinstance(passages, list) else passages[places]


def first(subject: Subject) -> Material:
    return subject.materials[0]


def same(expected: Answers, found: Answers, material: Material, when: str, remedy: str) -> None:
    differs = difference(expected, found, CLOSE)
    if differs:
        raise Broken(f"the same answers {when} ({material.name})", differs, remedy)


def same_as_anew(subject: Subject, found: Answers, material: Material, when: str, remedy: str) -> None:
    expected = subject.said(material)
    if difference(expected, found, CLOSE):
        with subject.learned(material) as another:
            if difference(expected, subject.answers(another, material), CLOSE):
                raise NotApplicable("made anew it says something else in any case, see deterministic")
    same(expected, found, material, when, remedy)


SPELLED: tuple[Rule, ...] = (options_kept, spelling_parses_back)
LEARNING: tuple[Rule, ...] = (deterministic, inputs_unchanged, learns_anew)
