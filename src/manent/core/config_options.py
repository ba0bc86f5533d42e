"""What the options of components and policies may be in `config.yml`; each declares them beside their defaults.

`project/settings/config.py` reads a file's options with this and reports the line of a wrong one; training does the
same for a configuration from elsewhere. A number or a flag may be a text: in quotes, or from the environment
(`${VARIABLE}`).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from manent.core.events import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values that an option may have.

    Attributes:
        expected: in words, for messages.
        read: returns the value that is meant (a number for `"0.4"`); raises ValueError when it is none of these, with a
            reason if there is more to say.
        choices: the words that it is one of, if there are only some.
        doubt: returns why a value that is read is probably not meant, or "".
    """

    expected: str
    read: Callable[[Any], Any]
    choices: tuple[str, ...] = ()
    doubt: Callable[[Any], str] = lambda _value: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All options of one component or policy.

    Attributes:
        values: those that mean something to us.
        idle: those of Rasa's that are accepted and mean nothing here.
        is_complete: whether these are all; another option is then a mistake whatever its name.
        misfit: given the options, each right for itself, names one that doesn't fit the others and what was expected of
            it; None when they fit.
    """

    values: Mapping[str, Values]
    idle: frozenset[str] = frozenset()
    is_complete: bool = True
    misfit: Callable[[Json], tuple[str, str] | None] = lambda _options: None

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return (*self.values, *sorted(self.idle))

    def read(self, given: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
        """Read options; those that mean nothing to us are returned as they are.

        Returns:
            The options, without those that are null (which means their default) or wrong; what was expected of each of
            the wrong ones.
        """
        options: Json = {}
        wrong: dict[str, str] = {}
        for name, value in given.items():
            if name not in self.values:
                options[name] = value
            elif value is not None:
                try:
                    options[name] = self.values[name].read(value)
                except ValueError as error:
                    reason = f" ({error})" if str(error) else ""
                    wrong[name] = self.values[name].expected + reason
        misfit = self.misfit(options) if not wrong else None
        if misfit is not None:
            name, wrong[name] = misfit
            del options[name]
        return options, wrong


def number(low: float = -math.inf, high: float = math.inf) -> Values:
    """Return the numbers from `low` to `high`."""
    return Values(expected=_range("a number", low, high), read=lambda value: _within(_number(value), low, high))


def whole(low: float = -math.inf, high: float = math.inf) -> Values:
    """Return the whole numbers from `low` to `high`."""
    return Values(expected=_range("a whole number", low, high), read=lambda value: _within(_whole(value), low, high))


def one_of(*words: str) -> Values:
    """Return a few words."""

    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Values(expected=f"one of: {', '.join(words)}", read=read, choices=words)


def either(first: Values, second: Values) -> Values:
    """Return the values of both."""

    def read(value: Any) -> Any:
        try:
            return first.read(value)
        except ValueError:
            return second.read(value)

    return Values(expected=f"{first.expected}, or {second.expected}", read=read)


def listed(item: Values) -> Values:
    """Return lists; a single value is a list of one."""

    def read(value: Any) -> list[Any]:
        return [item.read(each) for each in value] if isinstance(value, list) else [item.read(value)]

    return Values(expected=f"a list of which each is {item.expected}", read=read)


def mapped(item: Values) -> Values:
    """Return mappings from a name."""

    def read(value: Any) -> Json:
        if not isinstance(value, Mapping):
            raise ValueError  # noqa: TRY004 - what `Values.read` raises
        return {str(name): item.read(each) for name, each in value.items()}

    return Values(expected=f"a mapping from names to {item.expected}", read=read)


def _range(what: str, low: float, high: float) -> str:
    if high < math.inf:
        return f"{what} from {low} to {high}"
    return f"{what}, {low} or more" if low > -math.inf else what


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError
    return value


_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def _number(value: Any) -> float:
    """Return a number, or what a text (in quotes, or from the environment) says as a number, whole ones as int."""
    if isinstance(value, str):
        text = value.strip()
        value = float(text) if _FLOAT.fullmatch(text) else None
        value = int(text) if value is not None and _INT.fullmatch(text) else value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise ValueError


def _whole(value: Any) -> int:
    found = _number(value)
    if found != int(found):
        raise ValueError
    return int(found)


_FLAGS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}
"""YAML 1.1's words; of 1.2, which Rasa's files are, only the first two are flags and the others texts."""


def _flag(value: Any) -> bool:
    found = value if isinstance(value, bool) else _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise ValueError
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError


def _pattern(value: Any) -> str:
    text = _text(value)
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(str(error)) from error
    return text


FLAG = Values(expected="true or false", read=_flag)
TEXT = Values(expected="a text", read=_text)
NAMES = Values(expected="a list of names", read=listed(TEXT).read)
PATTERN = Values(expected="a regular expression", read=_pattern)
SHARE = number(0, 1)


def _threshold_doubt(value: float) -> str:
    return "" if 0 <= value <= 1 else f"no confidence is above 1 or below 0; did you mean {value / 100:g}?"


THRESHOLD = Values(expected=SHARE.expected, read=_number, doubt=_threshold_doubt)
"""A confidence to compare with. Rasa takes every number; one outside 0 to 1 is doubted."""
SEED = whole(0)
TURNS = Values(expected="a number of turns, or null for all of them", read=whole(0).read)

NEURAL = frozenset(
    """
    epochs constrain_similarities batch_size batch_strategy learning_rate hidden_layers_sizes transformer_size
    number_of_transformer_layers number_of_attention_heads embedding_dimension drop_rate drop_rate_attention
    number_of_negative_examples similarity_type loss_type model_confidence evaluate_on_number_of_examples
    evaluate_every_number_of_epochs tensorboard_log_directory tensorboard_log_level checkpoint_model
    use_masked_language_model maximum_positive_similarity maximum_negative_similarity scale_loss
    use_maximum_negative_similarity regularization_constant negative_margin_scale connection_density
    weight_sparsity concat_dimension dense_dimension share_hidden_layers unidirectional_encoder
    use_key_relative_attention use_value_relative_attention max_relative_position use_sparse_input_dropout
    use_dense_input_dropout drop_small_last_batch run_eagerly use_gpu
    """.split()  # noqa: SIM905 - one name a quote would be unreadable
)
"""Options of a network that we don't have."""
