#!/usr/bin/env bash
# Packs what a site without network needs: this repository, Nextflow's jars, the Python packages as wheels, and images that are
# named. To be called where there is a network, after the set-up, on a machine of the same kind.
#
#   setup/pack.sh rhoma.tar [IMAGE.sif|IMAGE.tar...]
#
# At the site:  tar -xf rhoma.tar && cd rhoma && setup/install.sh
# The programs (MMseqs2, MAFFT, Infernal, HMMER, Java, Python) are the site's, or those of an image.
set -euo pipefail
target=$(readlink -m "$1")
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/rhoma"
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
for image in "$@"; do
    mkdir -p "$work/rhoma/images"
    cp "$image" "$work/rhoma/images/"
done
(cd "$work/rhoma" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
tar -C "$work" -cf "$target.part" rhoma
mv "$target.part" "$target"
