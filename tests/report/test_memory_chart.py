"""The picture of memory: what adds up and what does not, and that it shows just that."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.records.schema import Footprint
from bench.report import rows as flat
from bench.report.charts import glyphs, memory
from bench.report.numbers import sized
from bench.report.tables.memory import CellMemory, Memories, MemoryPart, memory_of, read
from tests.helpers.pictures import SPACE, axis, centre, of_class, parsed, title, words
from tests.helpers.records import failed, measurement, run_of, weight
from tests.helpers.records import memory as grown

MB = 10**6


def cell(retriever: str = "BM25() @ CSR()", **changes):
    """A pair of which all was weighed: index 3 MB, encoder 20, libraries 150 and 40, deployment 190."""
    known = {
        "retriever": retriever,
        "storage_weight": weight(2 * MB, 3 * MB),
        "encoder_weight": weight(15 * MB, 20 * MB),
        "runtime_bytes": 150 * MB,
        "encoder_runtime_bytes": 40 * MB,
        "deployment_bytes": 190 * MB,
    }
    return measurement(**known | changes)


def engine(retriever: str = "Engine()", **changes):
    """An engine, which has no encoder."""
    none = {"encoder": None, "storage": None, "encoder_weight": None, "encoder_runtime_bytes": None}
    return cell(retriever, **none | changes)


def mixed():
    """Cells with all there is, and with as little as is drawn."""
    return (
        cell("A() @ CSR()"),
        cell("B() @ CSR()", storage_weight=weight(40_000, 4_096, small=True), encoder_runtime_bytes=500 * MB,
             deployment_bytes=None),
        engine("C()", deployment_bytes=100 * MB),
        cell("D() @ Flat()", encoder_weight=weight(0, None), runtime_bytes=None, encoder_runtime_bytes=None),
        measurement(retriever="E()", deployment_bytes=7 * MB, encoder=None, storage=None),
    )  # fmt: skip


def drawn(*cells: CellMemory, text_bytes: int = 60_000, **more):
    return parsed(memory.svg(Memories("primer", text_bytes, cells, **more)))


def bars(node) -> list[tuple[float, float]]:
    """From where to where each part of a cell's bar goes, in pixels."""
    found = [(float(part.get("x")), float(part.get("width"))) for part in of_class(node, "part")]
    return [(left, left + wide) for left, wide in found]


# What it is made of


def test_every_figure_is_the_records():
    """
    Each part, the deployment and the passage text are figures of `--json`, by their keys.
    """
    run = run_of(*mixed())

    found = read([run])

    rows = {m.retriever: flat.row(m) for m in run.measurements}
    assert rows.keys() == {one.name for one in found.cells}
    for one in found.cells:
        row = rows[one.name]
        assert one.deployment_bytes == row["deployment_bytes"]
        assert [row[part.key] for part in one.parts] == [part.bytes for part in one.parts]
        assert one.sum == sum(row[part.key] for part in one.parts)
    assert 60_000 == found.text_bytes == rows["E()"]["text_bytes"]


@pytest.mark.parametrize(
    ("footprint", "expected"),
    [
        (weight(2 * MB, 3 * MB), MemoryPart("index", "resident_bytes", 3 * MB, "exact size 2.00 MB")),
        (weight(2 * MB, 4_096, small=True),
         MemoryPart("index", "ledger_bytes", 2 * MB, "exact size, growth under 1 MiB")),
        (weight(2 * MB), MemoryPart("index", "ledger_bytes", 2 * MB, "exact size, growth not measured")),
        (weight(0), MemoryPart("index", "ledger_bytes", 0, "exact size, growth not measured")),
        (Footprint(ledger=None, disk_bytes=None, resident=grown(3 * MB)),
         MemoryPart("index", "resident_bytes", 3 * MB)),
        (Footprint(ledger=None, disk_bytes=9, resident=grown(4_096), under_resolution=True), None),
        (None, None),
    ],
)  # fmt: skip
def test_a_part_is_its_growth_or_its_exact_size(footprint, expected):
    """
    A part is what a process grew by; under resolution, or not measured, its exact size; without that it is no part.
    """
    found, said = memory_of("A()", cell(storage_weight=footprint))

    assert [expected] == [part for part in found.parts if part.component == "index"] or (
        expected is None and "index" not in {part.component for part in found.parts}
    )
    assert ("index not weighed" in said) == (expected is None)


@pytest.mark.parametrize(
    ("index", "encoder", "expected"),
    [
        (150, 40, MemoryPart("libraries", "runtime_bytes", 150, "the index's, the other part's 40 B")),
        (40, 150, MemoryPart("libraries", "encoder_runtime_bytes", 150, "the encoder's, the other part's 40 B")),
        (40, None, MemoryPart("libraries", "runtime_bytes", 40)),
        (0, None, MemoryPart("libraries", "runtime_bytes", 0)),
        (None, None, None),
    ],
)
def test_of_libraries_the_larger_is_drawn(index, encoder, expected):
    """
    Libraries of both parts may be the same ones, so that the larger figure stands for both and the other is told.
    """
    found, said = memory_of("A()", cell(runtime_bytes=index, encoder_runtime_bytes=encoder))

    assert (found.parts[2] if len(found.parts) > 2 else None) == expected
    assert ("libraries not measured" in said) == (expected is None)


def test_what_was_not_measured_is_named_and_no_nought():
    """
    What a cell lacks is named, not drawn as 0; what failed or was not weighed at all is not drawn.
    """
    cells = [
        cell("A()"),
        failed(retriever="B()"),
        measurement(retriever="C()"),
        cell("D()", encoder_weight=None, deployment_bytes=None),
        cell("E()", status="out-of-memory"),
        engine("F()", built_apart=False, flags=("ledger: resident growth of the engine, 9 bytes, lies far above",)),
    ]

    found = read([run_of(*cells)])

    assert ["A()", "F()", "D()"] == [one.name for one in found.cells]
    assert ["index", "libraries"] == [part.component for part in found.cells[2].parts]
    assert (
        "not drawn, failed: B()",
        "not drawn, nothing weighed: C()",
        "encoder not weighed: D()",
        "deployment not measured: D()",
        "not drawn, out-of-memory: E()",
        "index includes what building left, built and searched in one process: F()",
        "a flag speaks against its bytes: F()",
    ) == found.remarks


def test_the_smallest_comes_first():
    """
    Cells stand by their deployment, then those without one by the sum of their parts.
    """
    assert ["E()", "C()", "A() @ CSR()", "D() @ Flat()", "B() @ CSR()"] == [
        one.name for one in read([run_of(*mixed())]).cells
    ]


def test_bytes_of_two_machines_are_bytes():
    """
    Runs of unlike machines are drawn together, each cell named with its run; other passages are not.
    """
    one, other = run_of(cell()), run_of(cell(), cpu="B CPU", name="other")

    found = read([one, other])

    assert ["other: BM25() @ CSR()", "run: BM25() @ CSR()"] == [each.name for each in found.cells]
    assert found.conditions.startswith("A CPU, 2 cores")
    assert "; B CPU, 2 cores" in found.conditions
    with pytest.raises(InputError, match="memory of primer: expected the same passages in every run"):
        read([one, run_of(cell(passage_set_sha256="11"), name="other")])


def test_what_cannot_be_drawn_is_an_error():
    """
    A set that has to be named, and one of which nothing was weighed, are told with what there is.
    """
    run = run_of(cell(), measurement(retriever="B()", passage_set="other"))

    with pytest.raises(InputError, match="memory: expected one passage set, found primer, other"):
        read([run])
    with pytest.raises(InputError, match=re.escape("expected cells that were weighed, found none: not drawn, nothing")):
        read([run], "other")


def test_synthetic_passages_tell_cells_apart():
    """
    Cells of a set that grew are named with their synthetic passages.
    """
    found = read([run_of(cell()), run_of(cell(n_distractors=1_000), name="grown")])

    assert [
        "grown: BM25() @ CSR(), 1,000 synthetic passages",
        "run: BM25() @ CSR(), 0 synthetic passages",
    ] == [each.name for each in found.cells]


# That it shows just that


def test_every_bar_is_as_long_as_its_figure():
    """
    Parts follow one another from 0, each as long as its bytes; deployment and text stand at theirs.
    """
    found = read([run_of(*mixed())])
    root = parsed(memory.svg(found))
    across = axis(root, "x-axis")

    for one, node in zip(found.cells, of_class(root, "cell"), strict=True):
        reached = 0.0
        for part, (left, right) in zip(one.parts, bars(node), strict=True):
            assert reached / MB == pytest.approx(across(left), abs=0.02)
            reached += part.bytes
            assert reached / MB == pytest.approx(across(right), abs=0.02)
        deployed = [across(centre(mark)[0]) for mark in of_class(node, "diamond")]
        expected = [] if one.deployment_bytes is None else [one.deployment_bytes / MB]
        assert expected == pytest.approx(deployed, abs=0.02)
    (text,) = of_class(root, "passage-text")
    assert [0, found.text_bytes / MB] == pytest.approx([across(x) for x in bars(text)[0]], abs=0.02)


def test_every_figure_is_told_in_words():
    """
    Below each bar, in its title and in the description stands every figure with its unit.
    """
    found = read([run_of(*mixed())])
    root = parsed(memory.svg(found))

    about = root.find(f"{SPACE}desc").text
    for one, node in zip(found.cells, of_class(root, "cell"), strict=True):
        told = [
            f"{part.component} {sized(part.bytes)}" + (f" ({part.said})" if part.said else "") for part in one.parts
        ]
        told += [f"deployment {sized(one.deployment_bytes)}"] if one.deployment_bytes is not None else []
        assert f"{one.name}: {'; '.join(told)}" == title(node)
        assert "; ".join(told) in " ".join(words(node))
        assert f"{title(node)}." in about
    assert f"Passage text: {sized(found.text_bytes)}." in about
    assert found.conditions in about


def test_parts_differ_without_colour():
    """
    The index is full, the encoder hatched, libraries are empty and the text is dashed; the legend has those there are.
    """
    root = drawn(*read([run_of(cell())]).cells)

    (node,), (text,) = of_class(root, "cell"), of_class(root, "passage-text")
    index, encoder, libraries = of_class(node, "part")
    assert (None, "0.15", "0.15") == tuple(part.get("fill-opacity") for part in (index, encoder, libraries))
    assert 1 == len(of_class(node, "hatching"))
    assert of_class(text, "part")[0].get("stroke-dasharray")
    assert ["index", "encoder", "libraries", "deployment"] == words(of_class(root, "legend")[0])
    assert ["index"] == words(of_class(drawn(CellMemory("A()", (MemoryPart("index", "k", 1),), None)), "legend")[0])


@given(st.floats(0, 500), st.floats(0, 500), st.floats(1, 40))
@settings(max_examples=60, deadline=None)
def test_hatching_stays_inside(left, wide, high):
    """
    Every line of a hatching lies in its rectangle, however narrow that is, and rises as it goes on.
    """
    found = glyphs.hatched(left, left + wide, 100.0, 100.0 + high, "series-1")

    for x1, y1, x2, y2 in re.findall(r"M([\d.-]+),([\d.-]+)L([\d.-]+),([\d.-]+)", found):
        assert left - 0.01 <= float(x1) <= float(x2) <= left + wide + 0.01
        assert 100 - 0.01 <= float(y2) <= float(y1) <= 100 + high + 0.01


def test_what_does_not_add_up_is_said():
    """
    What deployment, libraries and text are is said where there are such figures.
    """
    whole, bare = " ".join(words(drawn(*read([run_of(cell())]).cells))), " ".join(words(drawn()))

    assert "not the sum of the bar" in whole
    assert "the larger of the figures of both parts" in whole
    assert "not the sum" not in bare
    assert "the larger" not in bare
    assert "passage text: of the set, the same for every cell" in bare


def test_many_cells_are_a_long_picture():
    """
    Of 40 cells each has its bar and its figures, one below the other, and none of the picture is cut.
    """
    part = MemoryPart("index", "ledger_bytes", 5 * MB)
    root = drawn(*(CellMemory(f"Retriever{n:02}(k1=0.9) @ CSR()", (part,), n * MB) for n in range(40)))

    nodes = of_class(root, "cell")
    tops = [float(of_class(node, "part")[0].get("y")) for node in nodes]
    assert 40 == len(nodes)
    assert sorted(tops) == tops
    assert all(later - earlier > 40 for earlier, later in itertools.pairwise(tops))
    assert max(float(node.get("y")) for node in root.iter(f"{SPACE}text")) < float(root.get("height"))


def test_nothing_and_very_little_have_an_axis():
    """
    A picture of no bytes, and one of a few, has an axis from 0.
    """
    nothing = drawn(CellMemory("A()", (MemoryPart("index", "ledger_bytes", 0),), 0), text_bytes=0)
    little = drawn(CellMemory("A()", (MemoryPart("index", "ledger_bytes", 12),), None), text_bytes=0)

    assert ["0", "0"] == [of_class(of_class(root, "x-axis")[0], "tick")[0].text for root in (nothing, little)]
    assert "index 0 B; deployment 0 B" in words(nothing)


def test_a_hostile_name_is_a_name_and_bytes_are_the_same():
    """
    Markup in a name is words in the picture, which is made alike each time.
    """
    hostile = Memories("<set>", 1, (CellMemory('A("<script>]]>\'&\u2028")', (), 5),), ("<b>: x",))

    picture = memory.svg(hostile)

    assert 'A("<script>]]>\'& ")' in words(parsed(picture))
    assert "<script" not in picture
    assert picture == memory.svg(hostile)
