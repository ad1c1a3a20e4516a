"""The page of what training brings: its tables and the figures of its picture, from the records of the trials."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.analysis.family import Family
from bench.errors import InputError
from bench.report.charts.training import DevCurve, Gain, Trainings
from bench.report.numbers import four, megabytes, significant
from bench.report.tables.pairs import p_cell
from bench.statistics import intervals, over_seeds, paired
from bench.statistics.clusters import totals
from bench.statistics.paired import Paired
from bench.training.recipe import STATIC, Recipe
from tests.benchmarks.intervals import table
from tests.benchmarks.towers.trials import MAIN, MEASURES, Trial

PAIRS = (  # variant, held against, what of it is asked
    ("batch-128", "batch-8", "127 negatives against 7, in as many steps of as many pairs"),
    ("batch-128", "batch-64", "127 negatives against 63"),
    ("batch-512", "batch-128", "511 negatives against 127, in a quarter of the steps"),
    ("separate", "batch-128", "two towers against one that both share"),
    ("dot", "batch-128", "inner product against cosine, each at its temperature"),
    ("l2", "batch-128", "distance against cosine, each at its temperature"),
    ("hard", "batch-64", "a hard negative each beside 63 others"),
    ("hard", "batch-128", "127 negatives, one of them mined for the question and 63 for others, against 127 drawn"),
    ("symmetric", "batch-128", "questions told apart too"),
    ("matryoshka", "batch-128", "trained for its first dimensions too, read whole"),
)
MARK = "<!-- from here on written by tests/benchmarks/towers -->"


def written(text: str, trials: Sequence[Trial]) -> str:
    """
    A page whose tables are those of the trials; what stands above MARK stays.

    InputError for a page without that mark, trials on several versions of a set, and temperatures that are not the
    best of those that were searched.
    """
    if text.count(MARK) != 1:
        raise InputError(f"the page: expected the line {MARK} once, found it {text.count(MARK)} times")
    refuse_other_temperatures([each.recipe for each in trials if each.tested is not None], trials)
    tested = [each for each in trials if each.tested is not None]
    sets = list(dict.fromkeys(each.on_test.passage_set for each in tested))
    parts = [*machines(trials), *temperatures(trials)]
    for passage_set in sets:
        found = [each for each in tested if each.on_test.passage_set == passage_set]
        if len({each.sets["test"] for each in found}) > 1:
            raise InputError(f"{passage_set}: expected one set for all variants, found several of that name")
        parts += [part for one in (ring, curve, compared, by_dims) for part in one(found)]
    return text.partition(MARK)[0] + MARK + "\n\n" + "\n".join(parts)


def machines(trials: Sequence[Trial]) -> Iterator[str]:
    """What all of it was made on."""
    found = dict.fromkeys(
        f"{e.cpu}, {e.cores} cores, Python {e.python}, torch {e.libraries.get('torch')}, sentence-transformers "
        f"{e.libraries.get('sentence-transformers')}"
        f", {each.device}, {each.precision}"
        for each in trials
        for e in [each.environment]
    )
    minutes = sum(model.seconds for each in trials for model in each.models) / 60
    n_models = sum(len(each.models) for each in trials)
    yield f"{n_models} models, trained within {minutes:.0f} minutes; {'; '.join(found)}.\n"


def temperatures(trials: Sequence[Trial]) -> Iterator[str]:
    """Dev recall by temperature, of each similarity."""
    searched = by_temperature(trials)
    if not searched:
        return
    yield "## Temperatures\n"
    yield (
        f"Of each similarity that with the best {MAIN} of dev questions, in bold, over seeds that are none of those\n"
        "below; at one batch and one rate. No test question was asked.\n"
    )
    rows = []
    for kind, found in searched.items():
        for temperature, recalls in sorted(found.items()):
            is_best = temperature == best(found)
            told = four(float(np.mean(recalls)))
            edge = "at the edge of the grid" if is_best and temperature in (min(found), max(found)) else ""
            mean = f"**{told}**" if is_best else told
            rows.append([kind, f"{temperature:g}", mean, "; ".join(map(four, recalls)), edge])
    yield table(["similarity", "temperature", f"dev {MAIN}", "seeds", ""], rows) + "\n"


def by_temperature(trials: Sequence[Trial]) -> dict[str, dict[float, list[float]]]:
    """Similarity -> temperature -> dev recall of each seed, of the variants that were not tested."""
    found: dict[str, dict[float, list[float]]] = {}
    for each in trials:
        if each.tested is None:
            recalls = [model.kept for model in each.models]
            found.setdefault(each.recipe.model.similarity, {})[each.recipe.temperature] = recalls
    return found


def refuse_other_temperatures(recipes: Sequence[Recipe], trials: Sequence[Trial]) -> None:
    """InputError for a dense recipe on the set that temperatures were searched on whose own is not the best of them."""
    searched = by_temperature(trials)
    trained_on = {each.recipe.data.train for each in trials if each.tested is None}
    for recipe in recipes:
        if recipe.model.head == "dense" and recipe.data.train in trained_on:
            wanted = best(searched[recipe.model.similarity])
            if recipe.temperature != wanted:
                raise InputError(
                    f"recipe {recipe.name}: expected the temperature with the best dev recall of its similarity, "
                    f"{wanted:g}, found {recipe.temperature:g}: name it under [loss]"
                )


def best(of_kind: dict[float, list[float]]) -> float:
    """The temperature with the greatest mean recall."""
    return max(of_kind, key=lambda temperature: float(np.mean(of_kind[temperature])))


def held_against(old: Trial, new: Trial, measure: str, dims: int | None = None) -> Paired:
    """What a variant has more than another, seed by seed."""
    return over_seeds.paired(old.by_seed(measure, dims), new.by_seed(measure, dims), new.clusters)


def gained(said: Paired) -> str:
    """A difference of means with its interval."""
    if said.interval is None:
        return four(said.difference, "+")
    low, high = (four(end, "+") for end in said.interval)
    return f"{four(said.difference, '+')} [{low}, {high}]"


def adjusted(said: Sequence[Paired]) -> list[str]:
    """The p of each, by Holm over all of them: the greater of sign flips' and of the interval's; "-" where none is."""
    family = Family(enumerate(said), "differences")
    found = [family.conclusion(row, each) for row, each in enumerate(said)]
    return [
        "-" if one is None else p_cell(one.p, is_least=one.p <= one.p_holm and each.p_is_least)
        for one, each in zip(found, said, strict=True)
    ]


def mean_with_interval(values: NDArray[np.float64], clusters: Sequence[Hashable] | None) -> str:
    """
    A mean over seeds and questions, were others of both drawn; of one seed, were other questions.

    values: (n_seeds, n_questions), from 0 to 1.
    """
    mean = four(float(values.mean()))
    alone = paired.interval_of_mean(values.mean(axis=0), clusters)
    if alone is None:
        return mean
    by_seed = [totals(of_seed, clusters) for of_seed in values]
    sums, sizes = np.stack([of_one for of_one, _ in by_seed]), by_seed[0][1]
    low, high = alone if len(sums) < 2 else over_seeds.interval(sums, sizes, of_clusters=intervals.of_mean)
    return f"{mean} [{four(max(float(low), 0.0))}, {four(min(float(high), 1.0))}]"


def by_negatives(found: Sequence[Trial]) -> list[Trial]:
    """The variants that differ in the size of a batch, the smallest first."""
    return sorted((each for each in found if each.name.startswith("batch-")), key=lambda each: each.models[0].negatives)


def means(found: Trial, measure: str) -> str:
    """The mean over seeds, and the lowest and highest of them."""
    of_seeds = found.seeds(measure)
    return f"{four(float(np.mean(of_seeds)))} ({four(min(of_seeds))}–{four(max(of_seeds))})"


def ring(found: Sequence[Trial]) -> Iterator[str]:
    """What stands on one test set: TF-IDF, BM25, starts and variants."""
    first = found[0]
    baselines, clusters = first.on_test.baselines, first.clusters
    bm25 = next(one.values(MAIN)[None] for one in baselines if one.retriever.startswith("BM25"))
    head = ["model", "pairs", "negatives", "steps", *MEASURES, f"{MAIN}, more than its start",
            f"{MAIN}, more than BM25", "min", "peak MB", "weights MB"]  # fmt: skip
    rows = [[f"`{one.retriever}`", "", "", "", *[four(one.mean(name)) for name in MEASURES], *[""] * 5]
            for one in baselines]  # fmt: skip
    starts = {(each.on_test.start.letters, each.recipe.model.similarity): each.on_test.start for each in found}
    tested = [(each.on_test.start.values(MAIN)[None], beside_start(each)) for each in found]
    tested += [(bm25, start.values(MAIN)[None]) for start in starts.values()]
    tested += [(bm25, each.by_seed(MAIN)) for each in found]
    said = [over_seeds.paired(old, new, clusters) for old, new in tested]
    told = [f"{gained(each)}; p {p}" for each, p in zip(said, adjusted(said), strict=True)]
    more_than_start, more_than_bm25 = told[: len(found)], told[len(found) :]
    for start, more in zip(starts.values(), more_than_bm25, strict=False):
        of_start = [four(start.mean(name)) for name in MEASURES]
        rows.append([f"`{shortened(start.retriever)}`", "", "", "0", *of_start, "", more, "", "", ""])
    for row, each in enumerate(found):
        model = each.models[0]
        peaks = [one.peak_bytes for one in each.models if one.peak_bytes is not None]
        rows.append([
            each.name, f"{model.pairs:,}", f"{model.negatives:,}", f"{max(one.steps for one in each.models):,}",
            *[means(each, name) for name in MEASURES],
            more_than_start[row], more_than_bm25[len(starts) + row],
            "–".join(significant(each.minutes()[end]) for end in (0, -1)),
            megabytes(max(peaks)) if peaks else "-", megabytes(model.weights_bytes),
        ])  # fmt: skip
    n_articles = "" if clusters is None else f" on {len(set(clusters))} articles"
    yield (
        f"## {first.on_test.passage_set}: {first.on_test.n_passages:,} passages, {len(bm25[0]):,} test questions"
        f"{n_articles}\n"
    )
    yield table(head, rows) + "\n"
    yield "\n".join(f"- Leaks: {leak}." for leak in first.leaks) + "\n"


def beside_start(found: Trial) -> NDArray[np.float64]:
    """What is held to the start: each seed, or of a static start, which its seed draws, the one whose start is kept."""
    by_seed = found.by_seed(MAIN)
    return by_seed[:1] if found.recipe.model.start == STATIC else by_seed


def shortened(spelled: str) -> str:
    """A retriever without the folder that its model lies in."""
    return re.sub(r'"[^"]*?([^"/]+/[^"/]+)"', r'"\1"', spelled, count=1)


def compared(found: Sequence[Trial]) -> Iterator[str]:
    """The questions that the variants were made for."""
    by_name = {each.name: each for each in found}
    asked = [(by_name[new], by_name[old], what) for new, old, what in PAIRS if {new, old} <= by_name.keys()]
    if not asked:
        return
    said = [{name: held_against(old, new, name) for name in MEASURES} for new, old, _ in asked]
    ps = adjusted([each[MAIN] for each in said])
    rows = []
    for (new, old, what), each, p in zip(asked, said, ps, strict=True):
        by_seed = "; ".join(four(b - a, "+") for a, b in zip(old.seeds(MAIN), new.seeds(MAIN), strict=True))
        rows.append([
            new.name, old.name, what, *[gained(each[name]) for name in MEASURES], p, by_seed, longer(old, new),
            f"×{new.models[0].weights_bytes / old.models[0].weights_bytes:.2f}",
        ])  # fmt: skip
    yield "### One thing changed at a time\n"
    head = ["variant", "against", "what is asked", *MEASURES, f"p, {MAIN}", f"{MAIN}, seed by seed", "time", "weights"]
    yield table(head, rows) + "\n"


def longer(old: Trial, new: Trial) -> str:
    """How many times as long: of the medians over seeds, and from shortest by longest to longest by shortest."""
    before, now = old.minutes(), new.minutes()
    return f"×{np.median(now) / np.median(before):.2f} ({now[0] / before[-1]:.2f}–{now[-1] / before[0]:.2f})"


def by_dims(found: Sequence[Trial]) -> Iterator[str]:
    """What is left of recall where vectors are cut, with training for it and without."""
    rows = [
        [f"{made.name} against {plain.name}", f"{dims:,}",
         *[four(float(each.by_seed(MAIN, dims).mean())) for each in (plain, made)],
         *[gained(held_against(plain, made, name, dims)) for name in MEASURES]]
        for made in found
        for plain in found
        if made.recipe.loss.matryoshka and not plain.recipe.loss.matryoshka
        for dims in made.on_test.cut
        if dims in plain.on_test.cut
    ]  # fmt: skip
    if rows:
        yield "### Vectors cut to their first dimensions\n"
        yield (
            table(["trained for it, and not", "dims", f"{MAIN}, not", f"{MAIN}, trained for it", *MEASURES], rows)
            + "\n"
        )


def curve(found: Sequence[Trial]) -> Iterator[str]:
    """Recall by the negatives of a batch."""
    sizes = by_negatives(found)
    if len(sizes) < 2:
        return
    rows, first = [], sizes[0]
    for each in sizes:
        asked, model = each.recipe.optimiser, each.models[0]
        rows.append([
            f"{asked.batch} × {asked.accumulate}", f"{model.negatives:,}", f"{model.steps:,}",
            mean_with_interval(each.by_seed(MAIN), each.clusters),
            "; ".join(map(four, each.seeds(MAIN))),
            "" if each is first else gained(held_against(first, each, MAIN)),
            "" if each is first else gained(held_against(first, each, "R@1")),
        ])  # fmt: skip
    yield "### Recall by batch\n"
    head = ["batch × accumulated", "negatives", "steps", MAIN, "seeds", f"{MAIN}, more than the first", "R@1, the same"]
    yield table(head, rows) + "\n"


def chart(trials: Sequence[Trial]) -> Trainings:
    """What more negatives bring on the test set, and dev recall by step, of the set with most variants."""
    by_set: dict[str, list[Trial]] = {}
    for each in trials:
        if each.tested is not None:
            by_set.setdefault(each.on_test.passage_set, []).append(each)
    found = max(by_set.values(), key=len)
    sizes = by_negatives(found)
    gains = []
    for each in sizes[1:]:
        said = held_against(sizes[0], each, MAIN)
        by_seed = zip(sizes[0].seeds(MAIN), each.seeds(MAIN), strict=True)
        seeds = tuple(new - old for old, new in by_seed)
        gains.append(Gain(each.models[0].negatives, said.difference, said.interval, seeds))
    return Trainings(
        title="What training brings",
        measure=MAIN,
        curves=tuple(DevCurve(each.name, model.seed, model.dev) for each in found for model in each.models),
        fewest=sizes[0].models[0].negatives if sizes else None,
        gains=tuple(gains),
    )
