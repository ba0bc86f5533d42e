"""CPU time of a turn's decision: no channel, no disk, no NLU.

    python bench/dialogue.py PROJECT [--script intent,intent,…] [--turns 2000]

Plays the intents of the script (default: those of the project's rules) over and over in one conversation, and prints
for each the least, the median and the 99th percentile in microseconds of CPU time: message in, committed events out,
tracker trimmed. Other programs only ever add, so on a shared machine the least is what to look at.
"""

import argparse
import logging
import random
import statistics
import time
from pathlib import Path

from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.core.training_data import UserStep
from manent.dialogue.model import load_dialogue, train_dialogue
from manent.dialogue.steps import CallAction, Env, Finished
from manent.dialogue.turn import Turn
from manent.project.reading import Project, read_project


class Nothing:
    """What every custom action answers here."""

    events = ()
    responses = ()
    rejected = False


def script_of(project: Project) -> list[str]:
    """Return the intents that the project's rules begin with."""
    steps = [step for rule in project.stories.rules for step in rule.steps if isinstance(step, UserStep)]
    return list(dict.fromkeys(step.intent for step in steps if step.intent))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--script")
    parser.add_argument("--turns", type=int, default=2000)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    project = read_project(options.project)
    begun = time.process_time()
    files = train_dialogue(project.config, project.domain, project.stories)
    print(f"training {time.process_time() - begun:.2f} s CPU")
    model = load_dialogue(files, project.domain)
    env = Env(now=time.time, new_id=lambda: "id", rng=random.Random(1), stamp={"model_id": "m", "assistant_id": "a"})
    tracker = Tracker(sender_id="bench", domain=model.domain)
    script = options.script.split(",") if options.script else script_of(project)
    spent: dict[str, list[float]] = {intent: [] for intent in script}
    for number in range(options.turns):
        intent = script[number % len(script)]
        parse_data = {"text": f"{intent} {number}", "intent": {"name": intent, "confidence": 1.0}, "entities": []}
        message = UserMessage(sender_id="bench", text=f"{intent} {number}", parse_data=parse_data)
        begun = time.process_time_ns()
        turn = Turn(model, tracker, env)
        step = turn.start(message)
        while not isinstance(step, Finished):
            assert isinstance(step, CallAction)
            turn.take_events()
            step = turn.feed(Nothing())
        turn.take_events()
        tracker.trim(model.window)
        spent[intent].append((time.process_time_ns() - begun) / 1000)
    for intent, times in spent.items():
        least, middle, slow = min(times), statistics.median(times), sorted(times)[int(len(times) * 0.99)]
        print(f"{intent:30} least {least:6.0f} µs  p50 {middle:6.0f} µs  p99 {slow:6.0f} µs")


if __name__ == "__main__":
    main()
