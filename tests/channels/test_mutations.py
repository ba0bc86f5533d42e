"""Mutations of the code, each of which breaks a guarantee: a test of the channels must fail for each of them."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.platforms import CHANNELS

ROOT = Path(__file__).parents[2]
SUITE = "tests/channels/test_conformance.py"
CALLBACK = "tests/channels/test_callback.py"
SENDS = (3, 4, 5)
"""The guarantees of the channel callback that have tests. It has no secret, and answers when the turn has ended."""

WITH_TYPING = ("telegram", "whatsapp", "facebook", "instagram", "botframework", "mattermost")

RUN = """
import sys, pytest

class Impatient:
    def pytest_sessionstart(self):
        from support import small_talk
        small_talk.until.__kwdefaults__["timeout_s"] = 5.0

sys.exit(pytest.main(sys.argv[1:], plugins=[Impatient()]))
"""
"""Runs tests that are expected to fail, with less patience."""


@dataclass(frozen=True)
class Mutation:
    """One change of the code.

    Attributes:
        point: the guarantee that it breaks, as `docs/channels/README.md` numbers them.
        file: the file in `src/manent`.
        old: a text that the file contains once.
        new: what replaces it.
        test: name of the test in the suite that must fail.
        channels: the channels for which it must fail.
    """

    point: int
    file: str
    old: str
    new: str
    test: str
    channels: tuple[str, ...] = tuple(CHANNELS)


FORGED = "test_requests_of_others_are_refused"

MUTATIONS = (
    # the code that all channels share
    Mutation(1, "channels/messenger.py", "        await self.verify(request, body)\n", "", FORGED),
    Mutation(
        2,
        "channels/messenger.py",
        "        await self.accept(update.messages)\n",
        "",
        "test_a_confirmed_message_survives_a_crash",
    ),
    Mutation(
        3,
        "runtime/background/receiving.py",
        "        message_id=message_id,\n        text",
        "        message_id=message_id + str(asyncio.get_running_loop().time()),\n        text",
        "test_a_message_delivered_ten_times_is_one_turn",
    ),
    Mutation(
        4,
        "runtime/background/sending.py",
        "                    self.note(route.sender_id)\n",
        "                    pass\n",
        "test_a_committed_reply_survives_a_crash",
        (*CHANNELS, "callback"),
    ),
    Mutation(
        5,
        "runtime/background/sending.py",
        "if isinstance(failure, SendLater) and not (age_s",
        "if False and not (age_s",
        "test_a_rate_limit_is_honoured",
        (*CHANNELS, "callback"),
    ),
    Mutation(
        6,
        "channels/texts.py",
        "while measure(rest) > limit:",
        "while measure(rest) > 1_000_000:",
        "test_long_texts_are_split",
        tuple(name for name in CHANNELS if name != "generic"),  # its texts have any length
    ),
    Mutation(
        7,
        "runtime/background/receiving.py",
        "if messenger is not None and not receipt.duplicate:",
        "if receipt.duplicate:",
        "test_the_visitor_sees_that_the_bot_works",
        WITH_TYPING,
    ),
    Mutation(
        8,
        "channels/messenger.py",
        'ATTACHMENT = "/attachment"',
        'ATTACHMENT = ""',
        "test_attachments_arrive",
        tuple(name for name in CHANNELS if name not in ("generic", "facebook", "instagram")),  # their text is another
    ),
    Mutation(
        9,
        "channels/platform_api.py",
        "                url,\n                data=data,\n",
        '                url.replace("127.0.0.1", "127.0.0.2"),\n                data=data,\n',
        "test_only_configured_addresses_are_called",
    ),
    Mutation(
        10,
        "channels/messenger.py",
        "    shared_with: tuple[str, ...] = ()\n",
        "    shared_with: tuple[str, ...] = ()\n    undocumented: str\n",
        "test_the_channel_is_documented",
        (*CHANNELS, "twilio_voice"),  # `callback` has other options
    ),
    Mutation(
        6,
        "channels/messenger.py",
        "        return [*self.shown(event), *({NOT_SHOWN: reason} for reason in self._omissions(event))]\n",
        "        return self.shown(event)\n",
        "test_what_cannot_be_shown_is_recorded",
        tuple(name for name in CHANNELS if name != "generic"),  # JSON can show everything
    ),
    # what one channel verifies
    Mutation(
        1, "channels/generic.py", "return abs(now - int(moment)) <= WINDOW_S", "return True", FORGED, ("generic",)
    ),
    Mutation(1, "channels/telegram.py", "if not is_same(request", "if is_same(request", FORGED, ("telegram",)),
    Mutation(1, "channels/slack.py", "abs(time.time() - int(moment)) > WINDOW_S", "False", FORGED, ("slack",)),
    Mutation(
        1,
        "channels/meta.py",
        'if not is_signature(given.removeprefix(f"{algorithm}="), self._secret, body, algorithm=algorithm):',
        "if not given:",
        FORGED,
        ("whatsapp", "facebook", "instagram"),
    ),
    Mutation(
        1,
        "channels/twilio.py",
        'if not is_same(request.headers.get("x-twilio-signature", ""), digest.decode()):',
        'if not request.headers.get("x-twilio-signature"):',
        FORGED,
        ("twilio",),
    ),
    Mutation(
        1,
        "channels/botframework.py",
        'if not service_url or text_of(claims, "serviceurl").rstrip("/") != service_url.rstrip("/"):',
        "if not service_url:",
        FORGED,
        ("botframework",),
    ),
    Mutation(
        1,
        "channels/platform_tokens.py",
        '"verify_aud": audience is not None',
        '"verify_aud": False',
        FORGED,
        ("hangouts",),
    ),
    Mutation(
        1,
        "channels/mattermost.py",
        'if not is_same(text_of(context, "signature"), expected):',
        "if not expected:",
        FORGED,
        ("mattermost",),
    ),
    Mutation(
        1,
        "channels/rocketchat.py",
        'given, expected = request.headers.get("x-rocketchat-livechat-token", ""), livechat_token',
        "return",
        FORGED,
        ("rocketchat",),
    ),
    Mutation(
        1,
        "channels/webexteams.py",
        'if secret and not is_signature(given, secret, body, algorithm="sha1"):',
        "if secret and not given:",
        FORGED,
        ("webexteams",),
    ),
    # the channel callback
    Mutation(
        3,
        "channels/webhook.py",
        'message_id=body.get("message_id"),',
        "message_id=None,",
        "test_a_message_delivered_ten_times_is_one_turn",
        ("callback",),
    ),
    Mutation(
        4,
        "runtime/conversation/record.py",
        "            await self._open_routes(events, head)\n",
        "            pass\n",
        "test_an_uncertain_send_is_repeated_and_recorded",
        ("callback",),
    ),
    Mutation(
        4,
        "channels/callback.py",
        'if event.metadata.get("output_channel") == self.name',
        "if event",
        "test_only_its_own_messages_are_sent",
        ("callback",),
    ),
    # the attachments and the limits of channels whose code is not shared
    Mutation(
        6,
        "channels/generic.py",
        'in replies_of("", event)\n',
        'in replies_of("", event)[:1]\n',
        "test_images_are_sent",
        ("generic",),
    ),
    Mutation(
        8,
        "channels/facebook.py",
        'metadata["attachments"] = [',
        'metadata["files"] = [',
        "test_attachments_arrive",
        ("facebook", "instagram"),
    ),
    Mutation(
        8, "channels/generic.py", "metadata=metadata or {}", "metadata={}", "test_attachments_arrive", ("generic",)
    ),
)


def id_of(test: str, channel: str) -> str:
    """Return the id of a test for a channel."""
    return f"{CALLBACK}::{test}" if channel == "callback" else f"{SUITE}::{test}[{channel}]"


def test_every_guarantee_is_broken() -> None:
    """There is a mutation for each guarantee of each channel, except typing where platforms do not have it."""
    broken = {(mutation.point, name) for mutation in MUTATIONS for name in mutation.channels}
    expected = {(point, name) for point in range(1, 11) for name in (WITH_TYPING if point == 7 else CHANNELS)}
    assert expected - broken == set()
    assert {(point, "callback") for point in SENDS} - broken == set()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.point}-{Path(one.file).stem}")
def test_a_mutation_fits_the_code(mutation: Mutation) -> None:
    """The text that a mutation replaces is in the code exactly once."""
    code = (ROOT / "src/manent" / mutation.file).read_text(encoding="utf-8")
    assert code.count(mutation.old) == 1, f"{mutation.file} has changed: adapt the mutation"


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.point}-{Path(one.file).stem}")
def test_a_mutation_is_noticed(tmp_path: Path, mutation: Mutation) -> None:
    """The named test fails for every channel that the mutation breaks."""
    copy = tmp_path / "src" / "manent"
    shutil.copytree(ROOT / "src/manent", copy, ignore=shutil.ignore_patterns("__pycache__", "web"))
    (copy / "web").symlink_to(ROOT / "src/manent/web")
    changed = copy / mutation.file
    code = changed.read_text(encoding="utf-8")
    changed.write_text(code.replace(mutation.old, mutation.new), encoding="utf-8")

    wanted = [id_of(mutation.test, name) for name in mutation.channels]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            RUN,
            *wanted,
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=no",
            f"--basetemp={tmp_path / 'run'}",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    red = set(re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE))
    assert set(wanted) - red == set(), done.stdout[-3000:] + done.stderr[-3000:]
    caught = f"{mutation.point}: {mutation.file}: {mutation.test} fails for {', '.join(mutation.channels)}"
    print(caught)  # noqa: T201  # the list of what is caught; pytest shows it with -rP
