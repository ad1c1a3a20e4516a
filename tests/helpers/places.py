"""Where things lie, for tests that read files of the project."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PLUGINS = ROOT / "tests" / "plugins"
KNOWN = PLUGINS / "known.py"
RECORDS = ROOT / "tests" / "data" / "records"  # files of each schema version, as a run wrote them
