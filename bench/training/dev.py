"""What a training looks at on its way: the recall of dev questions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench import quality
from bench.errors import InputError
from bench.passage_set import PassageSet
from bench.training.pairs import SEED, relevant
from bench.training.recipe import Recipe
from retrievers.contract import top_k
from retrievers.encoders.biencoder import shaped

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Dev:
    """The dev questions, and a corpus small enough to be encoded at every look."""

    def __init__(self, passage_set: PassageSet, recipe: Recipe) -> None:
        known = relevant(passage_set)
        others = [name for name in passage_set.passage_ids if name not in known]
        random.Random(SEED).shuffle(others)  # noqa: S311  # a sample, no secret
        chosen = {*known, *others[: max(recipe.stop.passages - len(known), 0)]}
        texts = zip(passage_set.passage_ids, passage_set.passages, strict=True)
        self.passages = {name: text for name, text in texts if name in chosen}
        self.query_ids = passage_set.query_ids
        self.queries = passage_set.queries
        self.qrels = passage_set.qrels or {}
        self.recipe = recipe

    @property
    def measure(self) -> str:
        return f"R@{self.recipe.stop.k}"

    def recall(self, model: SentenceTransformer) -> float:
        """Mean recall of the dev questions, by exact search. InputError for vectors that are not finite."""
        batch = self.recipe.optimiser.batch
        similarity = self.recipe.model.similarity

        def encoded(encode: Callable[..., object], texts: Sequence[str]) -> NDArray[np.float32]:
            found = np.asarray(encode(list(texts), batch_size=batch, show_progress_bar=False), np.float32)
            if not np.isfinite(found).all():
                raise InputError(
                    f"training of {self.recipe.name}: expected finite vectors of dev texts, found others: the weights "
                    "are gone; lower optimiser.learning_rate"
                )
            return found

        passages = shaped(encoded(model.encode_document, list(self.passages.values())), "passage", similarity, None)
        queries = shaped(encoded(model.encode_query, self.queries), "query", similarity, None)
        hits = top_k(queries @ passages.T, self.recipe.stop.k, positive=False)
        values = quality.measure(hits, tuple(self.passages), self.query_ids, self.qrels, [self.measure])
        return float(values[self.measure].mean())
