"""Declares and checks the options of components and policies in `config.yml`.

Each component and policy declares its options next to their defaults. `project/settings/config.py` checks a file's
options and reports each wrong option with its line. Training checks configurations that do not come from a file. A file
can give a number or a flag as a string: in quotes, or from the environment (`${VARIABLE}`).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from manent.core.events import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values that an option accepts.

    Attributes:
        expected: description for messages.
        read: returns the parsed value, for example a number for `"0.4"`. Raises ValueError if the value is not allowed.
            The error has a separate message if `expected` does not describe the mistake.
        choices: the allowed words, if the value must be in a fixed list.
        warning: returns the reason why a valid value is probably a mistake, or "" if the value is fine.
    """

    expected: str
    read: Callable[[Any], Any]
    choices: tuple[str, ...] = ()
    warning: Callable[[Any], str] = lambda _value: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All options of one component or policy.

    Attributes:
        values: option name → accepted values, for options that have an effect.
        ignored: names of Rasa's options that are accepted and have no effect.
        is_complete: whether an option with an unknown name is an error.
        conflict: checks the combination of options, after each single option has been checked. Returns the name of an
            option that contradicts the others and a description of the expected value, or None.
    """

    values: Mapping[str, Values]
    ignored: frozenset[str] = frozenset()
    is_complete: bool = True
    conflict: Callable[[Json], tuple[str, str] | None] = lambda _options: None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all options."""
        return (*self.values, *sorted(self.ignored))

    def read(self, given: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
        """Check and parse options. Options that have no effect are returned unchanged.

        Returns:
            The valid options that are not null (null selects the default), and for each invalid option a description
            of the expected value.
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
        conflict = self.conflict(options) if not wrong else None
        if conflict is not None:
            name, wrong[name] = conflict
            del options[name]
        return options, wrong


def number(low: float = -math.inf, high: float = math.inf) -> Values:
    """Accept numbers from `low` to `high`."""
    return Values(expected=_range("a number", low, high), read=lambda value: _within(_number(value), low, high))


def whole(low: float = -math.inf, high: float = math.inf) -> Values:
    """Accept whole numbers from `low` to `high`."""
    return Values(expected=_range("a whole number", low, high), read=lambda value: _within(_whole(value), low, high))


def one_of(*words: str) -> Values:
    """Accept one of these words."""

    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Values(expected=f"one of: {', '.join(words)}", read=read, choices=words)


def either(first: Values, second: Values) -> Values:
    """Accept each value that is accepted by at least one of the two."""

    def read(value: Any) -> Any:
        try:
            return first.read(value)
        except ValueError:
            return second.read(value)

    return Values(expected=f"{first.expected}, or {second.expected}", read=read)


def listed(item: Values) -> Values:
    """Accept lists of values. A single value is read as a list of one."""

    def read(value: Any) -> list[Any]:
        return [item.read(each) for each in value] if isinstance(value, list) else [item.read(value)]

    return Values(expected=f"a list (each item: {item.expected})", read=read)


def mapped(item: Values) -> Values:
    """Accept mappings from names to values."""

    def read(value: Any) -> Json:
        if not isinstance(value, Mapping):
            raise ValueError  # noqa: TRY004  # `Values.read` raises ValueError only
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
    """Return the number. Read a string (quoted, or from the environment) as a number. A whole number becomes an int."""
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
"""The words that are booleans in YAML 1.1.

In YAML 1.2, which Rasa uses, only `true` and `false` are booleans, and the others are strings.
"""


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


def _threshold_warning(value: float) -> str:
    return "" if 0 <= value <= 1 else f"a confidence is between 0 and 1; did you mean {value / 100:g}?"


THRESHOLD = Values(expected=SHARE.expected, read=_number, warning=_threshold_warning)
"""A confidence threshold. Rasa accepts any number, so a number outside 0 to 1 only causes a warning."""
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
    """.split()  # noqa: SIM905  # a list with one quoted name per line would be hard to read
)
"""Options of Rasa's neural networks. They have no effect, because Manent has no neural networks."""
