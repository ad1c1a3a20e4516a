"""How one number came about."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bench.analysis.explain import explanation_of
from bench.analysis.reproduce import command_of
from bench.errors import InputError
from bench.passages.loader import load
from bench.records import run_folder
from bench.records.lookup import find_cell
from bench.records.schema import StageResult
from bench.report.console.explanation import print_explanation
from bench.run import runner
from bench.run import suite as suites
from bench.run.keys import encode_key
from tests.helpers.console import printed
from tests.helpers.places import KNOWN
from tests.helpers.records import latency
from tests.helpers.tiny import registry, settled, suite, tiny_set


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


class TestFind:
    @pytest.mark.slow
    @pytest.mark.parametrize("wanted", ["BM25() @ CSR()", "BM25()@CSR()", "primer: BM25() @ CSR()"])
    def test_by_spelling(self, primer_run, wanted):
        """
        A cell is found by its spelling, with or without spaces, and with its passage set before it.
        """
        found = find_cell(run_folder.read(primer_run / "run"), wanted)

        assert "BM25() @ CSR()" == found.retriever

    @pytest.mark.slow
    def test_by_key(self, primer_run):
        """
        A cell is found by the beginning of its key.
        """
        run = run_folder.read(primer_run / "run")
        expected = run.measurements[0]

        assert expected == find_cell(run, expected.cell[:8])

    def test_none_and_several(self, primer_run):
        """
        What names no cell, or several, is refused with what there is.
        """
        run = run_folder.read(primer_run / "run")
        flat = msgspec.structs.replace(run.measurements[0], retriever="BM25() @ Flat()", cell="1")
        twice = [*run.measurements, msgspec.structs.replace(run.measurements[0], passage_set="other", cell="0")]

        with pytest.raises(InputError, match=r"found 'BM25\(\) @ CRS\(\)'\. Did you mean 'BM25\(\) @ CSR\(\)'"):
            find_cell(run, "BM25() @ CRS()")
        with pytest.raises(InputError, match=r"Did you mean 'BM25\(\) @ CSR\(\)'\?$"):
            find_cell(run, "bm25()")
        with pytest.raises(InputError, match=r"Did you mean 'Constant\(\) @ Exact\(\)'\?$"):
            find_cell(run, "primer: Exact()")
        with pytest.raises(InputError, match=r"Did you mean 'BM25\(\) @ CSR\(\)' or 'BM25\(\) @ Flat\(\)'\?$"):
            find_cell(run_folder.Run(run.folder, run.record, run.environment, (*run.measurements, flat)), "BM25()")
        with pytest.raises(InputError, match=r"expected one cell, found 2.*'primer: .*'other: "):
            find_cell(run_folder.Run(run.folder, run.record, run.environment, tuple(twice)), "BM25() @ CSR()")
        with pytest.raises(InputError, match="expected one of its cells"):
            find_cell(run, "")


class TestAgain:
    @pytest.mark.slow
    def test_the_command_makes_the_same_cell(self, primer_run, tmp_path):
        """
        The command that is printed makes a cell of the same key, so of the same conditions, and the same quality.
        """
        run = run_folder.read(primer_run / "run")
        cell = find_cell(run, "Constant() @ Exact()")

        command, text = command_of(run, cell)
        assert text is not None  # encode_threads can be said in a suite alone
        words = shlex.split(command)
        outcome = runner.run(suites.parse(text, "again.toml"), [load("primer")], tmp_path / "again", registry())

        assert ["sparring", "run", "again.toml", "--plugin", str(KNOWN)] == words[:5]
        assert (cell.cell, cell.quality) == (outcome.measurements[0].cell, outcome.measurements[0].quality)

    def test_options_where_they_say_it(self, primer_run):
        """
        Where the options of `sparring run` say all that differs from the defaults, no file is needed.
        """
        run = run_folder.read(primer_run / "run")
        changed = run.record.suite | {
            "encode_threads": None,
            "limits": {"seconds": 90.0, "memory": "4GB"},
            "p99": "9ms",
        }
        run = run_folder.Run(
            run.folder,
            msgspec.structs.replace(run.record, suite=changed, plugins=()),
            run.environment,
            run.measurements,
        )

        command, text = command_of(run, run.measurements[0])

        assert text is None
        expected = "sparring run 'BM25() @ CSR()' --passages primer --rounds 2 --mode single --p99 9ms --seconds 90"
        assert f"{expected} --memory 4GB -o results/again-{run.measurements[0].cell[:8]}" == command

    def test_columns_of_own_files(self, primer_run, tmp_path):
        """
        How a table was read is said as it was: the options that differ from their defaults.
        """
        table = tmp_path / "docs.csv"
        table.write_text("body\na\n")
        run = run_folder.read(primer_run / "run")
        changed = run.record.suite | {"encode_threads": None, "passages": [str(table)], "rounds": 5}
        changed |= {"modes": ["single", "batch"], "limits": {"idle": 600.0, "memory": "8GB"}}
        columns = {"text": "body", "title": None, "queries": "my questions.csv", "language": "ko"}
        record = msgspec.structs.replace(run.record, suite=changed, plugins=(), columns=columns)
        cell = msgspec.structs.replace(run.measurements[0], passage_set="docs")

        command, text = command_of(run_folder.Run(run.folder, record, run.environment, (cell,)), cell)

        assert text is None
        options = "--text body --queries 'my questions.csv' --language ko"
        assert f"sparring run 'BM25() @ CSR()' --passages {table} {options} -o results/again-{cell.cell[:8]}" == command

    def test_an_imported_cell(self, primer_run):
        """
        A run made elsewhere is imported again by the command that imported it.
        """
        run = run_folder.read(primer_run / "run")
        cell = msgspec.structs.replace(run.measurements[0], origin="a file")

        assert ("sparring run --passages primer", None) == command_of(run, cell)


class TestExplain:
    @pytest.mark.slow
    def test_what_stands_behind_a_number(self, primer_run):
        """
        Every file's hash, every round's median and every component of the ledger are told.
        """
        run = run_folder.read(primer_run / "run")
        cell = find_cell(run, "BM25() @ CSR()")

        sections = explanation_of(run, cell).sections

        hits = {part.name: part for part in sections["hashes"]}["hits"]
        assert hashlib.sha256((run.folder / hits.source).read_bytes()).hexdigest() == hits.value
        with np.load(run.folder / cell.files["search-1"]) as arrays:
            median = np.quantile(arrays["single"], 0.5) / 1e6
        search = {part.name: part for part in sections["time"]}["search p50 ms"]
        assert f", {median:.4g} (" in search.source
        assert f"{cell.search.p50:.4g}" == search.value
        ledger = {part.name: part for part in sections["bytes"]}["storage ledger"]
        assert sum(int(word.replace(",", "")) for word in ledger.source.split() if word[0].isdigit()) == int(
            ledger.value.replace(",", "")
        )
        quality = {part.name: part.value for part in sections["quality"]}
        assert f"{cell.quality['nDCG@10']:.4f}" == quality["nDCG@10"]
        assert ("2 of the 3 rounds that a latency needs",) == settled(part.value for part in sections["flags"])

    def test_what_a_cell_takes_and_what_speaks_against_it(self, primer_run):
        """
        New queries, CPU time, libraries and deployment are told, and a flag of one figure by its key.
        """
        run = run_folder.read(primer_run / "run")
        cell = msgspec.structs.replace(
            find_cell(run, "BM25() @ CSR()"),
            new=latency(2.0),
            new_ratio=(1.2, 1.5),
            cpu_p50=0.5,
            runtime_bytes=1_000,
            deployment_bytes=2_000,
            batch_overlap=0.75,
            figure_flags={"batch_qps": "contention: CPU wait in 9% of the timed loops"},
        )

        sections = explanation_of(run, cell).sections

        told = {part.name: part.value for section in ("quality", "time", "bytes") for part in sections[section]}
        assert ("2", "1.200 to 1.500", "0.5") == tuple(
            told[name] for name in ("new p50 ms", "new / repeated", "CPU ms")
        )
        assert ("1,000", "2,000", "0.7500") == tuple(
            told[name] for name in ("runtime", "deployment", "batch_overlap@10")
        )
        assert ("batch_qps", "contention: CPU wait in 9% of the timed loops") == sections["flags"][-1][:2]

    def test_what_was_predicted_stands_beside_what_it_came_to(self, primer_run):
        """
        Component by component where both ledgers name the same; else, as of old records, the sums, where they differ.
        """
        run = run_folder.read(primer_run / "run")
        cell = find_cell(run, "BM25() @ CSR()")
        ledger = cell.storage_weight.ledger
        whole = sum(ledger.values())
        first = next(iter(ledger))

        def told(predicted):
            parts = explanation_of(run, msgspec.structs.replace(cell, predicted_ledger=predicted)).sections["bytes"]
            return next(part.source.removesuffix(": before it was built") for part in parts if part.name == "predicted")

        assert "came to" not in told(ledger)
        assert f"{first} 7 (came to {ledger[first]:,}) + " in told(ledger | {first: 7})
        assert f"predicted {whole:,}" == told({"predicted": whole})
        assert f"predicted 7 (came to {whole:,} in all)" == told({"predicted": 7})

    def test_an_imported_cell(self, primer_run):
        """
        Of hits that were found elsewhere no machine, no option and no timing is told: nothing of it was theirs.
        """
        run = run_folder.read(primer_run / "run")
        cell = msgspec.structs.replace(run.measurements[0], origin="trec run theirs sha256:00")

        sections = explanation_of(run, cell).sections

        assert ["status", "imported"] == [part.name for part in sections["result"]]
        assert ["depth", "searched", "made"] == [part.name for part in sections["conditions"]]
        assert "hits kept a query" == sections["conditions"][0].source

    @pytest.mark.slow
    def test_a_set_without_judgments(self, tmp_path):
        """
        Every file that is named is there: without judgments none of quality is.
        """
        unjudged = tiny_set(judged=False)
        runner.run(suite("Constant() @ Exact()"), [unjudged], tmp_path / "run", registry(), plugins=[KNOWN])
        run = run_folder.read(tmp_path / "run")

        hashes = explanation_of(run, run.measurements[0]).sections["hashes"]

        assert "quality" not in [part.name for part in hashes]
        assert "gone" not in [part.value for part in hashes]

    def test_what_the_adapters_told_of_themselves(self, primer_run):
        """
        Every fact that an encoder or a storage told is there, those that it does not know left out.
        """
        run = run_folder.read(primer_run / "run")
        cell = msgspec.structs.replace(find_cell(run, "BM25() @ CSR()"), facts={"dims": 3, "metric": "l2", "cut": None})

        sections = explanation_of(run, cell).sections

        assert [("dims", "3", ""), ("metric", "l2", "")] == sections["facts"]
        assert "facts" not in explanation_of(run, msgspec.structs.replace(cell, facts={})).sections

    def test_what_decides_times_of_the_processor(self, primer_run):
        """
        Stepping, caches, CPUs and clock are told as far as the record knows them; one of before knows none of them.
        """
        run = run_folder.read(primer_run / "run")
        known = {"cpu_stepping": "family 6, model 143, stepping 8", "caches": {"L1d": 48 << 10, "L3": 36 << 20}}
        known |= {"affinity": (0, 2), "governor": "powersave", "mhz": 2100.0, "mhz_end": 1900.0}
        unknown = {"cpu_stepping": None, "caches": {}, "affinity": (), "governor": None, "mhz": None, "mhz_end": None}

        def told(fields):
            machine = msgspec.structs.replace(run.environment, **fields)
            sections = explanation_of(replace(run, environment=machine), run.measurements[0]).sections
            return [part for part in sections["conditions"] if part.name in ("processor", "CPUs", "clock")]

        assert [
            ("processor", "family 6, model 143, stepping 8", "L1d 48 KiB, L3 36,864 KiB"),
            ("CPUs", "0, 2", "that the run might use"),
            (
                "clock",
                "2,100 MHz",
                "of the first CPU when the run began, 1,900 MHz when it ended; governor powersave",
            ),
        ] == told(known)
        assert [] == told(unknown)

    def test_files_that_an_encoder_read(self, primer_run, tmp_path):
        """
        The files beside a plug-in that went into the vectors are told with their hashes.
        """
        cell = find_cell(run_folder.read(primer_run / "run"), "BM25() @ CSR()")
        encoded = StageResult(stage="encode", status="ok", opened={"Mine/model.txt": "0f"})
        line = run_folder.FinishedStage(encode_key(cell.matrix_key), encoded)
        (tmp_path / run_folder.STAGES).write_bytes(msgspec.json.encode(line) + b"\n")
        run = replace(run_folder.read(primer_run / "run"), folder=tmp_path)

        sections = explanation_of(run, msgspec.structs.replace(cell, files={}, encode=None, search=None)).sections

        assert ("read", "0f", "Mine/model.txt: by the encoder of that plug-in") in sections["hashes"]

    def test_a_failed_cell(self, primer_run):
        """
        A cell that failed is explained by its reason and what it printed last.
        """
        run = run_folder.read(primer_run / "run")
        failed = msgspec.structs.replace(
            run.measurements[0],
            status="failed",
            reason="RuntimeError: no",
            output=("about to break",),
            files={},
            **dict.fromkeys(("quality", "tie_rate", "single", "encode", "search", "joint", "storage_weight")),
        )

        sections = explanation_of(run, failed).sections

        assert [("status", "failed", "RuntimeError: no"), ("printed", "about to break", "")] == sections["result"][:2]
        assert "quality" not in sections

    def test_it_is_printed(self, primer_run):
        """
        An explanation is printed whole, the command first.
        """
        run = run_folder.read(primer_run / "run")

        text = printed(print_explanation, explanation_of(run, find_cell(run, "RankBM25()")))

        assert text.startswith("primer: RankBM25()\ncell ")
        assert text.index("sparring run again.toml") < text.index("nDCG@10")
        assert "encode_threads = 1" in text


def test_both_commands(primer_run, sparring):
    """
    Both commands print for a reader and for a machine, and refuse a cell or query that is none with exit code 2.
    """
    run = str(primer_run / "run")

    explained = sparring("explain", run, "RankBM25()", "--json", cwd=primer_run)
    shown = sparring("show", run, "lighthouse-q08", "-k", 1, cwd=primer_run)
    refused = sparring("explain", run, "RankBM52()", cwd=primer_run)

    assert "RankBM25()" == msgspec.json.decode(explained.stdout)["retriever"]
    assert "lighthouse-03" in shown.stdout
    assert (2, "") == (refused.returncode, refused.stdout)
    assert "Did you mean 'RankBM25()'" in refused.stderr
