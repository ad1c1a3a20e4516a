"""What a cell costs, by hand: the file of prices, memory, cores, a GPU, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from bench.analysis.prices import Price, Prices, core_time, price_of, read
from bench.errors import InputError
from bench.records.schema import Latency
from tests.helpers.records import failed, latency, measurement, run_of

# A core-second costs 0.00001, a month of 100 hours 1 for each GB.
PRICES = Prices(currency="EUR", ram_gb_hour=0.01, core_hour=0.036, queries_a_month=1_000_000, hours_a_month=100)
FILE = """
currency = "EUR"
ram_gb_hour = 0.005
core_hour = 0.04
queries_a_month = 1_000_000
"""


def interval(p50: float, low: float, high: float) -> Latency:
    return Latency(p50=p50, p95=None, p99=None, cold=None, p50_interval=(low, high))


def cell(**changes):
    """A cell of 2 GB whose median query takes 10 ms, 5 of them of a core; indexed in 10 s by 2 cores."""
    known = {"deployment_bytes": 2 * 10**9, "single": interval(10.0, 8.0, 12.0), "cpu_p50": 5.0}
    known |= {"encode_seconds": 7.0, "build_seconds": 3.0, "encode_threads": 2}
    return measurement(**known | changes)


def price(prices: Prices = PRICES, accelerator: str | None = None, suite=None, **changes) -> Price:
    """What such a cell costs."""
    run = run_of(cell(**changes), **(suite or {}))
    machine = msgspec.structs.replace(run.environment, accelerator=accelerator)
    return price_of(run.measurements[0], replace(run, environment=machine), prices)


class TestTheFile:
    def test_it_is_read(self, tmp_path):
        """
        Prices are numbers by name; a month has 730 hours, and a GPU no price, where nothing is said.
        """
        path = tmp_path / "prices.toml"
        path.write_text(FILE)

        found = read(path)

        assert ("EUR", 0.005, 0.04, 1e6) == (
            found.currency,
            found.ram_gb_hour,
            found.core_hour,
            found.queries_a_month,
        )
        assert (730.0, None) == (found.hours_a_month, found.gpu_hour)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("core_hour", "core_hours", "unknown key 'core_hours': expected one of currency, ram_gb_hour, core_hour"),
            ("core_hour", "core_hours", "Did you mean core_hour?"),
            ("core_hour = 0.04", "", "missing required field `core_hour`"),
            ("0.04", "-0.04", "core_hour: expected a number from 0 to 1e+12, found -0.04"),
            ("0.04", "nan", "core_hour: expected a number from 0 to 1e+12, found nan"),
            ("0.04", "inf", "core_hour: expected a number from 0 to 1e+12, found inf"),
            ("0.04", "9" * 400, "out of range"),
            ("0.04", "'0.04'", "Expected `float`, got `str`"),
            ("0.04", "true", "Expected `float`, got `bool`"),
            ("1_000_000", "0.5", "queries_a_month: expected 0, or 1 and more, found 0.5"),
            ("0.04", "0.04\nhours_a_month = 0", "hours_a_month: expected more than 0 and at most 744, found 0.0"),
            ("0.04", "0.04\nhours_a_month = 8760", "hours_a_month: expected more than 0 and at most 744, found 8760"),
            ("0.04", "0.04\ngpu_hour = -1", "gpu_hour: expected a number from 0"),
            ('"EUR"', '" "', "currency: expected a text of 1 to 12 characters, such as EUR, found none"),
            ('"EUR"', f'"{"x" * 99}"', "found 99 characters"),
            ('"EUR"', "EUR", "no valid TOML"),
        ],
    )
    def test_what_is_no_price_is_refused(self, tmp_path, old, new, message):
        """
        An unknown key (with what may be meant), a missing one, a wrong type and a number out of range name the file.
        """
        path = tmp_path / "prices.toml"
        path.write_text(FILE.replace(old, new))

        with pytest.raises(InputError) as error:
            read(path)

        assert message in str(error.value)
        assert str(path) in str(error.value)

    def test_what_is_no_file_is_refused(self, tmp_path):
        """
        A file that is not there, a folder and what is no UTF-8 are errors that name it.
        """
        (tmp_path / "latin.toml").write_bytes(b'currency = "\xa3"')

        for name, message in (("none.toml", "No such file"), ("", "directory"), ("latin.toml", "expected UTF-8")):
            with pytest.raises(InputError, match=message):
                read(tmp_path / name)


class TestOneCell:
    def test_by_hand(self):
        """
        A month is 100 h of 2 GB at .01 and a million queries of 5 ms of a core; an index 10 s of two cores, once.
        """
        found = price()

        assert 2.0 == pytest.approx(found.fixed)
        assert 5e-8 == pytest.approx(found.query)
        assert 2.05 == pytest.approx(found.month)
        assert 0.00205 == pytest.approx(found.per_1000)
        assert 0.0002 == pytest.approx(found.index)
        assert "CPU time" == found.basis

    def test_the_interval_is_that_of_p50(self):
        """
        A p50 of 8 to 12 ms about 10 is CPU time of 4 to 6 ms about 5; memory, weighed once, adds none.
        """
        found = price()

        assert (2.04, 2.06) == (pytest.approx(found.low), pytest.approx(found.high))
        assert (None, None) == (price(single=latency(10.0)).low, price(single=latency(10.0)).high)

    def test_cores_at_work(self):
        """
        A million queries of 5 ms are 5,000 s of a core, of the 360,000 of a month of 100 h.
        """
        assert 5_000 / 360_000 == pytest.approx(price().cores_at(1_000_000))

    def test_without_cpu_time(self):
        """
        Where CPU time was not measured a query costs at most its p50 on all declared threads.
        """
        found = price(cpu_p50=None, threads=4)

        assert 40e-3 * 1e-5 == pytest.approx(found.query)
        assert (32e-8, 48e-8) == pytest.approx(found.query_interval)
        assert "wall time" == found.basis

    def test_a_cell_that_remembers(self):
        """
        The next query is a new one: at most the p50 of new queries on all threads, or on more cores, where repeated
        ones kept more at work.
        """
        known = {"flags": ("remembers: ",), "new": interval(100.0, 90.0, 110.0)}

        found, busy = price(**known), price(**known, cpu_p50=30.0)

        assert 100e-3 * 1e-5 == pytest.approx(found.query)
        assert (90e-8, 110e-8) == pytest.approx(found.query_interval)
        assert 300e-3 * 1e-5 == pytest.approx(busy.query)
        assert ("new queries", "new queries") == (found.basis, busy.basis)

    def test_what_was_not_measured_is_not_known(self):
        """
        Without the memory of a deployment, a time, or one part of indexing there is no such price, and it is never 0.
        """
        no_memory, no_time, no_encoding = (
            price(deployment_bytes=None),
            price(single=None, cpu_p50=None),
            price(encode_seconds=None),
        )

        assert (None, None, None) == (no_memory.fixed, no_memory.month, no_memory.per_1000)
        assert (2.0, None, None) == (pytest.approx(no_time.fixed), no_time.query, no_time.month)
        assert (None, None) == (no_encoding.index, core_time(cell(single=None, cpu_p50=None)))
        assert 2.05 == pytest.approx(no_encoding.month)
        assert Price(1e6) == price_of(failed(deployment_bytes=1), run_of(), PRICES)

    def test_few_queries_have_cpu_time_and_no_p50(self):
        """
        Of too few queries for a p50 the CPU time is known all the same, without an interval.
        """
        found = price(single=Latency(p50=None, p95=None, p99=None, cold=1.0))

        assert (pytest.approx(5e-8), None) == (found.query, found.query_interval)

    def test_nothing_asked(self):
        """
        A month without queries costs its memory; a thousand of none have no price.
        """
        found = price(msgspec.structs.replace(PRICES, queries_a_month=0))

        assert (2.0, None, 0.0) == (pytest.approx(found.month), found.per_1000, found.cores_at(0))

    def test_an_engine_is_built_on_all_cores(self):
        """
        An engine's record names no threads of its building: those that the suite gives, or else all of the machine.
        """
        engine = {"encoder": None, "encode_threads": None, "encode_seconds": None, "build_seconds": 10.0}

        assert 0.0002 == pytest.approx(price(**engine).index)  # the machine has two
        assert 0.0004 == pytest.approx(price(suite={"encode_threads": 4}, **engine).index)


class TestGpu:
    GPU = msgspec.structs.replace(PRICES, gpu_hour=2.0)

    def test_it_is_paid_where_it_was_used(self):
        """
        An hour of a GPU costs 2: 10 s of indexing, and all 100 h of a month, since queries are encoded on it.
        """
        found = price(self.GPU, accelerator="A GPU", facts={"device": "cuda:0"})

        assert 0.0002 + 10 / 3600 * 2 == pytest.approx(found.index)
        assert 202.0 == pytest.approx(found.fixed)

    @pytest.mark.parametrize("facts", [{}, {"device": "cpu"}, {"device": None}])
    def test_it_is_not_where_it_was_not(self, facts):
        """
        A GPU in the machine costs nothing of a cell that names no device, or the processor.
        """
        assert price() == price(self.GPU, accelerator="A GPU", facts=facts)

    def test_a_gpu_without_a_price(self):
        """
        What ran on a GPU has no price where that has none.
        """
        found = price(accelerator="A GPU", facts={"device": "cuda:0"})

        assert (None, None, None) == (found.fixed, found.month, found.index)

    def test_vectors_from_elsewhere(self):
        """
        Where vectors came from the cache and the machine has no GPU, queries were encoded without one.
        """
        found = price(self.GPU, facts={"device": "cuda:0"}, reused_matrix=True)

        assert (2.0, 0.0002 + 10 / 3600 * 2) == (pytest.approx(found.fixed), pytest.approx(found.index))
