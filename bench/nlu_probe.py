"""Compare Manent's intent classifier with scikit-learn's linear models, on more messages than the test parts contain.

    python bench/nlu_probe.py [--data ../shared/data/nlu] [--sets …] [--few 10] [--folds 5] [--draws 20]

Needs scikit-learn (`pip install scikit-learn`). All models are trained on the same examples from a data set's training
part. With all examples, the program runs a cross-validation. For "@10", it draws ten examples of each intent, trains on
them and classifies 1,500 other examples. scikit-learn's models (the *probe*) are a LinearSVC and, for "@10", also a
logistic regression. Their features are tf-idf values of words (1-2) and of characters in words (2-5), and the same word
vectors (weight 2).

The program prints the accuracy of each model and the number of messages that only one of two models classifies
correctly. For the cross-validation, it also prints the probability that such a difference occurs by chance (two-sided
sign test). It does not print this probability for draws, because draws are not independent.
"""

import argparse
import math
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nlu import Row, few, read
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from manent.core.domain import Domain
from manent.core.training_data import AssistantConfig, ComponentConfig, Example, NluData
from manent.models.vectors import open_vectors
from manent.nlu.pipeline import load_pipeline
from manent.nlu.training import train_pipeline
from manent.project.settings.config import default_pipeline

ASKED = 1500
_WORD = re.compile(r"\w+")

Hits = NDArray[np.bool_]


def ours(train: Sequence[Row], test: Sequence[Row]) -> Hits:
    """Return which messages Manent's default pipeline, without the entity extractor, classifies correctly."""
    pipeline = [
        ComponentConfig(name=part.name, options={**part.options, "entity_recognition": False})
        if part.name == "DIETClassifier"
        else part
        for part in default_pipeline()
    ]
    data = NluData(examples=tuple(Example(text=text, intent=intent) for text, intent, _ in train))
    files = train_pipeline(
        AssistantConfig(language="en", pipeline=tuple(pipeline)), data, Domain(), vectors=open_vectors
    )
    parse = load_pipeline(files, Domain(), vectors=open_vectors).parse
    rankings = [parse(text)["intent_ranking"] for text, _, _ in test]
    best = [next(item["name"] for item in ranking if item["name"] != "nlu_fallback") for ranking in rankings]
    return np.array([said == intent for said, (_, intent, _) in zip(best, test, strict=True)])


def probe(train: Sequence[Row], test: Sequence[Row], models: Sequence[type]) -> list[Hits]:
    """Return which messages each scikit-learn model classifies correctly."""
    vectors = open_vectors()
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")  # noqa: S106 - not a password
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))

    def dense(rows: Sequence[Row]) -> csr_matrix:
        return csr_matrix(np.array([2 * vectors.text(_WORD.findall(text)) for text, _, _ in rows]))

    texts, asked = [text for text, _, _ in train], [text for text, _, _ in test]
    features = hstack([words.fit_transform(texts), letters.fit_transform(texts), dense(train)]).tocsr()
    questions = hstack([words.transform(asked), letters.transform(asked), dense(test)]).tocsr()
    intents, right = [intent for _, intent, _ in train], np.array([intent for _, intent, _ in test])
    made = [model() if model is LinearSVC else model(C=10, max_iter=1000) for model in models]
    return [model.fit(features, intents).predict(questions) == right for model in made]


def by_chance(ours_only: int, probe_only: int) -> float:
    """Return the probability of such a difference between two equally good models (exact two-sided sign test)."""
    count, most = ours_only + probe_only, max(ours_only, probe_only)
    tail = sum(math.comb(count, k) for k in range(most, count + 1)) / 2**count
    return min(1.0, 2 * tail)


def report(title: str, mine: Sequence[Hits], theirs: dict[str, list[Hits]], *, independent: bool) -> None:
    """Print one line for each scikit-learn model."""
    own = np.concatenate(mine)
    for name, parts in theirs.items():
        its = np.concatenate(parts)
        ours_only, probe_only = int((own & ~its).sum()), int((its & ~own).sum())
        chance = f", by chance p = {by_chance(ours_only, probe_only):.2g}" if independent else ""
        print(
            f"{title:16} {len(own):6} messages  Manent {100 * own.mean():5.2f} %  {name} {100 * its.mean():5.2f} %  "
            f"only Manent right {ours_only}, only the probe {probe_only}{chance}",
            flush=True,
        )


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="../shared/data/nlu")
    parser.add_argument("--sets", nargs="+", default=["hwu64-fold1", "snips"])
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    for name in options.sets:
        rows = read(Path(options.data) / name / "train.md")
        mine: list[Hits] = []
        theirs: dict[str, list[Hits]] = {"LinearSVC": [], "LogisticRegression": []}
        for seed in range(options.draws):
            train = few(rows, options.few, seed)
            chosen = set(map(id, train))
            rest = [row for row in rows if id(row) not in chosen]
            test = random.Random(seed).sample(rest, min(ASKED, len(rest)))
            mine.append(ours(train, test))
            for model, hits in zip(theirs, probe(train, test, (LinearSVC, LogisticRegression)), strict=True):
                theirs[model].append(hits)
        report(f"{name}@{options.few}", mine, theirs, independent=False)
        random.Random(0).shuffle(rows)
        mine, theirs = [], {"LinearSVC": []}
        for fold in range(options.folds):
            test = rows[fold :: options.folds]
            train = [row for place, row in enumerate(rows) if place % options.folds != fold]
            mine.append(ours(train, test))
            theirs["LinearSVC"] += probe(train, test, (LinearSVC,))
        report(name, mine, theirs, independent=True)


if __name__ == "__main__":
    main()
