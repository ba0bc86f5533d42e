"""Checks across a project's files: finds names that are used but not defined, and names that are defined but not used.

Called by `reading` after all files are read. A mistake that stops Rasa's training is an error; other findings of Rasa's
validator are warnings. If a file could not be parsed, the names that it would define are not reported as unknown. The
dialogue training finds contradictions between rules and stories.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from manent.core.domain import DEFAULT_ACTIONS, DEFAULT_INTENTS, OWN_ACTIONS, Domain
from manent.core.training_data import AssistantConfig, ComponentConfig, NluData, Stories, Where
from manent.dialogue import handoff
from manent.dialogue.responses import ACTION_FAILED
from manent.project.data.story_checks import StoryNames, check_stories
from manent.project.domain.merging import RawDomain, item_options
from manent.project.problems import Report, Spot, did_you_mean

DEFAULT_RESPONSES = (
    "utter_default",
    "utter_restart",
    "utter_back",
    "utter_ask_rephrase",
    ACTION_FAILED,
    *handoff.RESPONSES,
)
"""Names of responses that default actions and the server use."""

_NUMBERS_ACTIONS = ("TEDPolicy", "UnexpecTEDIntentPolicy")
"""Policies that store the index of an action in the domain.

If a project uses one of them, Rasa rejects unknown actions.
"""

_POLICY_CODES = ("config.custom-policy", "config.unknown-policy", "config.policy")
_SINGLY = 6
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The parts of a project that could be read, and flags for incomplete parts."""

    domain: Domain
    nlu: NluData
    stories: Stories
    config: AssistantConfig
    raw: RawDomain
    lookup_places: Mapping[tuple[str, str], Where] = field(default_factory=dict)
    is_nlu_broken: bool = False
    are_stories_broken: bool = False
    is_config_broken: bool = False


def check_project(parsed: Parsed, report: Report) -> None:
    """Report mistakes across files."""
    rule_policy = next((policy for policy in parsed.config.policies if policy.built_in == "RulePolicy"), None)
    if not parsed.raw.is_broken:
        used = check_stories(
            parsed.stories,
            _story_names(parsed),
            report,
            are_rules_restricted=rule_policy is not None and rule_policy.options.get("restrict_rules") is not False,
            needs_actions=any(policy.built_in in _NUMBERS_ACTIONS for policy in parsed.config.policies),
        )
        _check_mappings(parsed)
        _check_intent_options(parsed)
        _check_responses(parsed)
        _check_examples_against_domain(parsed, report)
        if not (parsed.are_stories_broken or parsed.is_nlu_broken):
            _check_unused(parsed, used, report)
        if not parsed.is_config_broken:
            _check_policies(parsed, rule_policy, report)
        _check_forms(parsed)
    _check_examples(parsed, report)
    _check_lookups(parsed, report)


def _story_names(parsed: Parsed) -> StoryNames:
    raw = parsed.raw
    responses = list(raw.responses)
    retrieval = [f"utter_{intent.name}" for intent in parsed.domain.intents.values() if intent.is_retrieval]
    return StoryNames(
        intents=(*raw.intents, *DEFAULT_INTENTS),
        entities=tuple(raw.entities),
        slots=(*raw.slots, *parsed.domain.slots),
        actions=(*raw.actions, *DEFAULT_ACTIONS, *OWN_ACTIONS, *responses, *retrieval, *raw.forms, *raw.listed_forms),
        responses=(*responses, *retrieval),
        loops=(*raw.forms, *raw.listed_forms, *raw.actions, "action_two_stage_fallback"),
        categories={slot.name: slot.values for slot in parsed.domain.slots.values() if slot.type == "categorical"},
    )


# --- the domain itself ----------------------------------------------------------------------------------------------


def _warn_unknown(spot: Spot | None, name: str, known: Iterable[str], code: str, expected: str) -> None:
    options = tuple(known)
    if spot is not None and name not in options:
        spot.warn(code, expected, did_you_mean(name, options), found=f'"{name}"')


def _mapping_spots(slot: Spot) -> Iterator[Spot]:
    mappings = slot.get("mappings")
    if mappings is not None and isinstance(mappings.value, list):
        yield from (item for item in mappings.items() if isinstance(item.value, dict))


def _texts(spot: Spot | None) -> Iterator[tuple[str, Spot]]:
    """Yield the single name, or each name of the list, with its position."""
    if spot is None:
        return
    if isinstance(spot.value, str):
        yield spot.value, spot
    elif isinstance(spot.value, list):
        yield from ((item.value, item) for item in spot.items() if isinstance(item.value, str))


def _check_mappings(parsed: Parsed) -> None:
    raw = parsed.raw
    intents = (*raw.intents, *DEFAULT_INTENTS)
    actions = (*raw.actions, *DEFAULT_ACTIONS)
    for name, slot in raw.slots.items():
        for mapping in _mapping_spots(slot):
            for entity, spot in _texts(mapping.get("entity")):
                _warn_unknown(spot, entity, raw.entities, "slots.unknown-entity", "an entity of the domain")
            for key in ("intent", "not_intent"):
                for intent, spot in _texts(mapping.get(key)):
                    _warn_unknown(spot, intent, intents, "slots.unknown-intent", "an intent of the domain")
            for action, spot in _texts(mapping.get("action")):
                _warn_unknown(spot, action, actions, "slots.unknown-action", "an action under `actions:`")
            _check_conditions(name, mapping, parsed)


def _check_conditions(slot: str, mapping: Spot, parsed: Parsed) -> None:
    conditions = mapping.get("conditions")
    if conditions is None or not isinstance(conditions.value, list):
        return
    forms = parsed.raw.forms
    for condition in conditions.items():
        for loop, spot in _texts(condition.get("active_loop")):
            if loop not in (*forms, *parsed.raw.listed_forms, *parsed.raw.actions):
                expected = "a form of the domain, or null (the mapping never applies)"
                spot.warn("slots.unknown-form", expected, did_you_mean(loop, forms))
            elif loop in forms and not parsed.domain.is_legacy:
                required = parsed.domain.forms[loop].required_slots
                if required and slot not in required:
                    spot.warn("slots.not-in-form", f"a form that requires {slot}", f"Add {slot} to its required_slots")


def _check_intent_options(parsed: Parsed) -> None:
    for item in parsed.raw.intents.values():
        options = item_options(item)
        if options is None:
            continue
        used = dict(_texts(options.get("use_entities")))
        ignored = dict(_texts(options.get("ignore_entities")))
        for entity, spot in {**used, **ignored}.items():
            _warn_unknown(spot, entity, parsed.raw.entities, "intents.unknown-entity", "an entity of the domain")
        for entity in used.keys() & ignored.keys():
            ignored[entity].warn(
                "intents.used-and-ignored",
                "an entity in only one of use_entities and ignore_entities (the entity is ignored)",
                found=f'"{entity}" in both',
            )


def _check_forms(parsed: Parsed) -> None:
    raw = parsed.raw
    known = {*raw.actions, *raw.responses}
    for name, form in parsed.domain.forms.items():
        spot = raw.forms[name]
        for intent, place in _texts(spot.get("ignored_intents")):
            _warn_unknown(
                place, intent, (*raw.intents, *DEFAULT_INTENTS), "forms.unknown-intent", "an intent of the domain"
            )
        for slot in form.required_slots:
            asks = (f"action_ask_{name}_{slot}", f"utter_ask_{name}_{slot}", f"action_ask_{slot}", f"utter_ask_{slot}")
            if slot in raw.slots and known.isdisjoint(asks):
                (spot.get("required_slots") or spot).warn(
                    "forms.no-question",
                    f"utter_ask_{name}_{slot}, utter_ask_{slot} or an action action_ask_{slot}",
                    "Add one of them; without it, the form waits for the slot but does not ask for it",
                    found=f'the slot "{slot}", which has no question',
                )


def _check_responses(parsed: Parsed) -> None:
    intents = (*parsed.raw.intents, *DEFAULT_INTENTS)
    for spot in parsed.raw.responses.values():
        if not isinstance(spot.value, list):
            continue
        for variation in spot.items():
            _check_condition_slots(variation, parsed)
            buttons = variation.get("buttons")
            if buttons is not None and isinstance(buttons.value, list):
                for button in buttons.items():
                    _check_payload(button.get("payload"), intents)


def _check_condition_slots(variation: Spot, parsed: Parsed) -> None:
    conditions = variation.get("condition")
    if conditions is not None and isinstance(conditions.value, list):
        known = (*parsed.raw.slots, *parsed.domain.slots)
        for condition in conditions.items():
            for name, place in _texts(condition.get("name")):
                _warn_unknown(place, name, known, "responses.unknown-slot", "a slot of the domain")


def _check_payload(payload: Spot | None, intents: tuple[str, ...]) -> None:
    """Check each button with a payload `/name…`: the name must be an intent."""
    if payload is None or not isinstance(payload.value, str) or not payload.value.startswith("/"):
        return
    name = payload.value[1:].partition("{")[0].partition("@")[0].strip()
    if name and name.partition("/")[0] not in intents and name not in intents:
        payload.warn("responses.unknown-intent", "an intent of the domain", did_you_mean(name, intents))


def _check_policies(parsed: Parsed, rule_policy: ComponentConfig | None, report: Report) -> None:
    if rule_policy is None:
        if any(problem.code in _POLICY_CODES for problem in report.errors):
            return  # a policy that cannot be used may be the one that runs forms
        for name, form in parsed.raw.forms.items():
            report.error(
                form.file,
                form.line,
                f"forms.{name}",
                "config.no-rule-policy",
                found="a form, but config.yml contains no RulePolicy",
                expected="RulePolicy in the policies, because it runs forms",
                suggestion="Add `- name: RulePolicy` to the policies",
            )
        return
    action = rule_policy.options.get("core_fallback_action_name")
    known = _story_names(parsed).actions
    if isinstance(action, str) and action not in known:
        where = rule_policy.where
        report.error(
            where.file,
            where.line,
            "policies.RulePolicy.core_fallback_action_name",
            "config.unknown-action",
            found=f'"{action}"',
            expected="an action of the domain",
            suggestion=did_you_mean(action, known),
        )


def _check_unused(parsed: Parsed, used: set[str], report: Report) -> None:
    """Warn about intents and responses that neither the stories and rules nor the code of actions mention."""
    raw, domain = parsed.raw, parsed.domain
    if not (parsed.stories.stories or parsed.stories.rules):
        return  # the project trains only NLU
    mentioned = set(DEFAULT_INTENTS)
    for slot in domain.slots.values():
        for mapping in slot.mappings:
            mentioned |= {*mapping.intents, *mapping.not_intents}
    for form in domain.forms.values():
        mentioned |= set(form.ignored_intents)
    code = _action_code(report.root)
    unused = {n: spot for n, spot in raw.intents.items() if n not in used and n not in mentioned}
    if raw.listed_forms:  # the code of forms on the action server can contain names of intents
        unused = {name: spot for name, spot in unused.items() if code and name not in code}
    _warn_of_all(unused, "intents.unused", "intents that stories or rules use", "Use them or remove them")
    silent = {name: spot for name, spot in raw.responses.items() if not _is_mentioned(name, used)}
    unused = {name: spot for name, spot in silent.items() if name not in code}
    suggestion = "Use them or remove them"
    if raw.actions and not code:
        suggestion += ", unless actions outside of this project send them"
    _warn_of_all(unused, "responses.unused", "responses that stories or rules use", suggestion)


def _action_code(root: Path) -> str:
    """Return the source code of the custom actions, if it is in the usual place for Rasa projects."""
    folder = root / "actions"
    files = [folder.with_suffix(".py"), *sorted(folder.rglob("*.py"))]
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file())


def _is_mentioned(name: str, used: set[str]) -> bool:
    return name in used or name in DEFAULT_RESPONSES or name.startswith("utter_ask_") or "/" in name


def _warn_of_all(places: dict[str, Spot], code: str, expected: str, suggestion: str) -> None:
    """Warn about each name at its line.

    If there are many names, report them in one warning, at the first name's line.
    """
    if len(places) <= _SINGLY:
        for name, spot in places.items():
            spot.warn(code, expected, suggestion, found=f'"{name}"')
        return
    first = next(iter(places.values()))
    first.warn(code, expected, suggestion, found=_listed(places, "names"))


def _listed(names: Iterable[str], what: str) -> str:
    every = list(names)
    return f"{len(every)} {what}: {', '.join(every[:_SHOWN])}" + (", …" if len(every) > _SHOWN else "")


# --- examples -------------------------------------------------------------------------------------------------------


def _check_examples_against_domain(parsed: Parsed, report: Report) -> None:
    raw = parsed.raw
    intents, entities = {*raw.intents, *DEFAULT_INTENTS}, set(raw.entities)
    unknown_intents: dict[str, Where] = {}
    unknown_entities: dict[str, Where] = {}
    full_names: dict[str, Where] = {}
    for example in parsed.nlu.examples:
        if example.intent not in full_names:
            full_names[example.intent] = example.where
            if example.intent not in intents and (name := example.intent.partition("/")[0]) not in intents:
                unknown_intents.setdefault(name, example.where)
        for mention in example.entities:
            if mention.entity not in entities:
                unknown_entities.setdefault(mention.entity, example.where)
    for kind, names, known in (("intent", unknown_intents, intents), ("entity", unknown_entities, entities)):
        section = "intents" if kind == "intent" else "entities"
        expected = f"names that are listed under `{section}:` in the domain"
        if len(names) > _SINGLY:
            where = next(iter(names.values()))
            report.warn(
                where.file, where.line, "nlu", f"nlu.unknown-{kind}", found=_listed(names, section), expected=expected
            )
            continue
        for name, where in names.items():
            report.warn(
                where.file,
                where.line,
                "nlu",
                f"nlu.unknown-{kind}",
                found=f'the {kind} "{name}"',
                expected=f"a name that is listed under `{section}:` in the domain",
                suggestion=did_you_mean(name, sorted(known)),
            )
    _check_retrieval(parsed, full_names, report)
    if not parsed.is_nlu_broken and parsed.nlu.examples:
        _check_intents_without_examples(parsed, {name.partition("/")[0] for name in full_names} | set(full_names))


def _check_intents_without_examples(parsed: Parsed, with_examples: set[str]) -> None:
    intents = parsed.raw.intents
    without_examples = {
        name: spot for name, spot in intents.items() if name not in with_examples and name not in DEFAULT_INTENTS
    }
    suggestion = "Add examples below `- intent: …` in the NLU data; without examples, only buttons can send the intent"
    _warn_of_all(without_examples, "intents.no-examples", "at least one NLU example for every intent", suggestion)


def _check_retrieval(parsed: Parsed, full_names: dict[str, Where], report: Report) -> None:
    responses = parsed.nlu.responses
    for name, where in full_names.items():
        if "/" in name and f"utter_{name}" not in responses:
            report.warn(
                where.file,
                where.line,
                f"nlu.{name}",
                "nlu.no-response",
                found=f'the retrieval intent "{name}"',
                expected=f"a response utter_{name}",
                suggestion=did_you_mean(f"utter_{name}", responses),
            )


def _check_examples(parsed: Parsed, report: Report) -> None:
    """Warn about a text that is an example of two intents, because a classifier can learn only one of them."""
    first: dict[str, tuple[str, Where]] = {}
    for example in parsed.nlu.examples:
        key = example.text.lower()
        before = first.setdefault(key, (example.intent, example.where))
        if before[0] != example.intent:
            report.warn(
                example.where.file,
                example.where.line,
                f"nlu.{example.intent}",
                "nlu.example-twice",
                found=f'"{example.text}", also an example of "{before[0]}" ({before[1].file}:{before[1].line})',
                expected="each text as an example of only one intent",
                suggestion="Remove one of the two",
            )


_WORD_EDGES = re.compile(r"\w(?:.*\w)?", re.DOTALL)
_WITHOUT_BLANKS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Characters of Thai, Lao, Burmese, Khmer, Japanese and Chinese, which have no spaces between words."""


def _check_lookups(parsed: Parsed, report: Report) -> None:
    """Warn about lookup entries that cannot match at word boundaries, such as `c++` or a Chinese word."""
    users = [each for each in parsed.config.pipeline if each.name in ("RegexEntityExtractor", "RegexFeaturizer")]
    bounded = [each.name for each in users if each.options.get("use_word_boundaries", True) is not False]
    if not bounded:
        return
    unmatched: dict[str, list[str]] = {}
    for name, entry in parsed.lookup_places:
        if not _WORD_EDGES.fullmatch(entry) or _WITHOUT_BLANKS.search(entry):
            unmatched.setdefault(name, []).append(entry)
    for name, entries in unmatched.items():
        where = parsed.lookup_places[name, entries[0]]
        shown = ", ".join(f'"{entry}"' for entry in entries[:_SHOWN]) + (", …" if len(entries) > _SHOWN else "")
        report.warn(
            where.file,
            where.line,
            f"nlu.{name}",
            "nlu.lookup-boundary",
            found=f"lookup entries that do not start and end at a word boundary: {shown}",
            expected="entries that begin and end with a letter or digit and have spaces around them (these entries "
            "never match)",
            suggestion=f"Set use_word_boundaries: false for {' and '.join(dict.fromkeys(bounded))}",
        )
