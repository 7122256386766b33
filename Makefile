# make run   opens the console on the lab         make test  checks everything, then runs the whole suite
# make bench runs every benchmark, in one table; make bench ONLY='cycle fill' some of them
# make soak  kills the engine a hundred times under load, and leaves the console running for an hour
# Both set up what is missing: Debian packages (as root; otherwise they say which) and .venv from constraints.txt.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test check soak bench manual screenshots clean

setup: $(BIN)/.ready

$(BIN)/.ready: pyproject.toml constraints.txt
	@.ci/debian run
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: setup
	@.ci/debian run
	$(BIN)/ipv6console lab

check: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	@.ci/debian test
	$(BIN)/pytest -n auto

# What lasts longer than a suite may: STEPS of the pool's machine, INPUTS that no client would send, ROUNDS of kill -9 and the other faults, the console for MINUTES, a storm of sizes, its
# pictures under TIMES hash seeds.
ROUNDS ?= 100
MINUTES ?= 60
STEPS ?= 1000000
INPUTS ?= 1000000
TIMES ?= 20
EXAMPLES ?= 2000

soak: setup
	@.ci/debian test
	$(BIN)/pytest -n auto tests/soak/soak_rules.py tests/soak/soak_protocol.py --steps $(STEPS) --inputs $(INPUTS)
	$(BIN)/pytest tests/soak/soak_faults.py --rounds $(ROUNDS)
	$(BIN)/pytest tests/soak/soak_spaces.py --examples $(EXAMPLES)
	$(BIN)/pytest tests/soak/soak_console.py --minutes $(MINUTES) --times $(TIMES)

bench: setup
	@.ci/debian bench
	$(BIN)/python benchmarks/bench.py $(if $(ONLY),--only $(ONLY))

manual: setup
	$(BIN)/python -m ipv6console.manual >packaging/ipv6console.1
	$(BIN)/python -m ipv6console.console.keysheet >docs/keys.md

screenshots: setup
	@.ci/debian test
	PATH="$(CURDIR)/$(BIN):$$PATH" ipv6console lab run --with radius,ipam --scrapers 4 -- screenshots/take

clean:
	rm -rf .venv build ipv6console.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
