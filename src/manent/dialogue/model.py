"""The trained dialogue model: domain, policies, compiled responses. Made by training, loaded from a model file.

`training` asks `train_dialogue` for the files that go into a model, the runtime asks `load_dialogue` for the model
that is in them. No I/O here: files are names and bytes. Nothing is pickled; loading a model runs no code of its own.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ModelError, Problem, ProjectError
from manent.core.events import Json
from manent.core.training_data import AssistantConfig, ComponentConfig, Stories
from manent.dialogue.policies.ensemble import Ensemble
from manent.dialogue.policies.memoization import MemoizationOptions, MemoizationPolicy
from manent.dialogue.policies.memoization_training import train_memoization
from manent.dialogue.policies.prediction import Policy
from manent.dialogue.policies.rule import LoopEntry, RuleEntry, RuleOptions, RulePolicy, RuleState
from manent.dialogue.policies.rule_training import train_rules
from manent.dialogue.responses import Responses
from manent.dialogue.slots import SlotFiller
from manent.dialogue.states import DialogState, Featurizer
from manent.dialogue.stories import rule_sequences, story_sequences

_FILE = "dialogue/policies.json"
_FORMAT = 1
_SPARE_ACTIONS = 20
"""Applied actions that a tracker keeps beyond what policies look at, so that most rewinds find what they need."""


@dataclass(kw_only=True)
class DialogueModel:
    """All that a turn needs to know of the assistant. Immutable in use; shared by all conversations.

    Attributes:
        window: how many of the newest applied actions a tracker must keep (`Tracker.trim(window)`).
        max_predictions: actions in one turn, after which the bot listens whatever the policies say.
        external_nlg: response texts are made outside (`Generate` steps).
    """

    domain: Domain
    ensemble: Ensemble
    max_predictions: int = 10
    external_nlg: bool = False
    window: int = field(init=False)
    responses: Responses = field(init=False)
    filler: SlotFiller = field(init=False)

    def __post_init__(self) -> None:
        needed = max((policy.history_needed for policy in self.ensemble.policies), default=1)
        self.window = needed + _SPARE_ACTIONS
        self.responses = Responses(self.domain)
        self.filler = SlotFiller(self.domain)
        self.custom_actions = frozenset(self.domain.actions)


# training -------------------------------------------------------------------------------------------------------------


def train_dialogue(
    config: AssistantConfig, domain: Domain, stories: Stories, *, progress: Callable[[str], None] | None = None
) -> dict[str, bytes]:
    """Train the policies; return the files of the model, named `dialogue/…`.

    Raises:
        ProjectError: contradicting rules, incomplete rules, more than one user turn in a rule, …: all at once.
    """
    problems: list[Problem] = []
    told = story_sequences(domain, stories)
    rules = rule_sequences(domain, stories.rules)
    names = [policy.name for policy in config.policies]
    if domain.forms and names and "RulePolicy" not in names:
        problems.append(
            Problem(
                file="config.yml",
                line=0,
                path="policies",
                code="policies.forms-without-rules",
                found="no RulePolicy",
                expected="RulePolicy, because the domain has forms",
            )
        )
    trained: list[Json] = []
    files: dict[str, bytes] = {}
    rule_config = next((each for each in config.policies if each.name == "RulePolicy"), None)
    options = (
        _options(RuleOptions, rule_config)
        if rule_config is not None
        else RuleOptions(check_for_contradictions=False, enable_fallback_prediction=False)
    )
    ruled = train_rules(domain, Featurizer(domain), options, rules=rules, told=told)
    problems += ruled.problems
    if problems:
        raise ProjectError(problems)
    featurizer = Featurizer(domain, ruled.rule_only_slots, ruled.rule_only_loops)
    for number, component in enumerate(config.policies):
        if progress is not None:
            progress(component.name)
        match component.name:
            case "RulePolicy":
                trained.append({"policy": "RulePolicy", **_dump_rules(ruled.policy)})
            case "MemoizationPolicy" | "AugmentedMemoizationPolicy":
                memo = train_memoization(
                    featurizer,
                    _options(MemoizationOptions, component),
                    told,
                    forgets=component.name.startswith("Augmented"),
                )
                trained.append({"policy": component.name, **_dump_memoization(memo)})
            case _:
                trained.append({"policy": component.name, "number": number})
    files[_FILE] = msgspec.json.encode(
        {
            "format": _FORMAT,
            "rule_only_slots": ruled.rule_only_slots,
            "rule_only_loops": ruled.rule_only_loops,
            "policies": trained,
        }
    )
    return files


def _options(kind: Any, component: ComponentConfig) -> Any:
    """Make a policy's options from `config.yml`, leaving out what it does not know."""
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
                "hidden": entry in policy.hidden,
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


# loading --------------------------------------------------------------------------------------------------------------


class _RuleEntryFile(msgspec.Struct):
    states: tuple[RuleState, ...]
    action: str
    from_start: bool
    length: int
    names: tuple[str, ...]
    hidden: bool


class _LoopEntryFile(msgspec.Struct):
    states: tuple[RuleState, ...]
    interrupted: bool


class _RuleFile(msgspec.Struct):
    options: RuleOptions
    entries: list[_RuleEntryFile]
    loops: list[_LoopEntryFile]
    hidden_loops: list[tuple[str, str]]


class _MemoizationFile(msgspec.Struct):
    options: MemoizationOptions
    states: list[DialogState]
    entries: list[tuple[tuple[int, ...], str]]


class _PoliciesFile(msgspec.Struct):
    format: int
    rule_only_slots: list[str]
    rule_only_loops: list[str]
    policies: list[Json]


def load_dialogue(
    files: Mapping[str, bytes], domain: Domain, *, max_predictions: int = 10, external_nlg: bool = False
) -> DialogueModel:
    """Make the model from its files.

    Raises:
        ModelError: a file is missing or damaged, or from another version.
    """
    try:
        found = msgspec.json.decode(files[_FILE], type=_PoliciesFile)
        if found.format != _FORMAT:
            raise ModelError("model_version", f"the dialogue model has format {found.format}, not {_FORMAT}")
        policies = [policy for each in found.policies if (policy := _load_policy(each)) is not None]
    except KeyError as error:
        raise ModelError("model_incomplete", f"the model has no file {error}") from error
    except msgspec.MsgspecError as error:
        raise ModelError("model_damaged", f"{_FILE}: {error}") from error
    featurizer = Featurizer(domain, found.rule_only_slots, found.rule_only_loops)
    return DialogueModel(
        domain=domain,
        ensemble=Ensemble(domain, policies, featurizer),
        max_predictions=max_predictions,
        external_nlg=external_nlg,
    )


def _load_policy(data: Json) -> Policy | None:
    match data["policy"]:
        case "RulePolicy":
            rules = msgspec.convert(data, _RuleFile)
            entries = [
                RuleEntry(each.states, each.action, each.from_start, each.length, each.names) for each in rules.entries
            ]
            return RulePolicy(
                rules.options,
                entries,
                [LoopEntry(each.states, each.interrupted) for each in rules.loops],
                hidden=[entry for entry, each in zip(entries, rules.entries, strict=True) if each.hidden],
                hidden_loops=rules.hidden_loops,
            )
        case "MemoizationPolicy" | "AugmentedMemoizationPolicy":
            memo = msgspec.convert(data, _MemoizationFile)
            return MemoizationPolicy(
                memo.options, memo.states, dict(memo.entries), forgets=data["policy"].startswith("Augmented")
            )
        case _:
            return None
