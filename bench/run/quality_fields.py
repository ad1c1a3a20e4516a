"""The quality fields of a record: means over judged queries, and each query's value and cluster in a file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.formats.files import write_whole
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.records.decision import Decision
from bench.records.run_folder import ASKED, CLUSTERS
from bench.records.schema import RecordFields
from bench.run.suite import Suite
from retrievers.contract import Hits


def quality_fields(
    key: str, hits: Hits | None, suite: Suite, passage_set: PassageSet, folder: Path, *, timed: Hits | None = None
) -> RecordFields:
    """
    The quality fields of the record of a cell of that key; the value of every query is kept in the run folder.

    hits: to the depth. timed: of the search for k, from which measures that look no deeper are read; None: the first k
    of the others.
    """
    fields: RecordFields = dict.fromkeys(
        ("quality", "quality_by_label", "label_counts", "n_judged", "n_unanswered", "tie_rate")
    )
    if hits is None:
        return fields
    fields["tie_rate"] = quality.tie_rate(hits, suite.k)
    qrels, path = passage_set.qrels, kept_file(key, passage_set, suite)
    if qrels is None or path is None:
        return fields
    values = query_values(hits, timed, suite, passage_set, suite.measures)
    judged = quality.judged(passage_set.query_ids, qrels)
    clusters = _numbered(passage_set.clusters or passage_set.query_ids)[judged]
    _keep(folder / path, values | {CLUSTERS: clusters})
    fields["n_judged"] = int(judged.sum())
    fields["n_unanswered"] = quality.n_unanswered(timed or hits, passage_set.query_ids, qrels)
    fields["quality"] = {name: quality.mean(values[name]) if name in values else None for name in suite.measures}
    of_set = passage_set.passage_ids, passage_set.query_ids, qrels
    fields["ceilings"] = quality.ceilings(*of_set, suite.measures, _texts(passage_set))
    if passage_set.labels is not None:
        labels = [label for label, is_judged in zip(passage_set.labels, judged, strict=True) if is_judged]
        by_label = {name: quality.by_label(one, labels) for name, one in values.items()}
        groups = next(iter(by_label.values()), {})  # the same groups of queries whatever the measure
        fields["label_counts"] = {label: count for label, (count, _) in groups.items()}
        fields["quality_by_label"] = {
            label: {name: means[label][1] for name, means in by_label.items()} for label in groups
        }
    return fields


def kept_file(key: str, passage_set: PassageSet, suite: Suite) -> str | None:
    """Where in the run folder every query's values are kept of a cell of that key; None where there are none."""
    # A synthetic passage has no judgment, and may well hold an answer.
    return None if passage_set.qrels is None or suite.distractors else f"quality/{key}.npz"


def query_values(
    hits: Hits, timed: Hits | None, suite: Suite, passage_set: PassageSet, measures: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Those of the measures that the set allows, of every judged query: (n_judged,) each. hits, timed: as above."""
    of_set = passage_set.passage_ids, passage_set.query_ids, passage_set.qrels or {}
    texts = _texts(passage_set)
    found = quality.measure(hits, *of_set, measures, texts)
    if timed is not None:
        shallow = [name for name in measures if 0 < (quality.parse(name)[1] or 0) <= suite.k]
        found |= quality.measure(timed, *of_set, shallow, texts)
    return {name: found[name] for name in measures if name in found}


def fields_of_stopped(
    key: str,
    hits: tuple[Hits, Hits],
    asked: NDArray[np.int64],
    decision: Decision,
    suite: Suite,
    passage_set: PassageSet,
    folder: Path,
) -> RecordFields:
    """
    The same fields of a cell that was stopped: no means over all queries, but what was decided, and what the queries
    that were asked came to. Their values are kept in a file of another name.

    hits: to the depth, and of the search for k. asked: positions of the queries that were asked, judged or not.
    """
    judged = np.flatnonzero(quality.judged(passage_set.query_ids, passage_set.qrels or {}))
    among = np.flatnonzero(np.isin(judged, asked))
    found = query_values(*hits, suite, passage_set, suite.measures)
    values = {name: of_all[among] for name, of_all in found.items()}
    clusters = _numbered(passage_set.clusters or passage_set.query_ids)[judged]
    _keep(folder / "quality" / f"{key}.asked.npz", values | {ASKED: among, CLUSTERS: clusters})
    means = {name: float(one.mean()) for name, one in values.items()}
    return quality_fields(key, None, suite, passage_set, folder) | {
        "n_judged": len(judged),
        "decision": msgspec.structs.replace(decision, means=means),
    }


def _texts(passage_set: PassageSet) -> quality.Texts | None:
    answers = passage_set.answers
    return None if answers is None else quality.Texts(passage_set.passages, answers)


def _keep(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:  # Any: float64 values, int32 numbers
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # measures by name
    write_whole(path, content.getvalue())


def _numbered(clusters: Sequence[str]) -> NDArray[np.int32]:
    """The number of each query's cluster, in the order in which they come first; the names are the collection's."""
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    return np.array([numbers[cluster] for cluster in clusters], np.int32)
