"""What a name that no adapter has may mean: a name near it, an index of FAISS, a text that lacks its quotes, a file."""

from __future__ import annotations

import ast
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
_NUMBER = r"[1-9][\w+()]*"  # and what may stand behind it: PQ16x4fs, HNSW32_SQ8, IVF100(HNSW32)
FOLLOWS = dict.fromkeys(PARTS, _NUMBER) | {
    "SQ": "[468]|fp16|bf16",
    "LSH": "r?t?",
    "RaBitQ": r"(?:fs)?\d*",
    "Refine": r"\([\w,]+\)",
    **dict.fromkeys((kind for kind, usual in PARTS.items() if not usual and kind not in ("LSH", "RaBitQ")), ""),
}
# A class of FAISS or of another library, IndexHNSWFlat, IVFPQ, hnswlib: what it is, what it keeps, and its size.
CLASS = re.compile(r"(Index)?(HNSW|IVF|NSG)(Flat|PQ|SQ|ScalarQuantizer|Index|lib)?([1-9]\d*)?", re.IGNORECASE)
KEPT = {"pq": "PQ16", "sq": "SQ8", "scalarquantizer": "SQ8"}
SIZES = ("m", "nlist", "links", "neighbors")  # what an option is called, in small letters, that stands behind a kind

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
    parts = [_part(part.strip()) for part in written.split(",")]
    known = [part for part in parts if part is not None]
    if len(known) == len(parts) and known[0][0] not in BEHIND_ONE:
        last = known[-1][0]
        behind = {"OPQ": ",PQ16"}.get(last, ",Flat") if last in BEFORE_ONE else ""
        return ",".join(kind + (rest or PARTS[kind]) for kind, rest in known) + behind
    of_class = CLASS.fullmatch(written.strip())
    return _of_class(*of_class.groups(default="")) if of_class is not None else None


def _part(written: str) -> tuple[str, str] | None:
    """The kind of a factory's part, as FAISS spells it, and what follows it; None of what is none."""
    fits = (kind for kind in PARTS if re.fullmatch(f"{kind}(?:{FOLLOWS[kind]})?", written, re.IGNORECASE))
    kind = max(fits, key=len, default=None)
    return None if kind is None else (kind, written[len(kind) :])


def _of_class(index: str, kind: str, kept: str, size: str) -> str | None:
    """The factory of a class; a number given to one of FAISS's own counts dimensions first, and is left."""
    begin = kind.upper() + ("" if index else size)
    as_part = KEPT.get(kept.casefold())
    if as_part is None:
        return factory(begin)
    begin = begin if begin != kind.upper() else begin + PARTS[kind.upper()]
    return f"{begin},{as_part}" if kind.upper() in BEFORE_ONE else f"{begin}_{as_part}"


def size_given(node: ast.expr) -> str:
    """The whole number that a call is given for its size, HNSW(32) or HNSW(M=32), as digits; of none it is empty."""
    if not isinstance(node, ast.Call):
        return ""
    given = [*node.args, *(each.value for each in node.keywords if str(each.arg).casefold() in SIZES)]
    return next((str(each.value) for each in given if isinstance(each, ast.Constant) and type(each.value) is int), "")


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
