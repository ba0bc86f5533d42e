import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from manent.learn.chain import Chain, Decoder, Sentences, _decode_many, fit_chain

_random = np.random.default_rng(3)


def _chain(tags: int) -> Chain:
    empty = np.zeros((0, tags), np.float32)
    parts = [_random.normal(size=shape).astype(np.float32) for shape in ((tags, tags), (tags,), (tags,))]
    return Chain(empty, empty, *parts)


def _best(emissions: NDArray[np.float32], chain: Chain) -> tuple[int, ...]:
    def score(path: tuple[int, ...]) -> float:
        total = chain.start[path[0]] + chain.end[path[-1]]
        total += sum(emissions[place, tag] for place, tag in enumerate(path))
        return float(total + sum(chain.transitions[first, second] for first, second in itertools.pairwise(path)))

    return max(itertools.product(range(emissions.shape[1]), repeat=len(emissions)), key=score)


def test_decoding_finds_the_best_of_all_paths() -> None:
    """Looking at the likely tags only finds what trying every path finds."""
    for size in (1, 2, 5):
        for spread in (0.5, 3):
            chain = _chain(4)
            emissions = (_random.normal(size=(size, 4)) * spread).astype(np.float32)
            assert tuple(Decoder(chain).decode(emissions.copy())) == _best(emissions, chain)


def test_no_tokens_have_no_tags() -> None:
    """An empty sentence is decoded to an empty path."""
    assert Decoder(_chain(2)).decode(np.zeros((0, 2), np.float32)) == []


def test_forbidden_transitions_are_never_taken() -> None:
    """When the likely tags don't fit together, the others are looked at."""
    chain = _chain(3)
    chain.transitions[:] = -1e4
    chain.transitions[0, 0] = chain.transitions[0, 1] = 0
    emissions = np.array([[0, 9, 9], [0, 9, 20]], np.float32)

    assert Decoder(chain).decode(emissions) == [0, 1]


def _sentences(count: int) -> tuple[Sentences, NDArray[np.bool_]]:
    # Feature 0 opens a span, feature 1 is ambiguous: inside after an opening, outside otherwise.
    words, tags, lengths = [], [], []
    for number in range(count):
        opened = number % 2 == 0
        words += [0, 1] if opened else [2, 1]
        tags += [1, 2] if opened else [0, 0]
        lengths.append(2)
    sparse = csr_matrix((np.ones(len(words), np.float32), words, np.arange(len(words) + 1)), shape=(len(words), 3))
    allowed = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 0]], bool)
    return Sentences(sparse, [], np.array(tags), np.array(lengths)), allowed


def test_a_word_is_tagged_by_what_stands_beside_it() -> None:
    """The same word gets another tag after another word, and constraints hold."""
    data, allowed = _sentences(40)
    edges = np.array([True, True, False]), np.array([True, False, True])
    chain = fit_chain(
        data, 3, allowed=allowed, allowed_start=edges[0], allowed_end=edges[1], epochs=15, penalty=0.01, seed=0
    )
    decoder = Decoder(chain)

    assert decoder.decode(chain.sparse[[0, 1]]) == [1, 2]
    assert decoder.decode(chain.sparse[[2, 1]]) == [0, 0]
    assert decoder.decode(chain.sparse[[1]]) == [0]


def test_confidences_are_chances_given_the_neighbours() -> None:
    """They agree with the ratio of the scores of paths that differ in one tag."""
    chain = _chain(3)
    emissions = _random.normal(size=(3, 3)).astype(np.float32)
    path = [0, 1, 2]
    rivals = [emissions[1, tag] + chain.transitions[0, tag] + chain.transitions[tag, 2] for tag in range(3)]
    expected = np.exp(rivals[1]) / np.exp(rivals).sum()

    assert abs(Decoder(chain).confidences(emissions, path)[1] - expected) < 1e-5


def test_a_span_among_clear_tokens_is_found_where_it_is() -> None:
    """Tokens that are clearly outside are passed over; what lies between them keeps its place."""
    moves = np.where(np.array([[second in _FOLLOWS[first] for second in _TAGS] for first in _TAGS]), 0.0, -1e4)
    moves[0, 0] = 1
    none = np.zeros((0, len(_TAGS)), np.float32)
    edge = np.zeros(len(_TAGS), np.float32)
    decoder = Decoder(Chain(none, none, moves.astype(np.float32), edge, edge))
    emissions = np.zeros((7, len(_TAGS)), np.float32)
    emissions[:, 0] = 9

    assert decoder.decode(emissions.copy()) == [0] * 7

    emissions[3, _TAGS.index("B1")] = emissions[4, _TAGS.index("L1")] = 12

    assert [_TAGS[tag] for tag in decoder.decode(emissions)] == ["O", "O", "O", "B1", "L1", "O", "O"]


_TAGS = ["O", "B1", "I1", "L1", "U1", "B2", "I2", "L2", "U2"]
_FOLLOWS = {
    tag: [f"I{tag[1:]}", f"L{tag[1:]}"] if tag[0] in "BI" else [other for other in _TAGS if other[0] in "OBU"]
    for tag in _TAGS
}


def test_decoding_by_likely_tags_finds_the_best_path() -> None:
    """With tags of several spans, constraints, and scores like a trained model's, it agrees with trying all."""
    labels = 8
    tags = ["O", *(f"{position}{label}" for label in range(labels) for position in "BILU")]
    ends, opens = [tag[0] in "OLU" for tag in tags], [tag[0] in "BI" for tag in tags]
    allowed = np.array(
        [
            [
                (second[0] in "OBU" and ends[row]) or (second[0] in "IL" and opens[row] and first[1:] == second[1:])
                for second in tags
            ]
            for row, first in enumerate(tags)
        ]
    )
    moves = np.where(allowed, _random.normal(size=allowed.shape) * 0.5, -1e4).astype(np.float32)
    start = np.where([tag[0] in "OBU" for tag in tags], 0, -1e4).astype(np.float32)
    end = np.where(ends, 0, -1e4).astype(np.float32)
    none = np.zeros((0, len(tags)), np.float32)
    decoder = Decoder(Chain(none, none, moves, start, end))
    agreed = 0
    for _ in range(200):
        emissions = (_random.normal(size=(6, len(tags))) * 1.5).astype(np.float32)
        emissions[:, 0] += 3
        framed = emissions.copy()
        framed[0] += start
        framed[-1] += end
        agreed += decoder.decode(emissions) == _decode_many(moves, framed)

    assert agreed >= 195
