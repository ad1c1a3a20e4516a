"""The quality fields of a record: means over judged queries, and each query's value and cluster in a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.formats.files import write_whole
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.records.run_folder import CLUSTERS
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
    qrels = passage_set.qrels
    if qrels is None or suite.distractors:  # a synthetic passage has no judgment, and may well hold an answer
        return fields
    answers = passage_set.answers
    texts = None if answers is None else quality.Texts(passage_set.passages, answers)
    of_set = passage_set.passage_ids, passage_set.query_ids, qrels
    found = quality.measure(hits, *of_set, suite.measures, texts)
    if timed is not None:
        shallow = [name for name in suite.measures if 0 < (quality.parse(name)[1] or 0) <= suite.k]
        found |= quality.measure(timed, *of_set, shallow, texts)
    values = {name: found[name] for name in suite.measures if name in found}
    arrays = io.BytesIO()
    judged = quality.judged(passage_set.query_ids, qrels)
    clusters = _numbered(passage_set.clusters or passage_set.query_ids)[judged]
    np.savez_compressed(arrays, **values, **{CLUSTERS: clusters})  # type: ignore[arg-type]  # measures by name
    write_whole(folder / "quality" / f"{key}.npz", arrays.getvalue())
    fields["n_judged"] = int(judged.sum())
    fields["n_unanswered"] = quality.n_unanswered(timed or hits, passage_set.query_ids, qrels)
    fields["quality"] = {name: quality.mean(values[name]) if name in values else None for name in suite.measures}
    fields["ceilings"] = quality.ceilings(*of_set, suite.measures, texts)
    if passage_set.labels is not None:
        labels = [label for label, is_judged in zip(passage_set.labels, judged, strict=True) if is_judged]
        by_label = {name: quality.by_label(one, labels) for name, one in values.items()}
        groups = next(iter(by_label.values()), {})  # the same groups of queries whatever the measure
        fields["label_counts"] = {label: count for label, (count, _) in groups.items()}
        fields["quality_by_label"] = {
            label: {name: means[label][1] for name, means in by_label.items()} for label in groups
        }
    return fields


def _numbered(clusters: Sequence[str]) -> NDArray[np.int32]:
    """The number of each query's cluster, in the order in which they come first; the names are the collection's."""
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    return np.array([numbers[cluster] for cluster in clusters], np.int32)
