"""`sparring datasets`: the passage sets that have a card."""

from __future__ import annotations

import typer

from bench.commands import Json, echo_json


def datasets(as_json: Json = False) -> None:
    """List passage sets, and whether their files are on disk."""
    from rich.console import Console

    from bench.passages import cards
    from bench.report.console.lists import print_sets
    from bench.report.text import printable

    found = {name: cards.card(name) for name in cards.names()}
    rows = [
        {
            "name": name,
            "language": card.language,
            **{count: getattr(card.counts, count, None) for count in ("passages", "queries", "judgments")},
            "at_hand": cards.at_hand(card),
            "title": card.title,
        }
        for name, card in found.items()
    ]
    if as_json:
        echo_json([row | {"licence": card.licence} for row, card in zip(rows, found.values(), strict=True)])
        return
    print_sets(rows, Console())
    if not all(row["at_hand"] for row in rows):
        *named, cached, _ = map(str, cards.folders())
        places = f"SPARRING_DATA ({', '.join(named) or 'not set'}) and in {cached}"
        typer.echo(f"Files are looked for in the folders of {printable(places)}.", err=True)
