"""What a name that no adapter has may mean: a name near it, an index of FAISS, a text that lacks its quotes, a file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

NEAR = 0.6  # of 1: how alike names are, upper and lower case apart, that may be meant for each other
OWN_FILE = ' If it is in a file of yours: --plugin FILE (in a suite: plugins = ["FILE"]).'

# Kinds of parts that a factory of FAISS has, and what follows where one is named alone. By itself an index:
INDEXES = {
    "HNSW": "32",
    "NSG": "32",
    "SQ": "8",
    "PQ": "16",
    "RQ": "4x8",
    "LSQ": "4x8",
    "PRQ": "2x4x8",
    "PLSQ": "2x4x8",
    "RaBitQ": "",
    "LSH": "",
    "ZnLattice": "3x10_6",
}
BEFORE_ONE = {  # lists of vectors, and changes of them: an index comes behind
    "IVF": "64",
    "IMI": "2x8",
    "OPQ": "16",
    **dict.fromkeys(("PCA", "PCAR", "PCAW", "PCAWR", "RR", "ITQ"), "64"),
    "Pad": "128",
    **dict.fromkeys(("L2norm", "IDMap", "IDMap2"), ""),
}
BEHIND_ONE = {"Flat": "", "RFlat": "", "Refine": "(Flat)"}
PARTS = INDEXES | BEFORE_ONE | BEHIND_ONE
_KINDS = "|".join(sorted(PARTS, key=len, reverse=True))
PART = re.compile(rf"({_KINDS})((?:fp16|bf16|fs|r?t?)(?:[\d_(][\w+()]*)?)", re.IGNORECASE)
CLASS = re.compile(r"(?:Index)?(HNSW|IVF|NSG)[a-z]*", re.IGNORECASE)  # IndexHNSWFlat, IVFPQ, hnswlib

# A text that lacks its quotes: what a model or a file may be called, and no literal in other letters.
WORD = re.compile(r"(?!(?i:true|false|none|null|nan|inf)(?![\w./~:-]))(?:[^\W\d]|[./~])[\w./~:-]*")
# A text in quotes, or (groups) an option that may be one without: what stands before it, and itself.
OPTION = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|([(=,\[]\s*)([^\s()=,"'\[\]]+)(?=\s*[,)\]])""")


def one_of(known: Iterable[str], found: str, hint: str = "") -> str:
    """The names that there are, and what the one that was found may mean: without a hint the nearest of them."""
    names = list(known)
    return f"expected one of {', '.join(names) or 'none'}.{hint or nearest(names, found)}"


def nearest(names: Iterable[str], found: str) -> str:
    """The end of a message about an unknown name: the nearest one, letters' case apart; empty where none is near."""
    by_letters = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(found.casefold(), by_letters, n=1, cutoff=NEAR)
    return f" Did you mean {by_letters[near[0]]}?" if near else ""


def adapter_meant(known: Iterable[str], found: str) -> str:
    """The same of an adapter: unless only its letters' case differs, it may lie in a file that was not named."""
    names = list(known)
    is_same = any(name.casefold() == found.casefold() for name in names)
    return nearest(names, found) + ("" if is_same else OWN_FILE)


def factory(written: str) -> str | None:
    """
    The index of FAISS that a word means, as its factory spells it: hnsw -> HNSW32, IVF100 -> IVF100,Flat; else None.

    What follows the name of a kind is taken as it is written: whether it can be made, FAISS says.
    """
    found = [PART.fullmatch(part.strip()) for part in written.split(",")]
    kinds = {kind.casefold(): kind for kind in PARTS}
    parts = [(kinds[part[1].casefold()], part[2]) for part in found if part is not None]
    if parts and len(parts) == len(found) and parts[0][0] not in BEHIND_ONE:
        last = parts[-1][0]
        behind = {"OPQ": ",PQ16"}.get(last, ",Flat") if last in BEFORE_ONE else ""
        return ",".join(kind + (rest or PARTS[kind]) for kind, rest in parts) + behind
    of_class = CLASS.fullmatch(written.strip())
    return factory(of_class[1]) if of_class is not None else None


def faiss_meant(index: str) -> str:
    """The end of a message where an index of FAISS stands for a storage."""
    usearch = " Usearch() makes such a graph too." if index.startswith("HNSW") else ""
    return f' Did you mean Faiss("{index}")?{usearch}'


def in_quotes(text: str, names: Collection[str]) -> str:
    """What to do about texts without quotes, which a shell may have taken; empty where there are none. names: known."""

    def quoted(found: re.Match[str]) -> str:
        before, word = found.groups()
        return f'{before}"{word}"' if word and is_bare(word, names) else found[0]

    spelled = OPTION.sub(quoted, text)
    if spelled == text:
        return ""
    return f". Did you mean {spelled}? A text stands in double quotes; put single quotes round the whole"


def is_bare(word: str, names: Collection[str]) -> bool:
    """Whether a word may be a text that lacks its quotes, and is not meant otherwise."""
    return WORD.fullmatch(word) is not None and word not in names
