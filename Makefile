# make demo                      set up what is missing, then search the demo data
# make test                      set up what is missing, then linters, type checks, unit and pipeline tests
# make benchmark PRESET=quick    Rhoma beside the usual tools (quick, standard or full)
# make setup, make setup-dev     the set-up alone
SHELL := bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# every task would compile what it imports again
unexport PYTHONDONTWRITEBYTECODE
PRESET ?= quick
RFAM ?= ../shared/data/rfam

# A worker a core, each with one thread; tests that share a run of Nextflow go to one worker.
PYTEST = OMP_NUM_THREADS=1 pytest --numprocesses auto --maxprocesses 8 --dist loadgroup

.PHONY: demo test setup setup-dev lint style types workflows shell unit pipeline benchmark locks

demo: setup
	nextflow run main.nf -profile demo
	@echo "Results: results/report.html, results/hits.tsv"

test: setup-dev
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint
	$(PYTEST) tests

setup:
	@setup/install.sh run

setup-dev:
	@setup/install.sh dev

lint: style types workflows shell

style:
	ruff check src tests bin
	ruff format --check src tests bin

types:
	mypy

workflows:
	nextflow lint main.nf nextflow.config conf modules subworkflows workflows tests/pipeline

shell:
	@if command -v shellcheck >/dev/null; then shellcheck setup/install.sh setup/nextflow/nextflow .ci/run; \
	else echo "shellcheck is not installed: skipped"; fi

unit:
	$(PYTEST) tests/unit

pipeline:
	$(PYTEST) tests/pipeline

benchmark: setup-dev
	nextflow run main.nf --workflow evaluate --rfam $(RFAM) --preset $(PRESET) --outdir benchmark
	cp benchmark/$(PRESET)/benchmark.md docs/benchmark.md

# run.lock and gpu.lock take their versions from dev.lock, so all agree; the extra gpu replaces what the others have
locks:
	uv pip compile --quiet --python-version 3.11 --extra train --extra hub --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --python-version 3.11 -c requirements/dev.lock pyproject.toml -o requirements/run.lock
	uv pip compile --quiet --python-version 3.11 -c requirements/dev.lock requirements/gpu.in -o requirements/gpu.lock
