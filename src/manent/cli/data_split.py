"""`manent data split nlu|stories`: split data into a training part and a test part."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from manent.core.errors import ManentError

Source = Annotated[
    list[Path] | None, typer.Option("-u", "--nlu", "--data", metavar="PATH...", help="NLU data. Default: data.")
]
StorySource = Annotated[
    list[Path] | None,
    typer.Option("-s", "--stories", "-u", "--nlu", "--data", metavar="PATH...", help="Stories. Default: data."),
]
Fraction = Annotated[
    float,
    typer.Option("--training-fraction", metavar="SHARE", min=0.01, max=0.99, help="Share of the data for training."),
]
Seed = Annotated[
    int | None,
    typer.Option("--random-seed", metavar="N", help="Seed of the split. Default: a new seed each time.",
                 show_default=False),
]  # fmt: skip
Target = Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder.")]
PARTS = Path("train_test_split")


def split_nlu(
    *, nlu: Source = None, training_fraction: Fraction = 0.8, random_seed: Seed = None, out: Target = PARTS
) -> None:
    """Split NLU examples into training_data.yml and test_data.yml.

    The split has the same share for each intent. Both files contain all synonyms, patterns and responses.
    """
    from manent.authoring.nlu import nlu_to_yaml
    from manent.nlu.evaluation import split_data
    from manent.project.reading import read_nlu

    data = read_nlu(Path(), nlu)
    if not data.examples:
        raise ManentError("split.no_examples", "there are no examples to split; choose a file or folder with --nlu")
    parts = split_data(data, fraction=training_fraction, seed=random_seed)
    out.mkdir(parents=True, exist_ok=True)
    for name, part in zip(("training_data.yml", "test_data.yml"), parts, strict=True):
        (out / name).write_text(nlu_to_yaml(part), encoding="utf-8")
        print(f"Wrote {len(part.examples)} examples into {out / name}")


def split_stories(
    *, stories: StorySource = None, training_fraction: Fraction = 0.8, random_seed: Seed = None, out: Target = PARTS
) -> None:
    """Split the stories of each file into a train_… and a test_… file. Comments are kept. Rules are omitted."""
    from manent.authoring.story_split import split_stories as split
    from manent.project.data.stories import read_test_stories
    from manent.project.files import find_files, is_stories

    files = [path for path in find_files(stories or [Path("data")]) if is_stories(path.read_text(encoding="utf-8-sig"))]
    read_test_stories(files)  # this reports mistakes with file and line
    names = _names(files)
    is_divided = False
    for path in files:
        parts = split(path.read_text(encoding="utf-8-sig"), fraction=training_fraction, seed=random_seed)
        if parts is None:
            print(f"Skipped {path}: it has fewer than two stories.")
            continue
        out.mkdir(parents=True, exist_ok=True)
        for kind, text in zip(("train", "test"), parts, strict=True):
            target = out / f"{kind}_{names[path]}"
            target.write_text(text, encoding="utf-8")
            print(f"Wrote {target}")
        is_divided = True
    if not is_divided:
        raise ManentError("split.no_stories", "there are no stories to split; choose a file or folder with --stories")


def _names(files: list[Path]) -> dict[Path, str]:
    """Return each file's name in the output folder: its own name, or its whole path if another file has this name."""
    counts = Counter(path.name for path in files)
    return {path: path.name if counts[path.name] == 1 else "_".join(path.parts).strip("/_") for path in files}
