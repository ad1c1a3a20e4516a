"""Where what can be made or fetched again is kept: matrices, texts for the children, downloaded files."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$SPARRING_CACHE`, else `sparring` in the user's cache folder (`$XDG_CACHE_HOME`, ~/.cache). Absolute."""
    configured = os.environ.get("SPARRING_CACHE")
    home = Path(configured) if configured else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "sparring"
    return home.expanduser().absolute()
