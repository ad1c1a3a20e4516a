"""What two runs were made on and from, and what of it is not the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from bench.records import comparability
from bench.records.run_folder import Run
from bench.run.suite import Suite


def differing(old: Run, new: Run) -> Iterator[tuple[str, object, object]]:
    """
    Field, old and new of all that differs in what two runs were made on and from.

    The machine's and the software's fields come first, then `suite.KEY`, `passage_sets.NAME` (sha256), `plugins`, and
    `adapters.SET: RETRIEVER` (hash of the models and the code that a spelling names).
    """
    for name, (one, other) in comparability.differences(old.environment, new.environment).items():
        yield name, one, other
    suites = [_whole(run.record.suite) for run in (old, new)]
    for key in dict.fromkeys((*suites[0], *suites[1])):
        one, other = (suite.get(key) for suite in suites)
        if one != other:
            yield f"suite.{key}", one, other
    if comparability.plugin_files(old.record) != comparability.plugin_files(new.record):
        yield "plugins", old.record.plugins, new.record.plugins
    for field, pair in (
        ("passage_sets", (old.record.passage_sets, new.record.passage_sets)),
        ("adapters", (old.record.identities, new.record.identities)),
    ):
        for name, value in pair[0].items():
            if name in pair[1] and value != pair[1][name]:
                yield f"{field}.{name}", value, pair[1][name]


def _whole(suite: Mapping[str, object]) -> Mapping[str, object]:
    """A suite with each key that its record is too old to have; as it is where it cannot be read."""
    try:
        found: dict[str, object] = msgspec.to_builtins(msgspec.convert(suite, Suite))
    except msgspec.ValidationError:
        return suite
    return found
