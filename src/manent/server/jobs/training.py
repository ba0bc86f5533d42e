"""The job of `POST /model/train`, which converts the document to a project and trains it in a separate process."""

import re
from pathlib import Path

import msgspec

from manent.core.errors import ManentError, ProjectError, RequestError
from manent.server.jobs.job import print_result, read_options, run_job, write_files

_CONFIG_KEYS = frozenset({"recipe", "language", "pipeline", "policies", "assistant_id", "importers"})
_DATA_KEYS = frozenset({"nlu", "stories", "rules"})
_TOP_KEY = re.compile(r"""["']?([A-Za-z_][\w-]*)["']?\s*:(\s|$)""")


class _Options(msgspec.Struct, kw_only=True):
    root: str
    out: str
    force: bool = False


class _Result(msgspec.Struct, kw_only=True):
    """The result of the job: `model` (path of the model file) or `error`.

    `is_project` is true if the document caused the error.
    """

    model: str | None = None
    error: str = ""
    is_project: bool = False


def split_document(text: str) -> dict[str, str]:
    """Split a document that contains a complete project into `config.yml`, `domain.yml` and `data.yml`.

    Each line keeps its line number, so that errors refer to lines in the document.
    """
    files: dict[str, list[str]] = {"config.yml": [], "domain.yml": [], "data.yml": []}
    current = "domain.yml"
    for line in text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n"):
        found = _TOP_KEY.match(line)
        shared = False
        if found is not None:
            key = found[1]
            current = "config.yml" if key in _CONFIG_KEYS else "data.yml" if key in _DATA_KEYS else "domain.yml"
            shared = key == "version"
        for name, lines in files.items():
            lines.append(line if name == current or (shared and name == "data.yml") else "")
    return {name: "\n".join(lines) + "\n" for name, lines in files.items()}


def _is_rasa_1(text: str) -> bool:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return isinstance(found, dict) and any(isinstance(found.get(key), str) for key in ("config", "domain", "nlu"))


async def train_document(text: str, *, out: Path, force: bool) -> Path:
    """Train a model from one YAML document, and return the path of the model file.

    Args:
        text: the document, which contains configuration, domain and training data.
        out: absolute path of the folder for the model.
        force: whether to also train parts that have not changed since the newest model.

    Raises:
        RequestError: `bad_project` (400): the document has mistakes. `training_failed` (500): the job failed.
    """
    if _is_rasa_1(text):
        raise RequestError(
            "bad_project",
            "unsupported body: a JSON object of texts, as in Rasa 1; send one YAML document, as in Rasa 3, with the "
            "top-level keys of config.yml, domain.yml and the training data",
        )
    with await write_files(split_document(text)) as folder:
        result = await run_job(__name__, _Options(root=folder, out=str(out), force=force), _Result)
    if result.model is None:
        if result.is_project:
            raise RequestError("bad_project", result.error)
        raise RequestError("training_failed", result.error, status=500)
    return Path(result.model)


def _is_about_the_document(error: ManentError) -> bool:
    """Return whether the document caused the error, because it has mistakes or contains nothing to train."""
    return isinstance(error, ProjectError) or error.code.startswith("train.")


def _run() -> None:
    """Train with the options from standard input."""
    from manent.extensions.model_code import trust_model_code
    from manent.project.settings.endpoints import trusts_model_code
    from manent.training import TrainingOptions, train

    trust_model_code(is_trusted=trusts_model_code(Path()))
    options = read_options(_Options)
    try:
        trained = train(
            TrainingOptions(
                root=Path(options.root),
                domain=Path("domain.yml"),
                data=(Path("data.yml"),),
                config=Path("config.yml"),
                out=Path(options.out),
                force=options.force,
            )
        )
        result = _Result(model=str(trained.path))
    except ManentError as error:
        result = _Result(error=error.message, is_project=_is_about_the_document(error))
    print_result(result)


if __name__ == "__main__":
    _run()
