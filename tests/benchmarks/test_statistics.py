"""The statistics of results/trust.md: how a part is kept, what it counts, and what the page says of it."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest

from bench.passages import loader
from bench.records import run_folder
from bench.statistics import intervals, paired, signs
from bench.statistics.paired import holm
from tests.benchmarks.intervals import Shape
from tests.benchmarks.sequential import untrue
from tests.benchmarks.trust import families, lines, means, real, sequential, skewed, statistics
from tests.benchmarks.trust.lines import Count, Line, Part, Planned, kept
from tests.helpers.places import ROOT


def plan(name: str, calls: list[str], *, data: str = "") -> Planned:
    """A line that says when it is simulated."""

    def measure(seed: int) -> list[Count]:
        calls.append(name)
        return [Count("covers", 950, 1000, 0.93, 0.97)]

    return Planned({"differences": name}, measure, data)


class TestKept:
    def test_a_part_goes_on(self, tmp_path):
        """
        A part that was stopped simulates what is missing alone, and gives all its lines in order.
        """
        file, calls = tmp_path / "a.jsonl", []
        next(kept(file, [plan("one", calls), plan("two", calls)], "c"))

        found = list(kept(file, [plan("one", calls), plan("two", calls)], "c"))

        assert ["one", "two"] == calls
        assert found == run_folder.lines(file, Line)
        assert ["one", "two"] == [line.regime["differences"] for line in found]

    def test_a_torn_line_is_made_again(self, tmp_path):
        """
        A line that was being written when the part was stopped is simulated again.
        """
        file, calls = tmp_path / "a.jsonl", []
        list(kept(file, [plan("one", calls)], "c"))
        file.write_bytes(file.read_bytes()[:-9])

        list(kept(file, [plan("one", calls)], "c"))

        assert ["one", "one"] == calls

    @pytest.mark.parametrize("change", ["code", "data"])
    def test_other_code_or_data(self, tmp_path, change):
        """
        A line of other code, or drawn from other data, is simulated anew and takes the old one's place.
        """
        file, calls = tmp_path / "a.jsonl", []
        list(kept(file, [plan("one", calls)], "c"))

        again = plan("one", calls, data="d" if change == "data" else "")
        list(kept(file, [again], "other" if change == "code" else "c"))

        assert ["one", "one"] == calls
        assert 1 == len(run_folder.lines(file, Line))

    def test_seeds_come_from_regimes(self):
        """
        A line's seed is its regime's, whatever stands before it; those of all lines differ but by chance.
        """
        seeds = [
            line.seed
            for name in ("differences", "few", "skewed", "means", "families", "sequential")
            for line in statistics.PARTS[name].lines()
        ]

        assert plan("one", []).seed == plan("one", [], data="d").seed
        assert len(set(seeds)) > 0.95 * len(seeds)

    def test_code_is_what_is_measured(self, monkeypatch):
        """
        A part's lines hold until what it measures changes: a function that it calls, or a number that this one names.
        """
        now = {name: lines.code(part.measure) for name, part in statistics.PARTS.items()}

        monkeypatch.setattr(intervals, "FEW", intervals.FEW + 1)

        after = {name: lines.code(part.measure) for name, part in statistics.PARTS.items()}
        assert ["means"] == [name for name in now if now[name] == after[name]]
        monkeypatch.undo()
        monkeypatch.setattr(signs, "is_exact", paired.holm)
        assert now["few"] != lines.code(statistics.PARTS["few"].measure)

    def test_code_is_what_draws_too(self, monkeypatch):
        """
        What draws the samples is part of what a line says, and so are the methods that it is drawn by.
        """
        now = {name: lines.code(part.measure) for name, part in statistics.PARTS.items()}

        monkeypatch.setattr(skewed, "UNITY", 2 * skewed.UNITY)

        after = {name: lines.code(part.measure) for name, part in statistics.PARTS.items()}
        assert {"skewed", "families"} == {name for name in now if now[name] != after[name]}

    def test_words_about_it_may_change(self, tmp_path, monkeypatch):
        """
        Another docstring or comment is the same code.
        """
        monkeypatch.syspath_prepend(str(tmp_path))
        codes = []
        for name, said in (("one", "Says this."), ("two", "Says that.")):
            (tmp_path / f"{name}_of_two.py").write_text(f'def half(x):\n    """{said}"""\n    return x / 2  # {said}\n')
            module = importlib.import_module(f"{name}_of_two")
            monkeypatch.setattr(module.half, "__module__", "bench.statistics.signs")
            codes.append(lines.code(module.half))

        assert codes[0] == codes[1]


class TestRules:
    def test_bounds_that_lie_wholly_outside(self):
        """
        A rule is broken where the rate's bounds lie wholly outside it, and not where they reach into it.
        """
        assert Count("covers", 926, 1000, 0.93, 0.97).met
        assert not Count("covers", 900, 1000, 0.93, 0.97).met
        assert not Count("covers", 990, 1000, 0.93, 0.97).met
        assert Count("wrong", 60, 1000).met
        assert not Count("wrong", 80, 1000).met
        assert Count("t over queries", 900, 1000, None).met

    def test_rare_events_may_cover_more(self):
        """
        Where more than a tenth of the samples bound rare events the truth may be held more often.
        """
        held, few = np.ones(1000, bool), np.arange(1000) < 101

        assert lines.covers("covers", held, few).met
        assert not lines.covers("covers", held, ~np.ones(1000, bool)).met


class TestSkewed:
    @pytest.mark.parametrize("kind", skewed.KINDS)
    def test_mean(self, kind):
        """
        The true mean is the one said: of many samples the intervals' middle lies there.
        """
        draw = skewed.KINDS[kind]

        drawn = draw(np.random.default_rng(1), (400_000,))

        assert abs(drawn.mean() - skewed.MEANS.get(draw, 0.0)) < 5 * drawn.std() / np.sqrt(400_000)

    def test_moved(self):
        """
        A regime that was moved to .02 has that mean: its intervals hold it, and queries that do not change stay.
        """
        found = skewed.simulate("as AP@100", Shape(300, 1, 0.0, 0.0), 0.02, 3, n=200)

        assert found.covers.mean() > 0.9
        assert 0 < found.above.sum() + found.below.sum()


class TestMeans:
    def test_a_count_for_each_mean(self):
        """
        Each mean has its rate; where few fall short the truth may be held more often.
        """
        found = means.measure(means.Shape(300, 1), 5, graded=False, n=400)

        assert [f"mean {truth:g}" for truth in means.TRUTHS] == [count.name for count in found]
        assert (0.97, 1.0) == (found[0].most, found[-1].most)
        assert all(count.met for count in found)


class TestSequential:
    def test_a_count_for_each_difference(self):
        """
        Each true difference that so many changed queries can have has its rate of verdicts that are not true.
        """
        found = sequential.measure(Shape(48, 25, 0.35, 0.03), 0.02, 3, n=200)

        assert ["true 0", "true 0.01", "true -0.005"] == [count.name for count in found]
        assert all(count.met and count.n == 200 for count in found)

    def test_what_is_not_true(self):
        """
        Better of a difference of 0 is not true, equivalent is; of one as great as the margin it is the other way round.
        """
        verdicts = np.array(["better", "equivalent", "undecided"])

        assert [True, False, False] == untrue(verdicts, 0.0).tolist()
        assert [False, True, False] == untrue(verdicts, 0.01).tolist()


class TestFamilies:
    @pytest.mark.parametrize("kind", families.KINDS)
    def test_called_is_what_compare_does(self, kind):
        """
        A run is counted where a verdict by Holm's p is better or worse, one pair after the other.
        """
        sizes = np.ones(20)
        sums = families.values(np.random.default_rng(4), kind, sizes, 40, 5)

        found = families.called(sums, sizes)

        expected = []
        for run in sums:
            pairs = [paired.paired(run[0], other) for other in run[1:]]
            differing = [pair for pair in pairs if pair.verdict != "identical"]
            ps = holm([max(pair.p, pair.p_interval) for pair in differing])
            verdicts = [paired.verdict(1, pair.interval, p) for pair, p in zip(differing, ps, strict=True)]
            expected.append(bool({"better", "worse"} & set(verdicts)))
        assert expected == found.tolist()

    def test_apart_from_the_best(self):
        """
        One that is far below the best is told apart from it; copies of the best are not.
        """
        best = np.random.default_rng(1).random(40)

        assert families.apart(np.array([best, best - 0.5, best]))
        assert not families.apart(np.array([best, best, best]))

    def test_all_are_alike(self):
        """
        No retriever of a family is better than another: their means differ by chance alone, clusters or not.
        """
        for kind in families.KINDS:
            sums = families.values(np.random.default_rng(2), kind, np.array([3.0, 1.0, 2.0]), 4000, 3)
            means = sums.sum(axis=2).mean(axis=0) / 6
            assert np.ptp(means) < 5 * sums.sum(axis=2).std() / 6 * np.sqrt(2 / 4000)


class TestReal:
    @pytest.fixture
    def population(self):
        """Twelve clusters, of which three do not differ."""
        sums = np.array([1.0, -0.5, 0, 0.25, 2, 0, 1, -1, 0.5, 0, 0.75, 1])
        return real.Population(sums, np.array([3.0, 1, 2, 1, 4, 1, 2, 2, 1, 3, 1, 2]), sums**2)

    def test_shifted(self, population):
        """
        Moved to a mean of 0 the clusters that do not differ still do not.
        """
        shifted = population.shifted

        assert abs(shifted.sum()) < 1e-12
        assert (population.sums == 0).tolist() == (shifted == 0).tolist()

    def test_samples_of_whole_clusters(self, population):
        """
        A sample is drawn by clusters, with their sizes: each answer is that of the function on the same sample.
        """
        chosen = np.random.default_rng((9, 0)).integers(12, size=(50, 12))

        found = real.drawn(population, 9, 50)

        for place, own in enumerate(chosen):
            low, high = intervals.of_difference(population.sums[own], population.sizes[own])
            assert bool(low <= population.mean <= high) == found["covers"][place]
            assert (signs.flipped(population.shifted[own]) < paired.ALPHA) == found["sign-flip"][place]

    @pytest.mark.slow
    def test_differences_of_a_set(self):
        """
        What is kept of a set: the summed differences from BM25 of each cluster, their sizes and squares, and no more.
        """
        primer = loader.load("primer")

        found = real.populations(primer, {"TfIdf() @ CSR()": ("nDCG@10",), "BM25() @ CSR()": ("nDCG@10",)})

        differences = real.values(primer, "TfIdf() @ CSR()")["nDCG@10"] - real.values(primer, real.BASELINE)["nDCG@10"]
        assert ["primer|TfIdf() @ CSR()|nDCG@10"] == list(found)
        sums, sizes, squares = found["primer|TfIdf() @ CSR()|nDCG@10"]
        assert len(differences) == sizes.sum()
        assert pytest.approx(differences.sum()) == sums.sum()
        assert pytest.approx((differences**2).sum()) == squares.sum()

    def test_no_population(self, tmp_path):
        """
        Without real differences the part says how they are made.
        """
        with pytest.raises(SystemExit, match="make trust-real"):
            real.planned(tmp_path / "population.npz")

    def test_kept_populations_are_planned(self, tmp_path, population):
        """
        A line for each population that is kept; other differences are other data.
        """
        for factor in (1.0, 2.0):
            np.savez(tmp_path / f"{factor:g}.npz", **{"primer|TfIdf() @ CSR()|R@10": np.array(population) * factor})

        (one,), (two,) = (real.planned(tmp_path / f"{factor}.npz") for factor in (1, 2))

        assert {"set": "primer", "against BM25": "`TfIdf() @ CSR()`", "measure": "R@10", "clusters": "12"} == one.regime
        assert one.data != two.data


class TestSection:
    @pytest.fixture
    def parts(self, monkeypatch):
        """One part of one subject."""
        monkeypatch.setattr(statistics, "PARTS", {"few": Part("Few", "What it is.", list, means.measure)})

    def write(self, folder, *counts, code=None):
        code = lines.code(means.measure) + "data" if code is None else code
        line = Line(regime={"sizes": "equal"}, seed=7, counts=counts, seconds=1.0, code=code)
        statistics.write_whole(folder / "few.jsonl", lines.msgspec.json.encode(line) + b"\n")

    def test_met(self, tmp_path, parts):
        """
        A rate with its bounds, and that its rules are met; one without a rule has no bounds.
        """
        self.write(tmp_path, Count("covers", 950, 1000, 0.93, 0.97), Count("few", 10, 1000, None))

        text, well = statistics.section(tmp_path)

        assert well
        assert "All 1 rates of 1 lines lie within their rules." in text
        assert "| equal | 7 | 95.0 (93.5–96.3) | 1.0 | met |" in text

    def test_not_met(self, tmp_path, parts):
        """
        A rate outside its rule is bold, and named above the tables with its rule.
        """
        self.write(tmp_path, Count("covers", 850, 1000, 0.93, 0.97), Count("wrong verdicts", 10, 1000))

        text, well = statistics.section(tmp_path)

        assert not well
        assert "1 of 2 rates" in text
        assert re.search(r"- Few, equal: covers \*\*85.0 .* rule 93 to 97", text)
        assert "**not met** |" in text

    def test_other_code(self, tmp_path, parts):
        """
        Lines that were simulated with other code than today's are counted in words, and are not what is measured.
        """
        self.write(tmp_path, Count("covers", 950, 1000, 0.93, 0.97), code="abc")

        text, well = statistics.section(tmp_path)

        assert "**1 of them were simulated with other code than today's.**" in text
        assert not well

    def test_the_gate_is_left_as_it_is(self):
        """
        Another section takes the place of the old one, and of nothing else.
        """
        page = "# T\n\n## Statistics\n\nold\n\n## The gate\n\nrates\n"

        assert "# T\n\n## Statistics\n\nnew\n\n## The gate\n\nrates\n" == statistics.replaced(page, "new")

    def test_the_page_is_of_its_records(self):
        """
        The committed page has the section that the committed records make.
        """
        page = (ROOT / "results/trust.md").read_text(encoding="utf-8")

        text, _ = statistics.section(statistics.COMMITTED)

        assert page == statistics.replaced(page, text)

    def test_nothing_measured(self, tmp_path, parts):
        """
        Without records nothing is met.
        """
        assert ("Not measured.", False) == statistics.section(tmp_path)
