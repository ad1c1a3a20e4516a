"""Where what can be made or fetched again is kept: matrices, texts for the children, downloaded files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.errors import InputError


def cache_folder() -> Path:
    """`$SPARRING_CACHE`, else `sparring` in the user's cache folder (`$XDG_CACHE_HOME`, ~/.cache). Absolute."""
    configured = os.environ.get("SPARRING_CACHE")
    home = Path(configured) if configured else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "sparring"
    return home.expanduser().absolute()


def prepared() -> Path:
    """The cache folder, made and proved to take a file; InputError that names SPARRING_CACHE where it cannot be."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise InputError(
            f"cache folder {folder}: expected a folder that can be written, found: {error.strerror or error}: "
            f"set SPARRING_CACHE to one that can"
        ) from error
