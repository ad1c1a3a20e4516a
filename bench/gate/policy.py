"""The policy of a gate: whose it is, and what a change of it comes to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bench.errors import InputError
from bench.records.run_folder import Run
from bench.run.suite import Gate


def policy_of(run: Run) -> Gate:
    """The policy of the suite that a run was made from. InputError for one that cannot be read."""
    try:
        return msgspec.convert(run.record.suite.get("gate") or {}, Gate)
    except msgspec.ValidationError as error:
        raise InputError(
            f"run {run.folder}: expected a [gate] in its record that can be read, found: {error}"
        ) from error


def with_longer_budget(policy: Gate, own: Gate, n_cells: int) -> Gate:
    """A policy with another's budget where it is not shorter for so many cells: it hides nothing."""
    return policy if own.is_shorter_than(policy, n_cells) else msgspec.structs.replace(policy, budget=own.budget)


def policy_changes(old: Mapping[str, object], new: Mapping[str, object], n_cells: int) -> list[str]:
    """
    What of two suites' policies differs: the keys of [gate], the primary measure and the baseline; and what the new
    one leaves out or dilutes: measures, passage sets, synthetic passages.

    n_cells: of the new one, which a budget is for. ValidationError (msgspec) for a [gate] that is none.
    """
    gates = [msgspec.convert(suite.get("gate") or {}, Gate) for suite in (old, new)]
    policies = [msgspec.structs.asdict(gate) for gate in gates]
    names = [name for name in policies[0] if name not in ("install", "budget")]  # how sides are measured, not held
    keys = [(f"[gate] {name}", policies[0][name], policies[1][name]) for name in names]
    keys += [(name, old.get(name), new.get(name)) for name in ("primary", "baseline")]
    keys += [("distractors", old.get("distractors") or 0, new.get("distractors") or 0)]
    if gates[1].is_shorter_than(gates[0], n_cells):  # with less of it more stays undecided; more hides nothing
        keys.append(("[gate] budget", gates[0].budget, gates[1].budget))
    changed = [f"{name} {was} -> {now}" for name, was, now in keys if was != now]
    for name in ("measures", "passages"):
        gone = [one for one in _names(old, name) if one not in _names(new, name)]
        changed += [f"{name} without {', '.join(gone)}"] if gone else []
    return changed


def _names(suite: Mapping[str, object], key: str) -> list[str]:
    """What a suite lists under a key."""
    listed = suite.get(key)
    return list(map(str, listed)) if isinstance(listed, (list, tuple)) else []
