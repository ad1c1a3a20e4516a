"""
Synthetic passages: what a passage set is grown by, to see how bytes and time grow with it. They are never relevant.

Text is drawn from the real passages. A length is that of a real passage, a word one of their tokens, each as likely as
another. Two things beyond that decide how many bytes text takes:

- Text repeats its words more than chance has it (Church and Gale 1995, "Poisson mixtures"). So only a share of a
  passage's tokens is drawn, such that passages hold as many different words as the real ones do; the rest repeats them.
- Text that grows brings new words. A token drawn is a new one as often as Good (1953, "The population frequencies of
  species") expects: real passages hold so many words each that no other passage holds. New words are many and rare:
  beyond the V known ones the word of rank r has a probability proportional to r^(-1/b), Zipf's law, so that the
  vocabulary goes on growing as n^b (Heaps 1978), where b is the share of words that one passage alone holds. A new word
  is the head of one real word and the tail of another.

Where a language sets no spaces, a run of eight characters stands for a word, and none is new: what is new to n-grams of
characters comes about where runs meet.

Vectors are real ones, moved: the i-th is real vector i mod n, with noise (`grown`). Where vectors stand for
L2 it is their points that are moved.

All is made in blocks, each from a seed of its own: the same set and seed give the same i-th passage, however many are
asked for.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Vectors
from retrievers.similarity import stands_for_l2

Dense: TypeAlias = NDArray[np.float32]  # (n, dims)

BLOCK = 1_000  # passages made from one seed
QUERIES = 64
UNSPACED = {"ja", "km", "lo", "my", "th", "zh"}  # languages that set no space between words
WORDS = re.compile(r"[^\s/-]+[\s/-]*")  # a token: a word, and what parts it from the next
RUNS = re.compile(r"\w{1,8}\W*")  # a token where there are no spaces
EDGES = re.compile(r"^\W+|\W+$")  # what is no part of a token's word
STEEPEST = 0.9  # b at most: at 1 no two new words would be the same
RAREST = 10.0**12  # the highest rank of a new word
GOLDEN = 0.61803398875  # a step of this share visits all places, neighbours far apart (Knuth, TAOCP 3, 6.4)
NOISE = 0.5  # length of what is added to a dense vector, as a share of its own: cosine between both 0.89
JITTER = 0.1  # deviation of the factor of each number of a sparse vector


def texts(passages: Sequence[str], count: int, *, language: str, passage_set: str, seed: int) -> list[str]:
    """
    So many synthetic passages.

    passages: the real ones. language: ISO 639. passage_set: its sha256. ValueError where nothing is there to draw from.
    """
    if count and not passages:
        raise ValueError("synthetic passages are drawn from real ones: expected at least one, found none")
    source = Source(passages, language)
    return [text for size, random in _blocks(count, passage_set, seed) for text in source.draw(random)[:size]]


def queries(real: Sequence[str], *, language: str, passage_set: str) -> list[str]:
    """
    Synthetic queries of words of the real ones, at most QUERIES, for what is asked before the clock starts.

    None of them is a real one, unless these have so few words that no other is drawn. Empty where there is no query.
    """
    if not real:
        return []
    drawn = texts(real, 4 * QUERIES, language=language, passage_set=passage_set, seed=0)
    known = set(real)
    return ([text for text in dict.fromkeys(drawn) if text not in known] or drawn)[:QUERIES]


def dealt_anew(texts: Sequence[str], n: int) -> list[str]:
    """
    At most n texts of the words of some, dealt out anew: as long as they are.

    There is no seed: whoever was asked them before, in this run or another, was asked others.
    """
    rng = np.random.default_rng()
    glue = " " if any(" " in text for text in texts) else ""
    split = [text.split() if glue else list(text) for text in texts]
    words = rng.permutation(np.array([word for own in split for word in own], object)).tolist()
    ends = np.cumsum([len(own) for own in split]).tolist()
    dealt = [glue.join(words[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
    return [text for text in dict.fromkeys(dealt) if text not in set(texts)][:n]


class Source:
    """What synthetic passages are drawn from: the tokens and lengths of the real ones, and the two laws above."""

    def __init__(self, passages: Sequence[str], language: str) -> None:
        unspaced = language in UNSPACED
        self.glue = "" if unspaced else " "  # the last word of a passage has nothing to part it from the next
        cut = [(RUNS if unspaced else WORDS).findall(passage + self.glue) for passage in passages]
        tokens = [token for own in cut for token in own]
        self.tokens = np.array(tokens, object)  # (n,): every token of the real passages
        self.lengths = np.array([len(own) for own in cut], np.int64)  # (passages,), in tokens
        held = [Counter(EDGES.sub("", token).lower() for token in own) for own in cut]
        times: Counter[str] = Counter()
        passages_of: Counter[str] = Counter()
        for own in held:
            times.update(own)
            passages_of.update(own.keys())
        different = passages_of.total()
        alone = 0 if unspaced else sum(1 for n in passages_of.values() if n == 1)
        self.vocabulary = len(times)
        self.b = min(alone / max(self.vocabulary, 1), STEEPEST)
        self.fresh = _fresh(np.array(list(times.values())), self.lengths, different, alone / max(different, 1))
        self.new = alone / max(self.fresh * len(tokens), 1.0)
        self.heads = sorted({word[: len(word) // 2] for word in times})
        self.tails = sorted({word[len(word) // 2 :] for word in times})

    def draw(self, random: np.random.Generator) -> list[str]:
        """One block of passages."""
        lengths = random.choice(self.lengths, BLOCK)
        ends = np.cumsum(lengths)
        total = int(ends[-1])
        if not total:
            return [""] * BLOCK
        tokens = self.tokens[random.integers(0, len(self.tokens), total)]
        new = np.flatnonzero(random.random(total) < self.new)
        tokens[new] = [self.word(rank) + self.glue for rank in self.ranks(random, len(new))]
        at = np.arange(total) - np.repeat(ends - lengths, lengths)
        fresh = np.repeat(np.ceil(self.fresh * lengths).astype(np.int64), lengths)
        repeated = (random.random(total) * fresh).astype(np.int64)
        drawn = tokens[np.arange(total) - at + np.where(at < fresh, at, repeated)].tolist()
        return ["".join(drawn[end - n : end]).rstrip() for n, end in zip(lengths.tolist(), ends.tolist(), strict=True)]

    def ranks(self, random: np.random.Generator, count: int) -> list[int]:
        """Ranks of new words beyond the V known ones, from 0: P(rank >= r) = (1 + r / V)^(1 - 1/b), inverted."""
        chance = 1 - random.random(count)  # (0, 1]
        beyond = self.vocabulary * (chance ** (-self.b / (1 - self.b)) - 1)
        ranks: list[int] = np.minimum(beyond, RAREST).astype(np.int64).tolist()
        return ranks

    def word(self, rank: int) -> str:
        """The new word of a rank."""
        pairs = len(self.heads) * len(self.tails)
        head, tail = divmod(rank * _step(pairs) % pairs, len(self.tails))
        return self.heads[head] + self.tails[tail]


def grown(vectors: Vectors, count: int, *, passage_set: str, seed: int) -> Iterator[Vectors]:
    """
    The vectors, then so many synthetic ones, block by block: real ones in their order, over and over, moved a little.

    Of a dense vector: noise of half its length in a random direction is added, and its own length given back. Of a
    sparse one: each number is multiplied by one of its own from a normal distribution about 1 (deviation 0.1), cut to
    0.5 ... 1.5, so that signs and zeros stay. Of vectors [x, -|x|²/2], which stand for L2, x is moved as a dense vector
    is, and the last number follows. passage_set: its sha256. float32. ValueError where there is none to move.
    """
    n = vectors.shape[0]
    if count and not n:
        raise ValueError("synthetic vectors are real ones that were moved: expected at least one, found none")
    yield vectors
    l2, start = stands_for_l2(vectors), 0
    for size, random in _blocks(count, passage_set, seed):
        block = vectors[np.arange(start, start + BLOCK) % n]
        yield (_noisy(block, random, l2=l2) if isinstance(block, np.ndarray) else _jittered(block, random))[:size]
        start += BLOCK


def moved(vectors: Dense, move: Callable[[Dense], Dense], *, l2: bool) -> Dense:
    """
    Dense vectors as `move` makes them of others; l2: they are [x, -|x|²/2], of which x is moved, and the rest follows.

    What is no longer of that form stands for nothing, and a storage that knows the form would hold it otherwise.
    """
    if not l2:
        return move(vectors)
    points = move(vectors[:, :-1])
    halves = np.square(points, dtype=np.float64).sum(axis=1) / 2
    return np.column_stack([points, -halves.astype(np.float32)])


def _noisy(vectors: Dense, random: np.random.Generator, *, l2: bool) -> Dense:
    def move(points: Dense) -> Dense:
        noise = random.standard_normal(points.shape, np.float32)
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        found = points + noise * (NOISE * lengths / np.maximum(np.linalg.norm(noise, axis=1, keepdims=True), 1e-9))
        found *= lengths / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return np.asarray(found, np.float32)

    return moved(vectors, move, l2=l2)


def _jittered(vectors: csr_array, random: np.random.Generator) -> csr_array:
    factors = np.clip(random.normal(1, JITTER, vectors.nnz), 0.5, 1.5).astype(np.float32)
    return csr_array((vectors.data * factors, vectors.indices, vectors.indptr), shape=vectors.shape)


def _blocks(count: int, passage_set: str, seed: int) -> Iterator[tuple[int, np.random.Generator]]:
    """The size and the chance of each block; the last is made whole, too, and cut."""
    for start in range(0, count, BLOCK):
        said = hashlib.sha256(f"{passage_set} {seed} {start // BLOCK}".encode()).digest()
        yield min(BLOCK, count - start), np.random.default_rng(int.from_bytes(said))


def _fresh(times: NDArray[np.int64], lengths: NDArray[np.int64], different: int, new: float) -> float:
    """
    The share of a passage's tokens to draw, so that passages hold as many different words as the real ones do.

    times: (V,) how often each word stands. lengths: (passages,) in tokens. different: the different words of each
    passage, summed. new: the share of what is drawn that is new. By bisection: more that is drawn is more different.
    """
    often, words = np.unique(times, return_counts=True)
    size, passages = np.unique(lengths, return_counts=True)
    missed = np.log1p(-(1 - new) * np.minimum(often / max(times.sum(), 1), 1 - 1e-9))  # ln P(not this word)

    def expected(share: float) -> float:
        known = -np.expm1(np.outer(share * size, missed)) @ words
        return float(passages @ (known + new * share * size))

    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < different else (low, middle)
    return high


@cache
def _step(pairs: int) -> int:
    """About the golden share of a number, without a common factor."""
    step = max(int(pairs * GOLDEN), 1)
    while math.gcd(step, pairs) > 1:
        step += 1
    return step
