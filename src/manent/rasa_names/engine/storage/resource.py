"""Stand-ins for `rasa.engine.storage.resource`."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Resource:
    """The name under which a component stores its files."""

    name: str
    output_fingerprint: str = field(default="", compare=False)

    def fingerprint(self) -> str:
        """Return the fingerprint of the training that created the files."""
        return self.output_fingerprint
