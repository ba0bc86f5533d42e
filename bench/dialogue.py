"""Measure the CPU time of the dialogue engine in a turn, without channels, disk and NLU.

    python bench/dialogue.py PROJECT [--script intent,intent,…] [--turns 2000]

The program sends the intents of the script repeatedly. The default script consists of the intents of the project's
rules or, if there are no rules, of its stories. In the first part, no form is active when a message arrives. These are
*rule turns*, including turns that activate a form, or *story turns* in a project without rules. In the second part, the
project's first form is always active (*form turns*: the form asks again, or rejects the message, which a rule or the
fallback then answers).

For each part, it prints the minimum, the median and the 99th percentile of the CPU time in microseconds, from the
message to the committed events and the trimmed tracker. Other programs can only increase these times. On a shared
machine, compare the minimum.
"""

import argparse
import logging
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.core.training_data import UserStep
from manent.dialogue.model import DialogueModel, load_dialogue, train_dialogue
from manent.dialogue.steps import CallAction, Env, Finished
from manent.dialogue.turn import Turn
from manent.project.reading import Project, read_project

Times = dict[str, list[float]]
"""Microseconds by intent."""


class Nothing:
    """The answer that every custom action returns in this program."""

    events = ()
    responses = ()
    rejected = False


def script_of(project: Project) -> list[str]:
    """Return the intents of the project's rules or, if there are no rules, of its stories."""
    stories = project.stories.rules or project.stories.stories
    steps = [step for story in stories for step in story.steps if isinstance(step, UserStep)]
    return list(dict.fromkeys(step.intent for step in steps if step.intent))


class Talk:
    """A conversation that measures only the time of the requested turns."""

    def __init__(self, model: DialogueModel) -> None:
        self._model = model
        stamp = {"model_id": "m", "assistant_id": "a"}
        self._env = Env(now=time.time, new_id=lambda: "id", rng=random.Random(1), stamp=stamp)
        self._tracker = Tracker(sender_id="bench", domain=model.domain)
        self._number = 0

    @property
    def form(self) -> str | None:
        """The active form."""
        return self._tracker.active_loop_name

    def say(self, intent: str) -> float:
        """Process a message with this intent; return its CPU time in microseconds."""
        self._number += 1
        text = f"{intent} {self._number}"
        parse_data = {"text": text, "intent": {"name": intent, "confidence": 1.0}, "entities": []}
        message = UserMessage(sender_id="bench", text=text, parse_data=parse_data)
        begun = time.process_time_ns()
        turn = Turn(self._model, self._tracker, self._env)
        step = turn.start(message)
        while not isinstance(step, Finished):
            assert isinstance(step, CallAction)
            turn.take_events()
            step = turn.proceed(Nothing())
        turn.take_events()
        self._tracker.trim(self._model.window)
        return (time.process_time_ns() - begun) / 1000


def plain_turns(model: DialogueModel, script: Sequence[str], turns: int) -> Times:
    """Measure the time of turns that begin without an active form.

    If a form is active, start a new conversation; this is not timed.
    """
    talk = Talk(model)
    spent: Times = {intent: [] for intent in script}
    for number in range(turns):
        if talk.form:
            talk.say("restart")
        intent = script[number % len(script)]
        spent[intent].append(talk.say(intent))
    return spent


def form_turns(model: DialogueModel, script: Sequence[str], turns: int, opener: str) -> Times:
    """Measure the time of turns that begin with an active form.

    If no form is active, an intent activates one; this is not timed.
    """
    talk = Talk(model)
    spent: Times = {intent: [] for intent in script}
    for number in range(turns):
        if not talk.form:
            talk.say(opener)
        intent = script[number % len(script)]
        spent[intent].append(talk.say(intent))
    return spent


def find_opener(model: DialogueModel, script: Sequence[str]) -> str | None:
    """Return the first intent of the script that activates a form."""
    for intent in script:
        talk = Talk(model)
        talk.say(intent)
        if talk.form:
            return intent
    return None


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--script")
    parser.add_argument("--turns", type=int, default=2000)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    threadpool_limits(1)  # as in `manent run`, because idle BLAS threads wait in a busy loop, which counts as CPU time
    project = read_project(options.project)
    begun = time.process_time()
    files = train_dialogue(project.config, project.domain, project.stories)
    print(f"training {time.process_time() - begun:.2f} s CPU")
    model = load_dialogue(files, project.domain)
    script = options.script.split(",") if options.script else script_of(project)
    kind = "rule" if project.stories.rules else "story"
    show(kind, plain_turns(model, script, options.turns))
    opener = find_opener(model, script)
    if opener:
        show("form", form_turns(model, script, options.turns, opener))


def show(kind: str, spent: Times) -> None:
    """Print a line for each intent, and a line for all intents together."""
    every = [time for times in spent.values() for time in times]
    for name, times in [*spent.items(), ("all", every)]:
        least, middle, slow = min(times), statistics.median(times), sorted(times)[int(len(times) * 0.99)]
        print(f"{kind:5} turn  {name:30} least {least:6.0f} µs  p50 {middle:6.0f} µs  p99 {slow:6.0f} µs")


if __name__ == "__main__":
    main()
