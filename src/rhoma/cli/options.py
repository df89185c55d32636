"""Options of a search that several commands take, and the settings made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from rhoma.models.states import NucleotideStates
    from rhoma.search.config import SearchConfig


def positive(value: float) -> float:
    """Returns the value of an option; one that is not above 0 is a usage error."""
    if not value > 0:
        raise typer.BadParameter("must be larger than 0")
    return value


EffortOption = Annotated[
    Literal["fast", "auto", "sensitive"],
    typer.Option(
        "--effort",
        help="When a covariance model of the query looks for homologs: never; where its profile finds few; always.",
    ),
]
EvalueOption = Annotated[float, typer.Option("--evalue", min=0, help="Hits up to this E-value are homologs: aligned.")]
ReportEvalue = Annotated[
    float, typer.Option("--report-evalue", min=0, help="Hits up to this E-value are in the tables.")
]
Iterations = Annotated[int, typer.Option("--iterations", min=1, help="Rounds at most; 1 is a single pass.")]
ShortlistOption = Annotated[
    int,
    typer.Option(
        "--shortlist", min=1, help="Windows of the first list; it grows while its tail holds homologs enough."
    ),
]
LongestShortlist = Annotated[
    int,
    typer.Option("--longest-shortlist", "--longest_shortlist", min=1, help="Windows that the list may grow to."),
]
Labels = Annotated[
    Path | None, typer.Option("--labels", help="TSV (id, family, clan) that names the families of targets.")
]
SearchSeed = Annotated[int, typer.Option("--seed", min=1, help="Seed of everything drawn at random.")]
MaxHomologs = Annotated[
    int, typer.Option("--max-homologs", "--max_homologs", min=1, help="Most homologs in an alignment.")
]
MaxIdentity = Annotated[
    float,
    typer.Option(
        "--max-identity",
        "--max_identity",
        max=1.0,
        callback=positive,
        help="Leave out homologs more alike than this to a better one.",
    ),
]
HomologEvalue = Annotated[float, typer.Option("--evalue", callback=positive, help="Largest E-value of a homolog.")]
AlignerOption = Annotated[
    Literal["auto", "structural", "embed", "cm", "linsi", "xinsi"],
    typer.Option(
        "--aligner",
        help="What aligns the core before the covariance model does: what suits it, letters and structures at once, "
        "letters and the model's states (needs torch), the profile of the search, MAFFT L-INS-i, or MAFFT X-INS-i "
        "(needs mxscarnamod).",
    ),
]
AlignModel = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="Model bundle or public encoder whose states --aligner embed takes."),
]
Calibrate = Annotated[
    bool,
    typer.Option(
        "--calibrate",
        help="Calibrate the covariance models, for E-values of cmsearch. That takes half an hour of a core for a tRNA, "
        "more for what is longer; after two hours a model is left as it was, with a warning.",
    ),
]
QueryModel = Annotated[
    Path | None, typer.Option("--model", "-m", help="Model bundle; default, the one that is shipped.")
]


def states_for(aligner: str, model: Path | None, model_dir: Path | None, threads: int) -> NucleotideStates | None:
    """Returns the encoder's states for the aligner ``embed``, None for any other."""
    if aligner != "embed":
        return None
    from rhoma.models.states import load_states

    return load_states(model, model_dir=model_dir, threads=threads)


def search_config(**values: Any) -> SearchConfig:
    """Returns the settings of a search; a value that is out of range is a usage error."""
    from pydantic import ValidationError

    from rhoma.search.config import SearchConfig

    try:
        return SearchConfig(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + str(first["loc"][0]).replace("_", "-")
        raise typer.BadParameter(f"{name}: {first['msg']}") from error
