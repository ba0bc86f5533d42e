import numpy as np

from manent.nlu.rows import FloatArray, WordRows


def _take(rows: WordRows, words: list[str]) -> FloatArray:
    places = rows.find(words)
    return rows.array[places]


def test_a_word_is_worked_out_once() -> None:
    """Rows come in the order asked for, and a word that is known is not asked about again."""
    asked: list[str] = []

    def describe(word: str) -> FloatArray:
        asked.append(word)
        return np.array([len(word), ord(word[0])], np.float32)

    rows = WordRows(np.zeros(2, np.float32), describe, first=("aa",))

    assert _take(rows, ["b", "aa", "b"]).tolist() == [[1, 98], [2, 97], [1, 98]]
    assert _take(rows, ["aa", "b"]).tolist() == [[2, 97], [1, 98]]
    assert asked == ["aa", "b"]


def test_what_was_kept_first_stays() -> None:
    """Beyond the limit the others are forgotten and worked out again, with the same rows."""
    asked: list[str] = []

    def describe(word: str) -> FloatArray:
        asked.append(word)
        return np.array([float(word)], np.float32)

    rows = WordRows(np.zeros(1, np.float32), describe, first=("0",), limit=700)
    for number in range(1, 2000):
        assert _take(rows, [str(number), "0"]).tolist() == [[number], [0]]

    assert _take(rows, ["1"]).tolist() == [[1]]
    assert asked.count("0") == 1
    assert asked.count("1") == 2
    assert len(rows.array) <= 1024
