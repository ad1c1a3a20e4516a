"""Languages by one code each: what sets, cards and options call `deu`, `ger` or `de-DE` is `de`."""

from __future__ import annotations

from functools import cache


@cache
def code(tag: str) -> str:
    """
    The ISO 639-1 code of a language; where it has none, its ISO 639-3 code.

    tag: ISO 639-1, 639-2 (of both kinds) or 639-3, or BCP 47 with a script and a region, in whatever case. One of a
    group that is written alike is the group (CLDR): Mandarin (`cmn`) is `zh`. Raises ValueError for what is no tag.
    """
    import langcodes

    try:
        found = langcodes.Language.get(langcodes.standardize_tag(tag, macro=True)).language
    except ValueError:
        found = None
    if found is None or not found.isalpha():  # x-klingon, and `und`, which says that it is not known
        raise ValueError(f"expected language to be an ISO 639 code such as 'en' or 'ko', found {tag!r}")
    return found
