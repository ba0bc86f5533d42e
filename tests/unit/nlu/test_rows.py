import numpy as np

from manent.nlu.rows import FloatArray, WordRows


def test_a_word_is_worked_out_once() -> None:
    """Rows come in the order asked for, and a word that is known is not asked about again."""
    asked: list[str] = []

    def describe(word: str) -> FloatArray:
        asked.append(word)
        return np.array([len(word), ord(word[0])], np.float32)

    rows = WordRows(np.zeros(2, np.float32), describe, first=("aa",))

    assert rows.take(["b", "aa", "b"], describe).tolist() == [[1, 98], [2, 97], [1, 98]]
    assert rows.take(["aa", "b"], describe).tolist() == [[2, 97], [1, 98]]
    assert asked == ["aa", "b"]


def test_what_was_kept_first_stays() -> None:
    """Beyond the limit the others are forgotten and worked out again, with the same rows."""
    asked: list[str] = []

    def describe(word: str) -> FloatArray:
        asked.append(word)
        return np.array([float(word)], np.float32)

    rows = WordRows(np.zeros(1, np.float32), describe, first=("0",), limit=700)
    for number in range(1, 2000):
        assert rows.take([str(number), "0"], describe).tolist() == [[number], [0]]

    assert rows.take(["1"], describe).tolist() == [[1]]
    assert asked.count("0") == 1
    assert asked.count("1") == 2
    assert len(rows.array) <= 1024


def test_rows_that_a_model_has_are_not_worked_out() -> None:
    """The first words' rows are taken as they are, and stay when others are forgotten."""

    def describe(word: str) -> FloatArray:
        return np.array([float(word)], np.float32)

    rows = WordRows(
        np.zeros(1, np.float32), describe, first=("1", "2"), rows=np.array([[10], [20]], np.float32), limit=4
    )

    assert rows.take(["2", "1", "3", "4"], describe).tolist() == [[20], [10], [3], [4]]
    assert rows.take(["5", "2"], describe).tolist() == [[5], [20]]
    assert rows.array[0].tolist() == [0]
