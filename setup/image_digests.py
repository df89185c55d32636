r"""Names the images of a release by digest: the parameters that -params-file takes, as YAML on standard output.

    docker buildx build --push --metadata-file built/rhoma.json --tag ghcr.io/lab/rhoma:0.1.0 \
        -f containers/rhoma/Dockerfile .                            (and so on, every image of conf/containers.config)
    python setup/image_digests.py ghcr.io/lab built > images.yml

.github/workflows/publish.yml does this for a release. Ends with status 1, naming the image, where one has no digest.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

CONFIG = Path(__file__).resolve().parents[1] / "conf" / "containers.config"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def images(config: str) -> dict[str, tuple[str, str]]:
    """Returns parameter -> (name of the image without its owner, tag) of what conf/containers.config says."""
    found = re.findall(r"^ +(image_\w+) += '[\w.-]+/([\w.-]+):([\w.-]+)'$", config, re.MULTILINE)
    return {parameter: (name, tag) for parameter, name, tag in found}


def digest(built: Path, name: str) -> str:
    """Returns the digest that docker buildx has noted of an image.

    Raises:
        SystemExit: it has noted none.
    """
    path = built / f"{name}.json"
    try:
        noted = json.loads(path.read_text(encoding="utf-8")).get("containerimage.digest", "")
    except FileNotFoundError:
        sys.exit(f"error: {path}: no such file. Remedy: build {name} with --metadata-file {path}")
    except (ValueError, AttributeError):
        sys.exit(f"error: {path}: no metadata of docker buildx. Remedy: build {name} with --metadata-file {path}")
    if not isinstance(noted, str) or not DIGEST.fullmatch(noted):
        sys.exit(f"error: {path}: '{noted}' is no digest. Remedy: build {name} with --push, which makes one")
    return noted


def main() -> None:
    """Prints a line an image."""
    if len(sys.argv) != 3:
        sys.stderr.write("usage: image_digests.py REGISTRY DIRECTORY\n")
        sys.exit(2)
    registry, built = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    rows = [
        f"{parameter}: {registry}/{name}@{digest(built, name)} # {tag}\n"
        for parameter, (name, tag) in images(CONFIG.read_text(encoding="utf-8")).items()
    ]
    sys.stdout.write("".join(rows))


if __name__ == "__main__":
    main()
