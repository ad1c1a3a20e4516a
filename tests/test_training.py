"""`sparring train`, from a recipe to models in the ring."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from importlib.machinery import ModuleSpec
from pathlib import Path

import msgspec
import numpy as np
import pytest
import sparse_models
import torch
from disks import disk

from bench import corpora
from bench.errors import InputError
from bench.report.trainings import costs
from bench.training import card as cards
from bench.training import fit as fits
from bench.training import towers
from bench.training import train as trains
from bench.training.dev import Dev
from bench.training.energy import Energy
from bench.training.recipe import Data, Experiment, Loss, Model, Negatives, Optimiser, Recipe, Stop
from bench.training.train import train
from bench.training.trainer import trainer_of
from retrievers.encoders.biencoder import BiEncoder
from retrievers.encoders.sparse import SparseEncoder
from retrievers.registry import installed, parse

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def book(tmp_path, monkeypatch):
    """
    A SQuAD-style file of 30 articles in the present folder: a paragraph is some words, a question is other words for
    three of them, which only training can tell.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    rng = random.Random(3)
    data = []
    for article in range(30):
        paragraphs = []
        for paragraph in range(2):
            words = rng.sample(range(20), 5)
            asked = [" ".join(f"ask{w}" for w in rng.sample(words, 3)) for _ in range(3)]
            paragraphs.append(
                {
                    "context": " ".join(f"tell{w}" for w in words) + f" {article}-{paragraph}",
                    "qas": [
                        {"id": f"{article}-{paragraph}-{n}", "question": text, "answers": []}
                        for n, text in enumerate(asked)
                    ],
                }
            )
        data.append({"title": f"article {article}", "paragraphs": paragraphs})
    (tmp_path / "book.json").write_text(json.dumps({"data": data}))
    return tmp_path


def recipe(**changes):
    """One that trains in a second."""
    whole = Recipe(
        name="small",
        data=Data(train="book.json:train", dev="book.json:dev", test="book.json:test"),
        model=Model(start="static", dims=32, vocabulary=400),
        optimiser=Optimiser(batch=8, epochs=4, learning_rate=0.05),
        stop=Stop(looks=2, patience=0),
        seeds=(1,),
    )
    return msgspec.structs.replace(whole, **changes)


def trained(asked, folder, say=lambda _: None, device="cpu"):
    return train(Experiment(asked.name, (asked,)), folder, installed(), say, device)


def material_of(asked):
    return trains._material(asked, installed(), {}, lambda _: None)


def weights(folder):
    from safetensors.numpy import load_file

    files = sorted(folder.rglob("*.safetensors"))
    assert files
    return {f"{file.relative_to(folder)} {name}": w for file in files for name, w in load_file(file).items()}


class TestTrain:
    def test_it_learns(self, book):
        """
        What is trained finds more of the test questions' passages than what it started from, and the card says how.
        """
        said = []

        (card,) = trained(
            recipe(optimiser=Optimiser(batch=8, epochs=12, learning_rate=0.05)), book / "out", said.append
        )

        assert recall("out/seed-1") > recall("out/start") + 0.2
        assert card.curve.best_recall == max(look.recall for look in card.curve.looks[1:] if look.recall is not None)
        assert card.curve.best_recall > card.curve.looks[0].recall
        assert (card.curve.steps, card.negatives, card.pairs) == (12 * (108 // 8), 7, 108)
        assert said[0].startswith("leaks: of 18 relevant test passages 0 are")
        assert said[1].startswith("leaks: of 18 relevant test passages 0 are relevant in dev too")
        assert "seed 1: step 0 of 156, dev R@10 " in said[2]
        assert not (book / "out" / "seed-1" / fits.CHECKPOINTS).exists()

    def test_the_card(self, book):
        """
        The card in the folder is what was returned: sets with their hashes, bytes, curve and environment.
        """
        (card,) = trained(recipe(negatives=Negatives()), book / "out")

        assert card == cards.read(book / "out" / "seed-1")
        assert card.train.sha256 == corpora.load("book.json:train").sha256
        assert (108, 60) == (card.train.queries, card.train.passages)
        assert 4 * card.parameters == card.weights_bytes == sum(w.nbytes for w in weights(book / "out/seed-1").values())
        assert card.mined.found + card.mined.drawn == 108
        assert 15 == card.negatives
        assert card.spent.seconds > 0
        assert card.spent.peak_bytes > 0
        assert ("cpu", "float32") == (card.device, card.precision)

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

    def test_a_learned_sparse_model(self, book):
        """
        With head "splade" a masked-language model learns which words to add, and is a sparse encoder in the suite.
        """
        from bench import suite

        words = tuple(f"{kind}{n}" for kind in ("ask", "tell") for n in range(20))
        asked = recipe(
            model=Model(start=sparse_models.toy(book / "toy", words), head="splade", similarity="dot"),
            optimiser=Optimiser(batch=8, epochs=10, learning_rate=0.01),
        )

        (card,) = trained(asked, book / "out")

        assert card.curve.best_recall > card.curve.looks[0].recall
        (_, _, *spelled) = [spelling for _, spelling in suite.load(str(book / "out" / trains.SUITE)).pairs()]
        assert [f'SparseEncoder("{book}/out/{name}") @ CSC()' for name in ("start", "seed-1")] == spelled
        start, learned = (SparseEncoder(f"out/{name}") for name in ("start", "seed-1"))
        for encoder in (start, learned):
            encoder.fit([])
        assert card.weights_bytes == pytest.approx(learned.ledger()["weights"], rel=0.05)
        assert card.spent.seconds == learned.describe()["training_seconds"]
        assert not np.array_equal(*(encoder.encode(["ask1 ask2"], "query").toarray() for encoder in (start, learned)))

    def test_the_suite(self, book):
        """
        The suite that lies beside the models runs TF-IDF, BM25, the start and every model on the test questions.
        """
        from bench import suite

        trained(recipe(seeds=(1, 2), model=Model(start="static", dims=8, similarity="dot")), book / "out")

        found = suite.load(str(book / "out" / trains.SUITE))
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
        assert path == parse(trains.spelled_of(recipe(), Path(folder)), installed()).encoder.model

    def test_variants(self, book):
        """
        Variants have a folder each, one suite, in which a start that is the same stands once, and lines of one table.
        """
        from bench import suite

        one, other = (
            recipe(name=name, optimiser=Optimiser(batch=size, epochs=1)) for name, size in (("small", 4), ("large", 8))
        )
        separate = recipe(name="apart", model=Model(start="static", dims=32, vocabulary=400, towers="separate"))
        said = []

        found = train(Experiment("sizes", (one, other, separate)), book / "out", installed(), said.append, "cpu")

        assert [("small", 3), ("large", 7), ("apart", 7)] == [(card.recipe.name, card.negatives) for card in found]
        spelled = [spelling for _, spelling in suite.load(str(book / "out" / trains.SUITE)).pairs()]
        assert [
            f'BiEncoder("{book}/out/{name}") @ Flat()'
            for name in ("small/start", "small/seed-1", "large/seed-1", "apart/start", "apart/seed-1")
        ] == spelled[2:]
        assert 2 == sum("leaks: " in line for line in said)
        assert ["small", "large", "apart"] == [line[0].text for line in costs("sizes", found).lines]
        with pytest.raises(InputError, match="found other files in it"):
            trained(one, book / "out")

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
    from bench import quality
    from retrievers.contract import top_k

    test = corpora.load("book.json:test")
    encoder = BiEncoder(model)
    encoder.fit(test.passages)
    scores = encoder.encode(test.queries, "query") @ encoder.encode(test.passages, "passage").T
    hits = top_k(scores, 10, positive=False)
    return quality.measure(hits, test.passage_ids, test.query_ids, test.qrels, ["R@10"])["R@10"].mean()


class StoppedError(Exception):
    """What ends a training in its midst."""


class TestResume:
    def test_it_ends_as_if_it_had_never_stopped(self, book):
        """
        Stopped between two checkpoints and begun again, a training ends with the same weights and the same curve.
        """
        asked = recipe()
        (whole,) = trained(asked, book / "whole")

        def stop(line):
            if "step 30 of" in line:
                raise StoppedError

        with pytest.raises(StoppedError):
            trained(asked, book / "out", stop)
        assert cards.read(book / "out" / "seed-1") is None
        (resumed,) = trained(asked, book / "out")

        assert whole.curve.looks == resumed.curve.looks
        (one,), (other,) = (weights(book / name / "seed-1").values() for name in ("whole", "out"))
        assert np.array_equal(one, other)

    def test_patience_and_dropout(self, book):
        """
        So it is with a transformer, whose dropout draws, and with the looks without a gain that were counted before.
        """
        asked = recipe(
            model=Model(start=MINILM, layers=1, max_length=32),
            optimiser=Optimiser(batch=8, epochs=4, learning_rate=1e-9),
            stop=Stop(looks=4, patience=3),
        )
        (whole,) = trained(asked, book / "whole")

        with pytest.raises(StoppedError):
            trained(asked, book / "out", lambda line: stop_at(line, 6))
        (resumed,) = trained(asked, book / "out")

        assert (3, 12) == (whole.curve.best_step, whole.curve.steps)  # a look every 3 steps, no gain at three of them
        assert whole.curve == resumed.curve
        one, other = (weights(book / name / "seed-1") for name in ("whole", "out"))
        assert all(np.array_equal(one[name], other[name]) for name in one)

    def test_stopped_when_nothing_was_left_to_train(self, book):
        """
        Stopped after the last step, before the model was written, it is written without another step.
        """
        asked = recipe()
        (whole,) = trained(asked, book / "whole")

        with pytest.raises(StoppedError):
            trained(asked, book / "out", lambda line: stop_at(line, whole.curve.steps))
        (resumed,) = trained(asked, book / "out")

        assert whole.curve == resumed.curve
        (one,), (other,) = (weights(book / name / "seed-1").values() for name in ("whole", "out"))
        assert np.array_equal(one, other)

    def test_what_was_spent_before(self, book):
        """
        Time is the sum over all sittings.
        """

        def stop(line):
            if "step 30 of" in line:
                time.sleep(1.5)
            stop_at(line, 36)

        with pytest.raises(StoppedError):
            trained(recipe(), book / "out", stop)
        (resumed,) = trained(recipe(), book / "out")

        assert resumed.spent.seconds > 1.5

    def test_a_torn_checkpoint(self, book):
        """
        A checkpoint that was not written to its end is removed, and the one before it is gone on from.
        """
        asked = recipe()
        (whole,) = trained(asked, book / "whole")
        with pytest.raises(StoppedError):
            trained(asked, book / "out", lambda line: stop_at(line, 30))
        checkpoints = book / "out" / "seed-1" / fits.CHECKPOINTS
        last = fits.last_whole(checkpoints)
        shutil.copytree(last, torn := checkpoints / "checkpoint-999")
        (torn / fits.STATE).write_text("{")

        (resumed,) = trained(asked, book / "out")

        assert whole.curve.looks == resumed.curve.looks

    def test_what_is_done_is_left(self, book):
        """
        A seed that has its card is not trained again; one that is added is.
        """
        (first,) = trained(recipe(), book / "out")
        said = []

        found = trained(recipe(seeds=(1, 2)), book / "out", said.append)

        assert [1, 2] == [card.seed for card in found]
        assert first == found[0]
        assert any(line.startswith("seed 1: trained before") for line in said)

    def test_seeds_added_later(self, book):
        """
        A seed that is added alone leaves the start as it was, and stands in the suite beside those before.
        """
        trained(recipe(), book / "out")
        before = weights(book / "out" / trains.START)

        found = trained(recipe(seeds=(4,)), book / "out")

        assert [1, 4] == [card.seed for card in found]
        after = weights(book / "out" / trains.START)
        assert all(np.array_equal(before[name], after[name]) for name in before)
        assert all(f"out/seed-{seed}" in (book / "out" / trains.SUITE).read_text() for seed in (1, 4))

    @pytest.mark.parametrize(
        ("changes", "what"),
        [
            ({"loss": Loss(temperature=0.1)}, "was begun with another recipe"),
            ({"data": Data(train="book.json:train:8", dev="book.json:dev", test="book.json:test")}, "another recipe"),
        ],
    )
    def test_another_recipe(self, book, changes, what):
        """
        A folder that was begun with another recipe is refused, and stays as it is.
        """
        trained(recipe(), book / "out")
        before = sorted(book.rglob("out/**/*"))

        with pytest.raises(InputError, match=what):
            trained(recipe(**changes), book / "out")

        assert before == sorted(book.rglob("out/**/*"))

    def test_other_data(self, book):
        """
        A folder that was begun with other texts under the same name is refused.
        """
        trained(recipe(), book / "out")
        (book / "book.json").write_text((book / "book.json").read_text().replace("tell7 ", "told7 "))

        with pytest.raises(InputError, match="was begun with another train"):
            trained(recipe(), book / "out")

    def test_a_folder_of_other_things(self, book):
        """
        A folder that holds something else is refused.
        """
        (book / "out").mkdir()
        (book / "out" / "letter.txt").write_text("dear")

        with pytest.raises(InputError, match="expected a new folder, or one of this recipe, found other files"):
            trained(recipe(), book / "out")


def stop_at(line, step):
    if f"step {step} of" in line:
        raise StoppedError


class TestSeveralProcesses:
    RECIPE = """
name = "small"
seeds = [1]
data = { train = "book.json:train", dev = "book.json:dev", test = "book.json:test" }
model = { start = "static", dims = 32, vocabulary = 400 }
optimiser = { batch = 8, epochs = 4, learning_rate = 0.05 }
stop = { looks = 2, patience = 0 }
"""

    # What torchrun sets, and a group that meets in a file: its store would listen on every interface.
    START = """
import os
import torch.distributed as group
from bench.cli import main
group.init_process_group("gloo", f"file://{os.getcwd()}/group", rank=int(os.environ["RANK"]), world_size=2)
main()
"""

    def started(self, folder, recipe=RECIPE):
        """What two processes on one machine print, and how they end."""
        (folder / "small.toml").write_text(recipe)
        command = [sys.executable, "-c", self.START, "train", "small.toml", "--device", "cpu", "-o", "out"]
        shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "GLOO_SOCKET_IFNAME": "lo"}
        processes = [
            subprocess.Popen(
                command, cwd=folder, stderr=subprocess.PIPE, text=True,
                env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            )
            for rank in range(2)
        ]  # fmt: skip
        try:
            said = [process.communicate(timeout=200)[1] for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
        return "".join(said), [process.returncode for process in processes]

    def test_they_train_what_one_would(self, book):
        """
        Two processes that share out each batch end with the weights and the curve of one that has it whole; one writes.
        """
        (alone,) = trained(recipe(), book / "alone")

        said, codes = self.started(book)

        assert [0, 0] == codes, said
        assert 1 == said.count("leaks: of 18 relevant test passages 0 are relevant in train")
        (found,) = cards.of(book / "out")
        assert (alone.negatives, alone.curve.steps) == (found.negatives, found.curve.steps)
        recalls = [[look.recall for look in card.curve.looks] for card in (alone, found)]
        assert recalls[0] == recalls[1]
        (one,), (other,) = (weights(book / name / "seed-1").values() for name in ("alone", "out"))
        assert np.abs(one - other).max() < 1e-4

    def test_a_batch_that_can_not_be_shared_out(self, book):
        """
        A batch that is no multiple of the processes is refused.
        """
        said, codes = self.started(book, self.RECIPE.replace("batch = 8", "batch = 9"))

        assert [2, 2] == codes, said
        assert "optimiser.batch: expected a multiple of the 2 processes that share it out, found 9" in said


class TestWhatCanNotBeTrained:
    def test_towers_of_different_size(self, book):
        """
        Towers whose vectors do not meet are refused, with both sizes.
        """
        asked = recipe(model=Model(start=MINILM, query_start="static", dims=32, vocabulary=400))

        with pytest.raises(
            InputError, match=r"one output size, found 32 of static for questions and 384 of sentence-tr"
        ):
            trained(asked, book / "out")

    def test_a_question_longer_than_the_model_reads(self, book):
        """
        A question that would be cut is refused, with its id and its tokens.
        """
        asked = recipe(model=Model(start=MINILM, layers=1, max_length=4))

        with pytest.raises(InputError, match=r"questions of up to 4 tokens, as the model reads them, found \d+ in '"):
            trained(asked, book / "out")

    def test_more_in_a_batch_than_there_are_passages(self, book):
        """
        A batch that could not be filled without a text twice is refused.
        """
        with pytest.raises(
            InputError,
            match=r"optimiser.batch: .* 108 pairs fill without a text twice, of 36 passages, found 64: lower",
        ):
            trained(recipe(optimiser=Optimiser(batch=64)), book / "out")

    def test_hard_negatives_take_room_too(self, book):
        """
        A batch that the pairs alone fill, and with their hard negatives do not, is refused.
        """
        asked = recipe(negatives=Negatives(each=8), optimiser=Optimiser(batch=32))

        with pytest.raises(InputError, match=r"optimiser.batch: .* and their hard negatives fill without .* found 32"):
            trained(asked, book / "out")

    def test_a_start_of_two_towers(self, book):
        """
        What has two towers already is no start of one.
        """
        trained(recipe(model=Model(start="static", dims=32, vocabulary=400, towers="separate")), book / "out")

        with pytest.raises(InputError, match=r"model.start: expected a model of one tower, found two in ./out/seed-1"):
            trained(recipe(model=Model(start="./out/seed-1")), book / "other")

    def test_a_start_without_a_head_for_words(self, book):
        """
        A model that gives dense vectors alone is no start of a learned-sparse one.
        """
        asked = recipe(model=Model(start=MINILM, head="splade", similarity="dot"))

        with pytest.raises(InputError, match=r"model.start: expected a masked-language model, or a sparse one, with"):
            trained(asked, book / "out")

    def test_more_layers_than_there_are(self, book):
        """
        More layers than the start has are refused.
        """
        with pytest.raises(InputError, match=r"model.layers: expected up to the 6 of .*, found 7"):
            trained(recipe(model=Model(start=MINILM, layers=7)), book / "out")

    def test_a_start_that_is_not_there(self, book):
        """
        A folder without a model is refused, and nothing is begun.
        """
        with pytest.raises(InputError, match=r"model.start: model './none': expected a folder there, found none"):
            trained(recipe(model=Model(start="./none")), book / "out")

        assert not (book / "out").exists()

    def test_without_the_extra(self, book, monkeypatch):
        """
        Where the trainer's libraries are not installed it says what to install, whatever folder is called like one.
        """
        (book / "datasets").mkdir()
        real = trains.find_spec
        monkeypatch.setattr(
            trains, "find_spec", lambda name: ModuleSpec(name, None) if name == "datasets" else real(name)
        )

        with pytest.raises(InputError, match=r"sparring train: datasets not found: pip install 'sparring\[train\]'"):
            trained(recipe(), book / "out")

    def test_a_set_without_judgments(self, book):
        """
        Vectors and unjudged sets are no training data.
        """
        (book / "plain").mkdir()
        for name in ("corpus", "queries"):
            (book / "plain" / f"{name}.jsonl").write_text('{"_id": "a", "text": "b"}\n')

        with pytest.raises(
            InputError, match=r"'plain': expected texts and judgments for data.train, found no relevant passage"
        ):
            trained(recipe(data=Data(train="plain", dev="book.json:dev", test="book.json:test")), book / "out")

    def test_a_loss_that_is_not_finite(self, book):
        """
        A loss of NaN ends the training with what to do, and the last whole checkpoint is kept.
        """
        asked = recipe(model=Model(start="static", dims=8, similarity="dot"))
        with pytest.raises(StoppedError):
            trained(asked, book / "out", lambda line: stop_at(line, 18))
        kept = fits.last_whole(book / "out" / "seed-1" / fits.CHECKPOINTS)
        poison(kept)

        with pytest.raises(
            InputError, match=r"seed 1: expected a finite loss, found nan at step \d+: lower optimiser.lea"
        ):
            trained(asked, book / "out")

        assert kept == fits.last_whole(book / "out" / "seed-1" / fits.CHECKPOINTS)

    def test_vectors_that_are_not_finite(self, book):
        """
        Weights that went bad in the last steps are found at the next look, not when they are kept as the best.
        """
        asked = recipe(model=Model(start="static", dims=8, similarity="dot"))
        material = material_of(asked)
        model = trains._model(asked, material, "cpu")
        with torch.no_grad():
            model[0].embedding.weight[:] = torch.nan

        with pytest.raises(InputError, match="expected finite vectors of dev texts, found others: the weights are gon"):
            Dev(material.dev, asked).recall(model)

    def test_a_test_set_that_was_trained_on(self, book):
        """
        The same set as two of train, dev and test is refused.
        """
        with pytest.raises(InputError, match=r"data.train: expected other questions than data.test, found the same"):
            trained(recipe(data=Data(train="book.json", dev="book.json:dev", test="book.json")), book / "out")

    @pytest.mark.parametrize("device", ["tpu", "cuda:7"])
    def test_a_device_that_is_not_there(self, book, device):
        """
        A device that torch does not find, or a numbered one, is refused.
        """
        with pytest.raises(InputError, match=f"--device: expected cpu.* found '{device}'"):
            trained(recipe(), book / "out", device=device)

    def test_no_room_for_a_checkpoint(self, book):
        """
        A full disk is one message; what was written before stays, and the same call goes on from it.
        """
        asked = recipe()
        (whole,) = trained(asked, book / "whole")

        with disk(book / "disk", "20m") as small:

            def fill(line):
                if "step 30 of" in line:
                    with (small / "ballast").open("wb") as file:
                        file.write(bytes(shutil.disk_usage(small).free))

            with pytest.raises(InputError, match=r"could not be written \(.*\): make room; the same command goes on"):
                trained(asked, small / "out", fill)
            assert fits.last_whole(small / "out" / "seed-1" / fits.CHECKPOINTS) is not None
            (small / "ballast").unlink()
            (resumed,) = trained(asked, small / "out")

        assert whole.curve.looks == resumed.curve.looks


def poison(checkpoint):
    """Put a NaN into a checkpoint's weights."""
    from safetensors.numpy import load_file, save_file

    (file,) = checkpoint.glob("*.safetensors")
    found = {name: w.copy() for name, w in load_file(file).items()}
    for w in found.values():
        w[:] = np.nan
    save_file(found, file)


class TestBatches:
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


def trainer(asked, material, folder):
    model = trains._model(asked, material, "cpu")
    return trainer_of(
        asked, 1, model, material.pairs, Dev(material.dev, asked), folder / "c",
        resumed=False, looked=lambda *_: None, saved=lambda _: None,
    )  # fmt: skip


def batches_of(asked, material, folder):
    """The pairs of each batch of the first epoch."""
    sampler = trainer(asked, material, folder).get_train_dataloader().batch_sampler
    return [[material.pairs[row] for row in batch] for batch in sampler]


def prompts_of(asked, folder):
    """What is put before the texts of each column while it is trained."""
    return trainer(asked, material_of(asked), folder).args.prompts


class TestEnergy:
    def counter(self, folder, name, microjoules, span=1_000_000):
        path = folder / name
        path.mkdir(exist_ok=True)
        (path / "energy_uj").write_text(f"{microjoules}\n")
        (path / "max_energy_range_uj").write_text(f"{span}\n")

    def test_packages_are_added_up(self, tmp_path):
        """
        Joules are what every package's counter grew by; one that began anew is counted over its span.
        """
        self.counter(tmp_path, "intel-rapl:0", 100)
        self.counter(tmp_path, "intel-rapl:1", 900_000)
        self.counter(tmp_path, "intel-rapl:0:0", 5)  # a part of the first
        energy = Energy(tmp_path)
        self.counter(tmp_path, "intel-rapl:0", 500_100)
        self.counter(tmp_path, "intel-rapl:1", 100_000)
        self.counter(tmp_path, "intel-rapl:0:0", 400_000)

        energy.tick()

        assert 0.7 == energy.joules

    def test_not_readable(self, tmp_path):
        """
        Without counters, and with one that goes away, there is no figure; never a zero.
        """
        none = Energy(tmp_path)
        self.counter(tmp_path, "intel-rapl:0", 100)
        gone = Energy(tmp_path)
        (tmp_path / "intel-rapl:0" / "energy_uj").unlink()

        for energy in (none, gone):
            energy.tick()
            assert energy.joules is None
