"""Records of every version that was ever written -> records of today's (`bench.records.schema` has the history)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from bench.records.schema import Record

Content: TypeAlias = dict[str, Any]  # Any: a record of an older version, as JSON has it

STAGES = {"ask": "query", "serve": "search"}
REASON = re.compile(r"^(ask|serve)\b")  # begins why a stage failed
FLAGS = {  # words of flags before measurement/5
    "made-up": "synthetic",
    "built and served in": "built and searched in",
    "it waited for a core for": "CPU wait in",
    "the host took the machine's cores for": "CPU steal in",
    "scores are inner products, no cosines": "scores are not cosine similarities",
    "what can not be saved": "what cannot be saved",
}


def decode(content: bytes, kind: type[Record]) -> Record:
    """A record of whatever version as the present one; msgspec.DecodeError or UnicodeDecodeError where it is none."""
    try:
        found = msgspec.json.decode(content)
        if isinstance(found, dict):
            found = upgraded(found)
    except RecursionError as error:
        raise msgspec.DecodeError("expected a record, found brackets within brackets, thousands deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # of another shape than its version has
        raise msgspec.ValidationError(f"expected a record of {found.get('schema')}, found another: {error}") from error
    return msgspec.convert(found, kind)


def upgraded(found: Content) -> Content:
    """The content of a record of whatever version as the present one has it."""
    while isinstance(tag := found.get("schema"), str) and tag in UPGRADES:
        found = UPGRADES[tag](found)
    stage = found.get("result")
    if isinstance(stage, dict):  # a line of the journal
        found["result"] = upgraded(stage)
    return found


def _retagged(tag: str) -> Callable[[Content], Content]:
    """To a version that only adds fields: their defaults say that nothing is known of them."""
    return lambda content: content | {"schema": tag}


def _renamed(content: Content, names: Mapping[str, str]) -> Content:
    return {names.get(name, name): value for name, value in content.items()}


def _second_measurement(content: Content) -> Content:
    kept = {name: value for name, value in content.items() if name != "predicted_bytes"}
    predicted = content.get("predicted_bytes")
    ledger = None if predicted is None else {"predicted": predicted}
    return kept | {"schema": "measurement/3", "predicted_ledger": ledger}


def _fourth_measurement(content: Content) -> Content:
    names = {
        "serve_memory": "search_memory",
        "ask_memory": "query_memory",
        "split": "built_apart",
        "label": "cell_name",
    }
    changes: Mapping[str, Callable[[Any], Any]] = {  # Any: the value of that field
        "facts": lambda facts: _renamed(facts, {"made_up": "synthetic"}),
        "flags": lambda flags: [_reworded(flag) for flag in flags],
        "reason": _reason,
        "files": lambda files: {_file(name): path for name, path in files.items()},
        "rate": lambda rate: rate and _renamed(rate, {"asked": "offered"}),
        "predicted_ledger": lambda ledger: ledger and _renamed(ledger, {"foretold": "predicted"}),
    }
    changed = {name: change(content[name]) for name, change in changes.items() if name in content}
    return _renamed(content, names) | changed | {"schema": "measurement/5"}


def _file(name: str) -> str:
    """The name of a stage's samples: `ask-0` is `query-0`."""
    stage, dash, number = name.partition("-")
    return STAGES.get(stage, stage) + dash + number


def _reason(text: str) -> str:
    """Why a stage failed, by its present name."""
    return REASON.sub(lambda found: STAGES[found[1]], text)


def _reworded(flag: str) -> str:
    for old, new in FLAGS.items():
        flag = flag.replace(old, new)
    return flag


def _first_stage(content: Content) -> Content:
    stage, facts = content.get("stage"), content.get("facts", {})
    changed: Content = {"schema": "stage/2", "facts": _renamed(facts, {"made_up": "synthetic"})}
    if "reason" in content:
        changed["reason"] = _reason(content["reason"])
    if stage is not None:
        changed["stage"] = STAGES.get(stage, stage)
    return _renamed(content, {"serve_memory": "timed_memory", "split": "built_apart"}) | changed


def _second_run(content: Content) -> Content:
    suite = dict(content.get("suite", {}))
    if "cells" in suite:
        suite["cells"] = [_renamed(group, {"label": "name"}) for group in suite["cells"]]
    return content | {"schema": "run/3", "suite": suite}


UPGRADES: Mapping[str, Callable[[Content], Content]] = {
    "measurement/1": _retagged("measurement/2"),
    "measurement/2": _second_measurement,
    "measurement/3": _retagged("measurement/4"),
    "measurement/4": _fourth_measurement,
    "measurement/5": _retagged("measurement/6"),
    "measurement/6": _retagged("measurement/7"),
    "measurement/7": _retagged("measurement/8"),
    "stage/1": _first_stage,
    "stage/2": _retagged("stage/3"),
    "environment/1": _retagged("environment/2"),
    "run/1": _retagged("run/2"),
    "run/2": _second_run,
    "run/3": _retagged("run/4"),
}
