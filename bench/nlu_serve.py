"""Measure the seconds until a new process has parsed its first message, and the CPU time in µs for later messages.

    python bench/nlu_serve.py MODEL TEXTS.md

`nlu.py` starts this program. The first line of this file starts the clock, so the time includes all imports. Each text
is new to the process.
"""

import time

_WALL, _CPU = time.perf_counter(), time.process_time()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from manent.core.domain import Domain  # noqa: E402
from manent.models.archive import read_model  # noqa: E402
from manent.models.vectors import open_vectors  # noqa: E402
from manent.nlu.pipeline import load_pipeline  # noqa: E402


def main(model: Path, texts: Path) -> None:
    """Measure, and print the results as JSON."""
    pipeline = load_pipeline(read_model(model), Domain(), vectors=open_vectors)
    pipeline.parse("wake me up tomorrow please")
    start, start_cpu = time.perf_counter() - _WALL, time.process_time() - _CPU
    assert not {"sklearn", "scipy", "wordllama"} & set(sys.modules)

    import json

    from nlu import median, read

    greetings, longer = [], []
    for text, _, _ in read(texts):
        words = len(text.split())
        begun = time.thread_time()
        pipeline.parse(text)
        taken = (time.thread_time() - begun) * 1e6
        if words <= 2:
            greetings.append(taken)
        elif 9 <= words <= 11:
            longer.append(taken)
    print(
        json.dumps({"start": start, "start cpu": start_cpu, "greeting": median(greetings), "ten words": median(longer)})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
