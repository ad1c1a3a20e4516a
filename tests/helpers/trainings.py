"""What the tests of `sparring train` share: a recipe of a second, over the fixture `book`."""

from __future__ import annotations

import msgspec

from bench.training import experiment
from bench.training.data import gather
from bench.training.dev_recall import Dev
from bench.training.experiment import train
from bench.training.recipe import Data, Experiment, Model, Optimiser, Recipe, Stop
from bench.training.trainer import trainer_of
from retrievers.registry import installed

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def recipe(**changes):
    """One that trains in a second."""
    whole = Recipe(
        name="small",
        data=Data(train="book.json:train", dev="book.json:dev", test="book.json:test"),
        model=Model(start="static", dims=32, vocabulary=400),
        optimiser=Optimiser(batch=8, epochs=4, learning_rate=0.05),
        stop=Stop(evaluations=2, patience=0),
        seeds=(1,),
    )
    return msgspec.structs.replace(whole, **changes)


def trained(asked, folder, say=lambda _: None, device="cpu"):
    return train(Experiment(asked.name, (asked,)), folder, installed(), say, device)


def material_of(asked):
    return gather(asked, installed(), {}, {}, lambda _: None)


def weights(folder):
    from safetensors.numpy import load_file

    files = sorted(folder.rglob("*.safetensors"))
    assert files
    return {f"{file.relative_to(folder)} {name}": w for file in files for name, w in load_file(file).items()}


class StoppedError(Exception):
    """What ends a training in its midst."""


def stop_at(line, step):
    if f"step {step} of" in line:
        raise StoppedError


def trainer(asked, material, folder):
    model = experiment._model(asked, material, "cpu")
    return trainer_of(
        asked, 1, model, material.pairs, Dev(material.dev, asked), folder / "c",
        resumed=False, on_evaluate=lambda *_: None, on_save=lambda _: None,
    )  # fmt: skip
