# make demo                      set up what is missing, then search the demo data
# make test                      set up what is missing, then linters, type checks, unit and pipeline tests
# make benchmark PRESET=quick    Rhoma beside the usual tools (quick, standard or full)
# make setup, make setup-dev     the set-up alone
# make sbom                      what Rhoma is made of, as CycloneDX: build/sbom
# make audit                     known faults of what it is made of; needs a network
SHELL := bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# every task would compile what it imports again
unexport PYTHONDONTWRITEBYTECODE
PRESET ?= quick
RFAM ?= ../shared/data/rfam

# Each worker (tests/conftest.py says how many) with one thread; tests that share a run of Nextflow go to one worker.
PYTEST = OMP_NUM_THREADS=1 pytest --numprocesses auto --maxprocesses 8 --dist loadgroup

.PHONY: demo test test-charliecloud test-images test-offline setup setup-dev lint style types workflows shell unit pipeline benchmark sbom audit locks

demo: setup
	nextflow run main.nf -profile demo $$(command -v multiqc >/dev/null || echo --skip_multiqc)

test: setup-dev
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint
	$(PYTEST) tests

setup:
	@setup/install.sh run

setup-dev:
	@setup/install.sh dev

lint: style types workflows shell

style:
	ruff check src tests bin setup benchmarks
	ruff format --check src tests bin setup benchmarks

types:
	mypy

workflows:
	nextflow lint main.nf nextflow.config conf modules subworkflows workflows tests/pipeline

shell:
	@if command -v shellcheck >/dev/null; then shellcheck containers/directory.sh setup/pack.sh setup/install.sh setup/audit.sh setup/nextflow/nextflow .ci/run tests/pipeline/one_node/*.sh; \
	else echo "shellcheck is not installed: skipped"; fi

unit:
	$(PYTEST) tests/unit

pipeline:
	$(PYTEST) tests/pipeline

# as root, with Charliecloud and mmdebstrap
test-charliecloud: setup-dev
	rm -rf build/image
	PATH=$$PATH:/usr/sbin containers/directory.sh $(CURDIR)/build/image
	RHOMA_IMAGE=$(CURDIR)/build/image $(PYTEST) tests/pipeline/test_charliecloud.py

# as root, with buildah and mmdebstrap
test-images: setup-dev
	RHOMA_IMAGES=yes PATH=$$PATH:/usr/sbin $(PYTEST) tests/pipeline/test_dockerfiles.py

test-offline: setup-dev
	RHOMA_PACK=yes $(PYTEST) tests/pipeline/test_offline.py

benchmark: setup-dev
	nextflow run main.nf --workflow evaluate --rfam $(RFAM) --preset $(PRESET) --outdir benchmark
	cp benchmark/$(PRESET)/benchmark.md docs/benchmark.md

sbom audit:
	@setup/audit.sh $@

# All take their versions from dev.lock, so all agree, but for MultiQC's: what it needs limits others (boto3: python-dateutil
# below 3). In gpu.lock faiss-gpu stands in place of faiss-cpu. versions.txt and versions-gpu.txt are without checksums,
# which conda cannot take beside the package itself
LOCK = uv pip compile --quiet --python-version 3.11
locks:
	$(LOCK) --generate-hashes --extra train --extra hub --group dev pyproject.toml -o requirements/dev.lock
	$(LOCK) --generate-hashes -c requirements/dev.lock pyproject.toml -o requirements/run.lock
	$(LOCK) --generate-hashes -c requirements/dev.lock --extra train --extra hub --extra gpu \
		--no-emit-package faiss-cpu pyproject.toml -o requirements/gpu.lock
	$(LOCK) --generate-hashes -c requirements/dev.lock --group audit -o requirements/audit.lock
	$(LOCK) --generate-hashes --group multiqc -o requirements/multiqc.lock
	$(LOCK) --no-annotate --no-header -c requirements/dev.lock pyproject.toml -o requirements/versions.txt
	$(LOCK) --no-annotate --no-header -c requirements/dev.lock --extra train --extra hub pyproject.toml \
		-o requirements/versions-gpu.txt
