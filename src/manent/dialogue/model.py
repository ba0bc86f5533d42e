"""The trained dialogue model: domain, policies, compiled responses.

Training calls `train_dialogue` for the files of a model. The runtime calls `load_dialogue` to load a model from them.
This module does no I/O: it receives and returns files as names and bytes. Loading a model does not run code from it,
because no file is a pickle.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from manent.core.domain import Domain
from manent.core.errors import ModelError, ProjectError
from manent.core.events import Json
from manent.core.training_data import AssistantConfig, ComponentConfig, Stories
from manent.dialogue.actions import Actions
from manent.dialogue.fallback import DEFAULT_FALLBACK, DEFAULT_RESPONSE
from manent.dialogue.policies.custom import find_kind
from manent.dialogue.policies.ensemble import Ensemble
from manent.dialogue.policies.features import KnownTexts
from manent.dialogue.policies.learned import LearnedOptions, LearnedPolicy, LinearModel
from manent.dialogue.policies.memoization import MemoizationOptions, MemoizationPolicy
from manent.dialogue.policies.memoization_training import train_memoization
from manent.dialogue.policies.prediction import Policy
from manent.dialogue.policies.rule import LoopEntry, RuleEntry, RuleOptions, RulePolicy
from manent.dialogue.policies.rule_training import RuleTraining, train_rules
from manent.dialogue.policies.unexpected import UnexpectedIntentPolicy, UnexpectedOptions
from manent.dialogue.responses import Responses
from manent.dialogue.slots import SlotFiller
from manent.dialogue.states import DialogState, Featurizer
from manent.dialogue.stories import Sequence as TrainingSequence
from manent.dialogue.stories import rule_sequences, story_sequences

_FOLDER = "dialogue/"
_FILE = f"{_FOLDER}policies.json"
_FORMAT = 1
_SPARE_ACTIONS = 20
"""Number of applied actions that a tracker keeps in addition to those that the policies read.

With them, most rewinds stay within the window.
"""


@dataclass(kw_only=True)
class DialogueModel:
    """The dialogue data that a turn needs. All conversations share this object. It does not change after training.

    Attributes:
        window: number of the newest applied actions that a tracker must keep (`Tracker.trim(window)`).
        max_predictions: maximum number of actions in a turn. After this many actions, the bot listens.
        external_nlg: whether an NLG server generates response texts (`Generate` steps).
    """

    domain: Domain
    ensemble: Ensemble
    max_predictions: int = 10
    external_nlg: bool = False
    window: int = field(init=False)
    responses: Responses = field(init=False)
    filler: SlotFiller = field(init=False)
    actions: Actions = field(init=False)

    def __post_init__(self) -> None:
        needed = max((policy.history_needed for policy in self.ensemble.policies), default=1)
        self.window = needed + _SPARE_ACTIONS
        self.responses = Responses(self.domain)
        self.filler = SlotFiller(self.domain)
        self.actions = Actions(self.domain, self.filler)

    @property
    def is_trained(self) -> bool:
        """Whether there are policies.

        A model from `manent train nlu` has no policies, so the server stores messages but does not answer them.
        """
        return bool(self.ensemble.policies)


# training -------------------------------------------------------------------------------------------------------------


def train_dialogue(
    config: AssistantConfig, domain: Domain, stories: Stories, *, progress: Callable[[str], None] | None = None
) -> dict[str, bytes]:
    """Train the policies. Return the files of the model, named `dialogue/…`.

    Raises:
        ProjectError: a rule is incomplete, or contradicts another rule or a story. Contains all problems.
    """
    from manent.dialogue.policies.learned_training import train_learned, train_unexpected

    sequences = story_sequences(domain, stories)
    rules = rule_sequences(domain, stories.rules)
    trained: list[Json] = []
    files: dict[str, bytes] = {}
    ruled = compile_rules(config, domain, rules=rules, stories=sequences)
    if ruled.problems:
        raise ProjectError(ruled.problems)
    featurizer = Featurizer(domain, ruled.rule_only_slots, ruled.rule_only_loops)
    for number, component in enumerate(config.policies):
        if progress is not None:
            progress(component.name)
        if component.code:
            own = find_kind(component.name, component.where).train(component.options, [*sequences, *rules], domain)
            files |= {f"{_own_folder(number)}{name}": content for name, content in own.items()}
        match component.built_in:
            case "RulePolicy":
                trained.append({"policy": "RulePolicy", **_dump_rules(ruled.policy)})
            case "MemoizationPolicy" | "AugmentedMemoizationPolicy":
                memo = train_memoization(
                    domain,
                    featurizer,
                    _options(MemoizationOptions, component),
                    sequences,
                    forgets=component.built_in.startswith("Augmented"),
                )
                trained.append({"policy": component.built_in, **_dump_memoization(memo)})
            case "UnexpecTEDIntentPolicy":
                unexpected = train_unexpected(domain, featurizer, _options(UnexpectedOptions, component), sequences)
                trained.append({"policy": component.built_in, "lowest": unexpected.lowest, **_dump_linear(unexpected)})
                files[_weights_file(number)] = _dump_weights(unexpected.model)
            case _ if component.code and not component.extends:
                trained.append({"policy": component.name})
            case _:
                learned = train_learned(
                    domain,
                    featurizer,
                    component.built_in,
                    _options(LearnedOptions, component),
                    sequences,
                    least_confidence=_least_confidence(domain, ruled.policy.options),
                )
                trained.append(
                    {
                        "policy": component.built_in,
                        "follows": learned.follows,
                        "least": learned.least,
                        **_dump_linear(learned),
                    }
                )
                files[_weights_file(number)] = _dump_weights(learned.model)
        if component.code:
            trained[-1] |= {"class": component.name, "class_options": component.options}
    files[_FILE] = msgspec.json.encode(
        {
            "format": _FORMAT,
            "rule_only_slots": ruled.rule_only_slots,
            "rule_only_loops": ruled.rule_only_loops,
            "policies": trained,
        }
    )
    return files


def compile_rules(
    config: AssistantConfig, domain: Domain, *, rules: Sequence[TrainingSequence], stories: Sequence[TrainingSequence]
) -> RuleTraining:
    """Compile the rules with the options of the configured RulePolicy.

    If this policy is not configured, only check the rules.
    """
    component = next((each for each in config.policies if each.built_in == "RulePolicy"), None)
    options = (
        _options(RuleOptions, component)
        if component is not None
        else RuleOptions(check_for_contradictions=False, enable_fallback_prediction=False)
    )
    return train_rules(domain, Featurizer(domain), options, rules=rules, stories=stories)


def _least_confidence(domain: Domain, options: RuleOptions) -> float:
    """Return a confidence just above that of the core fallback, or 0 if the core fallback sends a message."""
    if not options.enable_fallback_prediction:
        return 0.0
    if options.core_fallback_action_name != DEFAULT_FALLBACK or DEFAULT_RESPONSE in domain.responses:
        return 0.0
    return min(1.0, options.core_fallback_threshold + 0.01)


def _options(kind: Any, component: ComponentConfig) -> Any:
    """Create a policy's options from `config.yml`. Omit options that have no effect."""
    known = {each.name for each in dataclasses.fields(kind)}
    options = dict(component.options)
    for featurizer in options.get("featurizer") or ():
        if isinstance(featurizer, Mapping) and "max_history" in featurizer:
            options.setdefault("max_history", featurizer["max_history"])
    return kind(**{key: value for key, value in options.items() if key in known and value is not None})


def _dump_rules(policy: RulePolicy) -> Json:
    return {
        "options": dataclasses.asdict(policy.options),
        "entries": [
            {
                "states": entry.states,
                "action": entry.action,
                "from_start": entry.from_start,
                "length": entry.length,
                "names": entry.names,
                "hidden": entry.hidden,
            }
            for entry in policy.entries
        ],
        "loops": [{"states": entry.states, "interrupted": entry.interrupted} for entry in policy.loop_entries],
        "hidden_loops": sorted(policy.hidden_loops),
    }


def _dump_memoization(policy: MemoizationPolicy) -> Json:
    return {
        "options": dataclasses.asdict(policy.options),
        "states": policy.states,
        "entries": [(key, action) for key, action in policy.entries.items()],
    }


def _own_folder(number: int) -> str:
    """Return the folder in the model for a custom policy's files."""
    return f"{_FOLDER}policy_{number}/"


def _weights_file(number: int) -> str:
    return f"{_FOLDER}policy_{number}.safetensors"


def _dump_linear(policy: LearnedPolicy | UnexpectedIntentPolicy) -> Json:
    return {
        "options": dataclasses.asdict(policy.options),
        "features": policy.model.features,
        "labels": policy.model.labels,
        "texts": policy.texts.texts,
    }


def _dump_weights(model: LinearModel) -> bytes:
    from safetensors.numpy import save

    return bytes(save({"weights": np.ascontiguousarray(model.weights), "bias": np.ascontiguousarray(model.bias)}))


# loading --------------------------------------------------------------------------------------------------------------


class _RuleFile(msgspec.Struct):
    options: RuleOptions
    entries: list[RuleEntry]
    loops: list[LoopEntry]
    hidden_loops: list[tuple[str, str]]


class _MemoizationFile(msgspec.Struct):
    options: MemoizationOptions
    states: list[DialogState]
    entries: list[tuple[tuple[int, ...], str]]


class _LinearFile(msgspec.Struct):
    options: Json
    features: list[str]
    labels: list[str]
    texts: list[str]
    lowest: dict[str, float] = {}
    follows: dict[str, list[str]] = {}
    least: float = 0.0


class _PoliciesFile(msgspec.Struct):
    format: int
    rule_only_slots: list[str]
    rule_only_loops: list[str]
    policies: list[Json]


def load_dialogue(
    files: Mapping[str, bytes], domain: Domain, *, max_predictions: int = 10, external_nlg: bool = False
) -> DialogueModel:
    """Create the model from its files. If the files are from `manent train nlu`, the model has no policies.

    Raises:
        ModelError: a file is missing, damaged, or from another version.
    """
    if not any(name.startswith(_FOLDER) for name in files):
        return DialogueModel(
            domain=domain,
            ensemble=Ensemble(domain, (), Featurizer(domain)),
            max_predictions=max_predictions,
            external_nlg=external_nlg,
        )
    try:
        found = msgspec.json.decode(files[_FILE], type=_PoliciesFile)
        if found.format != _FORMAT:
            raise ModelError("model_version", f"dialogue model has format {found.format}; expected {_FORMAT}")
        policies = [_load_policy(each, files, number, domain) for number, each in enumerate(found.policies)]
    except KeyError as error:
        raise ModelError("model_incomplete", f"the model does not contain the file {error}") from error
    except msgspec.MsgspecError as error:
        raise ModelError(
            "model_damaged", f"{_FILE} cannot be read ({error}); train again with `manent train`"
        ) from error
    featurizer = Featurizer(domain, found.rule_only_slots, found.rule_only_loops)
    return DialogueModel(
        domain=domain,
        ensemble=Ensemble(domain, policies, featurizer),
        max_predictions=max_predictions,
        external_nlg=external_nlg,
    )


def _load_policy(data: Json, files: Mapping[str, bytes], number: int, domain: Domain) -> Policy:
    name = data.get("class")
    if name is None:
        return _load_built_in(data, files, number)
    folder = _own_folder(number)
    own = {path.removeprefix(folder): content for path, content in files.items() if path.startswith(folder)}
    built_in = None if data["policy"] == name else _load_built_in(data, files, number)
    return find_kind(name).load(data["class_options"], own, domain, built_in)


def _load_built_in(data: Json, files: Mapping[str, bytes], number: int) -> Policy:
    match data["policy"]:
        case "RulePolicy":
            rules = msgspec.convert(data, _RuleFile)
            return RulePolicy(rules.options, rules.entries, rules.loops, hidden_loops=rules.hidden_loops)
        case "MemoizationPolicy" | "AugmentedMemoizationPolicy":
            memo = msgspec.convert(data, _MemoizationFile)
            return MemoizationPolicy(
                memo.options, memo.states, dict(memo.entries), forgets=data["policy"].startswith("Augmented")
            )
        case name:
            return _load_linear(name, data, files[_weights_file(number)])


def _load_linear(name: str, data: Json, weights: bytes) -> Policy:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    found = msgspec.convert(data, _LinearFile)
    try:
        arrays = load(weights)
        model = LinearModel(found.features, found.labels, arrays["weights"], arrays["bias"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError("model_damaged", f"cannot read the weights of {name}: {error}") from error
    texts = KnownTexts(found.texts)
    if name == UnexpectedIntentPolicy.name:
        options = msgspec.convert(found.options, UnexpectedOptions)
        return UnexpectedIntentPolicy(options, model, texts, found.lowest)
    return LearnedPolicy(
        name,
        msgspec.convert(found.options, LearnedOptions),
        model,
        texts,
        found.follows,
        least=found.least,
    )
