"""What `--prices` shows: columns, keys, notes and marks, whatever the format; and the example of the documentation."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape

import msgspec
import pytest
from msgspec.structs import replace

from bench.analysis.prices import Prices, read
from bench.errors import InputError
from bench.records import run_folder
from bench.records.decision import Decision
from bench.records.schema import Latency
from bench.report import rows
from bench.report.columns import PRICED
from bench.report.model import BEST
from bench.report.numbers import money
from bench.report.render import csv as csv_format
from bench.report.render import html, latex, markdown
from bench.report.render import json as json_format
from bench.report.tables.cells import grids
from bench.report.view import View
from tests.helpers.places import ROOT
from tests.helpers.records import failed, latency, measurement, run_of
from tests.helpers.tables import drawn

# A core-second costs 0.00001, a month of 100 hours 1 for each GB.
PRICES = Prices(currency="EUR", ram_gb_hour=0.01, core_hour=0.036, queries_a_month=1_000_000, hours_a_month=100)
SHOWN = View(prices=PRICES)
HEADS = ["price a month", "price / 1,000", "price index"]
KEYS = (
    "price_a_month",
    "price_a_month_low",
    "price_a_month_high",
    "price_per_1000",
    "price_index",
    "price_fixed_a_month",
    "price_cores",
    "price_basis",
    "price_currency",
)


def cell(retriever: str = "A()", gb: float = 1.0, ms: float = 1.0, quality: float = 0.5, **changes):
    """A cell of so many GB whose query takes so many ms of a core; indexed in 10 s by two."""
    known = {"retriever": retriever, "deployment_bytes": int(gb * 1e9), "cpu_p50": ms, "single": latency(ms)}
    known |= {"encode_seconds": 7.0, "build_seconds": 3.0, "encode_threads": 2, "quality": {"nDCG@10": quality}}
    return measurement(**known | changes)


def table(*cells, view: View = SHOWN, **suite):
    (grid,) = grids([run_of(*cells, **{"measures": ["nDCG@10"]} | suite)], view)
    return grid


def column(grid, head: str) -> list[str]:
    """Its figures, a mark behind them."""
    at = [one.head for one in grid.columns].index(head)
    return [line[at].text + line[at].mark for line in grid.lines]


def note(grid, begins: str) -> str:
    """The one note that begins so."""
    (found,) = (each for each in grid.notes if each.startswith(begins))
    return found


class TestColumns:
    def test_they_stand_in_the_default_table(self):
        """
        With prices the table ends with what a month, a thousand queries and an index cost; without, it has no such
        column. `--wide` has them too.
        """
        found, without = table(cell()), table(cell(), view=View())

        heads = [one.head for one in found.columns]
        assert HEADS == heads[-3:]
        assert heads[:-3] == [one.head for one in without.columns]
        assert [["1.01"], ["0.00101"], ["0.000200"]] == [column(found, head) for head in HEADS]
        assert HEADS == [one.head for one in table(cell(), view=View(wide=True, prices=PRICES)).columns][-3:]

    @pytest.mark.parametrize("names", [("price",), ("PRICE",), ("price a month", "price/1,000", "price_index")])
    def test_they_are_chosen_by_name(self, names):
        """
        `price` is all three; each has its heading and its key for names.
        """
        found = table(cell(), view=View(columns=names, prices=PRICES))

        assert ["retriever", *HEADS] == [one.head for one in found.columns]

    def test_every_key_is_a_column(self):
        """
        What JSON has beside them can be asked for.
        """
        found = table(cell(), view=View(columns=KEYS, prices=PRICES))

        assert ["1.01", "0.00278", "CPU time", "EUR"] == [
            column(found, head)[0] for head in ("price a month", "price cores", "price basis", "price currency")
        ]

    def test_none_without_prices(self):
        """
        A price that is asked for where none are given is refused, with what to give.
        """
        with pytest.raises(InputError, match="expected --prices FILE beside 'price_index', found none"):
            table(cell(), view=View(columns=("R@10", "price_index")))

    def test_other_columns_say_nothing_of_prices(self):
        """
        Where no price is among the chosen columns, nothing is said of any.
        """
        found = table(cell(), cell("B()"), view=View(columns=("nDCG@10",), prices=PRICES))

        assert ((), ()) == (found.notes, found.legend)

    def test_what_they_assume_stands_below(self):
        """
        One line has the prices, the volume and what is paid for; it says of a GPU where that has a price.
        """
        with_gpu = msgspec.structs.replace(PRICES, gpu_hour=2.5)

        assert (
            "Prices in EUR: a month is the memory of a deployment for 100 h at 0.01 a GB-hour, and 1,000,000 queries, "
            "each the CPU time of the median one at 0.036 a core-hour; price / 1,000: of these queries, memory "
            "included; price index: once, index time on all cores that it had."
        ) == table(cell()).legend[-1]
        assert "; a GPU 2.5 an hour where" in table(cell(), view=View(prices=with_gpu)).legend[-1]

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (0.0, "0"),
            (0.00001, "<0.0001"),
            (0.00009, "<0.0001"),
            (0.0001, "0.000100"),
            (0.00041249, "0.000412"),
            (0.09996, "0.100"),
            (0.5, "0.500"),
            (3.984, "3.98"),
            (0.9999, "1.00"),
            (12_345.0, "12,300"),
            (float("inf"), "inf"),
        ],
    )
    def test_how_a_price_is_written(self, value, written):
        """
        A price has three significant digits, and none below a ten-thousandth.
        """
        assert written == money(value)

    def test_intervals(self):
        """
        With --intervals a month and a thousand queries have those of p50, and the legend says so.
        """
        single = Latency(p50=10.0, p95=None, p99=None, cold=None, p50_interval=(8.0, 12.0))
        view = View(intervals=True, prices=PRICES)

        found, none = table(cell(ms=100.0, single=single), view=view), table(cell(), view=view)

        assert ["[1.80, 2.20]", "[0.00180, 0.00220]", ""] == [each.interval for each in found.lines[0][-3:]]
        assert "[ ] of a price: within the 95 % interval of its p50; memory is weighed once." == found.legend[-1]
        assert none.legend[-1].startswith("Prices in EUR")


class TestMarks:
    def test_the_least_is_the_best(self):
        """
        The least price is bold, unless its time or its memory is flagged.
        """
        fine, flagged = (table(cell(flags=flags), cell("B()", gb=2.0)) for flags in ((), ("unstable: x",)))

        assert [BEST, ""] == [line[-3].style for line in fine.lines]
        assert ["", ""] == [line[-4].style for line in flagged.lines]  # before the letters of the flags
        assert "1.01" == flagged.lines[0][-4].text

    def test_a_price_of_new_queries_is_marked(self):
        """
        A cell that remembers is priced by its new queries, marked, at most so much; no price is the best beside it.
        """
        found = table(cell(flags=("remembers: x",), new=latency(100.0)), cell("B()", gb=9.0))

        assert ["2.00‡", "9.01"] == column(found, HEADS[0])
        assert ["", ""] == [line[-4].style for line in found.lines]
        assert note(found, "‡ of a price").endswith(": A()")

    def test_an_upper_bound_is_said(self):
        """
        Where CPU time was not measured the price is an upper bound, which stands below; none is the best beside it.
        """
        found = table(cell(cpu_p50=None, threads=2), cell("B()", gb=9.0, threads=2))

        assert ["1.02", "9.01"] == column(found, HEADS[0])
        assert ["", ""] == [line[-3].style for line in found.lines]
        assert note(found, "the price is an upper bound").endswith("CPU time was not measured: A()")


class TestNotes:
    def test_where_prices_cross(self):
        """
        1 GB and 5 ms cost what 2 GB and 1 ms do at 25 million queries: 2.25. Both are as good, so the second takes the
        first one's place there; the third, which costs more and is worse, is on no frontier.
        """
        found = table(cell("A()", 1, 5), cell("B()", 2, 1), cell("C()", 3, 5, quality=0.4))

        assert (
            "frontier of nDCG@10 and price at 1,000,000 queries a month: A() (1.05); it changes at 25,000,000, from "
            "where B() costs less than A()"
        ) == note(found, "frontier")

    def test_where_they_do_not(self):
        """
        What is better and costs more at any volume stays on the frontier, the least first.
        """
        found = table(cell("A()", 2, 5, quality=0.6), cell("B()", 1, 1))

        assert (
            "frontier of nDCG@10 and price at 1,000,000 queries a month: B() (1.01), A() (2.05); it is the same at any "
            "volume"
        ) == note(found, "frontier")

    def test_how_sure_a_volume_is(self):
        """
        A volume has the interval that both times give it, or no upper end where these overlap.
        """
        one, wide = (
            Latency(p50=5.0, p95=None, p99=None, cold=None, p50_interval=ends) for ends in ((4.5, 5.5), (0.5, 6.5))
        )
        other = Latency(p50=1.0, p95=None, p99=None, cold=None, p50_interval=(0.5, 1.5))
        pairs = [(cell("A()", 1, 5, single=each), cell("B()", 2, 1, single=other)) for each in (one, wide)]

        found = [note(table(*pair), "frontier") for pair in pairs]

        assert "at 25,000,000 (20,000,000 to 33,300,000), from where" in found[0]
        assert "at 25,000,000 (by their intervals 16,700,000 or more, or never), from where" in found[1]

    def test_few_volumes_are_told(self):
        """
        Of many volumes the four nearest to what is asked are told, the smallest first, and the others counted.
        """
        found = note(table(*(cell(f"R{n}()", 1 + n, 100 * 0.2**n) for n in range(7))), "frontier")

        volumes = [float(each.replace(",", "")) for each in re.findall(r"at ([\d,]+), from", found)]
        assert (4, sorted(volumes)) == (len(volumes), volumes)
        assert found.endswith("; and at 2 more volumes")

    def test_more_than_one_process(self):
        """
        A volume that keeps more cores at work than declared is said, with how many: of further processes no memory is
        priced. A crossing there is said to lie beyond one process.
        """
        busy = table(cell("A()", 1, 1_000), cell("B()", 2, 1, threads=2))

        assert note(busy, "more than one process").endswith("in no price: A(), threads 1 (2.78 cores of 1)")
        slow = table(cell("A()", 1, 1_000), cell("B()", 100, 1))
        assert "at 9,910,000, from where B() costs less than A() (beyond one process: 27.5 and 0.0275" in note(
            slow, "frontier"
        )

    def test_why_there_is_no_price(self):
        """
        A cell without the memory of its deployment, without a time, or on a GPU that has no price has a dash, and why.
        """
        found = table(
            cell("A()", deployment_bytes=None),
            cell("B()", single=None, cpu_p50=None),
            cell("C()", facts={"device": "cuda"}),
            cell("D()"),
            failed(retriever="E()"),
        )

        assert ["-", "-", "-", "1.01", "-"] == column(found, HEADS[0])
        assert [
            "no price, the memory of its deployment was not measured: A()",
            "no price, neither CPU time nor p50 was measured: B()",
            "no price, queries were encoded on a GPU, and gpu_hour is not given: C()",
        ] == [each for each in found.notes if each.startswith("no price")]

    def test_an_old_run_says_why(self):
        """
        Where no cell has a price there is no column of it, and a note all the same.
        """
        found = table(cell(deployment_bytes=None))

        assert HEADS[0] not in [one.head for one in found.columns]
        assert note(found, "no price").endswith(": A()")

    def test_machines_do_not_meet(self):
        """
        Prices of different machines are compared within each run alone.
        """
        one, other = run_of(cell(), name="one"), run_of(cell("B()", 2.0), name="other", cpu="Another")

        (found,) = grids([one, other], View(prices=PRICES))

        assert [] == [each for each in found.notes if each.startswith("frontier")]

    def test_what_was_stopped_claims_no_frontier(self):
        """
        Beside a cell that was stopped, which may be better than all others, there is no frontier; nor is there of one
        cell, where the others lack the measure.
        """
        known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 1, "planned_looks": 3, "level": 0.975}
        said = Decision(**known, verdict="better", n_asked=20, difference=0.4, interval=(0.2, 0.6))
        stopped = replace(cell("C()"), quality=None, n_judged=320, decision=said)

        found = table(cell(), cell("B()", 2, quality=0.6), stopped), table(cell(), cell("B()", quality=None))

        assert [] == [each for grid in found for each in grid.notes if each.startswith("frontier")]


class TestFormats:
    def test_json_and_csv_have_the_keys(self):
        """
        JSON and CSV have each figure unrounded, null or empty where there is none; without prices no key of them.
        """
        run = run_of(cell(), failed())

        first, second = json.loads(json_format.table([run], View(prices=PRICES)))
        read_back = list(csv.DictReader(io.StringIO(csv_format.table([run], View(prices=PRICES)))))

        assert {*KEYS} == {key for key in first if key.startswith("price")}
        assert [1.01, None, 0.00101, 0.0002, 1.0] == [
            pytest.approx(first[key])
            for key in (
                "price_a_month",
                "price_a_month_low",
                "price_per_1000",
                "price_index",
                "price_fixed_a_month",
            )
        ]
        assert [None] * 8 == [second[key] for key in KEYS if key != "price_currency"]
        assert ("1.01", "") == (read_back[0]["price_a_month"], read_back[1]["price_a_month"])
        assert [] == [key for key in rows.rows([run])[0] if key.startswith("price")]

    @pytest.mark.parametrize("currency", ["<b>|x|</b>", "=1+1", "\x1b[2Jx", "\\input{x}"])
    def test_a_currency_is_text(self, currency):
        """
        What a currency says is obeyed by no format.
        """
        run, view = run_of(cell()), View(prices=msgspec.structs.replace(PRICES, currency=currency))

        page, tex, web = (each.table([run], view) for each in (markdown, latex, html))

        assert "<b>" not in page.replace(r"\<", "")
        assert r"\input{" not in tex
        assert "<b>" not in web
        assert currency.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in unescape(web)
        assert not any("\x1b" in each for each in (page, tex, web, drawn(run, view=view)))
        (row,) = csv.DictReader(io.StringIO(csv_format.table([run], view)))
        assert not row["price_currency"].startswith(("=", "\x1b"))


class TestDocumentation:
    def test_every_key_is_explained(self):
        """
        results/README.md names every key and every column.
        """
        text = (ROOT / "results" / "README.md").read_text()

        assert {*KEYS} == set(rows.of_price(cell(), run_of(), PRICES))
        assert [] == [name for name in (*KEYS, *(field.column.head for field in PRICED)) if f"`{name}`" not in text]

    def test_the_example_is_true(self, tmp_path):
        """
        What bench/report/README.md shows of a run is what its file of prices gives.
        """
        page = (ROOT / "bench" / "report" / "README.md").read_text()
        _, _, section = page.partition("### Prices\n")
        (tmp_path / "prices.toml").write_text(re.search(r"```toml\n(.*?)```", section, re.DOTALL)[1])
        run = run_folder.read(ROOT / "results" / "first")

        made = markdown.table([run], View(columns=("price",), prices=read(tmp_path / "prices.toml")))

        shown = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
        assert 2 <= len(shown)
        assert [] == [line for line in shown if line.rstrip("|") not in made]
        assert [] == [
            each
            for each in re.findall(r"\*\*([\d,]+)\*\* queries", section.partition("\n## ")[0])
            if f"at {each}" not in made
        ]
