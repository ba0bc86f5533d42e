"""The ensemble of policies: which prediction it chooses, and which policies it does not call."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import msgspec
import pytest

from manent.core.domain import Domain
from manent.core.events import ActionExecuted, ActionExecutionRejected, Event, LoopInterrupted, UserUttered
from manent.core.tracker import Tracker
from manent.dialogue.policies.ensemble import Ensemble
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.states import Featurizer, History

DOMAIN = Domain(responses={"utter_a": (), "utter_b": (), "utter_c": ()})
ACTIONS = tuple(DOMAIN.responses)


@dataclass
class Says:
    """A policy that always returns the same prediction.

    Attributes:
        asked: how often it was asked.
    """

    prediction: Prediction
    yields: bool = False
    history_needed: int = 1
    asked: int = field(default=0, compare=False)

    @property
    def priority(self) -> int:
        """The priority of its prediction."""
        return self.prediction.priority

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Return the prediction."""
        assert history.featurizer is not None
        assert tracker.applied
        self.asked += 1
        return self.prediction


def says(action: str | None, confidence: float, priority: int, *, events: tuple[Event, ...] = ()) -> Says:
    """Return a policy named after its action. It yields unless it has events."""
    made = Prediction(
        action=action, confidence=confidence, policy=f"{action} {priority}", priority=priority, events=events
    )
    return Says(made, yields=not events)


def heard(*further: Event) -> Tracker:
    """Return a conversation whose newest message has no answer yet."""
    tracker = Tracker(sender_id="someone", domain=DOMAIN)
    for event in (ActionExecuted(name="action_listen"), UserUttered(text="hi"), *further):
        tracker.update(event)
    return tracker


def ensemble(*policies: Says) -> Ensemble:
    """Return an ensemble of these policies."""
    return Ensemble(DOMAIN, policies, Featurizer(DOMAIN))


def test_the_surest_wins_then_priority_then_order() -> None:
    """Confidence counts before priority, and priority before the order in the configuration."""
    assert ensemble(says("utter_a", 0.4, 9), says("utter_b", 0.5, 1)).choose(heard()).action == "utter_b"
    assert ensemble(says("utter_a", 0.5, 1), says("utter_b", 0.5, 2)).choose(heard()).action == "utter_b"
    assert ensemble(says("utter_a", 0.5, 2), says("utter_b", 0.5, 2)).choose(heard()).action == "utter_a"


def test_who_cannot_win_is_not_asked() -> None:
    """After a prediction with confidence 1, only policies that could overrule it or record events are called."""
    interrupts = LoopInterrupted(is_loop_interrupted=True)
    learned, rule, silent = says("utter_a", 0.9, 1), says("utter_b", 1.0, 6), says("utter_c", 0.1, 2)
    records = says("utter_c", 0.3, 4, events=(interrupts,))

    choice = ensemble(learned, silent, records, rule).choose(heard())

    assert (choice.action, choice.policy, choice.confidence) == ("utter_b", "utter_b 6", 1.0)
    assert choice.events[0] == interrupts
    assert [each.asked for each in (learned, silent, records, rule)] == [0, 0, 1, 1]


def test_a_text_overrules_a_sure_prediction() -> None:
    """A prediction from the user's text beats one from the intent, even with confidence 1, and is marked in the log."""
    by_text = says("utter_a", 0.6, 1)
    by_text.prediction = Prediction(
        action="utter_a", confidence=0.6, policy="text", priority=1, is_end_to_end=True, others={"utter_c": 0.2}
    )
    by_text.yields = False

    choice = ensemble(says("utter_b", 1.0, 6), by_text).choose(heard())

    assert choice.action == "utter_a"
    assert choice.scores == {"utter_a": 0.6, "utter_c": 0.2}
    assert getattr(choice.events[-1], "use_text_for_featurization", None) is True


def test_an_action_that_declined_is_not_chosen() -> None:
    """If an action rejected its execution, the policies that were skipped because of it are called."""
    choice = ensemble(says("utter_b", 1.0, 6), says("utter_a", 0.2, 1)).choose(
        heard(ActionExecutionRejected(name="utter_b"))
    )

    assert choice.action == "utter_a"
    assert choice.scores == {"utter_a": 0.2}


def test_nobody_has_an_opinion() -> None:
    """If no policy predicts an action, the bot listens, and no action has a score."""
    choice = ensemble(says(None, 0.0, 3), says(None, 0.0, 6)).choose(heard())

    assert choice.action == "action_listen"
    assert choice.scores == {}


def every_policy() -> Iterator[Says]:
    """Yield policies with every combination of fields for which `yields` is correct."""
    for action, priority in product(("utter_a", None), (1, 2)):
        name, others = f"{action} {priority}", {"utter_b": 0.2, "utter_c": 0.2}
        for confidence in (0.3, 0.99, 1.0, 1.5):
            made = Prediction(action=action, confidence=confidence, policy=name, priority=priority, others=others)
            if confidence <= 1.0:
                yield Says(made, yields=True)
            for no_user, by_text in ((False, False), (True, False), (False, True)):
                yield Says(msgspec.structs.replace(made, is_no_user=no_user, is_end_to_end=by_text))


@pytest.mark.parametrize("tracker", [heard(), heard(ActionExecutionRejected(name="utter_a"))])
def test_not_asking_changes_nothing(tracker: Tracker) -> None:
    """The ensemble makes the same choice as if it had called every policy."""
    for pair in product(every_policy(), repeat=2):
        asking_all = ensemble(*(replace(each, yields=False) for each in pair))

        assert ensemble(*pair).choose(tracker) == asking_all.choose(tracker)
