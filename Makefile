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

.PHONY: demo test setup setup-dev lint unit pipeline benchmark locks

demo: setup
	nextflow run main.nf -profile demo
	@echo "Results: results/report.html, results/hits.tsv"

test: setup-dev lint unit pipeline

setup:
	@setup/install.sh run

setup-dev:
	@setup/install.sh dev

lint:
	ruff check src tests bin
	ruff format --check src tests bin
	mypy
	nextflow lint main.nf nextflow.config conf modules subworkflows workflows tests/pipeline
	@if command -v shellcheck >/dev/null; then shellcheck setup/install.sh setup/nextflow/nextflow .ci/run; \
	else echo "shellcheck is not installed: skipped"; fi

unit:
	pytest --numprocesses auto --dist loadfile tests/unit

pipeline:
	pytest tests/pipeline

benchmark: setup-dev
	nextflow run main.nf --workflow evaluate --rfam $(RFAM) --preset $(PRESET) --outdir benchmark
	cp benchmark/$(PRESET)/benchmark.md docs/benchmark.md

# run.lock takes its versions from dev.lock, so both agree
locks:
	uv pip compile --quiet --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --python-version 3.11 -c requirements/dev.lock pyproject.toml -o requirements/run.lock
