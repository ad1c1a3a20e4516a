"""Mutants of valid bytes: what is odd in numbers, text, lines, JSON and binary fields, drawn from a seed."""

from __future__ import annotations

import copy
import json
import random

LARGEST = 2**16  # bytes of a mutant
ROUNDS = 4  # mutations of one mutant at most
NUMBERS = (
    "0",
    "-1",
    "1e999",
    "NaN",
    "-Infinity",
    "1_000",
    "9" * 5000,
    "18446744073709551616",
    "0x10",
    "٣",
    "1.0",
    "-0",
)
TEXTS = (
    *(
        "",
        "\0",
        "\ufeff",
        "\u2028",
        "e\u0301",
        "\U0010ffff",
        "\x85",
        "\\ud800",
        "\r",
        "\n",
        "\t",
        '"',
        "'",
        ",",
        "@",
        "()",
    ),
    *("..", "/", "\\", "C:", ".I", ".W", "<DOC>", "</DOC>", "<top>", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "<![x[", "&a;"),
    *("&#x110000;", "&#99999999999;", "x" * 20_000, "[" * 3000, '{"a":' * 3000, "(" * 500, "-" * 3000, "BM25(", "CSR("),
)
VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    2**70,
    1.5,
    "",
    "\0",
    "\ud800",
    "x" * 9000,
    [],
    {},
    [[[[]]]],
    {"": 0},
)


def mutant(data: bytes, rng: random.Random, seeds: list[bytes]) -> bytes:
    """A few mutations, one after the other."""
    for _ in range(rng.randint(1, ROUNDS)):
        data = rng.choice(MUTATIONS)(data, rng, seeds)[:LARGEST]
    return data


def _flip(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _cut(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:start] if rng.random() < 0.5 else data[:start] + data[end:]


def _repeat(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]


def _splice(data: bytes, rng: random.Random, seeds: list[bytes]) -> bytes:
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TEXTS + NUMBERS).encode() + data[at:]


def _lines(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    """Lines repeated, dropped, moved."""
    lines = data.split(b"\n")
    one, other = (rng.randrange(len(lines)) for _ in range(2))
    match rng.randrange(3):
        case 0:
            lines.insert(one, lines[other])
        case 1:
            del lines[one]
        case _:
            lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _number(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    """A run of digits replaced by another number."""
    digits = [at for at, byte in enumerate(data) if 48 <= byte < 58]
    if not digits:
        return data
    start = end = rng.choice(digits)
    while end < len(data) and 48 <= data[end] < 58:
        end += 1
    return data[:start] + rng.choice(NUMBERS).encode() + data[end:]


def _field(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    """One to eight bytes replaced by a length that binary formats would not expect."""
    at, size = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 8))
    value = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (4 * size)))
    return data[:at] + value.to_bytes(size, rng.choice(("big", "little"))) + data[at + size :]


def _json(data: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    """One value inside the JSON, or inside a line of it, replaced by one of another type or by another value in it."""
    lines = [data] if rng.random() < 0.5 else data.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        document = json.loads(lines[at])
    except (ValueError, RecursionError):
        return data
    places: list[tuple[object, object]] = []  # (container, key)
    unseen = [document]
    while unseen:
        node = unseen.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
        places += [(node, key) for key in keys]
        unseen += [node[key] for key in keys]
    if not places:
        return data
    container, key = rng.choice(places)
    source, other = rng.choice(places)
    container[key] = copy.deepcopy(source[other]) if rng.random() < 0.3 else rng.choice(VALUES)
    lines[at] = json.dumps(document).encode()
    return b"\n".join(lines)


MUTATIONS = (_flip, _cut, _repeat, _splice, _insert, _lines, _number, _field, _json)
