"""Measure the NLU: accuracy, training time, parse time, size, memory, and the quality of the confidences.

    python bench/nlu.py [--data ../shared/data/nlu] [--sets …] [--few 10] [--seeds 5] [--only full|few|scope]

A data set is a folder with `train.md` and `test.md` in Rasa's Markdown (`## intent:x`, `- text with [span](entity)`).
Each training runs in a separate process, on one core, with Rasa's default NLU pipeline. "@10" means that only ten
examples of each intent are kept, after a seeded shuffle. Separate processes measure the parse times and the time from
the file to the first answer. Each process loads the model and parses each message in the test part once, in order.
Parse times are the thread's CPU time. The time to the first answer does not include the start of Python. The program
prints the best result of five processes, because other programs also use the machine. The reference figures were
measured with Rasa 3.6.21 on the same splits; see `docs/lab/nlu-accuracy.md`.
"""

import argparse
import collections
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Row = tuple[str, str, list[tuple[int, int, str]]]

REFERENCES = {
    # data set → Rasa's (intent accuracy, entity F1, seconds of training), and the linear probe's intent accuracy
    "hwu64-fold1": (None, 89.9),
    "hwu64-fold1@10": ((63.5, 47.8, 919), 75.4),
    "snips": (None, 98.0),
    "snips@10": ((88.4, 29.4, 113), 92.4),
}
_SPAN = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<entity>[^):]+)(?::[^)]*)?\)")


def read(path: Path) -> list[Row]:
    """Read examples: text, intent, `(start, end, entity)` spans."""
    rows: list[Row] = []
    intent = None
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.strip()
        if line.startswith("## "):
            intent = line[3:].split(":", 1)[1].strip() if "intent" in line else None
        elif line.startswith("- ") and intent:
            source, text, spans, place = line[2:].strip(), "", [], 0
            for found in _SPAN.finditer(source):
                text += source[place : found.start()]
                spans.append((len(text), len(text) + len(found["text"]), found["entity"]))
                text, place = text + found["text"], found.end()
            rows.append((text + source[place:], intent, spans))
    return rows


def few(rows: list[Row], count: int, seed: int) -> list[Row]:
    """Keep the first examples of each intent after a seeded shuffle."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    seen: collections.Counter[str] = collections.Counter()
    kept = []
    for row in shuffled:
        seen[row[1]] += 1
        if seen[row[1]] <= count:
            kept.append(row)
    return kept


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train, save and score on one data set. This function runs in a separate process."""
    from manent.core.domain import Domain
    from manent.core.training_data import AssistantConfig, EntityMention, Example, NluData
    from manent.models.archive import write_model
    from manent.models.vectors import open_vectors
    from manent.nlu.pipeline import load_pipeline
    from manent.nlu.training import train_pipeline
    from manent.project.settings.config import default_pipeline

    folder = Path(job["data"]) / job["set"]
    train, test = read(folder / "train.md"), read(folder / "test.md")
    names = sorted({row[1] for row in train})
    left_out = set(random.Random(job["seed"]).sample(names, job["left_out"]))
    train = [row for row in train if row[1] not in left_out]
    if job["few"]:
        train = few(train, job["few"], job["seed"])
    examples = tuple(
        Example(
            text=text,
            intent=intent,
            entities=tuple(EntityMention(start=s, end=e, entity=name, value=text[s:e]) for s, e, name in spans),
        )
        for text, intent, spans in train
    )
    config = AssistantConfig(language="en", pipeline=default_pipeline())
    begun, begun_cpu = time.perf_counter(), time.process_time()
    files = train_pipeline(config, NluData(examples=examples), Domain(), vectors=open_vectors)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.tar.gz"
        write_model(path, files)
        size = path.stat().st_size
        served = [serve(path, folder / "test.md") for _ in range(5)]
    pipeline = load_pipeline(files, Domain(), vectors=open_vectors)
    right = true = said = there = 0
    known, unknown, hits = [], [], []
    for text, intent, spans in test:
        result = pipeline.parse(text)
        best = pipeline.diagnose(text)["calibrated"][0]
        if intent in left_out:
            unknown.append(best["confidence"])
            continue
        known.append(best["confidence"])
        hits.append(best["name"] == intent)
        right += hits[-1]
        found = {(item["start"], item["end"], item["entity"]) for item in result["entities"]}
        true += len(found & set(spans))
        said += len(found)
        there += len(spans)
    return {
        "examples": len(train),
        "intents": 100 * right / max(len(known), 1),
        "entities": 200 * true / max(said + there, 1),
        "seconds": seconds,
        "cpu": cpu,
        "memory": memory,
        "size": size / 1e6,
        **{key: min(one[key] for one in served) for key in served[0]},
        "auroc": auroc(known, unknown) if unknown else None,
        "ece": calibration_error(known, hits),
    }


def serve(path: Path, texts: Path) -> dict[str, float]:
    """Parse messages in a new process; see `nlu_serve.py`."""
    command = [sys.executable, str(Path(__file__).with_name("nlu_serve.py")), str(path), str(texts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def median(values: list[float]) -> float:
    """Return the median, or 0 for an empty list."""
    return sorted(values)[len(values) // 2] if values else 0.0


def auroc(known: list[float], unknown: list[float]) -> float:
    """Return the probability that a known text has a higher confidence than an unknown one."""
    wins = sum((first > second) + (first == second) / 2 for first in known for second in unknown)
    return wins / (len(known) * len(unknown))


def calibration_error(confidences: list[float], hits: list[bool], bins: int = 10) -> float:
    """Return the expected calibration error: the mean difference between confidence and accuracy, in ten bins."""
    total = 0.0
    for number in range(bins):
        rows = [row for row, value in enumerate(confidences) if min(int(value * bins), bins - 1) == number]
        if rows:
            confidence = sum(confidences[row] for row in rows) / len(rows)
            total += len(rows) / len(confidences) * abs(confidence - sum(hits[row] for row in rows) / len(rows))
    return total


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Measure in a new process with one thread."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, __file__, "--job", json.dumps(job)]
    done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def show(name: str, results: list[dict[str, Any]]) -> None:
    """Print the means of several runs and the reference figures in one line."""

    def mean(key: str) -> float:
        return float(sum(result[key] for result in results) / len(results))

    print(
        f"{name:16s} {len(results)} run(s)  intents {mean('intents'):5.1f} %  entities F1 {mean('entities'):5.1f}  "
        f"ECE {mean('ece'):.3f}  training {mean('seconds'):5.1f} s ({mean('cpu'):.1f} s CPU)  "
        f"{mean('memory'):4.0f} MB  model {mean('size'):4.1f} MB  parse p50 {mean('greeting'):4.0f} µs (1-2 words) "
        f"{mean('ten words'):4.0f} µs (9-11 words)  from file to first answer {mean('start'):.2f} s "
        f"({mean('start cpu'):.2f} s CPU)"
    )
    if len(results) > 1:
        print(f"{'':16s} seed 0: intents {results[0]['intents']:5.1f} %  entities F1 {results[0]['entities']:5.1f}")
    rasa, probe = REFERENCES.get(name, (None, None))
    if rasa:
        print(f"{'':16s} Rasa, seed 0: intents {rasa[0]} %  entities F1 {rasa[1]}  training {rasa[2]} s")
    if probe:
        print(f"{'':16s} linear probe: intents {probe} %")


def main() -> None:
    """Parse the command line and run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(__file__).parents[2] / "shared/data/nlu"))
    parser.add_argument("--sets", nargs="*", default=["hwu64-fold1", "snips"])
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=["full", "few", "scope"])
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(measure(json.loads(arguments.job))))
        return
    for name in arguments.sets:
        base = {"data": arguments.data, "set": name, "few": 0, "seed": 0, "left_out": 0}
        if arguments.only in (None, "few"):
            label = f"{name}@{arguments.few}"
            show(label, [run({**base, "few": arguments.few, "seed": seed}) for seed in range(arguments.seeds)])
        if arguments.only in (None, "full"):
            show(name, [run(base)])
        if (
            arguments.only in (None, "scope")
            and len({row[1] for row in read(Path(arguments.data) / name / "train.md")}) > 20
        ):
            for seed in range(3):
                result = run({**base, "left_out": 10, "seed": seed})
                print(
                    f"{name:16s} ten intents left out (seed {seed}): AUROC {result['auroc']:.3f}  "
                    f"ECE in scope {result['ece']:.3f}"
                )


if __name__ == "__main__":
    main()
