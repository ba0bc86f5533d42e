"""Plays test stories and compares the assistant's predictions with the stories.

A story is played event by event. Before each action in the story, the policies predict an action. In an end-to-end
test, the NLU also parses each text. After a wrong prediction, the story continues as it is written, so that one mistake
does not cause others. The action that begins a story is not predicted. Custom actions do not run, because the story
contains the slots that they set. `manent test` and the HTTP API use this module, which does not read or write files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from manent.core.domain import Domain
from manent.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    Event,
    Json,
    UserUttered,
)
from manent.core.markup import mark
from manent.core.tracker import Tracker
from manent.core.training_data import Stories, Where
from manent.dialogue.model import DialogueModel
from manent.dialogue.policies.ensemble import Choice
from manent.dialogue.states import LISTEN, UNLIKELY
from manent.dialogue.stories import Sequence as TrainingSequence
from manent.dialogue.stories import story_sequences
from manent.learn import scores

Parse = Callable[[str], Json]

NOTHING = "None"
"""The name for "no intent" and "no entity" in lists of expected and predicted names."""

_REMEMBERING = ("MemoizationPolicy", "RulePolicy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One event of a story, with the expected and the predicted result.

    Attributes:
        pairs: (expected, predicted) names of the action, or of the intent and the entities.
        was_unlikely: whether the assistant predicted `action_unlikely_intent` before this action.
    """

    event: Event
    where: Where
    pairs: tuple[tuple[str, str], ...] = ()
    policy: str | None = None
    confidence: float = 0.0
    predicted_entities: tuple[Json, ...] = ()
    was_unlikely: bool = False

    @property
    def is_right(self) -> bool:
        """Return whether all predictions are right."""
        return all(expected == predicted for expected, predicted in self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A story after it was played.

    Attributes:
        file: path of the file that contains the story.
        is_known: whether the training data contain a story (or rule) with the same turns.
    """

    name: str
    moves: tuple[Move, ...]
    file: str = ""
    is_known: bool = False

    @property
    def is_right(self) -> bool:
        """Return whether all predictions are right."""
        return all(move.is_right for move in self.moves)

    @property
    def has_warnings(self) -> bool:
        """Return whether the assistant found a user turn unlikely."""
        return any(move.was_unlikely for move in self.moves)

    @property
    def actions(self) -> list[Move]:
        """The bot's actions."""
        return [move for move in self.moves if move.pairs and isinstance(move.event, ActionExecuted)]


def play_stories(
    model: DialogueModel,
    stories: Stories,
    *,
    parse: Parse | None = None,
    known: Stories | None = None,
    limit: int | None = None,
) -> list[Played]:
    """Play every path through the stories.

    Args:
        model: the model to evaluate.
        stories: the stories to play. Rules are ignored.
        parse: parses the texts in the stories. None: no text is parsed, and the intents in the stories are used.
        known: training data, for `Played.is_known`.
        limit: maximum number of stories.
    """
    turns = {_turns(each) for each in story_sequences(model.domain, known)} if known is not None else set()
    sequences = story_sequences(model.domain, stories)[:limit]
    return [_Player(model, parse).play(each, is_known=_turns(each) in turns) for each in sequences]


def _turns(sequence: TrainingSequence) -> tuple[str, ...]:
    """Return the intents and actions of a conversation in order. Two stories with the same result count as equal."""
    names = []
    for event in sequence.events:
        match event:
            case UserUttered():
                names.append(f"/{event.intent or event.text}")
            case ActionExecuted() if event.name != LISTEN:
                names.append(event.name or event.action_text or "")
            case _:
                pass
    return tuple(names)


@dataclass(slots=True)
class _Player:
    """Plays one story after another.

    Attributes:
        retrieved: intent of the latest message, including the response key if the intent is a retrieval intent.
    """

    model: DialogueModel
    parse: Parse | None
    tracker: Tracker = field(init=False)
    retrieved: str | None = None

    def __post_init__(self) -> None:
        self.tracker = _new_tracker(self.model.domain)

    def play(self, sequence: TrainingSequence, *, is_known: bool) -> Played:
        self.tracker = _new_tracker(self.model.domain)
        moves: list[Move] = []
        for placed in sequence.placed:
            match placed.event:
                case ActionExecuted() if self.tracker.latest_action_name is None:
                    # No policy predicts the action that begins a story.
                    moves.append(Move(event=placed.event, where=placed.where))
                case ActionExecuted():
                    moves.append(self._check_action(placed.event, placed.where))
                case UserUttered():
                    moves.append(self._check_message(placed.event, placed.where))
                case _:
                    moves.append(Move(event=placed.event, where=placed.where))
            self.tracker.update(moves[-1].event)
        file = sequence.placed[0].where.file if sequence.placed else ""
        return Played(name=sequence.name, moves=tuple(moves), file=file, is_known=is_known)

    def _check_action(self, event: ActionExecuted, where: Where) -> Move:
        named = event.name or event.action_text or ""
        expected, key = _without_key(event)
        event = msgspec.structs.replace(event, name=expected) if key else event
        choice = self.model.ensemble.choose(self.tracker)
        was_unlikely = choice.action == UNLIKELY != expected
        if was_unlikely:
            self.tracker.update(ActionExecuted(name=UNLIKELY, policy=choice.policy, confidence=choice.confidence))
            choice = self.model.ensemble.choose(self.tracker)
        if self._declines(choice, expected):
            self.tracker.update(ActionExecutionRejected(name=choice.action))
            choice = self.model.ensemble.choose(self.tracker)
        if choice.action == expected:
            for requested in choice.events:
                self.tracker.update(requested)
            event = msgspec.structs.replace(event, hide_rule_turn=choice.hide_turn)
        return Move(
            event=event,
            where=where,
            pairs=((named, f"utter_{self.retrieved}" if key and choice.action == expected else choice.action),),
            policy=choice.policy,
            confidence=choice.confidence,
            was_unlikely=was_unlikely,
        )

    def _declines(self, choice: Choice, expected: str) -> bool:
        """Return whether the active form must reject the message because the story continues with another action."""
        return choice.action == self.tracker.active_loop_name and choice.action != expected

    def _check_message(self, event: UserUttered, where: Where) -> Move:
        full_name = (event.parse_data.get("intent") or {}).get("full_retrieval_intent_name")
        self.retrieved = full_name or event.intent
        if self.parse is None or event.intent is None:
            return Move(event=event, where=where)
        if event.text is None:
            return Move(event=event, where=where, pairs=((event.intent, event.intent),))
        found = self.parse(event.text)
        intent = str((found.get("intent") or {}).get("name") or NOTHING)
        self.retrieved = _retrieved(found, intent)
        entities = tuple(found.get("entities") or ())
        # A payload, such as `/greet`, has no annotations because it names its intent and entities.
        expected = entities if event.text.startswith("/") else event.entities
        intents = (full_name, self.retrieved) if full_name else (event.intent, intent)
        pairs = (intents, *_entity_pairs(event.text, expected, entities))
        return Move(event=event, where=where, pairs=pairs, predicted_entities=entities)


def _retrieved(parse_data: Json, intent: str) -> str:
    """Return the intent. Add the response key if the response selector found one."""
    selected = parse_data.get("response_selector") or {}
    found = (selected.get(intent) or selected.get("default") or {}).get("response") or {}
    key = str(found.get("intent_response_key") or "")
    return key if key.startswith(f"{intent}/") else intent


def _without_key(event: ActionExecuted) -> tuple[str, bool]:
    """Return the action that runs, and whether the story names a response such as `utter_faq/price`."""
    if event.name is None:
        return event.action_text or "", False
    base, slash, _ = event.name.partition("/")
    return (base, True) if slash and base.startswith("utter_") else (event.name, False)


def _new_tracker(domain: Domain) -> Tracker:
    return Tracker(sender_id="test", domain=domain)


def _entity_pairs(text: str, expected: Iterable[Json], predicted: Iterable[Json]) -> Iterator[tuple[str, str]]:
    """Pair each annotated entity with the entity that was found at the same position.

    The name "None" replaces a missing entity.
    """
    places: dict[tuple[int, int], list[str]] = {}
    for side, entities in enumerate((expected, predicted)):
        for entity in entities:
            span = (entity.get("start", 0), entity.get("end", 0))
            places.setdefault(span, [NOTHING, NOTHING])[side] = mark(text[span[0] : span[1]], entity)
    yield from ((one, other) for one, other in places.values())


def report_stories(played: Sequence[Played]) -> Json:
    """Score the actions, intents and entities of all stories, and each story as a whole.

    Returns:
        The result of `manent.learn.scores.report_expected`, with the additional key `conversation_accuracy`.
    """
    right = sum(each.is_right for each in played)
    return {
        **scores.report_expected([pair for each in played for move in each.moves for pair in move.pairs]),
        "conversation_accuracy": {
            "accuracy": right / len(played) if played else 0.0,
            "correct": right,
            "with_warnings": sum(each.has_warnings for each in played if each.is_right),
            "total": len(played),
        },
    }


def action_pairs(played: Iterable[Played]) -> list[tuple[str, str]]:
    """Return the (expected, predicted) actions of all stories."""
    return [move.pairs[0] for each in played for move in each.actions]


def remembered(played: Iterable[Played]) -> float:
    """Return the share of actions, in [0, 1], that were predicted from a story or rule in the training data."""
    actions = [move for each in played for move in each.actions]
    # RulePolicy also predicts the fallback action, but with a confidence below 1.
    known = [move for move in actions if (move.policy or "").endswith(_REMEMBERING) and move.confidence == 1.0]
    return len(known) / len(actions) if actions else 0.0
