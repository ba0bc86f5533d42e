"""Loads a model file into an assistant."""

import os
from pathlib import Path

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ModelError
from manent.dialogue.model import load_dialogue
from manent.models.archive import find_model, read_model
from manent.models.metadata import MODEL_FORMAT, OLDEST_MODEL_FORMAT, Metadata
from manent.models.vectors import open_vectors
from manent.nlu.pipeline import load_pipeline
from manent.runtime.assistant import Assistant
from manent.server.outside.duckling import open_services


def load_assistant(path: Path, *, external_nlg: bool = False) -> Assistant:
    """Load the model at `path`, or the newest model in `path` if it is a folder.

    Raises:
        ModelError: no model was found, or the model is damaged or has an unsupported format.
    """
    file = find_model(path)
    files = read_model(file)
    try:
        metadata = msgspec.json.decode(files["metadata.json"], type=Metadata)
        if not OLDEST_MODEL_FORMAT <= metadata.format <= MODEL_FORMAT:
            raise ModelError(
                "model_format",
                f"{file} has format {metadata.format}, but this version of Manent reads the formats"
                f" {OLDEST_MODEL_FORMAT} to {MODEL_FORMAT}; train again with `manent train`",
            )
        domain = msgspec.json.decode(files["domain.json"], type=Domain)
    except KeyError as error:
        raise ModelError("model_incomplete", f"{file} does not contain {error}; train again") from error
    except msgspec.DecodeError as error:
        raise ModelError("model_unreadable", f"{file} cannot be read ({error}); train again") from error
    limit = int(os.environ.get("MAX_NUMBER_OF_PREDICTIONS", "10"))
    pipeline = load_pipeline(files, domain, vectors=open_vectors)
    return Assistant(
        domain=domain,
        pipeline=pipeline,
        dialogue=load_dialogue(files, domain, max_predictions=limit, external_nlg=external_nlg),
        model_id=metadata.model_id,
        assistant_id=metadata.assistant_id,
        file=file.name,
        stamp={"model_id": metadata.model_id, "assistant_id": metadata.assistant_id},
        services=open_services(pipeline),
    )
