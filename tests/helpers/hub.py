"""The hub's cache, as its client leaves it."""

from __future__ import annotations

from pathlib import Path


def keep(hub: Path, name: str, *, whole: bool = True, weights: str = "model.safetensors") -> Path:
    """Put a model there; whole: its download came to an end."""
    place = hub / f"models--{name.replace('/', '--')}"
    folder = place / "snapshots" / "c0ffee"
    folder.mkdir(parents=True)
    (folder / weights).write_bytes(b"")
    (place / "refs").mkdir()
    if whole:
        (place / "refs" / "main").write_text("c0ffee\n")
    return folder
