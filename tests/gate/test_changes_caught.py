"""Changes that a gate has slept through, each tried on a repository or a run made for it."""

from __future__ import annotations

import json
import subprocess

import msgspec
import pytest

from bench.commands.gate import gate
from bench.gate import reference
from bench.gate.policy import policy_changes, with_longer_budget
from bench.gate.verdict import CellVerdict, GateVerdict
from bench.records import run_folder
from bench.run.suite import Gate
from tests.helpers.command import call
from tests.helpers.engines import ENGINE
from tests.helpers.gated import EXACT, HALF, requery, rewrite
from tests.helpers.zoo import write_set

ENGINES = f"""{ENGINE}
CHANGED = False

class Silent(Engine): silent = CHANGED
class Tail(Engine): ms, hard = 0.2, 13 if CHANGED else 0  # 6 % of the queries
class Ballast(Engine): ballast = 320_000_000 if CHANGED else 0
class Slower(Engine): ms = 0.47 if CHANGED else 0.2
"""
SUITE = """
name = "mine"
passages = ["./numbers"]
measures = ["R@1", "R@5"]
primary = "R@1"
limits = {{ seconds = 60, memory = "2GB" }}
[[cells]]
retrievers = {retrievers}
[gate]
budget = "{budget}"
"""
N_QUERIES = 220  # a p95 needs 200


def git(folder, *arguments: str) -> None:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True)


@pytest.fixture
def gated(tmp_path, monkeypatch, cache):
    """`sparring gate --ab HEAD` in a repository of some engines that have changed since: exit code and verdict."""
    folder = tmp_path / "repository"
    passages = {f"p{number}": f"passage {number}" for number in range(20)}
    queries = {f"q{number}": f"{number} query" for number in range(N_QUERIES)}
    write_set(folder / "numbers", passages, queries, {key: f"p{int(key[1:]) % 20}" for key in queries})
    git(folder, "init", "-q")
    monkeypatch.chdir(folder)

    def run(budget: str, *retrievers: str) -> tuple[int, GateVerdict]:
        (folder / "mine.py").write_text(ENGINES)
        (folder / "suite.toml").write_text(SUITE.format(retrievers=json.dumps(retrievers), budget=budget))
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "engines")
        (folder / "mine.py").write_text(ENGINES.replace("CHANGED = False", "CHANGED = True"))
        done = call(gate, "suite.toml", "--ab", "HEAD", "--plugin", "mine.py", "--json")
        return done.exit_code, verdict(done.stdout)

    return run


def verdict(text: str) -> GateVerdict:
    return msgspec.json.decode(text, type=GateVerdict)


def of(judgment: GateVerdict, retriever: str) -> CellVerdict:
    return next(cell for cell in judgment.cells if cell.retriever == retriever)


def failed(judgment: GateVerdict) -> dict[str, list[str]]:
    """Of each cell that failed, what did."""
    found = {cell.retriever: [f.name for f in cell.findings if f.outcome == "fail"] for cell in judgment.cells}
    return {retriever: names for retriever, names in found.items() if names}


@pytest.mark.slow
def test_what_the_median_and_the_ledger_do_not_show(gated):
    """
    A tail, a ballast beside the ledger, and an engine that answers nothing where it is timed: each fails by its name.
    """
    code, found = gated("10m", "Silent()", "Tail()", "Ballast()")

    assert 1 == code
    assert ["Silent()", "Tail()", "Ballast()"] == list(failed(found))
    assert {"single_p95_ms", "batch_qps"} >= set(failed(found)["Tail()"])
    assert ["resident_bytes"] == failed(found)["Ballast()"]
    assert "what is timed is not what is judged" in of(found, "Silent()").findings[0].said
    ballast = next(f for f in of(found, "Ballast()").findings if f.name == "resident_bytes")
    assert 300e6 < ballast.new - ballast.old < 340e6


@pytest.mark.slow
def test_a_factor_beyond_noise_within_a_short_budget(gated):
    """
    2.35 times as slow is caught within 40 s.
    """
    code, found = gated("40s", "Slower()")

    assert 1 == code
    assert ["Slower()"] == list(failed(found))
    assert "single_p50_ms" in failed(found)["Slower()"]
    assert "Slower() on numbers: single_p50_ms x2." in found.line


@pytest.fixture
def held(ran, other, tmp_path):
    """Hold a changed copy of the run to it as the reference: exit code and verdict."""
    reference.accept(run_folder.read(ran), tmp_path / "reference")

    def hold(change, *options: str) -> tuple[int, GateVerdict]:
        change(other)
        done = call(gate, str(other), "--reference", str(tmp_path / "reference"), "--json", *options)
        return done.exit_code, verdict(done.stdout)

    return hold


def resuited(folder, **keys: object) -> None:
    """Change keys of the suite that a run says it was made from."""
    path = folder / run_folder.RUN
    record = json.loads(path.read_text())
    record["suite"] |= keys
    path.write_text(json.dumps(record))


def elsewhere(folder, version: str) -> None:
    """Another version of numpy."""
    path = folder / run_folder.ENVIRONMENT
    record = json.loads(path.read_text())
    record["libraries"]["numpy"] = version
    path.write_text(json.dumps(record))


def test_a_measure_that_is_not_the_primary_one(held):
    """
    R@100 falls, nDCG@10 stays: it fails.
    """
    code, found = held(lambda other: requery(other, dict.fromkeys(range(4), -1.0), measure="R@100"))

    assert (1, {EXACT: ["R@100"]}) == (code, failed(found))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"gate": {"quality": 0.5, "bytes": 1.0}}, "[gate] quality 0.01 -> 0.5, [gate] bytes 0.0 -> 1.0"),
        ({"primary": "R@1"}, "primary nDCG@10 -> R@1"),
        ({"distractors": 10, "measures": ["nDCG@10"]}, "distractors 0 -> 10, measures without R@1, R@10, R@100, RR@10"),
        ({"passages": []}, "passages without tiny"),
        ({"gate": {"budget": "1m"}}, "[gate] budget 40s a cell -> 1m"),
        ({"gate": {"budget": "39s a cell"}}, "[gate] budget 40s a cell -> 39s a cell"),
    ],
)
def test_a_policy_of_its_own(held, keys, said):
    """
    A change that brings its own policy is held to the reference's, and that it brings one fails.
    """

    def change(other) -> None:
        resuited(other, **keys)
        requery(other, {0: -0.3})

    code, found = held(change)

    assert 1 == code
    assert f"policy differs: {said}: bless it with --accept" in found.line
    assert {EXACT: ["nDCG@10"], "policy": ["policy"]} == failed(found)


@pytest.mark.parametrize("budget", ["5m a cell", "90s"])
def test_a_longer_budget(held, budget):
    """
    More time to measure speed in, of the suite's two cells, hides nothing: it is no other policy.
    """
    code, found = held(lambda other: resuited(other, gate={"budget": budget}))

    assert (0, {}) == (code, failed(found))


@pytest.mark.parametrize(("n_cells", "budget"), [(2, "3m"), (8, "40s a cell")])
def test_the_longer_budget_of_so_many_cells(n_cells, budget):
    """
    Of two budgets of a revision's and today's suite that which holds more seconds for its cells is used.
    """
    found = with_longer_budget(Gate(quality=0.5), Gate(budget="3m"), n_cells)

    assert Gate(quality=0.5, budget=budget) == found
    assert (n_cells == 8) == bool(policy_changes({"gate": {}}, {"gate": {"budget": "3m"}}, n_cells))


def test_losses_without_a_gain_elsewhere(held):
    """
    Under another numpy four queries lose and none gains: no near ties do that, however little the mean moves.
    """

    def change(other) -> None:
        elsewhere(other, "0.1")
        requery(other, dict.fromkeys(range(4), -0.04))

    code, found = held(change)

    assert (1, {EXACT: ["nDCG@10"]}) == (code, failed(found))
    assert "(4 queries worse, the first 'q0', 0 better): near ties swap both ways" in found.line


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_a_retriever_that_is_gone(held, options, code):
    """
    A retriever that the suite has no more is said, and fails where every cell has to have its counterpart.
    """

    def change(other) -> None:
        rewrite(other, HALF)
        record = json.loads((other / run_folder.RUN).read_text())
        record["identities"] = {name: key for name, key in record["identities"].items() if not name.endswith(HALF)}
        (other / run_folder.RUN).write_text(json.dumps(record))

    found = held(change, *options)

    assert code == found[0]
    assert "the run has no such cell: the reference has" == of(found[1], HALF).findings[0].said
