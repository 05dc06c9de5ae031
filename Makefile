# Two commands do all their own set-up: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Trust what the machine trusts, also behind a company's proxy.
export UV_SYSTEM_CERTS := 1

.PHONY: run test faults check screenshots lighthouse clean

run: .venv/ready-run
	@$(BIN)/aftercare serve

test: .venv/ready-test
	@echo "Checking style and types ..."
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@echo "Running the tests on SQLite and PostgreSQL ..."
	@$(BIN)/pytest -n 4 --maxschedchunk 1

# Takes the pictures in docs/ anew, with Chromium.
screenshots: .venv/ready-test
	@$(BIN)/python -m tests.web.screens.pictures

# Measures the screens with Lighthouse, which must be on the path, and Chromium.
lighthouse: .venv/ready-test
	@$(BIN)/python -m tests.web.screens.lighthouse 2>/dev/null

# Faults against real processes, N of each on each database: `make faults N=3000 SEED=7`.
N := 200
SEED := 1
faults: .venv/ready-test
	@$(BIN)/python -W ignore -m tests.faults --trials $(N) --seed $(SEED)

.venv/bin/uv:
	@echo "Making a virtual environment in .venv (once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check uv

.venv/ready-run: .venv/bin/uv pyproject.toml constraints.txt
	@echo "Installing Aftercare (under a minute the first time) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt --editable .
	@touch $@

.venv/ready-test: .venv/bin/uv pyproject.toml constraints.txt
	@echo "Installing Aftercare and what its tests need (under a minute the first time) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt --editable '.[test]'
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
