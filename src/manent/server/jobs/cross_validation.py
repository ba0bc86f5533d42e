"""The management API's cross-validation job.

In a separate process, it trains on parts of the data and evaluates on the rest.
"""

from functools import partial
from pathlib import Path

import msgspec

from manent.core.errors import ManentError, ProjectError, RequestError
from manent.core.events import Json
from manent.project.files import DOMAIN_KEYS
from manent.server.jobs.job import print_result, read_options, run_job, write_files
from manent.server.jobs.training import split_document

_DOMAIN_STARTS = tuple(f"{key}:" for key in DOMAIN_KEYS)


class _Options(msgspec.Struct, kw_only=True):
    root: str
    folds: int


class _Result(msgspec.Struct, kw_only=True):
    """The result of the job: `report` or `error`. `is_project` is true if the document caused the error."""

    report: Json | None = None
    error: str = ""
    is_project: bool = False


async def cross_validate(text: str, *, folds: int, domain: str) -> Json:
    """Evaluate every example in a document with a pipeline that was trained without this example.

    Args:
        text: the document, with `pipeline:`, `nlu:` and optionally a domain.
        folds: number of parts into which the examples are split.
        domain: domain file for a document without a domain.

    Returns:
        The result of `manent.nlu.evaluation.report_all`.

    Raises:
        RequestError: `bad_request` (400): the document has mistakes. `training_failed` (500): the job failed.
    """
    files = split_document(text)
    if "pipeline" not in files["config.yml"]:
        raise RequestError(
            "bad_request",
            "cross-validation trains models, so the document must contain `pipeline:` in addition to `nlu:`",
        )
    if not any(line.startswith(_DOMAIN_STARTS) for line in files["domain.yml"].splitlines()):
        files["domain.yml"] = domain
    with await write_files(files) as folder:
        result = await run_job(__name__, _Options(root=folder, folds=folds), _Result)
    if result.report is None:
        code, status = ("bad_request", 400) if result.is_project else ("training_failed", 500)
        raise RequestError(code, result.error, status=status)
    return result.report


def _run() -> None:
    """Train and evaluate with the options from standard input."""
    from manent.extensions.model_code import trust_model_code
    from manent.models.vectors import open_vectors
    from manent.nlu.evaluation import judge, make_folds, report_all
    from manent.nlu.pipeline import load_pipeline
    from manent.nlu.training import train_pipeline
    from manent.project.reading import read_project
    from manent.project.settings.endpoints import trusts_model_code
    from manent.runtime.assistant import parse_asking
    from manent.server.outside.duckling import open_services

    trust_model_code(is_trusted=trusts_model_code(Path()))
    options = read_options(_Options)
    try:
        project = read_project(Path(options.root), data=[Path("data.yml")])
        if not project.nlu.examples:
            raise ProjectError([])
        judged = []
        for known, unknown in make_folds(project.nlu, options.folds, seed=0):
            pipeline = load_pipeline(
                train_pipeline(project.config, known, project.domain, vectors=open_vectors),
                project.domain,
                vectors=open_vectors,
            )
            services = open_services(pipeline)
            judged += judge(unknown.examples, partial(parse_asking, pipeline, services))
        result = _Result(report=report_all(judged))
    except ManentError as error:
        reason = error.message or "the document must contain annotated examples under `nlu:`"
        result = _Result(error=reason, is_project=isinstance(error, ProjectError | RequestError))
    print_result(result)


if __name__ == "__main__":
    _run()
