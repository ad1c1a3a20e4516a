"""The rounds of an A/B: in turn, until what matters is decided or the budget is spent."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from bench.gate import rounds
from bench.gate.ab_worker import Answer, KnownCell, Request
from bench.gate.rounds import is_open, speeds_of
from bench.gate.speed import Speed
from bench.run.suite import Gate, Suite

SAME = Suite(name="mine", passages=("a",), cells=())
ALIKE, WILD, SLOW = [1.0] * 40, [1.0, 0.8, 1.25, 1.0, 0.9, 1.3, 0.7, 1.1] * 5, [3.0] * 40


@pytest.fixture
def slow_clock(monkeypatch):
    """Every look at the clock takes a second."""
    ticks = itertools.count()
    monkeypatch.setattr(rounds.time, "monotonic", lambda: float(next(ticks)))


class Fake:
    """A side that takes no time, and says who was asked when."""

    keeps_step = False

    def __init__(self, name: str, asked: list[str], times: list[float | None], threads: int = 1, **others) -> None:
        self.name, self.asked, self.times, self.others = name, asked, times, others
        self.cells = (KnownCell(cell=name, passage_set="a", retriever="X()", threads=threads),)

    def ask(self, wanted: Request, seconds: float) -> Answer:
        self.asked.append(self.name)
        milliseconds = self.times[wanted.round]
        if milliseconds is None:
            return Answer()
        others = {name: values[wanted.round] for name, values in self.others.items()}
        return Answer(milliseconds=milliseconds, figures={"single_p50_ms": milliseconds} | others if others else {})


class TestRounds:
    def test_they_alternate(self):
        """
        One side measures right after the other, and which goes first alternates.
        """
        asked: list[str] = []
        sides = Fake("old", asked, [1.0] * 5), Fake("new", asked, [1.0] * 5)

        speeds = speeds_of(*sides, Gate(), SAME, print)

        firsts = asked[::2]
        ((speed),) = speeds["new"]
        assert ("pass", 5) == (speed.decision, speed.rounds)
        assert all({"old", "new"} == set(asked[i : i + 2]) for i in range(0, 10, 2))
        assert [1, 1, 1, 1] == [int(firsts[i] != firsts[i + 1]) for i in range(4)]

    @pytest.mark.parametrize(("of_old", "of_new"), [(True, True), (True, False), (False, True)])
    def test_they_take_turns(self, monkeypatch, of_old, of_new):
        """
        Where both sides can they are asked at once, one first and then the other; else one after the other.
        """
        pairs = []
        old, new = Fake("old", [], [1.0] * 5), Fake("new", [], [1.0] * 5)
        old.keeps_step, new.keeps_step = of_old, of_new

        def at_once(asked, seconds, core):
            pairs.append([side.name for side, _ in asked])
            return [side.ask(wanted, seconds) for side, wanted in asked]

        monkeypatch.setattr(rounds, "ask_in_turns", at_once)
        ((speed),) = speeds_of(old, new, Gate(), SAME, print)["new"]

        one, other = ["new", "old"], ["old", "new"]
        assert 5 == speed.rounds
        assert pairs in (
            [[one, other, one, other, one], [other, one, other, one, other]] if of_old and of_new else [[]]
        )

    def test_query_by_query(self, monkeypatch):
        """
        Where both sides tell each query's times these decide, and not the medians, which lie now in one state of a core
        and now in another; both use one core.
        """
        used = []
        monkeypatch.setattr(rounds.Cores, "quietest", lambda self: 1)

        def at_once(asked, seconds, core):
            used.append(core)
            return [
                msgspec.structs.replace(
                    side.ask(wanted, seconds), times={"single": (10, 20, 20) if side.name == "old" else (12, 24)}
                )
                for side, wanted in asked
            ]

        monkeypatch.setattr(rounds, "ask_in_turns", at_once)
        old, new = Fake("old", [], ALIKE), Fake("new", [], WILD)
        old.keeps_step = new.keeps_step = True
        ((speed,),) = speeds_of(old, new, Gate(), SAME, print).values()

        assert ("slower", 5, {1}) == (speed.decision, speed.rounds, set(used))
        assert pytest.approx(1.2) == speed.ratio
        assert (1.0, 1.0) == (speed.old, speed.new)

    def test_a_failed_round(self):
        """
        A cell of which one round failed has no speed, however good the others were.
        """
        sides = Fake("old", [], [1.0] * 5), Fake("new", [], [1.0, 1.0, None, 1.0, 1.0])

        assert {} == speeds_of(*sides, Gate(budget="0.1s"), SAME, print)

    def test_other_threads(self):
        """
        Cells that serve with other numbers of threads are measured once each, and not set against each other.
        """
        asked: list[str] = []
        sides = Fake("old", asked, [1.0] * 5), Fake("new", asked, [1.0] * 5, threads=2)

        assert {} == speeds_of(*sides, Gate(), SAME, print)
        assert ["new", "old"] == sorted(asked)

    def test_an_older_side(self):
        """
        Of a side that tells its median service time alone that is compared, and nothing else.
        """
        old, new = Fake("old", [], ALIKE), Fake("new", [], ALIKE, batch_qps=ALIKE)

        assert [["single_p50_ms"]] == [
            [s.name for s in found] for found in speeds_of(old, new, Gate(), SAME, print).values()
        ]


class TestEnd:
    def test_a_figure_that_is_slower_ends_a_cell(self):
        """
        A tail three times as long fails after three pairs, whatever the median is.
        """
        old, new = Fake("old", [], ALIKE, single_p95_ms=ALIKE), Fake("new", [], ALIKE, single_p95_ms=SLOW)

        p50, p95 = speeds_of(old, new, Gate(), SAME, print)["new"]

        assert ("undecided", "slower", 3) == (p50.decision, p95.decision, p95.rounds)

    def test_fewer_queries_a_second_are_slower(self):
        """
        Of a throughput less is worse, and its ratio is of the time that a batch takes.
        """
        old, new = Fake("old", [], ALIKE, batch_qps=SLOW), Fake("new", [], ALIKE, batch_qps=ALIKE)

        _, batch = speeds_of(old, new, Gate(), SAME, print)["new"]

        assert ("batch_qps", "slower", 3.0, 1.0) == (batch.name, batch.decision, batch.old, batch.new)
        assert pytest.approx(3.0) == batch.ratio

    def test_little_memory_more(self):
        """
        Memory that grows by less than allocators keep is let be, whatever its share; by more it is not.
        """
        mib = [2.0**20] * 40
        sides = [Fake("new", [], ALIKE, resident_bytes=[n * x for x in mib]) for n in (0.5, 4, 40)]

        found = [
            speeds_of(Fake("old", [], ALIKE, resident_bytes=mib), side, Gate(), SAME, print)["new"][1] for side in sides
        ]

        assert ["pass", "pass", "slower"] == [one.decision for one in found]

    def test_memory_that_is_little_however_it_varies(self):
        """
        Memory that varies from round to round, surely by less than allocators keep, passes.
        """
        mib = [2.0, 1.4, 2.6, 1.8, 2.2, 0.0, 2.1, 1.9]
        old = Fake("old", [], [1.0] * 8, resident_bytes=[x * 2**20 for x in mib])
        new = Fake("new", [], [1.0] * 8, resident_bytes=[x * 2**20 for x in reversed(mib)])

        memory = speeds_of(old, new, Gate(), SAME, print)["new"][1]

        assert ("resident_bytes", "pass") == (memory.name, memory.decision)

    def test_no_memory_in_a_round(self):
        """
        A round that held no memory at all is one to compare with.
        """
        old = Fake("old", [], ALIKE, resident_bytes=[0.0, *[2.0**19] * 39])
        new = Fake("new", [], ALIKE, resident_bytes=[5e8] * 40)

        memory = speeds_of(old, new, Gate(), SAME, print)["new"][1]

        assert ("resident_bytes", "slower") == (memory.name, memory.decision)

    @pytest.mark.parametrize("thorough", [False, True])
    def test_noise_of_another_figure(self, slow_clock, thorough):
        """
        What is undecided beside the median and looks no slower is not waited for, unless it is asked to be.
        """
        old, new = Fake("old", [], ALIKE, batch_qps=ALIKE), Fake("new", [], ALIKE, batch_qps=WILD)

        found = speeds_of(old, new, Gate(budget="60s"), SAME, print, thorough=thorough)["new"]

        assert ["pass", "undecided"] == [one.decision for one in found]
        assert thorough == (found[1].rounds > 5)
        assert found[1].why.startswith(f"pairs: {found[1].rounds}, which differ by ±")

    @pytest.mark.parametrize(
        ("n", "needed", "room", "goes_on"),
        [(5, 60, 10, False), (5, 60, 55, True), (5, None, 1e9, False), (3, None, 10, True)],
    )
    def test_what_cannot_be_told_in_time(self, n, needed, room, goes_on):
        """
        What looks slower, and would take more pairs than there is time for, is not waited for.
        """
        p50 = Speed(decision="pass", rounds=n, old=1.0, new=1.0, ratio=1.0, bounds=(0.9, 1.01))
        tail = Speed(
            name="single_p95_ms",
            decision="undecided",
            rounds=n,
            old=1.0,
            new=1.3,
            ratio=1.3,
            bounds=(0.9, 2.0),
            needed=needed,
        )

        assert goes_on == is_open((p50, tail), Gate(), room=room)

    def test_how_many_would_tell(self, slow_clock):
        """
        What looks slower to the end says how many pairs would tell, and that a longer budget has them.
        """
        tail = [1.3 * wild for wild in WILD]
        old, new = Fake("old", [], ALIKE, single_p95_ms=ALIKE), Fake("new", [], ALIKE, single_p95_ms=tail)

        p50, p95 = speeds_of(old, new, Gate(budget="60s"), SAME, print)["new"]

        assert ("pass", "undecided") == (p50.decision, p95.decision)
        assert p95.rounds < p95.needed < 1000
        assert f"about {p95.needed} would tell: raise [gate] budget = '60s'" in p95.why

    def test_what_looks_slower_is_measured_on(self):
        """
        A tail that looks slower and is not sure yet goes on being measured.
        """
        tail = [2.0, 0.6, 2.5, 1.4, 1.3, 1.4] + [1.4] * 34
        asked: list[str] = []
        old, new = Fake("old", asked, ALIKE, single_p95_ms=ALIKE), Fake("new", asked, ALIKE, single_p95_ms=tail)

        p50, p95 = speeds_of(old, new, Gate(), SAME, print)["new"]

        assert ("pass", "slower") == (p50.decision, p95.decision)
        assert p95.rounds > 5


class TestBudget:
    def test_short(self, slow_clock):
        """
        A budget that holds no five pairs is said before it begins, and what stayed undecided says which would have.
        """
        said: list[str] = []

        sides = Fake("old", [], ALIKE), Fake("new", [], ALIKE)

        (speed,) = speeds_of(*sides, Gate(budget="3s"), SAME, said.append)["new"]

        assert said[0] == "[gate] budget = '3s' is short for 5 pairs of rounds of 1 cell: about 10 s are needed"
        assert speed.why == f"budget: {speed.rounds} of the 5 pairs of rounds needed; raise [gate] budget = '3s' to 10s"

    def test_long(self, slow_clock):
        """
        Nothing is said of one that is long enough.
        """
        said: list[str] = []

        speeds_of(Fake("old", [], ALIKE), Fake("new", [], ALIKE), Gate(budget="5m"), SAME, said.append)

        assert not any("short" in line for line in said)

    def test_a_factor_beyond_noise(self, slow_clock):
        """
        Three pairs of which each is more than half slower are enough, whatever the budget holds.
        """
        new = Fake("new", [], [2.1, 2.9, 2.35])

        (speed,) = speeds_of(Fake("old", [], ALIKE), new, Gate(budget="10s"), SAME, print)["new"]

        assert ("slower", 3, "") == (speed.decision, speed.rounds, speed.why)

    @pytest.mark.parametrize(
        ("times", "tail", "advice"),
        [
            ([1.05, 1.0, 1.05, 1.0] * 10, ALIKE, "would tell: raise [gate] budget = '26s'"),
            (ALIKE, [1.0, 1.1, 1.0, 1.0, 1.0] * 8, "would tell: --undecided fail measures on"),
            ([1.0, 0.3, 2.0, 3.0, 0.5] * 8, ALIKE, "`sparring calibrate` says whether this machine is quiet"),
        ],
    )
    def test_what_helps(self, slow_clock, times, tail, advice):
        """
        What is undecided after enough pairs says which option has more of them, or that it is noise.
        """
        old, new = Fake("old", [], ALIKE, single_p95_ms=ALIKE), Fake("new", [], times, single_p95_ms=tail)

        found = speeds_of(old, new, Gate(budget="26s"), SAME, print)["new"]

        (why,) = (speed.why for speed in found if speed.decision == "undecided")
        assert why.endswith(advice)
