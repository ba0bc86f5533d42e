import numpy as np
import pytest

from manent.nlu.vectors import SIZE, load_vectors


@pytest.mark.parametrize("word", ["hello", "Unfathomably", "antidisestablishment", "naïvely", "日本語", "x1y2", "12"])
def test_a_word_is_the_sum_of_the_pieces_that_the_tokenizer_makes_of_it(word: str) -> None:
    """Letters and digits go past the tokenizer's front, which changes nothing of what comes out."""
    vectors = load_vectors()
    pieces = vectors._open_tokenizer().encode(word, add_special_tokens=False).ids

    assert np.allclose(vectors.word(word), vectors._pieces[pieces].astype(np.float32).sum(axis=0), atol=1e-3)


def test_signs_of_the_tokenizer_are_read_as_it_reads_them() -> None:
    """A mark that means something to the tokenizer is one piece, not four, and nothing at all has no vector."""
    vectors = load_vectors()
    mark = vectors._open_tokenizer().token_to_id("</s>")

    assert np.array_equal(vectors.word("</s>"), vectors._pieces[mark].astype(np.float32))
    assert np.array_equal(vectors.word(""), np.zeros(SIZE, np.float32))
