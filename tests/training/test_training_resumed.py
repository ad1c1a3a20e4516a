"""`sparring train` stopped and begun again, and in a folder that was begun before."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest

from bench.errors import InputError
from bench.training import card as cards
from bench.training import experiment
from bench.training import fit as fits
from bench.training.experiment import train
from bench.training.recipe import Data, Experiment, Loss, Model, Optimiser, Stop
from bench.training.suite import START
from retrievers.registry import installed
from tests.helpers.trainings import MINILM, StoppedError, recipe, stop_at, trained, weights


class TestResume:
    @pytest.mark.slow
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

        assert whole.curve.evaluations == resumed.curve.evaluations
        (one,), (other,) = (weights(book / name / "seed-1").values() for name in ("whole", "out"))
        assert np.array_equal(one, other)

    @pytest.mark.slow
    def test_patience_and_dropout(self, book):
        """
        So it is with a transformer, whose dropout draws, and with evaluations without a gain, counted before.
        """
        asked = recipe(
            model=Model(start=MINILM, layers=1, max_length=32),
            optimiser=Optimiser(batch=8, epochs=4, learning_rate=1e-9),
            stop=Stop(evaluations=4, patience=3),
        )
        (whole,) = trained(asked, book / "whole")

        with pytest.raises(StoppedError):
            trained(asked, book / "out", lambda line: stop_at(line, 6))
        (resumed,) = trained(asked, book / "out")

        assert (3, 12) == (
            whole.curve.best_step,
            whole.curve.steps,
        )  # an evaluation every 3 steps, no gain at three of them
        assert whole.curve == resumed.curve
        one, other = (weights(book / name / "seed-1") for name in ("whole", "out"))
        assert all(np.array_equal(one[name], other[name]) for name in one)

    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_what_was_spent_before(self, book):
        """
        Time is the sum over all sessions.
        """

        def stop(line):
            if "step 30 of" in line:
                time.sleep(1.5)
            stop_at(line, 36)

        with pytest.raises(StoppedError):
            trained(recipe(), book / "out", stop)
        (resumed,) = trained(recipe(), book / "out")

        assert resumed.spent.seconds > 1.5

    @pytest.mark.slow
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

        assert whole.curve.evaluations == resumed.curve.evaluations

    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_seeds_added_later(self, book):
        """
        A seed that is added alone leaves the start as it was, and stands in the suite beside those before.
        """
        trained(recipe(), book / "out")
        before = weights(book / "out" / START)

        found = trained(recipe(seeds=(4,)), book / "out")

        assert [1, 4] == [card.seed for card in found]
        after = weights(book / "out" / START)
        assert all(np.array_equal(before[name], after[name]) for name in before)
        assert all(f"out/seed-{seed}" in (book / "out" / experiment.SUITE).read_text() for seed in (1, 4))

    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_other_data(self, book):
        """
        A folder that was begun with other texts under the same name is refused.
        """
        trained(recipe(), book / "out")
        (book / "book.json").write_text((book / "book.json").read_text().replace("tell7 ", "told7 "))

        with pytest.raises(InputError, match="was begun with another train"):
            trained(recipe(), book / "out")

    @pytest.mark.slow
    def test_a_folder_of_an_older_version(self, book):
        """
        A folder whose recipe and card call evaluations looks, as version 1 did, is read and needs no training anew.
        """
        (card,) = trained(recipe(), book / "out")
        for path in (book / "out" / experiment.BEGUN, book / "out" / "seed-1" / cards.FILE):
            path.write_text(path.read_text().replace('"evaluations"', '"looks"').replace('/2"', '/1"'))

        assert [card] == trained(recipe(), book / "out")

    def test_a_folder_that_cannot_be_read(self, book):
        """
        A folder whose recipe is none is refused with what to do.
        """
        (book / "out").mkdir()
        (book / "out" / experiment.BEGUN).write_text("[]")

        with pytest.raises(InputError, match=r"expected what the folder was begun with, found.*another folder with -o"):
            trained(recipe(), book / "out")

    @pytest.mark.parametrize("recipes", [(recipe(),), (recipe(name="one"), recipe(name="other"))])
    def test_a_folder_of_other_things(self, book, recipes):
        """
        A folder that holds something else is refused, for a recipe as for variants of one.
        """
        (book / "out").mkdir()
        (book / "out" / "letter.txt").write_text("dear")

        with pytest.raises(InputError, match=r"expected a new folder, or one of .*, found other files"):
            train(Experiment("small", recipes), book / "out", installed(), lambda _: None, "cpu")

        assert [book / "out" / "letter.txt"] == list(book.glob("out/**/*"))

    @pytest.mark.slow
    def test_a_folder_that_another_training_holds(self, book):
        """
        Two trainings never write into one folder: the second is refused while the first is under way.
        """

        def begin_another(line):
            if "step 18 of" in line:
                with pytest.raises(InputError, match=r"training folder .*: another training is writing into it; wait"):
                    trained(recipe(), book / "out")

        (card,) = trained(recipe(), book / "out", begin_another)

        assert card == cards.read(book / "out" / "seed-1")

    @pytest.mark.slow
    def test_the_peak_is_of_one_training(self, book):
        """
        What was held and let go before a training began, as by another seed's, is not in its peak.
        """
        (before,) = trained(recipe(), book / "before")
        ballast = bytearray(b"x") * 400_000_000
        del ballast

        (after,) = trained(recipe(), book / "after")

        assert after.spent.peak_bytes < before.spent.peak_bytes + 200_000_000
