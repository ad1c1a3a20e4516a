"""`sparring train`, from a recipe to models in the ring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from bench.passages import loader
from bench.report.tables.trainings import costs
from bench.training import card as cards
from bench.training import experiment
from bench.training import fit as fits
from bench.training import model as towers
from bench.training.experiment import train
from bench.training.recipe import Data, Experiment, Loss, Model, Negatives, Optimiser
from bench.training.suite import dims_of, spelled_of
from retrievers.encoders.biencoder import BiEncoder
from retrievers.encoders.sparse import SparseEncoder
from retrievers.registry import installed, parse
from tests.helpers import sparse_models
from tests.helpers.trainings import material_of, recipe, trained, trainer, weights


class TestTrain:
    @pytest.mark.slow
    def test_it_learns(self, book):
        """
        What is trained finds more of the test questions' passages than what it started from, and the card says how.
        """
        said = []

        (card,) = trained(
            recipe(optimiser=Optimiser(batch=8, epochs=12, learning_rate=0.05)), book / "out", said.append
        )

        assert recall("out/seed-1") > recall("out/start") + 0.2
        assert card.curve.best_recall == max(one.recall for one in card.curve.evaluations[1:] if one.recall is not None)
        assert card.curve.best_recall > card.curve.evaluations[0].recall
        assert (card.curve.steps, card.negatives, card.pairs) == (12 * (108 // 8), 7, 108)
        assert said[0].startswith("leaks: of 18 relevant test passages 0 are")
        assert said[1].startswith("leaks: of 18 relevant test passages 0 are relevant in dev too")
        assert "seed 1: step 0 of 156, dev R@10 " in said[2]
        assert not (book / "out" / "seed-1" / fits.CHECKPOINTS).exists()

    @pytest.mark.slow
    def test_the_card(self, book):
        """
        The card in the folder is what was returned: sets with their hashes, bytes, curve and environment.
        """
        (card,) = trained(recipe(negatives=Negatives()), book / "out")

        assert card == cards.read(book / "out" / "seed-1")
        assert card.train.sha256 == loader.load("book.json:train").sha256
        assert (108, 60) == (card.train.queries, card.train.passages)
        assert 4 * card.parameters == card.weights_bytes == sum(w.nbytes for w in weights(book / "out/seed-1").values())
        assert card.mined.found + card.mined.drawn == 108
        assert 15 == card.negatives
        assert card.spent.seconds > 0
        assert card.spent.peak_bytes > 0
        assert ("cpu", "float32") == (card.device, card.precision)

    def test_hard_negatives_of_another_language(self, book):
        """
        Hard negatives are mined by the terms that the passage set's language has, and the card says by which.
        """
        korean = Data(train="primer-ko:train", dev="primer-ko:dev", test="primer-ko:test")

        mined = material_of(recipe(data=korean, negatives=Negatives())).mined

        assert "BM25(analyser=CharNGrams()) @ CSC()" == mined.retriever

    @pytest.mark.slow
    def test_two_towers(self, book):
        """
        Two towers end with weights of their own, weigh twice as much, and are one folder that an encoder takes.
        """
        shared, separate = (
            trained(recipe(model=Model(start="static", dims=32, vocabulary=400, towers=towers)), book / towers)[0]
            for towers in ("shared", "separate")
        )

        assert 2 * shared.weights_bytes == separate.weights_bytes
        found = weights(book / "separate" / "seed-1")
        query, passage = (next(w for name, w in found.items() if side in name) for side in ("query", "document"))
        assert not np.array_equal(query, passage)
        encoder = BiEncoder("separate/seed-1")
        encoder.fit([])
        same = ["ask1 tell1"]
        assert not np.allclose(encoder.encode(same, "query"), encoder.encode(same, "passage"))

    @pytest.mark.slow
    def test_prompts_of_the_start(self, book):
        """
        What a start puts before a text is put there while it is trained, and by the model that comes out.
        """
        from sentence_transformers import SentenceTransformer

        start = SentenceTransformer(
            modules=list(towers.model_of(recipe(), ["ask1 tell1 ask2 tell2"], "cpu")),
            prompts={"query": "ask2 ", "document": "tell2 "},
        )
        start.save_pretrained(str(book / "prompted"), create_model_card=False)
        asked = recipe(model=Model(start="./prompted"))

        trained(asked, book / "out")

        assert {"query": "ask2 ", "document": "tell2 "} == SentenceTransformer("out/seed-1", device="cpu").prompts
        assert {"query": "ask2 ", "passage": "tell2 "} == prompts_of(asked, book)

    @pytest.mark.slow
    def test_a_learned_sparse_model(self, book):
        """
        With head "splade" a masked-language model learns which words to add, and is a sparse encoder in the suite.
        """
        from bench.run import suite

        words = tuple(f"{kind}{n}" for kind in ("ask", "tell") for n in range(20))
        asked = recipe(
            model=Model(start=sparse_models.toy(book / "toy", words), head="splade", similarity="dot"),
            optimiser=Optimiser(batch=8, epochs=10, learning_rate=0.01),
        )

        (card,) = trained(asked, book / "out")

        assert card.curve.best_recall > card.curve.evaluations[0].recall
        (_, _, *spelled) = [spelling for _, spelling in suite.load(str(book / "out" / experiment.SUITE)).pairs()]
        assert [f'SparseEncoder("{book}/out/{name}") @ CSC()' for name in ("start", "seed-1")] == spelled
        start, learned = (SparseEncoder(f"out/{name}") for name in ("start", "seed-1"))
        for encoder in (start, learned):
            encoder.fit([])
        assert card.weights_bytes == pytest.approx(learned.ledger()["weights"], rel=0.05)
        assert card.spent.seconds == learned.describe()["training_seconds"]
        assert not np.array_equal(*(encoder.encode(["ask1 ask2"], "query").toarray() for encoder in (start, learned)))

    @pytest.mark.slow
    def test_the_suite(self, book):
        """
        The suite that lies beside the models runs TF-IDF, BM25, the start and every model on the test questions.
        """
        from bench.run import suite

        trained(recipe(seeds=(1, 2), model=Model(start="static", dims=8, similarity="dot")), book / "out")

        found = suite.load(str(book / "out" / experiment.SUITE))
        spelled = [spelling for _, spelling in found.pairs()]
        assert ("book.json:test",) == found.passages
        assert ["TfIdf() @ CSC()", "BM25() @ CSC()"] == spelled[:2]
        assert [
            f'BiEncoder("{book}/out/{name}", similarity="dot") @ Flat()' for name in ("start", "seed-1", "seed-2")
        ] == (spelled[2:])
        assert spelled[2] == found.baseline

    @pytest.mark.parametrize(
        ("folder", "path"),
        [
            ("models/mine/start", "models/mine/start"),
            ("models/mine", "./models/mine"),
            ("mine", "./mine"),
            ("/models", "/models"),
            ('the/"best"', './the/"best"'),
            ("a/the 'best\\'/b", "a/the 'best\\'/b"),
        ],
    )
    def test_a_model_is_named_so_that_it_is_found(self, folder, path):
        """
        A folder that could be a name on the hub begins with a dot, and quotes in it are taken for letters.
        """
        assert path == parse(spelled_of(recipe(), Path(folder)), installed()).encoder.model

    def test_vectors_that_are_cut(self):
        """
        A recipe that is the same as one of Matryoshka dimensions, but for them, stands in the ring at these, too.
        """
        made, plain, other = (
            recipe(name="made", loss=Loss(matryoshka=(8, 16))),
            recipe(name="plain"),
            recipe(name="other", optimiser=Optimiser(batch=4)),
        )

        assert [[16, 8], [16, 8], []] == [dims_of(each, (made, plain, other)) for each in (made, plain, other)]

    @pytest.mark.slow
    def test_variants(self, book):
        """
        Variants have a folder each, one suite, in which a start that is the same stands once, and lines of one table.
        """
        from bench.run import suite

        one, other = (
            recipe(name=name, optimiser=Optimiser(batch=size, epochs=1)) for name, size in (("small", 4), ("large", 8))
        )
        separate = recipe(name="apart", model=Model(start="static", dims=32, vocabulary=400, towers="separate"))
        said = []

        found = train(Experiment("sizes", (one, other, separate)), book / "out", installed(), said.append, "cpu")

        assert [("small", 3), ("large", 7), ("apart", 7)] == [(card.recipe.name, card.negatives) for card in found]
        spelled = [spelling for _, spelling in suite.load(str(book / "out" / experiment.SUITE)).pairs()]
        assert [
            f'BiEncoder("{book}/out/{name}") @ Flat()'
            for name in ("small/start", "small/seed-1", "large/seed-1", "apart/start", "apart/seed-1")
        ] == spelled[2:]
        assert 2 == sum("leaks: " in line for line in said)
        assert ["small", "large", "apart"] == [line[0].text for line in costs("sizes", found).lines]
        with pytest.raises(InputError, match="found other files in it"):
            trained(one, book / "out")

    @pytest.mark.slow
    def test_seeds_differ(self, book):
        """
        Another seed gives other weights; the same seed the same, to the last bit.
        """
        trained(recipe(seeds=(1, 2)), book / "one")
        trained(recipe(seeds=(1,)), book / "other")

        (one,), (two,), (again,) = (
            weights(path).values() for path in (book / "one/seed-1", book / "one/seed-2", book / "other/seed-1")
        )
        assert np.array_equal(one, again)
        assert not np.array_equal(one, two)


def recall(model):
    """R@10 of the test questions."""
    from bench.instruments import quality
    from retrievers.contract import top_k

    test = loader.load("book.json:test")
    encoder = BiEncoder(model)
    encoder.fit(test.passages)
    scores = encoder.encode(test.queries, "query") @ encoder.encode(test.passages, "passage").T
    hits = top_k(scores, 10, positive=False)
    return quality.measure(hits, test.passage_ids, test.query_ids, test.qrels, ["R@10"])["R@10"].mean()


def prompts_of(asked, folder):
    """What is put before the texts of each column while it is trained."""
    return trainer(asked, material_of(asked), folder).args.prompts
