"""What makes a cell again that was asked its queries in looks, and what is explained of it."""

from __future__ import annotations

from typer.testing import CliRunner

from bench import cli
from bench.analysis.explain import explanation_of
from bench.commands.plan import UPPER_BOUNDS
from bench.records.decision import Decision
from bench.run import suite as suites
from tests.helpers.run_folders import SUITE, cell

BASELINE, OTHER = "BM25() @ CSR()", "TfIdf() @ CSR()"
DECISION = Decision(
    baseline=BASELINE,
    measure="nDCG@10",
    verdict="worse",
    n_asked=20,
    n_looks=1,
    planned_looks=2,
    difference=-0.2,
    interval=(-0.3, -0.1),
    level=0.975,
    means={"nDCG@10": 0.3},
)


def explained(folders, **changes):
    """A cell of a suite that stops what is decided, explained."""
    of_suite = {"stop": "decided", "baseline": BASELINE, "passages": ["primer"]}
    of_suite["cells"] = [{"retrievers": [BASELINE, OTHER, "Dense() @ Exact()"]}]
    known = {"retriever": OTHER, "passage_set": "primer", "quality": None, "decision": DECISION, "n_timed": 20}
    m = cell(**known | changes)
    return explanation_of(folders.run("run", m, **of_suite), m)


def test_a_decided_cell_is_made_again_beside_its_baseline(folders):
    """
    The suite that makes a decided cell again stops what is decided, beside the same baseline, which is its other cell.
    """
    found = explained(folders)

    again = suites.parse(found.suite, "again.toml")
    assert ("decided", BASELINE, SUITE["queries"]) == (again.stop, again.baseline, again.queries)
    assert [("primer", BASELINE), ("primer", OTHER)] == again.pairs()
    assert found.command.startswith("sparring run again.toml")


def test_what_alone_is_decided_sooner(folders):
    """
    Of a decided cell it is explained that the looks shared 5 % with the run's other cells.
    """
    (said,) = (detail for detail in explained(folders).sections["conditions"] if detail.name == "looks")

    assert "1 of 2" == said.value
    assert said.source.startswith("bounds of 97.5 %: the cells of the run share 5 %, so that it may be decided sooner")


def test_a_cell_without_a_decision_is_made_again_alone(folders):
    """
    Where nothing was decided in looks, neither the baseline nor the stop is needed.
    """
    found = explained(folders, decision=None, quality={"nDCG@10": 0.5})

    assert found.suite is None or "stop" not in found.suite
    assert "looks" not in [detail.name for detail in found.sections["conditions"]]


def test_how_many_queries_were_timed(folders):
    """
    The number of queries that were timed is explained where the record says it.
    """
    conditions = {detail.name: detail.value for detail in explained(folders).sections["conditions"]}

    assert "20 of 40 queries" == conditions["timed"]


def test_a_plan_says_that_stopping_takes_less():
    """
    `sparring plan --stop decided` says in a line that its times are upper bounds, and in none without.
    """
    asked = ["plan", "--passages", "primer", BASELINE, OTHER, "--json"]

    stopping, whole = (CliRunner().invoke(cli.app, [*asked, *more]) for more in (["--stop", "decided"], []))

    assert (0, 0) == (stopping.exit_code, whole.exit_code)
    assert UPPER_BOUNDS in stopping.stderr.splitlines()
    assert UPPER_BOUNDS not in whole.stderr
