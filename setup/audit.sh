#!/usr/bin/env bash
# What Rhoma is made of, and whether something of it has a known fault.
#
#   setup/audit.sh sbom     build/sbom/<lock>.cdx.json of the lock files of the images (run, gpu, multiqc): CycloneDX,
#                           every package with the checksums of its files
#   setup/audit.sh audit    the lock files against the advisories of PyPI (pip-audit); needs a network
#
# The tools are those of requirements/audit.lock, in an environment of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=${1:-}
venv=$PWD/.venv-audit
lock=requirements/audit.lock
# a release with known faults: who names none of them has no advisories
advisories=https://pypi.org/pypi/jinja2/3.1.2/json

fail() {
    printf '%s: error: %s\n' "${work:-audit.sh}" "$1" >&2
    exit "${2:-1}"
}

tools() {
    if cmp -s "$lock" "$venv/audit.stamp"; then
        return
    fi
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --require-hashes --no-deps -r "$lock" ||
        fail "the tools of $lock cannot be installed: no package registry is reached"
    cp "$lock" "$venv/audit.stamp"
}

sbom() {
    local name out named
    mkdir -p build/sbom
    for name in run gpu multiqc; do
        out=build/sbom/$name.cdx.json
        # the requirements of a lock file do not say which are direct ones
        PYTHONWARNINGS='ignore:The Component this BOM is describing:UserWarning' \
            "$venv/bin/cyclonedx-py" requirements "requirements/$name.lock" --pyproject pyproject.toml \
            --mc-type application --output-reproducible --spec-version 1.6 --output-format JSON --output-file "$out"
        named=$("$venv/bin/python" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["components"]))' "$out")
        [[ $named == $(grep -c '^[^ #].*==' "requirements/$name.lock") ]] ||
            fail "$out has $named packages, and not those of requirements/$name.lock"
        echo "$out: $named packages"
    done
}

# pip-audit takes a registry without advisories, such as a mirror of packages, for one that knows no fault
advised() {
    "$venv/bin/python" - "$advisories" <<'EOF'
import sys, requests
try:
    sys.exit(not requests.get(sys.argv[1], timeout=30).json()["vulnerabilities"])
except (requests.RequestException, ValueError, KeyError):
    sys.exit(1)
EOF
}

audit() {
    local name status=0
    advised || fail "nothing was audited: the advisories of PyPI ($advisories) are not reached. They are a service on the \
internet, of which there is no copy to bring along. Run this where there is a network, as .github/workflows/ci.yml does." 69
    for name in requirements/*.lock; do
        echo "$name"
        "$venv/bin/pip-audit" --strict --progress-spinner off --disable-pip --require-hashes --requirement "$name" ||
            status=1
    done
    return "$status"
}

case $work in
sbom | audit)
    tools
    "$work"
    ;;
*) fail "give sbom or audit" 2 ;;
esac
