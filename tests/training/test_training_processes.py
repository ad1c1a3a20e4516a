"""`sparring train` as several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from bench.training import card as cards
from bench.training import recipe as recipes
from bench.training.experiment import train
from retrievers import model_folders
from retrievers.registry import installed
from tests.helpers.trainings import MINILM, recipe, trained, weights


def without_dropout(folder):
    """A small transformer that draws nothing, so that it does not matter who reads which text."""
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(model_folders.find(MINILM).folder), device="cpu").save_pretrained(str(folder))
    config = json.loads((folder / "config.json").read_text())
    calm = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config | calm))


class TestSeveralProcesses:
    RECIPE = """
name = "small"
seeds = [1]
data = { train = "book.json:train", dev = "book.json:dev", test = "book.json:test" }
model = { start = "static", dims = 32, vocabulary = 400 }
optimiser = { batch = 8, epochs = 4, learning_rate = 0.05 }
stop = { evaluations = 2, patience = 0 }
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

    @pytest.mark.slow
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
        recalls = [[one.recall for one in card.curve.evaluations] for card in (alone, found)]
        assert recalls[0] == recalls[1]
        (one,), (other,) = (weights(book / name / "seed-1").values() for name in ("alone", "out"))
        assert np.abs(one - other).max() < 1e-4

    @pytest.mark.slow
    @pytest.mark.parametrize("accumulate", [1, 2])
    def test_two_towers(self, book, accumulate):
        """
        So it is with two towers whose batch is in parts: transformers, of which some weights are never used.
        """
        without_dropout(book / "start")
        start = 'start = "./start", layers = 1, max_length = 32, towers = "separate"'
        optimiser = f"batch = 8, accumulate = {accumulate}, epochs = 1, learning_rate = 1e-4"
        text = self.RECIPE.replace('start = "static", dims = 32, vocabulary = 400', start) + "loss = { cached = 2 }\n"
        text = text.replace("batch = 8, epochs = 4, learning_rate = 0.05", optimiser)
        (alone,) = train(recipes.parse(text, "recipe"), book / "alone", installed(), lambda _: None, "cpu")

        said, codes = self.started(book, text)

        assert [0, 0] == codes, said
        (found,) = cards.of(book / "out")
        assert (2, alone.curve.steps) == (found.processes, found.curve.steps)
        one, other = (weights(book / name / "seed-1") for name in ("alone", "out"))
        before = weights(book / "alone" / "start")
        learned, apart = (
            sum(float(np.abs(one[name] - those[name]).sum()) for name in one) for those in (before, other)
        )
        assert apart < 0.01 * learned

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("old", "new", "what"),
        [
            (
                "batch = 8",
                "batch = 9",
                "optimiser.batch: expected a multiple of the 2 processes that",
            ),
            (
                "dims = 32",
                'dims = 32, towers = "separate"',
                "model.towers: expected one process for two towers",
            ),
        ],
    )
    def test_what_they_cannot_share(self, book, old, new, what):
        """
        A batch that is no multiple of the processes is refused, and so are two towers whose batch is not in parts.
        """
        said, codes = self.started(book, self.RECIPE.replace(old, new))

        assert [2, 2] == codes, said
        assert what in said
