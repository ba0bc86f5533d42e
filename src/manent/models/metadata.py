"""`metadata.json` of a model.

Training writes the metadata file of a model, and loading a model reads this file first.
"""

import msgspec

MODEL_FORMAT = 3
"""Format version of the files in a model. It increases when older versions of Manent cannot read new models."""

OLDEST_MODEL_FORMAT = 3
"""The oldest format that this version reads, so that an update needs no training at the same moment.

From format 4 on, this is the format before `MODEL_FORMAT`. `tests/assistants/models/` has a model of each.
"""


class Metadata(msgspec.Struct, kw_only=True):
    """`metadata.json` in a model.

    Attributes:
        format: `MODEL_FORMAT` of the Manent version that wrote the model.
        model_id: random id that the training generates.
        assistant_id: id of the assistant, equal in all its models.
        trained_at: seconds since the epoch.
        fingerprints: hash of the training input of each part (`nlu`, `core`, `domain`).
    """

    format: int
    manent_version: str
    model_id: str
    assistant_id: str
    trained_at: float
    fingerprints: dict[str, str]
