"""`sparring train` as several processes."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from trainings import recipe, trained, weights

from bench.training import card as cards


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
