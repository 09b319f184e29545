# Each target first brings the machine to what it needs (.ci/setup), which takes a moment when it is.
# PYTHON names the interpreter that .venv is made with, ARGS goes to the command.

BIN := .venv/bin
# Two workers more than there are cores: many a test waits for a server.
PARALLEL := -n $(shell expr $$(nproc) + 2) --dist worksteal

# Where it is set, each of a run's many processes would compile all tests anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check style types imports migrations boundary fix run worker setup
.DEFAULT_GOAL := demo

demo:
	@.ci/setup demo
	@$(BIN)/python manage.py demo $(ARGS)

# Servers that have their files in memory make databases ten times as fast. Those of a run take
# 0.9 GB; where there is little room, or no program may run from there, they stay on the disk.
test: export TMPDIR ?= $(shell grep ' /dev/shm ' /proc/mounts | grep -qv noexec && \
	df --output=avail /dev/shm | awk '$$1 + 0 > 4000000 {print "/dev/shm"}')
test:
	@.ci/setup test
	@$(MAKE) --no-print-directory --jobs --output-sync check
	$(BIN)/python -m pytest -q $(PARALLEL) --ignore=tests/test_write_boundary.py $(ARGS)
	OWN_DATABASE=postgresql $(BIN)/python -m pytest -q $(PARALLEL) -m "races or both_databases" $(ARGS)

check: style types imports migrations boundary

style types imports migrations boundary: export DJANGO_SETTINGS_MODULE = tests.settings
style types imports migrations boundary: setup

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

migrations:
	$(BIN)/python manage.py makemigrations --check --dry-run

boundary:
	$(BIN)/python -m pytest -q tests/test_write_boundary.py

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find . -name '*.html' -not -path './.venv/*' -exec $(BIN)/djade {} +

run: setup
	@$(BIN)/python manage.py runserver $(ARGS)

worker: setup
	@$(BIN)/python manage.py worker $(ARGS)

setup:
	@.ci/setup
