"""The picture of storages: what a passage takes in each, and what is lost."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.commands import write_file
from bench.errors import InputError
from bench.records.decision import Decision
from bench.records.schema import Measurement
from bench.report.charts import storages
from bench.report.charts.axes import rounded
from bench.report.charts.storages import COLOURS, Patch, Storages, by_size, colour, evenly, read
from tests.helpers.pictures import SPACE, of_class, parsed, title, words
from tests.helpers.records import measurement, run_of
from tests.helpers.stored import cell, exact


def drawn(*cells: Measurement):
    return parsed(storages.svg(read([run_of(*cells, primary="R@10")])))


def full_run():
    """Two encoders with what a picture may have to show, control characters and markup in names among it."""
    dense = {"encoder": 'E("a-long-name-of-a-model")', "nonzeros": None}
    return run_of(
        exact("A()", ledger={"values": 300_000}),
        cell('B("<&\x1b>]]>\u2028")', 0.78, ledger={"values": 1_500}),
        cell("A()", ledger={"values": 30}, **dense),
        cell("C()", quality=None, status="over-budget", predicted_ledger={"vectors": 10**9}, **dense),
        primary="R@10",
    )


def test_a_patch_tells_size_and_loss():
    """
    A cell of the picture tells the bytes of a passage and what is lost, or why it did not run and what it would need;
    of one that was stopped, once decided, that it was.
    """
    known = {"baseline": "A()", "measure": "R@10", "n_looks": 1, "planned_looks": 3, "level": 0.975}
    worse = Decision(**known, verdict="worse", n_asked=20, difference=-0.4, interval=(-0.6, -0.2))
    refused = {"status": "over-budget", "quality": None, "predicted_ledger": {"vectors": 1_500_000}}
    run = run_of(
        exact("A()", ledger={"values": 300_000}),
        cell("B()", 0.78, ledger={"values": 1_500}),
        cell("C()", **refused),
        cell("D()", quality=None, status="unsupported"),
        cell("E()", quality=None, decision=worse, ledger={"values": 3_000}),
        primary="R@10",
    )

    told = [(patch.storage, patch.bytes, patch.first, patch.second) for patch in read([run]).patches]

    assert [
        ("A()", 2_000, "2.00 kB", "exact .8000"),
        ("B()", 10, "10 B", "lost .0200"),
        ("C()", None, "over-budget", "needs 10.0 kB"),
        ("D()", None, "unsupported", ""),
        ("E()", 20, "20 B", "stopped"),
    ] == told
    assert ["B()", "E()", "A()", "C()", "D()"] == by_size(read([run]).patches)


def test_every_cell_has_a_field_with_its_figures():
    """
    Each cell has a field that says its figures, in the column of its encoder and set and in the row of its storage.
    """
    run = full_run()
    root = parsed(storages.svg(read([run])))

    fields = of_class(root, "field")
    patches = read([run]).patches
    assert len(patches) == len(fields)
    for patch in patches:
        wanted = [patch.first, *([patch.second] if patch.second else [])]
        assert 1 == sum(
            wanted == words(field) and title(field).startswith(f"{_shown(patch.storage)}, {', '.join(patch.column)}: ")
            for field in fields
        )
    tops = {title(field).partition(", ")[0]: _left_top(field)[1] for field in fields[:2]}
    assert tops['B("<&\ufffd>]]> ")'] < tops["A()"]  # the smallest first


def _shown(name: str) -> str:
    return name.replace("\x1b", "\ufffd").replace("\u2028", " ")


def _left_top(field) -> tuple[float, float]:
    (rect,) = field.iter(f"{SPACE}rect")
    return float(rect.get("x")), float(rect.get("y"))


def test_a_colour_is_a_size():
    """
    Fields are coloured on a logarithmic scale from the fewest bytes to the most; what was not weighed is grey.
    """
    root = drawn(
        exact("A()", ledger={"values": 150}),
        cell("B()", ledger={"values": 15_000}),
        cell("C()", ledger={"values": 1_500_000}),
        cell("D()", quality=None, status="failed"),
    )

    fills = {
        title(field).partition(",")[0]: field.find(f"{SPACE}rect").get("fill") for field in of_class(root, "field")
    }

    ends = ["#" + "".join(f"{part:02x}" for part in ends) for ends in COLOURS]
    assert {"A()": ends[0], "B()": ends[1], "C()": ends[2], "D()": storages.REFUSED} == fills
    (legend,) = of_class(root, "legend")
    swatches = dict(zip(words(legend)[1:], [rect.get("fill") for rect in legend.iter(f"{SPACE}rect")], strict=True))
    assert {rounded(10.0**power): colour(10.0**power, (1, 10_000)) for power in range(5)} == swatches


def test_colours_grow_darker():
    """
    More bytes are darker, so that the order is seen without telling hues apart.
    """
    sums = [sum(int(colour(size, (1, 1e6))[at : at + 2], 16) for at in (1, 3, 5)) for size in (1, 10, 1e3, 1e5, 1e6)]

    assert sums == sorted(sums, reverse=True)


def test_sparse_and_dense_vectors_have_a_panel_each():
    """
    Encoders of sparse vectors stand above those of dense ones, those that failed last, each set beside the next.
    """
    dense = {"encoder": "E()", "nonzeros": None}
    unmade = {"encoder": "F()", "shape": None, "nonzeros": None, "quality": None, "status": "failed"}
    german = {"passage_set": "de", "passage_set_sha256": "1"}
    run = run_of(cell("A()"), cell("A()", **unmade), cell("A()", **dense), cell("A()", **german))

    found = read([run])

    heads = [("BM25()", "primer"), ("BM25()", "de"), ("F()", "primer"), ("E()", "primer")]
    assert heads == [patch.column for patch in found.patches]
    panels = of_class(parsed(storages.svg(found)), "panel")
    assert ["sparse vectors", "dense vectors", "vectors that were not made"] == [words(panel)[0] for panel in panels]


def test_runs_and_threads_are_named_where_they_differ():
    """
    Where several runs are drawn a column is headed by its run, and by its threads where one storage has several.
    """
    runs = [run_of(cell("A()"), cell("A()", threads=2), name="one"), run_of(cell("A()"), name="two")]

    heads = [patch.column for patch in read(runs).patches]

    assert [("one", "BM25()", "primer", "threads 1"), ("one", "BM25()", "primer", "threads 2")] == heads[:2]
    assert ("two", "BM25()", "primer", "threads 1") == heads[2]


@pytest.mark.parametrize(("n", "expected"), [(0, []), (1, [1]), (4, [4]), (5, [3, 2]), (7, [4, 3]), (9, [3, 3, 3])])
def test_columns_are_shared_out_evenly(n, expected):
    """
    A panel has at most four columns, and no panel many fewer than another.
    """
    columns = [(str(number),) for number in range(n)]

    parts = evenly(columns, 4)

    assert expected == [len(part) for part in parts]
    assert columns == [column for part in parts for column in part]


def test_the_same_records_are_drawn_alike():
    """
    The same records give the same SVG, byte for byte, with every word of it.
    """
    one, other = storages.svg(read([full_run()])), storages.svg(read([full_run()]))

    assert one == other
    assert {"A()", "2.00 kB", "lost .0200", "over-budget", "needs 6.67 MB", "primer"} <= set(words(parsed(one)))
    assert "\x1b" not in one


@pytest.mark.parametrize("changes", [{"ledger": {"values": 150}}, {}, {"ledger": {"values": 0}}])
def test_one_cell_is_drawn(changes):
    """
    A run of one cell, or of none that was weighed, is drawn too.
    """
    root = drawn(exact("A()", **changes))

    assert 1 == len(of_class(root, "field"))
    assert "A()" in words(root)


def test_nothing_is_drawn_of_nothing():
    """
    Without any cell there is a picture with its title and no panel.
    """
    root = parsed(storages.svg(Storages("R@10", ())))

    assert [] == of_class(root, "panel") == of_class(root, "legend")
    assert ["Bytes of a passage in each storage"] == words(root)


def test_a_field_stays_within_the_picture():
    """
    Names of any length are broken, and no field or word begins outside the picture.
    """
    long = "a" * 200
    patches = tuple(Patch(storages.SPARSE, (long, str(n)), long, 10.0 * n + 1, 1.0, "1 B", "") for n in range(6))

    root = parsed(storages.svg(Storages("R@10", patches)))

    wide, high = map(float, root.get("viewBox").split()[2:])
    assert all(0 <= float(node.get("x")) <= wide for node in root.iter() if node.get("x"))
    assert all(0 <= float(node.get("y")) <= high for node in root.iter() if node.get("y"))
    assert 6 == len(of_class(root, "field"))


def test_the_picture_says_what_it_lacks(tmp_path):
    """
    Engines, which have no storage of their own, are named below; alone, or where no file can be written, is an error.
    """
    engine = measurement(retriever="Engine()", encoder=None, storage=None)

    assert ("no storage of its own, not drawn: Engine()",) == read([run_of(cell("A()"), engine)]).remarks
    with pytest.raises(InputError, match=r"expected cells of an encoder with a storage, found Engine\(\)"):
        read([run_of(engine)])
    with pytest.raises(InputError, match=r"--svg: expected a file that can be written, found .*nowhere"):
        write_file(tmp_path / "nowhere" / "picture.svg", "<svg/>", "--svg")


def test_a_picture_is_written_where_it_was_asked_for(tmp_path, capsys):
    """
    A picture is written as it is into the file that was named, and the name is printed.
    """
    svg = storages.svg(read([full_run()]))

    write_file(tmp_path / "picture.svg", svg, "--svg")

    assert svg == (tmp_path / "picture.svg").read_text("utf-8")
    assert str(tmp_path / "picture.svg") == capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--svg: expected --pivot, found none of them"),
        (["--labels"], "--svg: expected --pivot, found --labels"),
        (["--pivot", "encoder"], "--svg draws --pivot storage: expected that without --measure, found --pivot encoder"),
        (["--pivot", "storage", "--measure", "R@10"], "found --pivot storage --measure R@10"),
        (["--pivot", "storage", "--markdown"], "--svg: expected --format terminal, found markdown"),
    ],
)
def test_a_picture_is_of_storages(options, message, tmp_path):
    """
    `--svg` is refused without `--pivot storage`, with a measure, and beside a table in Markdown.
    """
    result = CliRunner().invoke(app, ["table", str(tmp_path), *options, "--svg", str(tmp_path / "picture.svg")])

    assert 2 == result.exit_code
    assert message in " ".join(result.output.split())
