"""`manent test nlu`: a model, cross-validation, several pipelines."""

from collections.abc import Callable
from pathlib import Path

import msgspec

Manent = Callable[[str], tuple[int, str]]


def names(folder: Path) -> set[str]:
    """Return the names of the files in a folder."""
    return {path.name for path in folder.iterdir()}


def test_a_model(manent: Manent, shop: Path) -> None:
    """A model is scored on the project's examples: the reports that Rasa's users know."""
    assert manent("train")[0] == 0
    status, shown = manent("test nlu --successes")

    assert status == 0
    assert "100.0%" in shown
    assert names(shop / "results") == {
        "intent_report.json",
        "intent_errors.json",
        "intent_successes.json",
        "intent_confusion_matrix.png",
        "intent_histogram.png",
        "RegexEntityExtractor_report.json",
        "RegexEntityExtractor_errors.json",
        "RegexEntityExtractor_successes.json",
        "RegexEntityExtractor_confusion_matrix.png",
    }
    report = msgspec.json.decode((shop / "results/RegexEntityExtractor_report.json").read_bytes())
    assert (report["fruit"]["support"], report["accuracy"]) == (2, 1.0)


def test_roles_have_lines_of_their_own(manent: Manent, shop: Path) -> None:
    """An entity's roles and groups are scored apart, under Rasa's names for them."""
    domain = (shop / "domain.yml").read_text()
    (shop / "domain.yml").write_text(domain.replace("[fruit]", "[{fruit: {roles: [mine]}}]", 1))
    nlu = (shop / "data/nlu.yml").read_text()
    (shop / "data/nlu.yml").write_text(nlu.replace("[apple](fruit)", '[apple]{"entity": "fruit", "role": "mine"}'))
    assert manent("train")[0] == 0
    assert manent("test nlu --no-plot")[0] == 0

    report = msgspec.json.decode((shop / "results/RegexEntityExtractor_report.json").read_bytes())
    assert report["fruit.mine"]["confused_with"] == {"fruit": 1}


def test_cross_validation(manent: Manent, shop: Path) -> None:
    """Every example is judged by a pipeline that has not seen it; keywords know nothing then."""
    status, shown = manent("test nlu --cross-validation -f 2 --no-errors --no-plot")

    assert status == 0
    assert "0.0% ± 0.0" in shown
    report = msgspec.json.decode((shop / "results/intent_report.json").read_bytes())
    assert report["accuracy"] == 0.0
    assert "intent_errors.json" not in names(shop / "results")


def test_too_few_examples_for_the_folds(manent: Manent, shop: Path) -> None:
    """Each fold needs an example."""
    (shop / "data/nlu.yml").write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n')

    assert manent("test nlu --cross-validation") == (
        1,
        "Error: too few examples for 5 folds: 1 example; each fold needs one\n",
    )


def test_pipelines_are_compared(manent: Manent, shop: Path) -> None:
    """Several configurations are trained on the same shares of the data, and their F1 written side by side."""
    other = (shop / "config.yml").read_text().replace("KeywordIntentClassifier", "LogisticRegressionClassifier")
    counted = other.replace("- name: Logistic", "- name: CountVectorsFeaturizer\n- name: Logistic")
    (shop / "other.yml").write_text(counted)
    status, shown = manent("test nlu --config config.yml other.yml --runs 2 --percentages 0 50 --no-plot")

    assert status == 0
    results = msgspec.json.decode((shop / "results/results.json").read_bytes())
    assert {name: [len(run) for run in runs] for name, runs in results.items()} == {"config": [2, 2], "other": [2, 2]}
    assert names(shop / "results/run_2") == {"0%_exclusion", "50%_exclusion"}
    assert "intent_report.json" in names(shop / "results/run_1/50%_exclusion/other_report")
    assert "other on" in shown


def test_configurations_of_the_same_name(manent: Manent, shop: Path) -> None:
    """Files of one name in two folders are told apart by the folders."""
    for folder in ("one", "two"):
        (shop / folder).mkdir()
        (shop / folder / "config.yml").write_text((shop / "config.yml").read_text())
    assert manent("test nlu -c one/config.yml two/config.yml --cross-validation -f 2 --no-plot")[0] == 0

    assert names(shop / "results") == {"one-config", "two-config"}


def test_without_examples(manent: Manent, shop: Path) -> None:
    """Where there is nothing to score, the command says so."""
    assert manent("test nlu -u data/stories.yml")[0] == 1
    assert shop.exists()
