"""Record in `../results/thresholds_rasa.json` how real Rasa answers the messages from `cases.py`.

    .venv-rasa/bin/python bench/thresholds/peer.py [NAMES] [--out FILE]

Runs under Rasa's Python. Set TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS to 1. NAMES: beginnings of names,
separated by commas. Assistants that are already in the file are skipped. All assistants are trained in one process,
because starting TensorFlow takes as long as a training. The file is written after each assistant. A result contains,
for each message in the order of `cases.py`: the position of the best intent in the sorted list of intents, its
confidence, and the confidence of the second intent.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cases import Case, list_cases
from rasa.core.agent import Agent
from rasa.model_training import train_nlu

PIPELINE = """\
recipe: default.v1
language: en
assistant_id: thresholds
pipeline:
- name: WhitespaceTokenizer
- name: RegexFeaturizer
- name: LexicalSyntacticFeaturizer
- name: CountVectorsFeaturizer
- name: CountVectorsFeaturizer
  analyzer: char_wb
  min_ngram: 1
  max_ngram: 4
"""
CLASSIFIERS = {
    "diet": "- {name: DIETClassifier, epochs: 100, constrain_similarities: true, random_seed: 1}\n",
    "logistic": "- {name: LogisticRegressionClassifier}\n",
}


def write_examples(case: Case) -> str:
    """Write training data."""
    lines = ['version: "3.1"', "nlu:"]
    for name in sorted({intent for _, intent in case.train}):
        lines += [f"- intent: {name}", "  examples: |"]
        lines += [f"    - {text}" for text, intent in case.train if intent == name]
    return "\n".join(lines) + "\n"


async def ask(path: str, case: Case) -> list[list[Any]]:
    """Parse all messages."""
    agent = Agent.load(path)
    names = sorted({intent for _, intent in case.train})
    answers: list[list[Any]] = []
    for _, text, _ in case.ask:
        found = await agent.parse_message(text)
        ranking = found["intent_ranking"]
        second = ranking[1]["confidence"] if len(ranking) > 1 else 0.0
        name = found["intent"]["name"]
        place = names.index(name) if name else -1
        answers.append([place, round(float(found["intent"]["confidence"]), 4), round(float(second), 4)])
    return answers


def main() -> None:
    """Parse the command line and record."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="?", default="")
    parser.add_argument("--data", type=Path, default=here.parents[2] / "shared/data/nlu")
    parser.add_argument("--out", type=Path, default=here.parent / "results/thresholds_rasa.json")
    parser.add_argument("--classifier", choices=CLASSIFIERS, default="diet")
    arguments = parser.parse_args()
    done = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {}
    for case in list_cases(arguments.data, arguments.names):
        key = case.name if arguments.classifier == "diet" else f"{case.name}/{arguments.classifier}"
        if key in done:
            continue
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "nlu.yml").write_text(write_examples(case), encoding="utf-8")
            (root / "config.yml").write_text(PIPELINE + CLASSIFIERS[arguments.classifier], encoding="utf-8")
            path = train_nlu(str(root / "config.yml"), str(root / "nlu.yml"), str(root / "models"))
            trained = time.perf_counter()
            done[key] = asyncio.run(ask(str(path), case))
        print(f"{key}: {trained - begun:.0f} s, {time.perf_counter() - trained:.0f} s asking", file=sys.stderr)
        rows = [f"{json.dumps(name)}: {json.dumps(answers, separators=(',', ':'))}" for name, answers in done.items()]
        arguments.out.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
