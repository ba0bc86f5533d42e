"""What a model says about itself: `metadata.json`. Training writes it, loading reads it first."""

import msgspec

MODEL_FORMAT = 3
"""Of the files in an archive. It goes up when an older Manent could not read what a newer one writes."""


class Metadata(msgspec.Struct, kw_only=True):
    """`metadata.json` in a model.

    Attributes:
        format: `MODEL_FORMAT` of the Manent that wrote it.
        model_id: random, made at training.
        assistant_id: names the assistant across its models.
        trained_at: seconds since the epoch.
        fingerprints: what each of its parts was made of.
    """

    format: int
    manent_version: str
    model_id: str
    assistant_id: str
    trained_at: float
    fingerprints: dict[str, str]
