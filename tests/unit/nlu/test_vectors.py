import numpy as np
import pytest

from manent.models.vectors import open_vectors
from manent.nlu.vectors import SIZE


@pytest.mark.parametrize("word", ["hello", "unfathomably", "antidisestablishment", "naïvely", "日本語", "x1y2", "12"])
def test_a_word_is_the_sum_of_the_pieces_that_the_tokenizer_makes_of_it(word: str) -> None:
    """Letters and digits go past the tokenizer's front, which changes nothing of what comes out."""
    vectors = open_vectors()
    pieces = vectors._open_tokenizer().encode(word, add_special_tokens=False).ids

    assert np.allclose(vectors.word(word), vectors._pieces[pieces].astype(np.float32).sum(axis=0), atol=1e-3)


@pytest.mark.parametrize("word", ["weather", "monday", "usa", "unfathomably", "straße", "добрый"])
def test_a_word_means_the_same_however_it_is_written(word: str) -> None:
    """Small letters, a capital, capitals: one vector."""
    vectors = open_vectors()

    for written in (word.capitalize(), word.upper().replace("SS", "ß")):
        assert np.array_equal(vectors.word(written), vectors.word(word))


@pytest.mark.parametrize(("word", "piece"), [("weather", "weather"), ("monday", "Monday"), ("usa", "USA")])
def test_a_name_is_the_piece_that_the_tokenizer_knows_it_as(word: str, piece: str) -> None:
    """A name in small letters would be cut into pieces that mean something else."""
    vectors = open_vectors()
    place = vectors._open_tokenizer().token_to_id("\u2581" + piece)

    assert np.array_equal(vectors.word(word), vectors._pieces[place].astype(np.float32))


def test_signs_of_the_tokenizer_are_read_as_it_reads_them() -> None:
    """A mark that means something to the tokenizer is one piece, not four, and nothing at all has no vector."""
    vectors = open_vectors()
    mark = vectors._open_tokenizer().token_to_id("</s>")

    assert np.array_equal(vectors.word("</s>"), vectors._pieces[mark].astype(np.float32))
    assert np.array_equal(vectors.word(""), np.zeros(SIZE, np.float32))
