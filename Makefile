# Set-up and checks. Everything happens in .venv, which the first target to need it makes; `make help` lists the targets.

python := .venv/bin/python

# All targets share .venv, so they run one after another, whatever -j says.
.NOTPARALLEL:
.PHONY: help demo test test-long bench docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target does; do \
		printf '%-18s %s\n' "$$target" "$$does"; done

demo: ## set up, get Fashion-MNIST, compare six schedules on it and say where the report lies
	@scripts/venv lab
	@scripts/fashion-mnist
	@$(python) -m stepsize compare

test: ## set up and run everything that must hold; CI runs this
	@scripts/check

test-long: ## set up and run the tests that take half a minute each and more
	@scripts/venv dev
	@$(python) -m pytest --numprocesses 2 --quiet -m long tests

bench: ## set up and measure: ratios against a peer in the same run
	@scripts/venv dev
	@set -e; for file in benchmarks/bench_*.py; do echo "== $$file"; $(python) "$$file"; done

docs: ## set up and serve the documentation while it is written
	@scripts/venv dev
	@NO_MKDOCS_2_WARNING=1 $(python) -m mkdocs serve

clean: ## remove .venv and everything that was built; runs/ stays
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
