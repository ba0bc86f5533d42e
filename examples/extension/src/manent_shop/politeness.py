"""An NLU component: marks polite messages with the entity `politeness`."""

import json

import msgspec


class PolitenessOptions(msgspec.Struct):
    words: list[str] = msgspec.field(default_factory=lambda: ["please", "thank you"])


class Politeness:
    options = PolitenessOptions

    def __init__(self, options):
        self.words = options.words

    def train(self, examples): ...

    def process(self, result):
        for word in self.words:
            start = result["text"].lower().find(word)
            if start >= 0:
                entity = {"entity": "politeness", "value": word, "start": start, "end": start + len(word)}
                result["entities"] = [*result["entities"], entity]

    def persist(self):
        return {"words.json": json.dumps(self.words).encode()}

    def load(self, files):
        self.words = json.loads(files["words.json"])
