# make run · make test · make check · make bench: each sets itself up from nothing.
BIN := .venv/bin

.PHONY: run test check bench models clean

run: models
	@$(BIN)/sensorium run

test: export PATH := $(PATH):/usr/sbin:$(CURDIR)/.tools
test: models
	@scripts/setup.sh all,dev
	@scripts/test_tools.sh
	@$(BIN)/python -m pytest $(ARGS)
	@cd examples/thermal && ../../$(BIN)/python -m pytest -q

check:
	@scripts/setup.sh all,dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: models
	@scripts/setup.sh all,dev,peers
	@$(BIN)/sensorium bench all

models:
	@scripts/setup.sh all
	@$(BIN)/sensorium models pull >/dev/null

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache out
