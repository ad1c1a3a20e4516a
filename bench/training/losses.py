"""
The objective: the cross-entropy of a question's passage among all passages of its batch.

In-batch negatives: Karpukhin et al. 2020, "Dense passage retrieval", section 3.2; in parts that fit memory: Gao et al.
2021, "Scaling deep contrastive learning batch size under memory limited setup"; what a term with a weight costs: Formal
et al. 2022, "From distillation to hard negative sampling". The losses are sentence-transformers'; here is which one a
recipe means.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.training.recipe import Recipe, Similarity

if TYPE_CHECKING:
    from torch import Tensor, nn


QUERY_FLOPS, PASSAGE_FLOPS = 5e-5, 3e-5  # of a recipe that names none; the library's own


def loss_of(recipe: Recipe, model: Any) -> nn.Module:  # Any: of the library's models
    """The recipe's loss over the model's vectors."""
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sparse_encoder import losses as sparse_losses

    options: dict[str, Any] = {  # Any: of several types, as the loss takes them
        "scale": 1 / recipe.temperature,
        "similarity_fct": similarity(recipe.model.similarity),
    }
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # told from the passages of all processes
        options["gather_across_devices"] = True
    if recipe.loss.symmetric:
        options |= {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    if recipe.model.head == "splade":
        asked = recipe.loss
        parts = {} if asked.cached is None else {"mini_batch_size": asked.cached}
        kind = sparse_losses.CachedSpladeLoss if parts else sparse_losses.SpladeLoss
        return kind(
            model,
            sparse_losses.SparseMultipleNegativesRankingLoss(model, **options),
            document_regularizer_weight=PASSAGE_FLOPS if asked.passage_flops is None else asked.passage_flops,
            query_regularizer_weight=QUERY_FLOPS if asked.query_flops is None else asked.query_flops,
            **parts,
        )
    if recipe.loss.cached is None:
        found = losses.MultipleNegativesRankingLoss(model, **options)
    else:
        found = losses.CachedMultipleNegativesRankingLoss(model, mini_batch_size=recipe.loss.cached, **options)
    if recipe.loss.matryoshka:
        whole = int(model.get_embedding_dimension() or 0)
        found = losses.MatryoshkaLoss(model, found, sorted({whole, *recipe.loss.matryoshka}, reverse=True))
    return found


def similarity(name: Similarity) -> Callable[[Tensor, Tensor], Tensor]:
    """
    (n, dims), (m, dims) -> (n, m): the similarity that `BiEncoder(similarity=name)` ranks by.

    "l2": the squared distance, negated, as ranking by it is ranking by distance.
    """
    from sentence_transformers import util

    known: dict[Similarity, Callable[[Tensor, Tensor], Tensor]] = {
        "cosine": util.cos_sim,
        "dot": util.dot_score,
        "l2": negative_squared_distance,
    }
    return known[name]


def negative_squared_distance(queries: Tensor, passages: Tensor) -> Tensor:
    """-|q - p|² of each pair: (n, dims), (m, dims) -> (n, m), by 2 q·p - |q|² - |p|²."""
    inner: Tensor = 2 * queries @ passages.T
    return inner - queries.square().sum(1)[:, None] - passages.square().sum(1)[None, :]
