"""Runs the part of nf-core's linter that needs no network and writes its result as Markdown to standard output.

uvx --from nf-core==4.2.1 python setup/nf_core_lint.py > docs/nf-core-lint.md

`nf-core pipelines lint` itself clones nf-core/modules at its start and asks schemastore.org for the form of GitHub's
workflows. Neither concerns a pipeline that has local modules only. Exits 1 where a check has failed.
"""

from __future__ import annotations

import contextlib
import io
import sys
from importlib.metadata import version

from nf_core.pipelines.lint import PipelineLint

NEEDS_NETWORK = ("actions_schema_validation",)
# exceptions that .nf-core.yml has no word for: part of the message, reason
EXCEPTIONS = {
    "``dag.file`` did not end with ``.html``": "Mermaid text, as the page would fetch a script from the network",
    "does not contain 'export_plots: true'": "a browser would draw them, and the report has tables alone",
}


def main() -> None:
    """Prints the result; exits 1 where a check has failed."""
    lint = PipelineLint(".", hide_progress=True)
    with contextlib.redirect_stdout(io.StringIO()):
        lint._load()
        lint.lint_tests = [name for name in lint.lint_tests if name not in NEEDS_NETWORK]
        lint._lint_pipeline()
    for row in list(lint.failed):
        for words, reason in EXCEPTIONS.items():
            if words in row[1]:
                lint.failed.remove(row)
                lint.ignored.append((row[0], f"{row[1]}: {reason}"))
    print(f"# nf-core lint\n\nnf-core/tools {version('nf-core')}, without the checks that need a network")
    print(f"({', '.join(NEEDS_NETWORK)}, and those of modules of nf-core, of which there are none):\n")
    print("```\nuvx --from nf-core==4.2.1 python setup/nf_core_lint.py > docs/nf-core-lint.md\n```\n")
    print(f"{len(lint.passed)} checks passed. `.nf-core.yml` gives the reasons of what is ignored.")
    for kind in ("failed", "warned", "ignored"):
        rows = getattr(lint, kind)
        print(f"\n## {kind.capitalize()}: {len(rows)}\n")
        for name, message in rows:
            text = " ".join(message.split()).replace(f"{lint.wf_path}/", "")
            print(f"- {name}: {text}")
    sys.exit(1 if lint.failed else 0)


if __name__ == "__main__":
    main()
