"""
What adapters are tried on: a small collection in several languages, and vectors of seeded random numbers.

Every number in a vector is a small multiple of 1/8, so that sums are the same in any order and ties are true ties.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

TWIN = "The lighthouse keeper counts the ships that pass at night."  # stands several times, so that passages tie
PASSAGES = (
    "A heron waits in the shallow water until a fish comes near.",
    TWIN,
    "Bread rises because yeast turns sugar into gas.",
    "The night train to the coast leaves from platform nine.",
    "Old maps show a river where the market stands today.",
    TWIN,
    "A chess clock has two faces, and only one of them runs.",
    "Salt keeps the roads free of ice, and eats the cars that use them.",
    "The orchestra tunes to the oboe, since its note is the steadiest.",
    "Bees dance to tell each other where the flowers are.",
    TWIN,
    "A good knot holds under load and opens by hand.",
    "The glacier has lost a third of its length since it was first measured.",
    "Ships once carried ice from the lakes of the north to the towns of the south.",
    "Der Bäcker öffnet seinen Laden, bevor die Straße wach wird.",
    "Die Brücke über den Fluss wurde im Winter gesperrt.",
    "Le café du port ferme tôt quand la mer est mauvaise.",
    "La bibliothèque prête aussi des graines aux jardiniers.",
    "El faro se apagó durante la tormenta y volvió al alba.",
    "Il treno della notte attraversa le montagne in silenzio.",
    "Маяк светит кораблям, когда над морем стоит туман.",
    "Зимой река замерзает, и по льду ходят рыбаки.",
    "등대지기는 밤마다 지나가는 배를 센다.",
    "김치는 겨울이 오기 전에 함께 담근다.",
    "灯台守は夜ごとに船の数をかぞえる。",
    "市场的早晨从卖豆浆的摊子开始。",
    "ينام الصيادون نهارا ويخرجون إلى البحر ليلا.",
    "नदी के किनारे बच्चे पतंग उड़ाते हैं।",
    "Η βάρκα γύρισε στο λιμάνι πριν από την καταιγίδα.",
    TWIN,
    "Version 2.0 of the timetable (valid from 1 May) drops the 06:45 ferry.",
    "ice ice ice and more ice",
)
QUERIES = (
    "lighthouse keeper",
    "ships at night",
    "who waits for fish in the water",
    "ice on the roads",
    "night train to the coast",
    "wann öffnet der Bäcker",
    "le café du port",
    "faro tormenta",
    "река зимой",
    "밤 배",
    "夜の船",
    "timetable ferry 06:45",
    "ice",
)
TWIN_QUERY = 0  # asks for the twins
UNKNOWN = ("", " ", "qzxv wkjy", "🦭🦭", "?!")  # queries that share no word with any passage

# A crowd: more passages than a block of most adapters. No two share all three words that tell them apart.
SEASONS = ("spring", "summer", "autumn", "winter")  # each in a quarter of the crowd
OWNERS = (
    *("heron", "badger", "falcon", "otter", "donkey", "tiger", "camel", "monkey", "pigeon", "salmon", "beaver"),
    *("rabbit", "teacher", "farmer", "sailor", "painter", "doctor", "miller", "hunter", "weaver", "lawyer"),
    *("barber", "printer", "butcher", "gardener"),
)
OWNED = (
    *("lantern", "kettle", "violin", "ladder", "blanket", "hammer", "mirror", "basket", "trumpet", "compass", "saddle"),
    *("anchor", "candle", "pencil", "wheel", "bottle", "carpet", "needle", "shovel", "pillow"),
)
CROWD_PASSAGES = tuple(
    f"In {SEASONS[(i + j) % len(SEASONS)]} the {owner} keeps a {owned}."
    for i, owner in enumerate(OWNERS)
    for j, owned in enumerate(OWNED)
)
ASKED = 12  # every twelfth of the crowd asks for itself, where asking for all takes too long
CROWD_QUERIES = (*CROWD_PASSAGES[::ASKED], CROWD_PASSAGES[-1], *SEASONS)

Given: TypeAlias = Any  # texts or vectors, as the kind of adapter takes them
N, DIMS, TOPICS, N_QUERIES = 520, 384, 16, 40
DENSE_DIMS = 96  # divisible by what product quantisers like to divide by
SMALLEST = 1 / 8


@dataclass(frozen=True)
class ToyCollection:
    """Passages and queries to hand to an adapter. Every call makes them anew, since an adapter may spoil them."""

    name: str
    passages: Callable[[], Given]
    queries: Callable[[], Given]
    sparse: bool | None  # whether hits need a score above 0; None: nobody can tell from outside


def count(given: Given) -> int:
    """How many texts or vectors there are."""
    return len(given) if isinstance(given, list | tuple) else int(given.shape[0])


def _texts(texts: Sequence[str]) -> Callable[[], list[str]]:
    return lambda: list(texts)


def _sparse(signed: bool, queries: bool) -> Callable[[], csr_array]:
    return lambda: csr_array(_sparse_numbers(signed, queries).astype(np.float32))


def _sparse_numbers(signed: bool, queries: bool) -> NDArray[np.float64]:
    """Each row has some of its topic's columns; some rows are empty, some the same; signed: a quarter is negative."""
    random = np.random.default_rng([7, signed, queries])
    n, width = (N_QUERIES, 4) if queries else (N, 9)
    numbers = np.zeros((n, DIMS))
    for row in range(n):
        own = DIMS // TOPICS
        columns = (row % TOPICS) * own + random.choice(own, width, replace=False)
        columns[:1] = random.integers(DIMS)  # one number of any topic
        numbers[row, columns] = random.integers(1, 17, width) * SMALLEST
    if signed:
        numbers[random.random(numbers.shape) < 1 / 4] *= -1
    numbers[5::50] = 0
    return _with_twins(numbers)


def _dense(queries: bool) -> Callable[[], NDArray[np.float32]]:
    return lambda: _dense_numbers(queries).astype(np.float32)


def _dense_numbers(queries: bool) -> NDArray[np.float64]:
    """Each row is its topic's with some noise; some are zero, some the same."""
    topics = np.random.default_rng(7).integers(-8, 9, (TOPICS, DENSE_DIMS))
    random = np.random.default_rng([7, queries])
    n = N_QUERIES if queries else N
    numbers = (topics[np.arange(n) % TOPICS] + random.integers(-3, 4, (n, DENSE_DIMS))) * SMALLEST
    numbers[5::50] = 0
    return _with_twins(numbers)


def _with_twins(numbers: NDArray[Any]) -> NDArray[Any]:  # Any: floats
    """The rows of the first topic made the same, all but one, so that passages tie within and across a cut."""
    numbers[2 * TOPICS :: TOPICS] = numbers[TOPICS]
    return numbers


TEXTS = ToyCollection("texts", _texts(PASSAGES), _texts(QUERIES), None)
MORE_TEXTS = ToyCollection(
    "more texts", _texts((*PASSAGES, *CROWD_PASSAGES)), _texts(QUERIES), None
)  # for who needs many
CROWD = ToyCollection("a crowd of texts", _texts(CROWD_PASSAGES), _texts(CROWD_QUERIES), None)
VECTORS = (
    ToyCollection("sparse vectors", _sparse(False, False), _sparse(False, True), True),
    ToyCollection("sparse vectors with negative numbers", _sparse(True, False), _sparse(True, True), True),
    ToyCollection("dense vectors", _dense(False), _dense(True), False),
)
COLLECTIONS = {collection.name: collection for collection in (TEXTS, MORE_TEXTS, *VECTORS)}
