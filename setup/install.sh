#!/usr/bin/env bash
# Sets up what Rhoma needs and is missing: programs (apt), .venv (Python packages at pinned versions), Nextflow.
#
#   setup/install.sh            what a run needs
#   setup/install.sh multiqc    the same, and MultiQC in an environment of its own (0.7 GB)
#   setup/install.sh dev        all that, with training, linters, type checker and tests
#
# Nothing is done twice: a second call says so and ends. A run itself downloads nothing, nor does the set-up of a pack
# (setup/pack.sh), which brings its wheels along.
set -euo pipefail

level=${1:-run}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
jars=$root/.tools/nextflow
oldest_nextflow=25.04
uv_release=0.13.8

say() { echo "set-up: $*"; }
fail() {
    printf 'set-up: error: %s\n' "$@" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
[[ $level == run || $level == multiqc || $level == dev ]] || fail "unknown argument '$level'; it is 'run', 'multiqc' or 'dev'"
cd "$root"

# ---- programs -------------------------------------------------------------------------------------------------
nextflow_on_path() {
    # the link of an earlier set-up is no Nextflow of the user's
    local path release
    path=$(PATH=$(tr ':' '\n' <<<"$PATH" | grep -vxF "$venv/bin" | paste -sd:) command -v nextflow) || return 1
    release=$(NXF_OFFLINE=true timeout 120 "$path" -v 2>/dev/null | sed -nE 's/.* ([0-9]+\.[0-9]+)\..*/\1/p' | head -1)
    [[ -n $release && $(printf '%s\n%s\n' "$oldest_nextflow" "$release" | sort -V | head -1) == "$oldest_nextflow" ]]
}

java_is_new() {
    local release
    release=$(env -u JAVA_TOOL_OPTIONS java -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p')
    ((${release:-0} >= 17))
}

own_nextflow() { [[ -n $(compgen -G "$jars/nextflow-*.jar") || -x $jars/nextflow ]]; }

python_with_venv() {
    local candidate
    for candidate in python3 python3.11 python3.12 python3.13; do
        "$candidate" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        echo "$candidate"
        return
    done
    return 1
}

programs() {
    local missing=() pair
    local pairs=(mmseqs:mmseqs2 mafft:mafft cmsearch:infernal nhmmer:hmmer ps:procps)
    [[ $level != dev ]] || pairs+=(blastn:ncbi-blast+)
    [[ $nextflow != none ]] || pairs+=(mvn:maven)
    for pair in "${pairs[@]}"; do
        have "${pair%%:*}" || missing+=("${pair#*:}")
    done
    java_is_new || missing+=(openjdk-17-jre-headless)
    [[ -x $venv/bin/python ]] || python_with_venv >/dev/null || missing+=(python3 python3-venv)
    if ((${#missing[@]} == 0)); then
        say "programs: all there"
    elif ((EUID == 0)) && have apt-get; then
        say "programs: apt-get install ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        fail "missing programs (names of Debian packages): ${missing[*]}" \
            "as root on Debian or Ubuntu:  apt-get install ${missing[*]}" \
            "elsewhere, with conda:        conda env create -f environment.yml && conda activate rhoma" \
            "then call this again."
    fi
}

# ---- Python packages ------------------------------------------------------------------------------------------
# Sets `install` to what installs packages into the environment of that Python.
installer() {
    if [[ -d wheels ]]; then
        # of setup/pack.sh: no network
        install=("$1" -m pip install --quiet --no-index --find-links wheels)
    elif have uv; then
        install=(uv pip install --quiet --python "$1")
    elif "$venv/bin/python" -m uv --version >/dev/null 2>&1 ||
        "$venv/bin/python" -m pip install --quiet "uv==$uv_release" 2>/dev/null; then
        install=("$venv/bin/python" -m uv pip install --quiet --python "$1")
    else
        install=("$1" -m pip install --quiet)
    fi
}

packages() {
    local of=run
    [[ $level != dev ]] || of=dev
    local lock=requirements/$of.lock stamp=$venv/rhoma-$of.stamp wanted python install
    wanted=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
    # the development packages contain those of a run
    if [[ -x $venv/bin/rhoma ]] && { [[ $(cat "$stamp" 2>/dev/null) == "$wanted" ]] ||
        [[ $of == run && $(cat "$venv/rhoma-dev.stamp" 2>/dev/null) == \
            $(cat requirements/dev.lock pyproject.toml | sha256sum | cut -d' ' -f1) ]]; }; then
        say "python packages: up to date"
        return
    fi
    if [[ ! -x $venv/bin/python ]]; then
        python=$(python_with_venv) || fail "Python 3.11 or newer with its venv module is missing"
        say "python packages: new environment .venv ($("$python" --version))"
        "$python" -m venv "$venv"
    fi
    rm -f "$venv"/rhoma-*.stamp
    installer "$venv/bin/python"
    say "python packages: installing $(grep -c '==' "$lock") from $lock"
    "${install[@]}" -r "$lock"
    "${install[@]}" --no-deps --editable .
    echo "$wanted" >"$stamp"
}

# ---- MultiQC --------------------------------------------------------------------------------------------------
multiqc() {
    local own=$root/.venv-multiqc lock=requirements/multiqc.lock install
    if [[ -x $own/bin/multiqc ]] && cmp -s "$lock" "$own/rhoma.stamp"; then
        say "multiqc: up to date"
    else
        [[ ! -d wheels ]] || fail "a pack brings no MultiQC along; use its image, or --skip_multiqc"
        say "multiqc: installing $(grep -c '==' "$lock") packages from $lock into .venv-multiqc"
        rm -rf "$own"
        "$venv/bin/python" -m venv "$own"
        installer "$own/bin/python"
        "${install[@]}" -r "$lock"
        cp "$lock" "$own/rhoma.stamp"
    fi
    ln -sf ../../.venv-multiqc/bin/multiqc "$venv/bin/multiqc"
}

# ---- Nextflow -------------------------------------------------------------------------------------------------
launcher() {
    rm -f "$venv/bin/nextflow"
    if [[ $nextflow == path ]]; then
        say "nextflow: the one on PATH"
        return
    elif [[ $nextflow == own ]]; then
        say "nextflow: up to date"
    else
        say "nextflow: fetching its jars from Maven Central"
        mkdir -p .tools
        rm -rf "$jars.part"
        if mvn -B -q -Dstyle.color=never -f setup/nextflow/pom.xml "-DoutputDirectory=$jars.part" package; then
            rm -rf setup/nextflow/target
            mv "$jars.part" "$jars"
        else
            say "nextflow: Maven Central cannot be reached; trying Nextflow's own installer"
            mkdir -p "$jars.part"
            (cd "$jars.part" && curl -fsSL https://get.nextflow.io | NXF_VER=25.04.8 bash >/dev/null) ||
                fail "Nextflow $oldest_nextflow or newer is missing and cannot be fetched; put it on PATH"
            mv "$jars.part" "$jars"
        fi
    fi
    if [[ -x $jars/nextflow ]]; then
        ln -s "$jars/nextflow" "$venv/bin/nextflow"
    else
        ln -s ../../setup/nextflow/nextflow "$venv/bin/nextflow"
    fi
}

nextflow=none
if nextflow_on_path; then
    nextflow=path
elif own_nextflow; then
    nextflow=own
fi
programs
packages
[[ $level == run ]] || multiqc
launcher
