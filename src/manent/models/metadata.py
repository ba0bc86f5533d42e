"""`metadata.json` of a model. Training writes it, loading reads it first."""

import msgspec

MODEL_FORMAT = 3
"""Format of the files in a model. It increases when an older Manent cannot read what a newer one writes."""


class Metadata(msgspec.Struct, kw_only=True):
    """`metadata.json` in a model.

    Attributes:
        format: `MODEL_FORMAT` of the Manent that wrote it.
        model_id: a random id that the training generates.
        assistant_id: the same in all models of an assistant.
        trained_at: seconds since the epoch.
        fingerprints: part (`nlu`, `core`, `domain`) → hash of what it was trained on.
    """

    format: int
    manent_version: str
    model_id: str
    assistant_id: str
    trained_at: float
    fingerprints: dict[str, str]
