"""Which pairs are in a batch, and so which passages a question is told from."""

from __future__ import annotations

import pytest

from bench.training.recipe import Negatives, Optimiser
from tests.helpers.trainings import material_of, recipe, trainer


class TestBatches:
    @pytest.mark.slow
    def test_no_text_stands_twice(self, book):
        """
        No batch holds a passage twice, as itself or as a hard negative, nor a question: none is its own negative.
        """
        asked = recipe(negatives=Negatives(each=2), optimiser=Optimiser(batch=8, epochs=2, learning_rate=0.05))
        material = material_of(asked)
        batches = batches_of(asked, material, book)

        assert 108 // 8 == len(batches)
        for batch in batches:
            texts = [text for pair in batch for text in (pair.query, pair.passage)]
            assert len(set(texts)) == 16
            for pair in batch:
                others = {text for other in batch if other is not pair for text in (other.passage, *other.negatives)}
                assert pair.passage not in others

    def test_what_answers_a_question_is_held_off_from_it_nowhere(self, book):
        """
        A passage known to be relevant to a question is in no batch of it but as its own, for another question neither.
        """
        material = material_of(recipe())
        twice = [
            pair._replace(known=(pair.passage, material.pairs[(row + 5) % len(material.pairs)].passage))
            for row, pair in enumerate(material.pairs)
        ]

        batches = batches_of(recipe(), material._replace(pairs=twice), book)

        assert len(batches) > 0
        for batch in batches:
            for pair in batch:
                assert not {other.passage for other in batch if other is not pair} & set(pair.known)


def batches_of(asked, material, folder):
    """The pairs of each batch of the first epoch."""
    sampler = trainer(asked, material, folder).get_train_dataloader().batch_sampler
    return [[material.pairs[row] for row in batch] for batch in sampler]
