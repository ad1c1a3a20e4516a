"""`sparring suites`: the suites that ship."""

from __future__ import annotations

from bench.commands import Json, echo_json


def suites(as_json: Json = False) -> None:
    """
    List the suites that ship: passage sets, cells, what each is.

    Each is a name that `sparring run` takes.
    """
    from bench.passages import cards
    from bench.report.console.lists import print_rows
    from bench.report.console.safe import SafeConsole
    from bench.run import suite

    found = {name: suite.load(name) for name in suite.shipped()}
    rows = [
        {
            "name": name,
            "passages": list(one.passages),
            "cells": len(one.pairs()) * len(one.thread_counts),
            "on_disk": all(cards.at_hand(cards.card(passages)) for passages in one.passages),
            "title": suite.title(name),
        }
        for name, one in found.items()
    ]
    if as_json:
        echo_json(rows)
    else:
        print_rows([row | {"passages": _several(found[str(row["name"])].passages)} for row in rows], SafeConsole())


def _several(passages: tuple[str, ...], shown: int = 4) -> str:
    """The names of passage sets; of many how many there are."""
    return ", ".join(passages) if len(passages) <= shown else f"{len(passages)} sets"
