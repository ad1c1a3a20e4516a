"""What goes with word overlap: means of groups of queries, and the share of a gap."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bench.analysis.compare import compare, of_retrievers
from bench.analysis.overlap import NO_CAUSE, OverlapShare, group_means, overlap_of, share_of
from bench.analysis.representation import vectors_of
from bench.analysis.strata import stratified
from bench.errors import InputError
from bench.instruments.word_overlap import word_overlap
from bench.passages.loader import load
from bench.records import run_folder
from bench.records.kept_overlap import overlap_file, write_overlap
from bench.statistics import gap_share, paired
from tests.helpers.records import measurement
from tests.helpers.run_folders import N, cell
from tests.helpers.zoo import write_set

THIRDS = np.repeat([0.2, 0.5, 0.9], 40)  # word overlap of 120 queries


def values(*of_thirds: int) -> np.ndarray:
    """A measure of 120 queries that is 1 for so many of each third of 40."""
    return np.concatenate([np.arange(40) < wins for wins in of_thirds]).astype(np.float64)


class TestGroups:
    def test_each_group_has_its_mean_and_interval(self):
        """
        Mean and clustered interval are those of the group's queries alone; what is in no group is in no mean.
        """
        found = group_means(np.array([1.0, 0.0, 1.0, 1.0, 0.5]), np.array([0, 0, 1, 1, -1]), ["a", "b", "c", "d", "a"])

        assert [0.5, 1.0] == [group.mean for group in found]
        assert paired.interval_of_mean([1.0, 0.0], ["a", "b"]) == found[0].interval
        assert paired.interval_of_mean([1.0, 1.0], ["c", "d"]) == found[1].interval

    def test_differences_have_the_interval_of_differences(self):
        """
        Those of a group that are none below 0 are differences all the same.
        """
        (found,) = group_means(np.array([0.2, 0.0, 0.4]), np.zeros(3, np.int64), None, paired.interval)

        assert paired.interval([0.2, 0.0, 0.4]) == found.interval


class TestShare:
    def test_by_hand(self):
        """
        The gap is 45 of 120 over all and 9 of 40 in the third that does not favour the winner: 1 - .225 / .375 = .4 go
        with word overlap, whichever is called old. Where dense vectors win that third is the one that shares most.
        """
        low, high = values(0, 0, 0), values(9, 16, 20)

        sparse = share_of(("dense", low), ("sparse", high), THIRDS)
        turned = share_of(("sparse", high), ("dense", low), THIRDS)
        dense = share_of(("sparse", low), ("dense", values(20, 16, 9)), THIRDS)

        for found, third, sign in ((sparse, "lowest", 1), (turned, "lowest", -1), (dense, "highest", 1)):
            assert (third, 40, "") == (found.third, found.n_queries, found.why)
            assert pytest.approx((0.4, sign * 0.375, sign * 0.225)) == (found.share, found.gap, found.gap_there)
        assert gap_share.interval(high - low, THIRDS == 0.2) == sparse.interval
        assert sparse.interval[0] < 0.4 < sparse.interval[1]
        assert pytest.approx(sparse.interval) == turned.interval
        assert NO_CAUSE == sparse.note

    def test_clusters_count(self):
        """
        Each query asked twice, with its twin in one cluster, tells no more than once: the interval is no narrower.
        """
        low, high = values(0, 0, 0), values(9, 16, 20)
        sides = ("dense", np.repeat(low, 2)), ("sparse", np.repeat(high, 2))

        once = share_of(("dense", low), ("sparse", high), THIRDS)
        twins = share_of(*sides, np.repeat(THIRDS, 2), np.repeat(np.arange(120), 2).tolist())
        apart = share_of(*sides, np.repeat(THIRDS, 2))

        assert once.share == twins.share == apart.share
        assert pytest.approx(once.interval, abs=0.01) == twins.interval
        assert apart.interval[1] - apart.interval[0] < 0.8 * (twins.interval[1] - twins.interval[0])

    @pytest.mark.parametrize(
        ("kinds", "old", "new", "overlap", "why"),
        [
            (("sparse", "sparse"), (0, 0, 0), (9, 16, 20), THIRDS, "expected sparse vectors beside dense ones, found"),
            (("engine", "dense"), (0, 0, 0), (9, 16, 20), THIRDS, "found engine and dense"),
            (("sparse", "dense"), (9, 9, 9), (9, 9, 9), THIRDS, "the gap over these queries is identical"),
            (("sparse", "dense"), (9, 9, 9), (10, 9, 8), THIRDS, "the gap over these queries is undecided"),
            (("sparse", "dense"), (0, 0, 0), (8, 8, 8), THIRDS, "fewer than 30 clusters differ"),
            (("sparse", "dense"), (0, 0, 0), (9, 16, 20), np.ones(120), "all queries have the same overlap"),
            (("sparse", "dense"), (0, 0, 0), (9, 16, 20), np.full(120, np.nan), "no overlap is known"),
        ],
    )
    def test_where_none_is_told(self, kinds, old, new, overlap, why):
        """
        No share is told of two of a kind, of a gap that is not sure, of few clusters, or of one overlap; it says why.
        """
        found = share_of((kinds[0], values(*old)), (kinds[1], values(*new)), overlap)

        assert why in found.why
        assert OverlapShare(why=found.why) == found

    def test_queries_of_unknown_overlap_are_left_out(self):
        """
        Both gaps are over the queries whose overlap is known.
        """
        overlap = np.concatenate([THIRDS, np.full(10, np.nan)])
        low, high = (np.concatenate([found, np.ones(10)]) for found in (values(0, 0, 0), values(9, 16, 20)))

        found = share_of(("dense", low), ("sparse", high), overlap)

        assert share_of(("dense", values(0, 0, 0)), ("sparse", values(9, 16, 20)), THIRDS) == found


def test_kinds_go_by_the_vectors():
    """
    Sparse or dense is what the encoder makes, whatever holds it; what has no encoder is an engine.
    """
    cells = [measurement(nonzeros=9, storage="Flat()"), measurement(), measurement(encoder=None, storage=None)]

    assert ["sparse", "dense", "engine"] == [vectors_of(m) for m in cells]


class TestRuns:
    """Two cells of one run on a set whose first queries share least with what is relevant."""

    @pytest.fixture
    def run(self, folders):
        cells = [
            cell(cell="0", retriever="D()", encoder="D()", storage="Flat()", cell_name="d"),
            cell(cell="1", retriever="S()", encoder="S()", storage="CSR()", nonzeros=9, cell_name="s"),
        ]
        cells = [
            msgspec.structs.replace(
                m, passage_set_sha256=folders.passage_set.sha256, files={"quality": f"quality/{n}.npz"}
            )
            for n, m in enumerate(cells)
        ]
        made = folders.run("run", *cells, values={"nDCG@10": np.zeros(N)})
        won = np.concatenate([np.arange(13) < 8, np.ones(27)]).astype(np.float64)
        np.savez(made.folder / "quality" / "1.npz", **{"nDCG@10": won})
        return made

    @pytest.fixture
    def kept(self, run, folders):
        """The same with an overlap that rises from query to query; the last one's is unknown."""
        write_overlap(run.folder, folders.passage_set, np.append(np.arange(N - 1) / N, np.nan))
        return run

    def test_what_is_kept_is_read(self, kept, folders):
        """
        Of several runs the first that has it; of other content under the name none.
        """
        sha256 = folders.passage_set.sha256
        bare = folders.run("bare", cell())

        for runs in ([kept], [bare, kept], [kept, bare]):
            overlap, said = overlap_of(runs, "tiny", sha256)
            assert ("", 0.025, True) == (said, overlap[1], math.isnan(overlap[-1]))
        assert (None, True) == (
            overlap_of([bare], "tiny", sha256)[0],
            "no texts" in overlap_of([bare], "tiny", sha256)[1],
        )
        assert overlap_of([kept], "tiny", "other")[0] is None

    def test_what_is_not_kept_comes_from_the_texts(self, folders):
        """
        Of a run without it, or without its sets, the texts are read where the collection lies.
        """
        collection = write_set(folders.root / "zoo")
        folders.passage_set = load(str(collection))
        made = folders.run("run", cell(passage_set="zoo"), passages=[str(collection)])
        expected = word_overlap(folders.passage_set).tolist()

        assert expected == overlap_of([made], "zoo", folders.passage_set.sha256)[0].tolist()
        run_folder.set_file(made.folder, "zoo").unlink()
        assert expected == overlap_of([made], "zoo", folders.passage_set.sha256)[0].tolist()

    def test_a_comparison_has_the_share(self, kept):
        """
        By overlap each pair has it, with the thirds that it is made from; by label it has none.
        """
        comparison = of_retrievers(kept, kept, "d", "s")

        (pair,) = stratified(kept, kept, comparison, "overlap").pairs

        found, thirds = pair.overlap_share, pair.strata
        assert [".000 to .300", ".325 to .625", ".650 to .950", "no term, or nothing relevant"] == [
            stratum.name for stratum in thirds
        ]
        assert ("lowest", 13, "") == (found.third, found.n_queries, found.why)
        assert thirds[0].difference.paired.difference == found.gap_there == 8 / 13
        assert pytest.approx(1 - (8 / 13) / (34 / 39)) == found.share
        (pair,) = stratified(kept, kept, comparison, "length").pairs
        assert pair.overlap_share is None

    def test_a_gap_that_adjusting_takes_away_has_none(self, kept):
        """
        The verdict that counts is that of the comparison, adjusted for all that is compared.
        """
        comparison = of_retrievers(kept, kept, "d", "s")
        (pair,) = comparison.pairs
        undecided = tuple(msgspec.structs.replace(d, verdict="undecided") for d in pair.differences)
        comparison = msgspec.structs.replace(comparison, pairs=(msgspec.structs.replace(pair, differences=undecided),))

        (pair,) = stratified(kept, kept, comparison, "overlap").pairs

        assert OverlapShare(why="the gap is undecided") == pair.overlap_share

    def test_a_damaged_file_is_said(self, kept):
        """
        Where what was kept is damaged there are no strata, and it says which file.
        """
        overlap_file(kept.folder, "tiny").write_bytes(b"damaged")

        (pair,) = stratified(
            kept, kept, compare(kept, replace(kept, measurements=kept.measurements[:1])), "overlap"
        ).pairs

        assert "tiny.overlap.npz: expected the word overlap" in pair.strata_said
        with pytest.raises(InputError, match=r"tiny\.overlap\.npz"):
            overlap_of([kept], "tiny", kept.measurements[0].passage_set_sha256)
