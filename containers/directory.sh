#!/usr/bin/env bash
# The image rhoma as a directory, for Charliecloud, where there is neither Docker nor a registry: the same Debian packages and
# the same locked Python packages as in the Dockerfile. Needs root, mmdebstrap and uv; .venv/bin has uv after the set-up.
#
#   containers/directory.sh /opt/images/rhoma [DIRECTORY-TO-BIND...]
#
# Every other argument is a top directory that runs will bind (/data): a read-only image must have it.
set -euo pipefail
image=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ ! -e $image ]] || { echo "$image exists; remove it first" >&2; exit 1; }
uv=(uv)
command -v uv >/dev/null || uv=(python3 -m uv)
part=$image.part
mkdir -p "$(dirname "$image")"
rm -rf "$part"
packages=$(paste -sd, "$root/containers/debian.txt")
mmdebstrap --variant=essential --include="$packages,python3-venv" bookworm "$part.tar"
mkdir "$part"
tar -C "$part" --exclude='./dev/*' -xf "$part.tar"
rm "$part.tar"
chroot "$part" python3 -m venv --without-pip /opt/rhoma
site=$part/opt/rhoma/lib/python3.11/site-packages
"${uv[@]}" pip install --quiet --python-version 3.11 --target "$site" --no-deps --require-hashes -r "$root/requirements/run.lock"
"${uv[@]}" pip install --quiet --python-version 3.11 --target "$site" --no-deps "$root"
install -D -m 644 "$root/containers/environment" "$part/ch/environment"
for top in /data /home /mnt /opt /scratch /tmp /work "$@"; do mkdir -p "$part$top"; done
mv "$part" "$image"
