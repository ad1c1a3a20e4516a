"""The bench of the bench: what it injects, how it draws, and how it counts."""

from __future__ import annotations

import functools
import importlib.util
import json
from types import ModuleType

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.formats.files import write_whole
from bench.gate.ab_worker import Answer, KnownCell, Request
from bench.gate.figures import FIGURES
from bench.gate.rounds import speeds_of
from bench.gate.verdict import CellVerdict, Finding
from bench.git import git
from bench.instruments import environment
from bench.passages import loader
from bench.records import run_folder
from bench.run.suite import Gate, Suite
from tests.benchmarks.trust import page, pooled, rates
from tests.benchmarks.trust.rates import SLOWED, SPEED_ALIKE, Rate, Rounds
from tests.benchmarks.trust.trials import CELLS, ENGINES, Times, Trial, repository, trial

TRUE = {cell: page.SIZES.get(cell, 1.0) for cell in CELLS}


machine = functools.cache(environment.collect)


def engines(*, changed: bool) -> ModuleType:
    """The engines before and after the second commit."""
    spec = importlib.util.spec_from_loader("engines", loader=None)
    module = importlib.util.module_from_spec(spec)
    code = ENGINES.read_text(encoding="utf-8")
    exec(code.replace("\nCHANGED = False\n", "\nCHANGED = True\n") if changed else code, vars(module))
    return module


def made(spread: float, n: int = 40, seconds: float = 1.0, seed: int = 1) -> Rounds:
    """Rounds of every cell whose log ratios have the true mean and a normal spread."""
    rng = np.random.default_rng(seed)
    return rounds_like({cell: rng.normal(np.log(size), spread, n) for cell, size in TRUE.items()}, seconds)


def rounds_like(ratios: dict[str, np.ndarray], seconds: float = 1.0) -> Rounds:
    """Rounds of p50 alone, whose log ratios are these; the old side takes a millisecond."""
    pairs = {
        cell: np.stack([np.ones_like(each), np.exp(each), np.full_like(each, np.nan)], axis=-1)[:, None]
        for cell, each in ratios.items()
    }
    return Rounds(pairs, 2 * seconds, seconds)


def gate_run(failing: dict[str, str], *, loaded: bool = False) -> Trial:
    """A gate run in which a finding of some cells fails."""
    named = {"quality": "R@10", "bytes": "ledger_bytes", "speed": "single_p50_ms"}
    verdicts = []
    for cell in CELLS:
        found = tuple(
            Finding(kind=kind, name=name, outcome="fail" if failing.get(cell) == kind else "pass", said="")
            for kind, name in named.items()
        )
        outcome = "fail" if cell in failing else "pass"
        verdicts.append(CellVerdict(passage_set="primer", retriever=cell, outcome=outcome, findings=found))
    return Trial(
        kind="gate",
        loaded=loaded,
        budget=90.0,
        seconds=100.0,
        times={cell: {"single_p50_ms": Times((1.0,) * 6, (size,) * 6)} for cell, size in TRUE.items()},
        verdicts=tuple(verdicts),
        environment=machine(),
    )


def recording(*, loaded: bool, spread: float = 0.01) -> Trial:
    """A recording of 20 pairs of rounds of each cell, two seconds the first, one each other."""
    rounds = made(spread, n=20)
    times = {cell: {"single_p50_ms": Times((1.0,) * 20, tuple(np.exp(rounds.ratios(cell)).tolist()))} for cell in CELLS}
    ended = [2.0 * number for number in range(len(CELLS))]
    ended += [ended[-1] + 1.0 + number for number in range(19 * len(CELLS))]
    return Trial(
        kind="recording",
        loaded=loaded,
        budget=170.0,
        seconds=180.0,
        times=times,
        ended=tuple(ended),
        environment=machine(),
    )


ALL_CAUGHT = {cell: change for cell, change in CELLS.items() if change}


class TestInjected:
    @pytest.mark.slow
    def test_each_change_has_its_size(self):
        """
        The second commit adds 10 and 20 % of work, 1 % of bytes, and takes .02 of R@10; the rest stays alike.
        """
        primer = loader.load("primer")
        found = {}
        for cell in CELLS:
            was, now = (getattr(engines(changed=changed), cell.removesuffix("()"))() for changed in (False, True))
            for engine in (was, now):
                engine.index(primer.passages)
            weights = [sum(engine.ledger().values()) for engine in (was, now)]
            work = now.times / was.times
            was.times = now.times = 1
            old, new = (engine.search(primer.queries, 10) for engine in (was, now))
            recall = recall_at_10(primer, new.rows) - recall_at_10(primer, old.rows)
            found[cell] = (work, round(weights[1] / weights[0], 4), round(recall, 3))

        rest = {cell: (size, 1.0, 0.0) for cell, size in TRUE.items()}
        assert rest | {"Heavier()": (1.0, 1.01, 0.0), "Poorer()": (1.0, 1.0, -0.02)} == found

    def test_a_repository_of_two_commits(self, tmp_path):
        """
        The first commit holds the engines as they are, the working tree those that are changed.
        """
        repository(tmp_path / "made", 90)

        assert "\nCHANGED = True\n" in (tmp_path / "made" / "engines.py").read_text()
        assert ENGINES.read_bytes() == git(tmp_path / "made", "show", "HEAD~1:engines.py").stdout

    @pytest.mark.slow
    def test_a_recording_goes_on(self, tmp_path, monkeypatch, cache):
        """
        A recording keeps every cell's rounds, however the gate would have decided, and leaves no checkout.
        """
        monkeypatch.setattr("tests.benchmarks.trust.trials.CELLS", {"Slower20()": "speed"})

        found = trial("recording", tmp_path / "trial", 1.0, loaded=True)

        (times,) = found.times.values()
        assert list(FIGURES) == list(times)
        assert all([len(found.ended)] * 2 == [len(each.old), len(each.new)] for each in times.values())
        assert ["repository", "runs"] == sorted(path.name for path in (tmp_path / "trial").iterdir())


def recall_at_10(primer: loader.PassageSet, rows: np.ndarray) -> float:
    """By hand: the share of its relevant passages that a query finds, on average."""
    of_queries = []
    for query, found in zip(primer.query_ids, rows, strict=True):
        relevant = {passage for passage, grade in primer.qrels[query].items() if grade > 0}
        of_queries.append(len(relevant & {primer.passage_ids[row] for row in found if row >= 0}) / len(relevant))
    return float(np.mean(of_queries))


class TestDrawing:
    @given(st.integers(1, 30), st.integers(1, 90), st.integers(0, 99))
    @settings(deadline=None)
    def test_blocks_of_neighbours(self, half, n, seed):
        """
        Rounds are drawn in blocks of neighbours, of all cells the same ones; cells that are alike stand in for others.
        """
        places = {cell: 1000.0 * number + np.arange(2 * half) for number, cell in enumerate(CELLS)}
        pairs = {cell: np.stack([each, each, each], axis=-1)[:, None] for cell, each in places.items()}

        drawn = rates.drawn(np.random.default_rng(seed), Rounds(pairs, 2.0, 1.0), n)

        assert list(CELLS) == list(drawn)
        found = {cell: values[:, 0, 1] for cell, values in drawn.items()}
        steps = np.diff(found["Slower10()"]) % (2 * half)
        assert all(step == 1 % (2 * half) for at, step in enumerate(steps, start=1) if at % rates.BLOCK)
        assert all((values % 1000 == found["Slower10()"] % 1000).all() for values in found.values())
        standing = sorted(zip(*(found[cell] // 1000 for cell in SPEED_ALIKE), strict=True))
        own = [list(CELLS).index(cell) for cell in SPEED_ALIKE]
        assert all(own == sorted(cells) for cells in standing)

    def test_decides_as_the_gate_does(self, monkeypatch):
        """
        On the same rounds a drawn gate run decides what the gate's own loop decides, cell by cell.
        """
        rounds = made(0.05, n=2000)
        monkeypatch.setattr(rates, "drawn", lambda rng, rounds, n: rounds.pairs)
        cells = tuple(KnownCell(cell=cell, passage_set="primer", retriever=cell) for cell in CELLS)

        class Fake:
            keeps_step = False

            def __init__(self, *, new: bool) -> None:
                self.cells, self.new = cells, new

            def ask(self, wanted: Request, seconds: float) -> Answer:
                return Answer(milliseconds=float(rounds.pairs[wanted.cell][wanted.round, 0, int(self.new)]))

        suite = Suite(name="a", passages=("primer",), cells=())
        told = speeds_of(Fake(new=False), Fake(new=True), Gate(budget="60s"), suite, lambda _: None)

        assert {"pass", "slower"} <= {speed.decision for (speed,) in told.values()}
        assert told == rates.resampled(np.random.default_rng(0), rounds, 1e6)

    def test_a_budget_that_is_spent(self):
        """
        Once the budget is spent nothing more is decided; the first pair of every cell is measured whatever it takes.
        """
        rounds = made(0.001)  # 8 cells: 16 s for the first pairs, 8 s for every next

        runs = [rates.resampled(np.random.default_rng(0), rounds, budget) for budget in (1.0, 47.5, 48.0)]

        found = [{cell: speed.decision for cell, (speed,) in run.items()} for run in runs]
        assert set(CELLS) == {cell for cell, decision in found[0].items() if decision == "undecided"}
        assert ["pass", "slower"] == [found[1]["Same1()"], found[1]["Slower20()"]]
        assert "pass" == found[2]["Poorer()"]

    @pytest.mark.slow
    def test_noise_of_three_per_cent(self):
        """
        Rounds that spread by 3 % make no false alarm in 1,600 cells; of +10 % more than nine in ten are caught.
        """
        runs = rates.gate_runs(np.random.default_rng(2), [made(0.03), made(0.03, seed=2)], 120.0, 320)

        assert Rate(0, 1600) == rates.slower(runs, SPEED_ALIKE)
        assert Rate(0, 320) == rates.slower_runs(runs)
        assert rates.slower(runs, ["Slower10()"]).value > 0.9
        assert Rate(320, 320) == rates.slower(runs, ["Slower20()"])

    def test_more_pairs_tell_more(self):
        """
        The curve: what is caught within so many pairs grows with them; below the fewest nothing is.
        """
        found = rates.power(np.random.default_rng(3), [made(0.04)], ["Slower10()"], (4, 6, 12, 24), 200)

        values = [rate.value for rate in found.values()]
        assert 0 == values[0]
        assert sorted(values) == values
        assert values[-1] > 0.9


class TestCounting:
    def test_false_alarms_and_what_is_caught(self):
        """
        What was changed in a cell is caught when it fails; whatever else fails is a false alarm.
        """
        trials = [gate_run(ALL_CAUGHT), gate_run({"Same1()": "speed", "Poorer()": "speed", "Slower10()": "bytes"})]

        assert Rate(2, 10) == rates.false_speed(trials)
        assert Rate(1, 6) == rates.false_same(trials)
        assert Rate(1, 24) == rates.false_exact(trials)  # of 14 of each kind 2 had changed
        assert Rate(1, 2) == rates.false_runs(trials)
        assert [Rate(1, 2)] * 4 == [rates.caught(trials, cell) for cell in (*SLOWED, "Heavier()", "Poorer()")]

    def test_a_rate_with_its_bounds(self):
        """
        A rate is printed with Clopper and Pearson's bounds: none of 190 lies under 1.93 %.
        """
        assert "0 of 190: 0.00 % (0.00–1.92)" == str(Rate(0, 190))
        assert "–" == str(Rate(0, 0))

    def test_seconds_of_pairs(self):
        """
        The first pair of each cell, which answers every query, has seconds of its own.
        """
        rounds = rates.rounds_of(recording(loaded=False))

        assert (2.0, 1.0, 20) == (rounds.first_seconds, rounds.seconds, len(rounds.ratios("Same1()")))


class TestPooled:
    def noisy(self, lean: float, n: int = 40, seed: int = 3) -> Trial:
        """A gate run whose new side takes so many times as long in every cell, but for noise of 3 %."""
        rng = np.random.default_rng(seed)
        times = {
            cell: {"single_p50_ms": Times((1.0,) * n, tuple(lean * np.exp(rng.normal(0, 0.03, n))))} for cell in CELLS
        }
        return msgspec.structs.replace(gate_run({}), times=times)

    @pytest.mark.parametrize(("lean", "level"), [(1.0, True), (1.01, False), (0.99, False)])
    def test_a_side_that_is_slower(self, lean, level):
        """
        What both sides take alike is level; one per cent to either side is not.
        """
        trials = [self.noisy(lean, seed=seed) for seed in range(20)]

        found = pooled.pooled(np.random.default_rng(1), trials, "single_p50_ms")

        assert level == found.is_level
        assert found.low < lean < found.high
        assert (20 * 40 * len(SPEED_ALIKE), 20) == (found.n, found.n_units)

    def test_runs_that_lean_each_to_a_side(self):
        """
        What moves a side in all rounds of a run is no noise of its rounds: runs tell of it, and not their many pairs.
        """
        trials = [self.noisy(1.0 + (-1) ** seed * 0.02, n=400, seed=seed) for seed in range(6)]

        found = pooled.pooled(np.random.default_rng(1), trials, "single_p50_ms")

        assert found.low < 0.99 < 1.01 < found.high
        assert not found.is_level

    @pytest.mark.parametrize(("held", "level"), [(1.5e6, True), (1.5e9, False)])
    def test_a_side_that_holds_more(self, held, level):
        """
        Of memory two per cent are what is not told from page noise, or not: it depends on how much they are.
        """
        one = msgspec.structs.replace(
            gate_run({}), times={cell: {"resident_bytes": Times((held,) * 9, (0.98 * held,) * 9)} for cell in CELLS}
        )

        found = pooled.pooled(np.random.default_rng(1), [one] * 3, "resident_bytes")

        assert level == found.is_level
        assert pytest.approx(0.98) == found.low == found.high

    def test_too_few_to_tell(self):
        """
        An interval that reaches too far is not level, be 1 in it.
        """
        trials = [self.noisy(1.0, n=4, seed=seed) for seed in range(4)]

        found = pooled.pooled(np.random.default_rng(1), trials, "single_p50_ms")

        assert found.low < 1 < found.high
        assert not found.is_level


class TestPage:
    @pytest.fixture
    def quick(self, monkeypatch, tmp_path):
        """Few draws, and no statistics."""
        monkeypatch.setattr(page, "RESAMPLED", 40)
        monkeypatch.setattr(page, "DRAWS", 20)
        monkeypatch.setattr(page, "COMMITTED", tmp_path)

    def write(self, folder, trials):
        write_whole(folder / "trials.jsonl", b"".join(msgspec.json.encode(t) + b"\n" for t in trials))

    def test_met(self, tmp_path, quick):
        """
        Where every figure is within its rule the page says met; the statistics have their place above the gate.
        """
        trials = [gate_run(ALL_CAUGHT, loaded=n % 2 == 0) for n in range(40)]
        trials += [recording(loaded=loaded) for loaded in (False, True)]
        self.write(tmp_path, trials)

        text, well = page.page(tmp_path)

        assert well
        assert 10 == text.count("| met |")
        assert "not met" not in text
        assert text.index("Not measured.") < text.index("## The gate")
        assert "| caught: +10 % p50 | 20 of 20: 100.00 % (83.16–100.00) | 20 of 20" in text

    @pytest.mark.slow
    def test_not_met(self, tmp_path, quick):
        """
        A false alarm too many, or a change that slept through, reads "not met".
        """
        self.write(tmp_path, [gate_run({"Same1()": "speed"}), recording(loaded=False, spread=0.4)])

        text, well = page.page(tmp_path)

        assert not well
        assert "real: at most 0.5% of figures | 1 of 5: 20.00 % (0.51–71.64) | not met |" in text
        assert "+1 % bytes caught, real: always | 0 of 1: 0.00 % (0.00–97.50) | not met |" in text

    def test_nothing_measured(self, tmp_path, quick):
        """
        Without trials every rule reads "not measured", and none is met.
        """
        text, well = page.page(tmp_path)

        assert not well
        assert 9 == text.count("not measured")

    def test_a_trial_is_read_back(self, tmp_path):
        """
        What was measured is kept as it was, a line a trial.
        """
        trials = [gate_run({}), recording(loaded=True)]

        self.write(tmp_path, trials)

        assert trials == run_folder.lines(tmp_path / "trials.jsonl", Trial)
        assert "Same1()" in json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[0])["times"]
