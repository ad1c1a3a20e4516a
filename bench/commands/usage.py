"""How the help of a command names what it takes, in words and not in types, and its examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typer.core import TyperCommand

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "run": (
        'sparring run --passages primer "BM25() @ CSC()" "BM25() @ Packed()"',
        "sparring run suite.toml -o results/mine",
    ),
    "plan": (
        'sparring plan --passages scifact "BM25() @ CSC()" "BM25() @ Flat()"',
        "sparring plan suite.toml --power",
    ),
    "table": (
        "sparring table results/mine --wide",
        "sparring table results/mine --format markdown",
    ),
    "compare": (
        "sparring compare results/old results/new",
        'sparring compare results/mine --retrievers "BM25() @ CSC()" "RankBM25()"',
    ),
    "gate": (
        "sparring gate results/mine --reference reference",
        "sparring gate suite.toml --ab origin/main",
    ),
    "history": (
        "sparring history results/ --measure R@10",
        "sparring history --committed reference",
    ),
    "plot": (
        "sparring plot frontier results/mine -o frontier.svg",
        "sparring plot storage results/mine --passages scifact -o storage.png",
    ),
    "show": ("sparring show results/mine bread-q03",),
    "explain": ('sparring explain results/mine "BM25() @ CSC()"',),
    "judge-sheet": ("sparring judge-sheet results/mine -o sheet.csv",),
    "datasets": ("sparring datasets", "sparring datasets scifact"),
    "suites": ("sparring suites",),
    "models": ("sparring models", "sparring models --json"),
    "fetch": ("sparring fetch scifact", "sparring fetch scifact --from /mnt/mirror"),
    "retrievers": ("sparring retrievers", "sparring retrievers --plugin mine.py"),
    "check": ('sparring check "Mine()" --plugin mine.py',),
    "calibrate": ("sparring calibrate",),
    "train": ("sparring train quick -o models/quick",),
    "new": ("sparring new encoder Trigrams",),
    "export": (
        "sparring export results/mine -o runs",
        "sparring export primer --format beir -o primer",
    ),
    "import": ("sparring import bm25.run --passages scifact -o results/theirs",),
}


def epilog(name: str) -> str:
    """The examples of a command, or of the function that is one, as lines that are left as they are."""
    return "\b\nFor example:\n" + "\n".join(f"  {line}" for line in EXAMPLES[name.replace("_", "-")])


class CommandInWords(TyperCommand):
    """A command that names its arguments by their metavar alone, `RUN...`, where typer has `{runs}... <list[path]>`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # Any: of click, which typer imports or has inside
        arguments = [str(param.metavar) for param in self.get_params(ctx) if param.param_type_name == "argument"]
        return [self.options_metavar or "", *arguments]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # Any: the same
        sections: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                named, said = record
                is_argument = param.param_type_name == "argument"
                sections[param.param_type_name].append((str(param.metavar) if is_argument else named, said))
        for section, records in sections.items():
            if records:
                with formatter.section(f"{section.title()}s"):
                    formatter.write_dl(records)
