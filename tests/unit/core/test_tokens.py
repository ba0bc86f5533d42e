import pytest

from manent.core.tokens import character_tokens, whitespace_tokens


def _words(text: str) -> list[str]:
    return [text[start:end] for start, end in whitespace_tokens(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello world", ["hello", "world"]),
        ("saint-denis!", ["saint-denis"]),
        ("don't", ["don", "t"]),
        ("C++ and c++", ["C", "and", "c"]),
        ("it costs 10.5 (or 1'000,50)", ["it", "costs", "10.5", "or", "1'000,50"]),
        ("minus -5 and .5", ["minus", "-5", "and", ".5"]),
        ("mail me@example.org, please", ["mail", "me@example.org", "please"]),
        ("see https://example.org/a?b=c&d#e.", ["see", "https://example.org/a?b=c&d#e"]),
        ("#tag @name &co", ["#tag", "@name", "&co"]),
        ("/unknown", ["unknown"]),
        ("noodles\nramen", ["noodles", "ramen"]),
        ("😀 noodles 😀 ramen", ["noodles", "ramen"]),
        ("what?!", ["what"]),
        ("a - b", ["a", "b"]),
    ],
)
def test_words_and_punctuation(text: str, words: list[str]) -> None:
    """Punctuation at edges goes; addresses and numbers stay whole."""
    assert _words(text) == words


@pytest.mark.parametrize("text", ["", "😀🎉", "!!!", "..."])
def test_a_text_without_words_is_one_token(text: str) -> None:
    """There is always a token, so that no component meets an empty list."""
    assert whitespace_tokens(text) == [(0, len(text))]


def test_languages_without_blanks_have_a_token_per_character() -> None:
    """Chinese is cut into characters; words in Latin letters inside it stay whole."""
    text = "我要买iPhone手机"

    assert [text[start:end] for start, end in character_tokens(text)] == ["我", "要", "买", "iPhone", "手", "机"]
