"""The recall of dev questions, which a training is evaluated by on its way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.training.pairs import SEED, relevant
from bench.training.recipe import Recipe
from retrievers.contract import Role, top_k
from retrievers.encoders.sparse import as_csr
from retrievers.similarity import shaped


class Dev:
    """The dev questions, and a corpus small enough to be encoded at every evaluation."""

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
        return self.recipe.stop.measure

    def recall(self, model: Any) -> float:  # Any: of the library's models
        """Mean recall of the dev questions, by exact search. InputError for vectors that are not finite."""
        passages = self._encoded(model.encode_document, [*self.passages.values()], "passage")
        scores = self._encoded(model.encode_query, self.queries, "query") @ passages.T
        sparse = self.recipe.model.head == "splade"
        hits = top_k(scores.toarray() if sparse else scores, self.recipe.stop.k, positive=sparse)
        values = quality.measure(hits, tuple(self.passages), self.query_ids, self.qrels, [self.measure])
        return float(values[self.measure].mean())

    def _encoded(self, encode: Any, texts: Sequence[str], role: Role) -> Any:  # Any: of torch and scipy
        """(n, dims), as the encoder that the model will be has it."""
        found = encode(list(texts), batch_size=self.recipe.at_once, show_progress_bar=False)
        if self.recipe.model.head == "splade":
            vectors: Any = as_csr(found.cpu())
            values = vectors.data
        else:
            vectors = values = shaped(np.asarray(found, np.float32), role, self.recipe.model.similarity, None)
        if not np.isfinite(values).all():
            raise InputError(
                f"training of {self.recipe.name}: expected finite vectors of dev texts, found others: the weights are "
                "gone; lower optimiser.learning_rate"
            )
        return vectors
