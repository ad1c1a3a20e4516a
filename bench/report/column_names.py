"""
What a column may be called: its key in --json, its heading in a table, either in another case, and in short.

A name that is none of these is refused. What is suggested then is the same quantity, misspelled: a name that is merely
near is another quantity (encode_p50_ms is no encode_seconds).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from bench.errors import InputError
from bench.instruments.quality import OTHER_NAMES
from bench.report.columns import FIELDS, PRICED, field_of

Said: TypeAlias = tuple[tuple[str, ...], str]  # the words of a name in lower case, numbers apart; its unit, may be none
UNITS = {  # as units are written -> how keys end
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("b", "byte", "bytes", "mb", "megabytes"), "bytes"),
    "qps": "qps",
}
GROUPS = {"ms": "time of a query", "qps": "throughput", "seconds": "indexing", "bytes": "memory and bytes", "": "other"}
ALSO = {  # key -> what it is called beside its heading, in prose and in other tables
    "ledger_bytes": ("index size",),
    "index_seconds": ("index time",),
    "encoder_ledger_bytes": ("encoder size",),
    "overlap_with_exact": ("overlap@10",),
    "overlap_with_baseline": ("agreement",),
}
CEILING = " (ceiling"  # what the heading of a measure may go on with
MOST_NAMED = 8  # keys that a name may be part of, so that they are all told
LONG = 5  # letters of a word, from which on a letter more, less or other is a slip and no other word
SLIP = 0.8  # how alike such words are, as difflib has it
KNOWN = 1024  # keys whose names are kept: far more than a run has


def keys_of(names: Sequence[str], keys: Collection[str], option: str) -> list[str]:
    """
    The keys that some names stand for, in their order, each once.

    Args:
        names: keys, headings, or either in short: `single_p50_ms`, `p50 ms`, `P50`.
        keys: those there are.
        option: that they were given to, for the message.

    Raises InputError for a name that stands for none, or in short for several.
    """
    known = {key: _names(key) for key in keys}
    return list(dict.fromkeys(name if name in known else _key(name, known, option) for name in names))


def _key(name: str, known: Mapping[str, Sequence[Said]], option: str) -> str:
    words, unit = _said(name.partition(CEILING)[0])
    fitting = _whole((words, unit), known) or _run_together(name, known) or ([] if unit else _short(words, known))
    if not fitting and words and words[0] in OTHER_NAMES:  # of a measure
        fitting = _whole(((OTHER_NAMES[words[0]].lower(), *words[1:]), unit), known)
    if len(fitting) == 1:
        return fitting[0]
    found = f"found {name!r}"
    if fitting:
        raise InputError(f"{option}: expected one of {_named(fitting)}, {found}: short for each of them")
    holding = [key for key, names in known.items() if words and any(_holds(own, words, unit) for own in names)]
    if 1 < len(holding) <= MOST_NAMED:
        raise InputError(f"{option}: expected one of {_named(holding)}, {found}: part of each of them")
    meant = _misspelled(words, unit, known)
    hint = f" Did you mean {meant}?" if meant else ""
    groups = "".join(f"\n  {name}: {', '.join(heads)}" for name, heads in _grouped(known).items())
    raise InputError(
        f"{option}: expected a key of --json or a heading of the table, {found}.{hint} There are:{groups}\n"
        "and any other key of `sparring table RUN --json`"
    )


def _said(name: str) -> Said:
    """The words and the unit that a name is made of: `P50 ms`, `p50_ms` and `p50ms` are alike."""
    words = _words(name)
    unit = UNITS.get(words[-1], "") if len(words) > 1 else ""
    return tuple(words[:-1] if unit else words), unit


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+|\d+", name.casefold().replace("q/s", "qps"))


@lru_cache(maxsize=KNOWN)
def _names(key: str) -> tuple[Said, ...]:
    """All that a column is called, with its unit: also a heading that has none tells it."""
    own = _said(key)
    called = [_said(name) for name in (field_of(key).column.head, *ALSO.get(key, ()))]
    return (own, *called, *((words, unit or own[1]) for words, unit in called))


@lru_cache(maxsize=KNOWN)
def _letters(key: str) -> tuple[str, str]:
    """The letters of its key, and those of its heading."""
    return "".join(_words(key)), "".join(_words(field_of(key).column.head))


def _whole(said: Said, known: Mapping[str, Sequence[Said]]) -> list[str]:
    return [key for key, names in known.items() if said in names]


def _run_together(name: str, known: Collection[str]) -> list[str]:
    """The keys whose name or heading has the same letters, wherever it has blanks: `indexMB`."""
    letters = "".join(_words(name))
    return [key for key in known if letters in _letters(key)]


def _short(words: tuple[str, ...], known: Mapping[str, Sequence[Said]]) -> list[str]:
    """The keys that are called so, whatever their unit."""
    return [key for key, names in known.items() if any(words == own for own, _ in names)]


def _holds(name: Said, words: tuple[str, ...], unit: str) -> bool:
    return set(words) <= set(name[0]) and unit in ("", name[1])


def _misspelled(words: tuple[str, ...], unit: str, known: Mapping[str, Sequence[Said]]) -> str | None:
    """The one key whose name differs in one word alone, which is no word of any name, by a slip."""
    vocabulary = {word for names in known.values() for own, _ in names for word in own}
    wrong = [at for at, word in enumerate(words) if word not in vocabulary and not word.isdecimal()]
    if len(wrong) != 1:
        return None
    (at,) = wrong
    meant = [word for word in vocabulary if _is_slip(words[at], word)]
    mended = [(*words[:at], word, *words[at + 1 :]) for word in meant]
    found = {key for one in mended for key in (_whole((one, unit), known) or ([] if unit else _short(one, known)))}
    return found.pop() if len(found) == 1 else None


def _is_slip(word: str, meant: str) -> bool:
    """Whether one was typed for the other: letters changed places, or of a long word few differ."""
    if sorted(word) == sorted(meant):
        return True
    return min(len(word), len(meant)) >= LONG and difflib.SequenceMatcher(None, word, meant).ratio() >= SLIP


def _named(keys: Sequence[str]) -> str:
    """Some keys, each with its heading where that reads otherwise."""
    heads = {key: field_of(key).column.head for key in keys}
    return ", ".join(key if head == key.replace("_", " ") else f"{key} ({head})" for key, head in heads.items())


def _is_measure(key: str) -> bool:
    return re.split("[@(]", key)[0] in OTHER_NAMES.values() and not key.endswith("_ceiling")


def _grouped(known: Collection[str]) -> dict[str, list[str]]:
    """The measures among the keys and the headings of the table's own columns, by what they are figures of."""
    groups = {"quality": [key for key in known if _is_measure(key)]}
    for unit, name in GROUPS.items():
        own = (field for field in (*FIELDS, *PRICED) if field.key in known and _said(field.key)[1] == unit)
        groups[name] = [field.column.head for field in own]
    return {name: heads for name, heads in groups.items() if heads}
