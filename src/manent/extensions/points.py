"""The extension points: what a project can add, and which classes are built in.

`finding.py` looks up names in this module. Built-in classes are listed as strings, and are imported only when a project
uses them, so that Manent starts quickly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionPoint:
    """A kind of part that a project can add.

    Attributes:
        what: name of this kind of part in messages, for example `channel`.
        group: group of entry points in which packages register their classes.
        methods: methods that every class has.
        built_in: name in the project's files → `module:class`.
        options: name → `module:class` of the options of a built-in class whose module takes long to import. Training
            checks options without the class.
        adapters: name of a method that only classes written for Rasa have → `module:function`. The function receives
            such a class and returns a class with `methods`.
        ignores_case: whether upper and lower case in names are equivalent.
    """

    what: str
    group: str
    methods: tuple[str, ...]
    built_in: Mapping[str, str] = field(default_factory=lambda: _NONE)
    options: Mapping[str, str] = field(default_factory=lambda: _NONE)
    adapters: Mapping[str, str] = field(default_factory=lambda: _NONE)
    ignores_case: bool = False


CHANNELS = ExtensionPoint(
    what="channel",
    group="manent.channels",
    methods=("routes", "open", "close"),
    built_in={
        "socketio": "manent.channels.socketio.channel:SocketIoChannel",
        "rest": "manent.channels.rest:RestChannel",
        "callback": "manent.channels.callback:CallbackChannel",
        "generic": "manent.channels.generic:GenericChannel",
        "telegram": "manent.channels.telegram:TelegramChannel",
        "slack": "manent.channels.slack:SlackChannel",
        "whatsapp": "manent.channels.whatsapp:WhatsAppChannel",
        "facebook": "manent.channels.facebook:FacebookChannel",
        "instagram": "manent.channels.facebook:InstagramChannel",
        "twilio": "manent.channels.twilio:TwilioChannel",
        "twilio_voice": "manent.channels.twilio_voice:TwilioVoiceChannel",
        "botframework": "manent.channels.botframework:BotFrameworkChannel",
        "mattermost": "manent.channels.mattermost:MattermostChannel",
        "rocketchat": "manent.channels.rocketchat:RocketChatChannel",
        "webexteams": "manent.channels.webexteams:WebexTeamsChannel",
        "hangouts": "manent.channels.hangouts:HangoutsChannel",
    },
    options={"socketio": "manent.channels.socketio.options:SocketIoOptions"},
    adapters={"blueprint": "manent.channels.rasa_channel:adapt"},
)
CHANNELS_WITHOUT_SERVER = ("cmdline",)
"""Sections of `credentials.yml` that do not need a channel in the server."""

FILES = "files"
"""The section of `credentials.yml` for files of visitors. It is not a channel."""

BROKERS = ExtensionPoint(
    what="event broker",
    group="manent.brokers",
    methods=("connect", "publish", "close"),
    built_in={
        "file": "manent.brokers.file:FileBroker",
        "sql": "manent.brokers.sql:SqlBroker",
        "pika": "manent.brokers.pika:PikaBroker",
        "kafka": "manent.brokers.kafka:KafkaBroker",
    },
    ignores_case=True,
)
STORES = ExtensionPoint(
    what="tracker store",
    group="manent.stores",
    methods=("open", "close", "append", "load"),
    built_in={
        "SQL": "manent.stores.opening:SqlStore",
        "InMemory": "manent.stores.memory:MemoryStore",
        "in_memory": "manent.stores.memory:MemoryStore",
    },
    ignores_case=True,
)
COMPONENTS = ExtensionPoint(
    what="component",
    group="manent.components",
    methods=("train", "process", "persist", "load"),
    adapters={"required_components": "manent.nlu.components.rasa_component:adapt"},
)
"""Components from projects or packages. The built-in ones are `KINDS` in `nlu/registry.py`."""

POLICIES = ExtensionPoint(
    what="policy",
    group="manent.policies",
    methods=("train", "predict", "persist", "load"),
    adapters={"predict_action_probabilities": "manent.dialogue.policies.rasa_policy:adapt"},
)
"""Policies from projects or packages. The built-in ones are in `dialogue/policies/`."""

SLOTS = ExtensionPoint(
    what="slot",
    group="manent.slots",
    methods=("as_feature",),
)
"""Slot classes of projects that were written for Rasa. `dialogue/custom_slots.py` uses them."""
