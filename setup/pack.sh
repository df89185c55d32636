#!/usr/bin/env bash
# Packs what a site without network needs: this repository, Nextflow's jars, the Python packages as wheels, and the databases
# and images that are named. To be called where there is a network, after the set-up, on a machine of the same kind.
#
#   setup/pack.sh rhoma.tar [--database INDEX|DATABASE.fasta]... [IMAGE.sif|IMAGE.tar|DIRECTORY]...
#
# Databases come into databases/, images into images/, under their own names, and all into SHA256SUMS.
# At the site:  tar -xf rhoma.tar && cd rhoma && setup/install.sh
# The programs (MMseqs2, MAFFT, Infernal, HMMER, Java, Python) are the site's, or those of an image.
set -euo pipefail
target=$(readlink -m "$1")
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# beside the pack, where there must be room for it anyway
work=$(mktemp -d --tmpdir="$(dirname "$target")")
trap 'rm -rf "$work"' EXIT
mkdir "$work/rhoma"
while (($#)); do
    into=images
    if [[ $1 == --database ]]; then
        into=databases
        shift
    fi
    given=${1:?--database needs a path}
    shift
    copy=$work/rhoma/$into/$(basename "$given")
    [[ ! -e $copy ]] || { echo "pack: $given: another of that name is packed; rename one" >&2; exit 1; }
    mkdir -p "${copy%/*}"
    # a link that is named stands for what it leads to; those inside of an image stay
    cp -rH "$given" "$copy"
done
cd "$root"
git ls-files -z | xargs -0 cp --parents -t "$work/rhoma"
if [[ -d .tools/nextflow ]]; then
    mkdir "$work/rhoma/.tools"
    cp -r .tools/nextflow "$work/rhoma/.tools/"
else
    echo "pack: Nextflow is not packed, as the set-up found one on PATH; the site needs its own" >&2
fi
.venv/bin/python -m pip download --quiet --no-deps --require-hashes --only-binary :all: \
    --dest "$work/rhoma/wheels" --requirement requirements/run.lock
# what builds the package itself
.venv/bin/python -m pip download --quiet --only-binary :all: --dest "$work/rhoma/wheels" hatchling editables
(cd "$work/rhoma" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
tar -C "$work" -cf "$target.part" rhoma
mv "$target.part" "$target"
