"""Finds the NLU examples that stories contain: user turns with both a text and an intent."""

from collections.abc import Iterator
from dataclasses import replace

from manent.core.training_data import Example, NluData, OrStep, Step, Stories, UserStep


def with_story_examples(data: NluData, stories: Stories) -> NluData:
    """Return the data with the texts of stories and rules as further examples of their intents.

    Payloads and texts that are already examples of the same intent are not added. As in NLU data, an annotation whose
    value differs from its text is a synonym. The NLU data's own synonyms have precedence.
    """
    examples = list(data.examples)
    synonyms = dict(data.synonyms)
    known = {(example.text, example.intent.partition("/")[0]) for example in examples}
    for step in _user_steps(stories):
        text, intent = step.text, step.intent
        if not text or intent is None or text.startswith("/") or (text, intent) in known:
            continue
        known.add((text, intent))
        examples.append(Example(text=text, intent=intent, entities=step.mentions, where=step.where))
        for mention in step.mentions:
            spelling = text[mention.start : mention.end]
            if mention.value != spelling and isinstance(mention.value, str | int | float):
                synonyms.setdefault(spelling.lower(), str(mention.value))
    return replace(data, examples=tuple(examples), synonyms=synonyms)


def _user_steps(stories: Stories) -> Iterator[UserStep]:
    for story in stories.stories:
        for step in story.steps:
            yield from _alternatives(step)
    for rule in stories.rules:
        for step in rule.steps:
            yield from _alternatives(step)


def _alternatives(step: Step) -> Iterator[UserStep]:
    if isinstance(step, UserStep):
        yield step
    elif isinstance(step, OrStep):
        yield from (each for each in step.alternatives if isinstance(each, UserStep))
