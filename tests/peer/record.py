"""Records what real Rasa does in conversations with one of `../assistants/`, as `golden.json` beside it.

    python tests/peer/record.py tests/assistants/clinic --url http://127.0.0.1:5005 [--random 40] [--steps 14]

`conversations.json` has the scripted conversations (as `../shared/conformance/README.md` describes them);
`messages.txt` the messages, one a line, that random conversations are made of (always the same ones for a seed).
Needs `goldenlib.py` of the shared recordings, which knows how to talk to a server and to read what happened.
"""

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[3] / "shared" / "conformance"


def conversations(folder: Path, *, count: int, steps: int, seed: int) -> list[dict[str, Any]]:
    """Return the scripted and the random conversations of an assistant."""
    scripted = folder / "conversations.json"
    found: list[dict[str, Any]] = json.loads(scripted.read_text(encoding="utf-8")) if scripted.exists() else []
    lines = (folder / "messages.txt").read_text(encoding="utf-8").splitlines()
    picks = random.Random(seed)  # noqa: S311 - picks messages
    for number in range(count):
        chosen = [picks.choice(lines) for _ in range(steps)]
        found.append({"id": f"random_{number}", "steps": [_step(line) for line in chosen]})
    return found


def _step(line: str) -> dict[str, Any]:
    """A line is a message, or a whole step as JSON."""
    step: dict[str, Any] = json.loads(line) if line.startswith('{"') else {"user": line}
    return step


def main() -> None:
    """Record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:5005")
    parser.add_argument("--random", type=int, default=40)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(SHARED))
    import goldenlib  # type: ignore[import-not-found]

    runner = goldenlib.Runner(options.url, options.folder.name)
    planned = conversations(options.folder, count=options.random, steps=options.steps, seed=options.seed)
    recorded = [compact(runner.run(each)) for each in planned]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in recorded)
    out = options.out or options.folder / "golden.json"
    out.write_text(f'{{"conversations": [\n{lines}\n]}}\n', encoding="utf-8")


def compact(conversation: dict[str, Any]) -> dict[str, Any]:
    """Keep what is compared: the step, the new events, the state; slots without a value go unsaid."""
    steps = []
    for step in conversation["steps"]:
        kept = {"step": step["step"]}
        if "state" in step:
            slots = {name: value for name, value in step["state"]["slots"].items() if value is not None}
            kept["state"] = {**step["state"], "slots": slots}
            # The library looks for a key that the wire does not have.
            kept["events"] = [
                {key: value for key, value in event.items() if key != "is_loop_interrupted" and key[0] != "_"}
                for event in step["events"]
            ]
        steps.append(kept)
    return {"id": conversation["id"], "steps": steps}


if __name__ == "__main__":
    main()
