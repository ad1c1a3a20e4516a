"""Where what can be made or fetched again is kept: matrices, texts for the children, downloaded files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.errors import InputError
from retrievers.paths import expanded


def cache_folder() -> Path:
    """
    `$SPARRING_CACHE`, else `sparring` in the user's cache folder (`$XDG_CACHE_HOME`, ~/.cache). Absolute.

    InputError where that is in a home and there is none, as in containers that start with an unknown user id.
    """
    configured = os.environ.get("SPARRING_CACHE")
    home = Path(configured) if configured else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "sparring"
    try:
        return expanded(home).absolute()
    except ValueError as error:  # NotFound
        raise InputError(f"cache folder {error}, or set SPARRING_CACHE to a folder that can be written") from error


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
