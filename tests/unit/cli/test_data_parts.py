"""`manent data split` and `manent data convert`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from manent.core.training_data import NluData, Where
from manent.project.reading import read_nlu

Manent = Callable[[str], tuple[int, str]]

RICH = """
version: "3.1"
nlu:
- intent: faq/ask
  examples: |
    - how much is a [pear](fruit:Pear) from [here]{"entity": "place", "role": "from"}?
    - "quoted", with: colons # and no comment
- intent: order
  examples:
  - text: |
      two
      lines with an [apple][{"entity": "fruit"}, {"entity": "thing", "group": "1"}]
    metadata: {sure: true}
  - text: an apple
- synonym: Apple
  examples: |
    - red one
- regex: zip
  examples: |
    - \\d{5}
- lookup: fruit
  examples: |
    - apple
    - dragon fruit
responses:
  utter_faq/ask:
  - text: "Five: {price}"
"""


def same(data: NluData) -> NluData:
    """Return data without where it stands."""
    return replace(data, examples=tuple(replace(each, where=Where()) for each in data.examples))


def test_yaml_and_json_have_the_same(manent: Manent, shop: Path) -> None:
    """What is converted there and back is what it was; JSON alone has no responses."""
    (shop / "data/nlu.yml").write_text(RICH)
    before = same(read_nlu(shop, [Path("data/nlu.yml")]))

    assert manent("data convert nlu --data data/nlu.yml --out as.json -f json -l de")[0] == 0
    assert manent("data convert nlu --data as.json --out back")[0] == 0
    assert manent("data convert nlu --data data/nlu.yml --out again/all.yml")[0] == 0
    assert len(before.examples) == 4
    assert same(read_nlu(shop, [Path("again/all.yml")])) == before
    assert same(read_nlu(shop, [Path("back/nlu.yml")])) == replace(before, responses={})


def test_examples_are_divided(manent: Manent, shop: Path) -> None:
    """Every intent is in both parts, nothing is in none or in both; a seed makes it again."""
    assert manent("data split nlu --training-fraction 0.5 --random-seed 3")[0] == 0
    first = [read_nlu(shop, [Path("train_test_split", name)]) for name in ("training_data.yml", "test_data.yml")]
    assert manent("data split nlu --training-fraction 0.5 --random-seed 3 --out twice")[0] == 0

    texts = [{example.text for example in part.examples} for part in first]
    assert [{example.intent for example in part.examples} for part in first] == [{"greet", "order", "thank"}] * 2
    assert texts[0] | texts[1] == {example.text for example in read_nlu(shop).examples}
    assert texts[0].isdisjoint(texts[1])
    assert first[1].lookups == {"fruit": ("apple", "pear")}
    assert (shop / "twice/test_data.yml").read_text() == (shop / "train_test_split/test_data.yml").read_text()


def test_stories_are_divided(manent: Manent, shop: Path) -> None:
    """Stories go to one part or the other with their comments; a file with one story stays whole."""
    story = "- story: s{}\n  steps:\n  - intent: greet  # number {}\n  - action: utter_greet\n"
    rules = "rules:\n- rule: r\n  steps: [{intent: greet}, {action: utter_greet}]\n"
    many = "".join(story.format(number, number) for number in range(5))
    (shop / "data/many.yml").write_text(f'version: "3.1"\nstories:\n{many}{rules}')
    status, shown = manent("data split stories --random-seed 1")

    assert status == 0
    assert "Skipped data/stories.yml" in shown
    parts = [(shop / "train_test_split" / f"{kind}_many.yml").read_text() for kind in ("train", "test")]
    assert [part.count("- story:") for part in parts] == [4, 1]
    assert [part.count("# number") for part in parts] == [4, 1]
    assert "rule" not in "".join(parts)
    assert manent("data split stories -s data/nlu.yml")[0] == 1


def test_stories_of_files_with_the_same_name_are_all_kept(manent: Manent, shop: Path) -> None:
    """Files with the same name in different folders have different names in the output folder."""
    story = "- story: {} {}\n  steps:\n  - intent: greet\n  - action: utter_greet\n"
    for folder in ("a", "b"):
        (shop / "data" / folder).mkdir()
        stories = "".join(story.format(folder, number) for number in range(2))
        (shop / "data" / folder / "same.yml").write_text(f'version: "3.1"\nstories:\n{stories}')
    status, _ = manent("data split stories --random-seed 1")
    written = "".join(path.read_text() for path in (shop / "train_test_split").iterdir())

    assert status == 0
    assert [name for name in ("a 0", "a 1", "b 0", "b 1") if f"story: {name}" not in written] == []
