"""Converts stories and rules to the sequences of events that conversations would have.

This module connects stories at their checkpoints, and creates one sequence for each combination of alternatives
(`or:`). It also adds `action_listen` before each user turn and at the end, and fills slots from the entities of a user
turn (contract §3, "Training view"). The policies turn these sequences into states. This module does not read or write
files.
"""

import itertools
import logging
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from manent.core.domain import Domain, Slot
from manent.core.events import ActionExecuted, ActiveLoop, Event, Json, SlotSet, UserUttered
from manent.core.training_data import (
    ActionStep,
    CheckpointStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Stories,
    Story,
    UserStep,
    Where,
)
from manent.dialogue.slots import entity_values

log = logging.getLogger(__name__)

LISTEN = "action_listen"
ANYTHING = "..."
"""Name of the placeholder in a rule. The placeholder stands for any previous events."""

MAX_PATHS = 10_000
"""Maximum number of paths that are learned through the alternatives of one story, and through all checkpoints.

Stories that have neither alternatives nor checkpoints are always learned.
"""

_MAX_USES = 2
"""Maximum number of times that a path through the checkpoints contains the same piece of a story."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An event in a training sequence, and the position of its step in the files."""

    event: Event
    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """One story or rule as events.

    Attributes:
        is_rule: whether it is a rule, which may contain `...` placeholders.
    """

    name: str
    placed: tuple[Placed, ...]
    is_rule: bool = False

    @property
    def events(self) -> list[Event]:
        """The events, without lines."""
        return [each.event for each in self.placed]


def user_parse_data(step: UserStep) -> Json:
    """Return the NLU result for a user turn of a story. The result is empty for an end-to-end text."""
    if step.intent is None:
        return {}
    entities: list[Json] = []
    for entity in step.entities:
        found: Json = {"entity": entity.entity, "value": "" if entity.value is None else entity.value}
        found |= {key: value for key in ("role", "group") if (value := getattr(entity, key)) is not None}
        entities.append(found)
    for mention in step.mentions:
        found = {"entity": mention.entity, "value": mention.value, "start": mention.start, "end": mention.end}
        found |= {key: value for key in ("role", "group") if (value := getattr(mention, key)) is not None}
        entities.append(found)
    name = step.intent.lstrip("/")
    base, slash, _ = name.partition("/")
    intent = {"name": base, "full_retrieval_intent_name": name} if slash else {"name": base}
    return {"intent": intent, "entities": entities}


def _bare_value(slot: Slot | None) -> Any:
    """Return the value to use for a slot that is named without a value."""
    match slot.type if slot is not None else "any":
        case "text":
            return "filled"
        case "list":
            return ["filled"]
        case _:
            return None


def _filled_from_entities(domain: Domain, entities: list[Json]) -> Iterator[SlotSet]:
    """Yield the slots that a conversation would fill from these entities, with or without an active loop."""
    for slot in domain.slots.values():
        for mapping in slot.mappings:
            if mapping.type != "from_entity" or any(each.active_loop for each in mapping.conditions):
                continue
            values = entity_values(mapping, entities)
            if values:
                yield SlotSet(name=slot.name, value=values if slot.type == "list" else values[-1])
                break


def _step_events(domain: Domain, step: Step) -> Iterator[Placed]:
    match step:
        case UserStep():
            parse_data = user_parse_data(step)
            yield Placed(ActionExecuted(name=LISTEN), step.where)
            yield Placed(UserUttered(text=step.text, parse_data=parse_data), step.where)
            if parse_data.get("entities"):
                for event in _filled_from_entities(domain, parse_data["entities"]):
                    yield Placed(event, step.where)
        case ActionStep():
            yield Placed(ActionExecuted(name=step.name, action_text=step.text), step.where)
        case SlotStep():
            value = step.value if step.has_value else _bare_value(domain.slots.get(step.name))
            yield Placed(SlotSet(name=step.name, value=value), step.where)
        case LoopStep():
            yield Placed(ActiveLoop(name=step.name), step.where)
        case _:
            raise TypeError(step)


def _alternatives(steps: Iterable[Step]) -> Iterator[tuple[Step, ...]]:
    """Yield every path through the `or:` steps. If there are more than `MAX_PATHS`, yield that many, evenly chosen."""
    choices: list[list[tuple[Step, ...]]] = []
    for step in steps:
        if isinstance(step, OrStep):
            choices.append([each if isinstance(each, tuple) else (each,) for each in step.alternatives])
        else:
            choices.append([(step,)])
    combinations: Iterable[tuple[tuple[Step, ...], ...]] = itertools.product(*choices)
    count = math.prod(map(len, choices))
    if count > MAX_PATHS:
        log.warning("the `or:` steps of a story produce %d paths; training uses only %d of them", count, MAX_PATHS)
        draws = random.Random(0)  # noqa: S311 - not for security; the fixed seed makes training reproducible
        combinations = (tuple(map(draws.choice, choices)) for _ in range(MAX_PATHS))
    for combination in combinations:
        yield tuple(itertools.chain.from_iterable(combination))


# rules ----------------------------------------------------------------------------------------------------------------


def rule_sequences(domain: Domain, rules: Iterable[Rule]) -> list[Sequence]:
    """Return the rules as events.

    Each rule's conditions come first, followed by `...`. Rules for the start of a conversation have no `...`.
    """
    sequences = []
    for rule in rules:
        for steps in _alternatives(rule.steps):
            placed = [each for condition in rule.conditions for each in _step_events(domain, condition)]
            if not rule.conversation_start:
                placed.append(Placed(ActionExecuted(name=ANYTHING), rule.where))
            placed += [each for step in steps for each in _step_events(domain, step)]
            end = LISTEN if rule.wait_for_user_input else ANYTHING
            # After a rule that consists only of an intent, the bot listens without a reply.
            if not _ends_in_listen(placed) or end == ANYTHING or isinstance(placed[-1].event, UserUttered):
                placed.append(Placed(ActionExecuted(name=end), steps[-1].where if steps else rule.where))
            sequences.append(Sequence(name=rule.name, placed=tuple(placed), is_rule=True))
    return sequences


def _ends_in_listen(placed: list[Placed]) -> bool:
    for each in reversed(placed):
        if isinstance(each.event, ActionExecuted):
            return each.event.name == LISTEN
    return False


# stories --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A part of a story between two checkpoints. None: the start or the end of a conversation."""

    story: str
    starts: tuple[CheckpointStep | None, ...]
    steps: tuple[Step, ...]
    ends: tuple[str | None, ...]


def _pieces(story: Story) -> Iterator[_Piece]:
    starts: list[CheckpointStep | None] = []
    steps: list[Step] = []
    ends: list[CheckpointStep] = []
    for step in story.steps:
        if not isinstance(step, CheckpointStep):
            if ends:
                yield _Piece(story.name, tuple(starts) or (None,), tuple(steps), tuple(each.name for each in ends))
                starts, steps, ends = list(ends), [], []
            steps.append(step)
        elif steps:
            ends.append(step)
        else:
            starts.append(step)
    yield _Piece(story.name, tuple(starts) or (None,), tuple(steps), tuple(each.name for each in ends) or (None,))


@dataclass(slots=True)
class _Path:
    """The beginning of a path through the pieces."""

    names: tuple[str, ...] = ()
    placed: tuple[Placed, ...] = ()
    values: Json = field(default_factory=dict)
    uses: dict[int, int] = field(default_factory=dict)

    def extend(self, domain: Domain, piece: _Piece, steps: tuple[Step, ...]) -> "_Path":
        new = tuple(each for step in steps for each in _step_events(domain, step))
        values = self.values | {each.event.name: each.event.value for each in new if isinstance(each.event, SlotSet)}
        names = self.names if self.names[-1:] == (piece.story,) else (*self.names, piece.story)
        uses = self.uses | {id(piece): self.uses.get(id(piece), 0) + 1}
        return _Path(names, self.placed + new, values, uses)

    def suits(self, start: CheckpointStep) -> bool:
        """Return whether the path can continue at this checkpoint.

        This requires that the slots have the values that the checkpoint names.
        """
        return all(self.values.get(each.name) == each.value for each in start.slots if each.has_value)


def story_sequences(domain: Domain, stories: Stories) -> list[Sequence]:
    """Return every path through the stories as events, each ending in `action_listen`."""
    pieces = [piece for story in stories.stories for piece in _pieces(story)]
    by_start: dict[str | None, list[tuple[_Piece, CheckpointStep | None]]] = {}
    for piece in pieces:
        for start in piece.starts:
            by_start.setdefault(start.name if start is not None else None, []).append((piece, start))
    finished: dict[tuple[str, ...], Sequence] = {}
    # Follow the shortest paths first, so that every story is used before long paths reach the limit.
    open_paths: deque[tuple[_Path, str | None]] = deque([(_Path(), None)])
    joined = 0
    while open_paths:
        path, checkpoint = open_paths.popleft()
        for piece, start in by_start.get(checkpoint, ()):
            if path.uses.get(id(piece), 0) >= _MAX_USES or (start is not None and not path.suits(start)):
                continue
            for steps in _alternatives(piece.steps):
                joined += checkpoint is not None
                if joined > MAX_PATHS:
                    log.warning(
                        "the checkpoints of the stories produce more than %d paths; training ignores the others",
                        MAX_PATHS,
                    )
                    return list(finished.values())
                longer = path.extend(domain, piece, steps)
                for end in piece.ends:
                    if end is not None and end in by_start:
                        open_paths.append((longer, end))
                        continue
                    sequence = _finished(longer, is_whole=end is None)
                    finished.setdefault(tuple(_identity(sequence.placed)), sequence)
    return list(finished.values())


def _finished(path: _Path, *, is_whole: bool) -> Sequence:
    """Return a path as a sequence.

    If it ends at a checkpoint that no story continues (`is_whole` is False), the story does not show which action
    follows. Then add no `action_listen`.
    """
    placed = path.placed
    if is_whole and not _ends_in_listen(list(placed)):
        where = placed[-1].where if placed else Where()
        placed = (*placed, Placed(ActionExecuted(name=LISTEN), where))
    return Sequence(name=" > ".join(path.names), placed=placed)


def _identity(placed: Iterable[Placed]) -> Iterator[str]:
    """Yield the parts that identify a sequence, without the name of its story."""
    for each in placed:
        yield repr(each.event)
