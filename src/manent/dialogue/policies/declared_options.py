"""The options of each policy in `config.yml`, by the policy's name. The policies' modules declare the options."""

from collections.abc import Mapping
from typing import Any, get_type_hints

from manent.core.config_options import NEURAL, TURNS, Options, Values, listed
from manent.dialogue.policies.learned import LearnedOptions
from manent.dialogue.policies.memoization import MemoizationOptions
from manent.dialogue.policies.rule import RuleOptions
from manent.dialogue.policies.unexpected import UnexpectedOptions


def _read_featurizer(value: Any) -> Any:
    """Check the options of one featurizer. Only `max_history` has an effect."""
    if not isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004  # `Values.read` raises ValueError only
    longest = value.get("max_history")
    return {**value, "max_history": TURNS.read(longest)} if longest is not None else dict(value)


_FEATURIZERS = Values(
    expected="a list of featurizers with a number of turns as max_history",
    read=listed(Values(expected="a featurizer", read=_read_featurizer)).read,
)
_NETWORK = NEURAL | {
    "BILOU_flag",
    "drop_rate_dialogue",
    "drop_rate_label",
    "encoding_dimension",
    "entity_recognition",
    "featurizers",
    "random_seed",
    "ranking_length",
    "renormalize_confidences",
    "split_entities_by_comma",
}


def _options(kind: type, ignored: frozenset[str] = frozenset()) -> Options:
    hints = get_type_hints(kind, include_extras=True)
    values = {
        name: next(each for each in hint.__metadata__ if isinstance(each, Values)) for name, hint in hints.items()
    }
    return Options(values={**values, "featurizer": _FEATURIZERS}, ignored=ignored)


_MEMOIZATION = _options(MemoizationOptions, frozenset({"enable_feature_string_compression"}))

POLICIES: dict[str, Options] = {
    "RulePolicy": _options(RuleOptions),
    "MemoizationPolicy": _MEMOIZATION,
    "AugmentedMemoizationPolicy": _MEMOIZATION,
    "TEDPolicy": _options(LearnedOptions, _NETWORK),
    "UnexpecTEDIntentPolicy": _options(UnexpectedOptions, _NETWORK),
}
"""Policy name → options."""
