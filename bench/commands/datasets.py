"""`sparring datasets`: the passage sets that have a card, and one card whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.commands import completion, echo_json

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="One set, or a card's file: all that its card says.", autocompletion=completion.datasets
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON array on stdout; of one set an object.")]


def datasets(name: Name = None, as_json: Json = False) -> None:
    """
    List passage sets, and whether their files are on disk.

    Of one set: licence, sizes, citation, and each file with its hash and where it lies.
    """
    from bench.report.console.lists import print_card, print_rows
    from bench.report.console.safe import SafeConsole

    if name is None:
        rows = _rows()
        if as_json:
            echo_json(rows)
            return
        print_rows([{key: value for key, value in row.items() if key != "licence"} for row in rows], SafeConsole())
        if not all(row["at_hand"] for row in rows):
            _say_where()
        return
    card = _card(name)
    if as_json:
        echo_json(card)
    else:
        print_card(card, SafeConsole())


def _rows() -> list[dict[str, object]]:
    """A passage set each."""
    from bench.passages import cards

    found = {name: cards.card(name) for name in cards.names()}
    return [
        {
            "name": name,
            "language": card.language,
            **{count: getattr(card.counts, count, None) for count in ("passages", "queries", "judgments")},
            "at_hand": cards.at_hand(card),
            "title": card.title,
            "licence": card.licence,
        }
        for name, card in found.items()
    ]


def _say_where() -> None:
    from bench.passages import cards
    from bench.report.text import printable

    *named, cached, _ = map(str, cards.folders())
    places = f"SPARRING_DATA ({', '.join(named) or 'not set'}) and in {cached}"
    typer.echo(f"Files are looked for in the folders of {printable(places)}.", err=True)


def _card(name: str) -> dict[str, Any]:  # Any: values of JSON
    """A card as JSON, with where its files lie; of a part of a set, squad:train, that of the whole."""
    import msgspec

    from bench.passages import cards

    asked = name if name.endswith(".toml") else name.partition(":")[0]
    card, beside = cards.named(asked)
    places = [*cards.folders(), *beside]
    found: dict[str, Any] = {"name": asked.removesuffix(".toml").rpartition("/")[2], **msgspec.to_builtins(card)}
    found["counts"] = None if isinstance(card.counts, str) else found["counts"]
    for file in found["files"]:
        place = cards.search(file["path"], places)
        file["on_disk"] = None if place is None else str(place)
    return found | {
        "bytes": sum(file["bytes"] for file in found["files"]),
        "on_disk": all(file["on_disk"] is not None for file in found["files"]),
        "get": f"sparring fetch {asked}",
    }
