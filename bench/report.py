"""Write the measured parts of `docs/performance.md`: tables and pictures from `bench/results/*.json`.

`suite.py` calls it. `python bench/suite.py --write-only` writes the page again without measuring.

The page's text is written by hand. The program replaces only the parts between `<!-- measured: PART -->` and `<!--
end -->`.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
PICTURES = PAGE.parent / "images" / "performance"
COLOURS = {"manent": "#2f6f4f", "rasa": "#b0623b", "echo": "#8a8f98"}
Rows = Callable[[Any], list[list[str]]]


def write_report(results: Path, rows: Mapping[str, Rows]) -> Path:
    """Insert each part's table and picture into the page. Return the page's path.

    A part without results is not changed.
    """
    text = PAGE.read_text(encoding="utf-8")
    for part, make_rows in rows.items():
        if not (results / f"{part}.json").exists():
            continue
        kept = json.loads((results / f"{part}.json").read_text(encoding="utf-8"))
        block = [_table(make_rows(kept["measured"])), _machine(kept["machine"])]
        if part in DRAWINGS:
            block.insert(1, _picture(part, kept["measured"]))
        marks = re.compile(rf"(<!-- measured: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
        body = "\n" + "\n\n".join(block) + "\n\n"
        text, found = marks.subn(lambda match, body=body: match[1] + body + match[2], text)
        if not found:
            raise ValueError(f"{PAGE.name} has no place for {part}: expected <!-- measured: {part} --> … <!-- end -->")
    PAGE.write_text(text, encoding="utf-8")
    return PAGE


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|---|" + "--:|" * (len(rows[0]) - 2))
    return "\n".join(lines)


def _machine(machine: Mapping[str, str]) -> str:
    packages = ", ".join(f"{name} {machine[name]}" for name in machine if name not in ("cores", "memory", "python"))
    return f"*{machine['cores']} cores, {machine['memory']}, Python {machine['python']}; {packages}*"


def _picture(part: str, measured: Any) -> str:
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
    alt = DRAWINGS[part](axes, measured)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(PICTURES / f"{part}.png", dpi=150, metadata={"Software": None})
    plt.close(figure)
    return f"![{alt}](images/performance/{part}.png)"


def _bars(axes: Any, values: Mapping[str, float], label: str, form: str = "{:.1f}") -> None:
    """Draw one bar per server. The scale is logarithmic, because the lengths differ by orders of magnitude."""
    names = list(values)
    bars = axes.barh(names, [values[name] for name in names], color=[COLOURS[name] for name in names])
    axes.bar_label(bars, [form.format(values[name]) for name in names], padding=4)
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.margins(x=0.2)
    axes.invert_yaxis()


def _seconds(measured: Mapping[str, Any]) -> dict[str, float]:
    return {name: one["seconds"] for name, one in measured.items()}


def _training(axes: Any, measured: Any) -> str:
    _bars(axes, _seconds(measured["newsletter"]), "seconds to train the newsletter assistant")
    return "Seconds to train the newsletter assistant"


def _cold_start(axes: Any, measured: Any) -> str:
    _bars(axes, _seconds(measured), "seconds from start to first answer", "{:.2f}")
    return "Seconds from start to first answer"


def _latency(axes: Any, measured: Any) -> str:
    values = {name: one["p50_ms"] for name, one in measured["socketio"].items()}
    _bars(axes, values, "median milliseconds to an answer, one at a time", "{:.2f}")
    return "Median milliseconds to an answer over Socket.IO"


def _throughput(axes: Any, measured: Any) -> str:
    for name in next(iter(measured.values())):
        if name != "ratio":
            values = [by_name[name]["per_second"] for by_name in measured.values()]
            axes.plot(list(measured), values, marker="o", color=COLOURS[name], label=name)
    axes.set_yscale("log")
    axes.set_xlabel("conversations at once")
    axes.set_ylabel("turns a second")
    axes.legend(frameon=False)
    return "Turns a second by the number of conversations at once"


def _idle(axes: Any, measured: Any) -> str:
    for name, by_level in measured.items():
        levels = [one["alive"] for one in by_level.values()]
        axes.plot(levels, [one["kib_each"] for one in by_level.values()], marker="o", color=COLOURS[name], label=name)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("idle connections")
    axes.set_ylabel("KiB each")
    axes.legend(frameon=False)
    return "Memory for each idle connection"


DRAWINGS: dict[str, Callable[[Any, Any], str]] = {
    "training": _training,
    "cold_start": _cold_start,
    "latency": _latency,
    "socketio": _throughput,
    "rest": _throughput,
    "idle": _idle,
}
