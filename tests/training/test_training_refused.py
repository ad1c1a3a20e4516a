"""What `sparring train` refuses, and what it keeps when it has to end."""

from __future__ import annotations

import shutil
from importlib.machinery import ModuleSpec

import msgspec
import numpy as np
import pytest
import torch

from bench.errors import InputError
from bench.training import experiment
from bench.training import fit as fits
from bench.training.data import _check
from bench.training.dev_recall import Dev
from bench.training.experiment import train
from bench.training.recipe import Data, Experiment, Model, Negatives, Optimiser
from retrievers.registry import SpellingError, installed
from tests.helpers import sparse_models
from tests.helpers.disks import disk
from tests.helpers.tiny import tiny_set
from tests.helpers.trainings import MINILM, StoppedError, material_of, recipe, stop_at, trained


class TestWhatCanNotBeTrained:
    @pytest.mark.slow
    def test_towers_of_different_size(self, book):
        """
        Towers whose vectors do not meet are refused, with both sizes.
        """
        asked = recipe(model=Model(start=MINILM, query_start="static", dims=32, vocabulary=400))

        with pytest.raises(
            InputError, match=r"one output size, found 32 of static for questions and 384 of sentence-tr"
        ):
            trained(asked, book / "out")

    @pytest.mark.slow
    def test_towers_of_another_vocabulary(self, book):
        """
        Learned-sparse towers whose columns are not the same terms are refused, be they as many.
        """
        words = tuple(f"ask{n}" for n in range(20))
        starts = [sparse_models.toy(book / name, terms) for name, terms in (("one", words), ("other", words[::-1]))]
        asked = recipe(model=Model(start=starts[0], query_start=starts[1], head="splade", similarity="dot"))

        with pytest.raises(
            InputError, match=r"expected towers of one vocabulary, found another in .*other for questions"
        ):
            trained(asked, book / "out")

    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_hard_negatives_take_room_too(self, book):
        """
        A batch that the pairs alone fill, and with their hard negatives do not, is refused.
        """
        asked = recipe(negatives=Negatives(each=8), optimiser=Optimiser(batch=32))

        with pytest.raises(InputError, match=r"optimiser.batch: .* and their hard negatives fill without .* found 32"):
            trained(asked, book / "out")

    @pytest.mark.slow
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

    @pytest.mark.slow
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
        real = experiment.find_spec
        monkeypatch.setattr(
            experiment, "find_spec", lambda name: ModuleSpec(name, None) if name == "datasets" else real(name)
        )

        with pytest.raises(InputError, match=r"sparring train: datasets not found: pip install 'sparring\[train\]'"):
            trained(recipe(), book / "out")

    def test_a_variant_that_cannot_be_trained(self, book):
        """
        What the last of several variants has wrong is said, with its name, before the first is begun.
        """
        wrong = recipe(name="deep", model=Model(start=MINILM, layers=7))

        with pytest.raises(InputError, match=r"variant 'deep': model.layers: expected up to the 6 of .*, found 7"):
            train(Experiment("both", (recipe(), wrong)), book / "out", installed(), lambda _: None, "cpu")

        assert not (book / "out").exists()

    def test_hard_negatives_by_no_retriever(self, book):
        """
        An encoder without a storage finds nothing, and is refused as what mines hard negatives.
        """
        with pytest.raises(SpellingError, match=r"'BM25\(\)': expected a retriever, found an encoder"):
            trained(recipe(negatives=Negatives(retriever="BM25()")), book / "out")

    def test_hard_negatives_by_a_model_that_is_not_there(self, book):
        """
        A retriever that cannot be made ready is refused, with what it says.
        """
        asked = recipe(negatives=Negatives(retriever='BiEncoder("./none") @ Flat()'))

        with pytest.raises(
            InputError, match=r"negatives.retriever: model './none': expected a folder there, found none"
        ):
            trained(asked, book / "out")

    def test_documents_in_parts(self):
        """
        Judgments of documents do not say which part answers: no pair is made of them.
        """
        parts = msgspec.structs.replace(tiny_set(4, 2), passage_ids=("p0", "p0", "p1", "p1"))

        with pytest.raises(InputError, match=r"expected judgments of passages for data.dev, found documents in parts"):
            _check({"train": tiny_set(), "dev": parts})

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

    @pytest.mark.slow
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
        Weights that went bad in the last steps are found at the next evaluation, not when they are kept as the best.
        """
        asked = recipe(model=Model(start="static", dims=8, similarity="dot"))
        material = material_of(asked)
        model = experiment._model(asked, material, "cpu")
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

    @pytest.mark.slow
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

        assert whole.curve.evaluations == resumed.curve.evaluations


def poison(checkpoint):
    """Put a NaN into a checkpoint's weights."""
    from safetensors.numpy import load_file, save_file

    (file,) = checkpoint.glob("*.safetensors")
    found = {name: w.copy() for name, w in load_file(file).items()}
    for w in found.values():
        w[:] = np.nan
    save_file(found, file)
