"""`metadata.json` of a model. Training writes this file, and loading reads it first."""

import msgspec

MODEL_FORMAT = 3
"""Format of the files in a model. It increases when an older Manent cannot read what a newer one writes."""


class Metadata(msgspec.Struct, kw_only=True):
    """`metadata.json` in a model.

    Attributes:
        format: `MODEL_FORMAT` of the Manent that wrote it.
        model_id: a random id that the training generates.
        assistant_id: id of the assistant, equal in all its models.
        trained_at: seconds since the epoch.
        fingerprints: part (`nlu`, `core`, `domain`) → hash of the part's training input.
    """

    format: int
    manent_version: str
    model_id: str
    assistant_id: str
    trained_at: float
    fingerprints: dict[str, str]
