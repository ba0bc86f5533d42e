import numpy as np
import pytest

from manent.learn.ngrams import (
    Analyzer,
    build_table,
    hash_inside,
    hash_ngrams,
    hash_pairs,
    hash_single,
    hash_text,
    hash_word,
    join_words,
)


def _hashes(words: list[str], analyzer: Analyzer, smallest: int, largest: int) -> list[int]:
    hashes: list[int] = hash_ngrams(hash_text(join_words(words)), analyzer, smallest, largest).tolist()
    return hashes


def _expected(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_there_are_as_many_hashes_as_ngrams_in_words(size: int) -> None:
    """Every n-gram of each padded word has a hash of its own, and nothing crosses two words."""
    words = ["banana", "ananas", "a"]
    grams = set().union(*(_expected(f" {word} ", size) for word in words))

    assert len(set(_hashes(words, "char_wb", size, size))) == len(grams)


def test_characters_cross_words() -> None:
    """The analyzer `char` sees what stands beside a blank."""
    text = " ab cd "

    assert len(set(_hashes(["ab", "cd"], "char", 3, 3))) == len(_expected(text, 3))


def test_words_are_the_same_wherever_they_stand() -> None:
    """A word's hash doesn't depend on its place or its neighbours; a pair's depends on the order."""
    assert set(_hashes(["good", "day"], "word", 1, 1)) == set(_hashes(["day", "good"], "word", 1, 1))
    assert set(_hashes(["good", "day"], "word", 2, 2)) != set(_hashes(["day", "good"], "word", 2, 2))
    assert set(_hashes(["good", "day"], "word", 2, 2)) <= set(_hashes(["a", "good", "day"], "word", 1, 2))


def test_no_collisions_among_many_words() -> None:
    """A hundred thousand different words have as many hashes."""
    words = [f"{number:x}" for number in range(100_000)]
    hashes = {
        value for start in range(0, len(words), 500) for value in _hashes(words[start : start + 500], "word", 1, 1)
    }

    assert len(hashes) == len(words)


def test_very_long_texts_are_cut() -> None:
    """A megabyte costs no more than the first thousands of characters."""
    assert len(_hashes(["x" * 1_000_000], "char", 1, 1)) == 4096


def test_rare_ngrams_weigh_more_and_unknown_ones_shorten() -> None:
    """Weights are inverse document frequencies; a text of which half is unknown has a smaller norm."""
    texts = [np.array(row, np.uint64) for row in ([1, 2], [1, 3], [1, 4])]
    table = build_table(texts)

    assert table.weights[0] < table.weights[1]
    known, values = table.lookup(np.array([1, 2], np.uint64))
    assert sorted(table.hashes[known].tolist()) == [1, 2]
    assert float(values @ values) == pytest.approx(1)
    _, partly = table.lookup(np.array([1, 99], np.uint64))
    assert float(partly @ partly) < 0.5


def test_nothing_known_has_no_features() -> None:
    """An empty text, an empty table and unknown words are all fine."""
    empty = build_table([])
    table = build_table([np.array([5], np.uint64)])

    assert len(empty.lookup(np.array([1], np.uint64))[0]) == 0
    assert len(table.lookup(np.zeros(0, np.uint64))[0]) == 0
    assert len(table.lookup(np.array([2**64 - 2], np.uint64))[0]) == 0


@pytest.mark.parametrize(
    ("options", "kept"),
    [({"min_df": 2}, [1, 2]), ({"max_df": 0.5}, [2, 3]), ({"max_features": 1}, [1]), ({"min_df": 0.9}, [1])],
)
def test_ngrams_can_be_left_out(options: dict[str, float], kept: list[int]) -> None:
    """Too rare, too frequent, or beyond the number wanted."""
    texts = [np.array(row, np.uint64) for row in ([1, 2], [1, 2], [1, 3], [1])]

    assert build_table(texts, **options).hashes[:-1].tolist() == kept  # type: ignore[arg-type]


@pytest.mark.parametrize("first", ["good", "a", "Übung", "😀x", "\ud800", ""])
@pytest.mark.parametrize("second", ["day", "日本", "x" * 40])
def test_hashing_one_by_one_is_the_same(first: str, second: str) -> None:
    """Words, pairs and what is inside a word have the hashes that they have in a whole text."""
    words = [hash_word(first), hash_word(second)]

    assert hash_single(words[1]) in _hashes([first, second], "word", 1, 1)
    assert hash_pairs(words) == _hashes([first, second], "word", 2, 2)
    assert sorted(hash_inside(second, 1, 4)) == sorted(_hashes([second], "char_wb", 1, 4))
