"""`sparring retrievers`: the adapters that can be spelled."""

from __future__ import annotations

from bench.commands import Json, Plugin, echo_json, registry_with


def retrievers(as_json: Json = False, plugin: Plugin = None) -> None:
    """
    List all adapters that can be spelled, with their options.

    Encoders, storages, retrievers and analysers.
    """
    from bench.report.console.lists import adapters, print_adapters
    from bench.report.console.safe import SafeConsole

    rows = adapters(registry_with(plugin))
    if as_json:
        echo_json(rows)
    else:
        print_adapters(rows, SafeConsole())
