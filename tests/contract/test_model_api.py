"""The management API of the model, over real HTTP."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from manent.server.api import evaluation
from manent.server.api.model import write_yaml
from manent.server.jobs.training import split_document
from manent.training import TrainingOptions, train
from support.action_servers import ScriptedServer, says_bytes
from support.small_talk import FILES, Actions, Running, model_file, running, until, write_project

VISITORS, MESSAGES = 6, 12

ONE_DOCUMENT = "\n".join(
    [FILES["config.yml"], *(FILES[name].replace('version: "3.1"\n', "") for name in FILES if name != "config.yml")]
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    """A server with its management API open."""
    async with running(tmp_path, enable_api=True) as served:
        yield served


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client


async def test_parse_results_have_the_requested_format(http: httpx.AsyncClient) -> None:
    """A parse result has the format that the request asks for."""
    body = {"text": " I am Ada "}
    plain = (await http.post("/model/parse", json=body)).json()
    wit = (await http.post("/model/parse?emulation_mode=wit", json=body)).json()
    luis = (await http.post("/model/parse?emulation_mode=LUIS", json=body)).json()
    flow = (await http.post("/model/parse?emulation_mode=dialogflow", json=body)).json()

    assert (plain["text"], plain["intent"]["name"], plain["entities"][0]["value"]) == ("I am Ada", "name", "Ada")
    assert (wit["intents"][0]["name"], wit["entities"]["who:who"][0]["body"]) == ("name", "Ada")
    assert wit["intents"][0].keys() == {"name", "confidence"}
    assert (luis["prediction"]["topIntent"], luis["prediction"]["entities"]["who"]) == ("name", ["Ada"])
    assert flow["queryResult"]["parameters"] == {"who": ["Ada"]}
    assert flow["responseId"]

    empty = (await http.post("/model/parse?emulation_mode=LUIS", json={"text": "hello"})).json()
    assert empty["prediction"]["entities"] == {"$instance": {}}


async def test_diagnostics_of_a_parse(http: httpx.AsyncClient) -> None:
    """`diagnostics=true` adds a key and changes nothing else. Keyword classifiers have no probabilities."""
    body = {"text": "I am Ada"}
    plain = (await http.post("/model/parse", json=body)).json()
    shown = (await http.post("/model/parse?diagnostics=true", json=body)).json()

    assert shown == {**plain, "diagnostics": {"calibrated": []}}
    assert (await http.post("/model/parse?diagnostics=true&emulation_mode=wit", json=body)).status_code == 400


async def test_invalid_requests_are_rejected(http: httpx.AsyncClient) -> None:
    """An invalid request is answered with a status from 400 to 499 and a message."""
    cases = [
        ("POST", "/model/parse", b"", 400),
        ("POST", "/model/parse", b"{}", 400),
        ("POST", "/model/parse", b'{"text": null}', 400),
        ("POST", "/model/parse?emulation_mode=bogus", b'{"text": "x"}', 400),
        ("POST", "/model/predict", b"{}", 400),
        ("POST", "/model/predict", b'[{"event": "nonsense"}]', 400),
        ("POST", "/model/train", b"", 400),
        ("PUT", "/model", b"{}", 400),
        ("PUT", "/model", b'{"model_file": "nowhere.tar.gz"}', 400),
        ("PUT", "/model", b'{"model_server": {"url": "http://127.0.0.1:9/"}}', 400),
    ]
    for method, path, body, status in cases:
        answer = await http.request(method, path, content=body)
        assert (answer.status_code, answer.json()["status"]) == (status, "failure"), (path, body)


async def test_predict_from_events(http: httpx.AsyncClient) -> None:
    """The policies predict the next action for posted events, without a stored conversation."""
    events = [
        {"event": "action", "name": "action_listen"},
        {"event": "user", "text": "hello", "parse_data": {"intent": {"name": "greet"}, "entities": []}},
    ]
    answer = (await http.post("/model/predict", json=events)).json()

    best = max(answer["scores"], key=lambda each: each["score"])
    assert (best["action"], answer["policy"], answer["tracker"]["sender_id"]) == (
        "utter_greet",
        "RulePolicy",
        "default",
    )


async def test_domain_as_json_or_yaml(http: httpx.AsyncClient) -> None:
    """The domain is returned as JSON or, on request, as YAML. Other types are not acceptable."""
    shown = {
        accept: await http.get("/domain", headers={"Accept": accept})
        for accept in ("application/json", "*/*", "application/x-yaml", "text/plain")
    }

    assert shown["application/json"].json()["intents"] == shown["*/*"].json()["intents"]
    assert shown["application/x-yaml"].text.startswith("version: '3.1'\n")
    assert shown["text/plain"].status_code == 406


def test_yaml_follows_version_1_2() -> None:
    """In the YAML of a domain, `yes` is a string and `true` is a Boolean."""
    assert write_yaml(["yes", "true", True, "3.1"]) == "- yes\n- 'true'\n- true\n- '3.1'\n"


async def test_model_is_trained_and_loaded(http: httpx.AsyncClient, server: Running) -> None:
    """A posted document is trained and stored. Loading the model keeps the conversations."""
    changed = ONE_DOCUMENT.replace("text: Hello.", "text: Good day.")
    trained = await http.post("/model/train?save_to_default_model_directory=false", content=changed.encode())
    assert trained.status_code == 200, trained.text
    file = server.root / trained.headers["filename"]
    await asyncio.to_thread(file.write_bytes, trained.content)
    body = {"sender": "ada", "message": "hello"}
    before = (await http.post("/webhooks/rest/webhook", json=body)).json()
    swapped = await http.put("/model", json={"model_file": str(file)})
    after = (await http.post("/webhooks/rest/webhook", json=body)).json()
    status = (await http.get("/status")).json()

    assert swapped.status_code == 204
    assert (before[0]["text"], after[0]["text"]) == ("Hello.", "Good day.")
    assert (status["model_file"], status["num_active_training_jobs"]) == (file.name, 0)


async def test_document_with_mistakes_names_its_lines(http: httpx.AsyncClient) -> None:
    """A document that cannot be trained is rejected with its mistakes and their lines."""
    answer = await http.post("/model/train", content=ONE_DOCUMENT.replace("type: text", "type: texts").encode())

    line = next(number for number, text in enumerate(ONE_DOCUMENT.splitlines(), 1) if "type: text" in text)
    assert answer.status_code == 400
    assert f":{line} " in answer.json()["message"]


async def test_turns_survive_a_change_of_the_model(tmp_path: Path) -> None:
    """A turn that runs during a change of the model ends, and the next turn uses the new model."""
    actions = Actions(hold=asyncio.Event())
    other = tmp_path / "other.tar.gz"
    shutil.copy(model_file(), other)
    async with (
        running(tmp_path, enable_api=True, actions=actions) as server,
        httpx.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        slow = asyncio.create_task(http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "work"}))
        await until(lambda: bool(actions.calls))
        await http.put("/model", json={"model_file": "other.tar.gz"})
        assert server.conversations.engine.assistant.file == "other.tar.gz"
        assert actions.hold is not None
        actions.hold.set()
        answer = (await slow).json()

    assert answer == [{"recipient_id": "ada", "text": "Done."}]


async def test_swaps_under_load_lose_no_message(http: httpx.AsyncClient, server: Running) -> None:
    """While the model is changed repeatedly, each message is answered once by one of the models."""
    project = write_project(server.root / "other")
    domain = project / "domain.yml"
    domain.write_text(domain.read_text().replace("text: Hello.", "text: Good day."))
    other = (await asyncio.to_thread(train, TrainingOptions(root=project))).path
    said: dict[str, list[str]] = {}
    swaps = 0

    async def talk(sender: str) -> None:
        for number in range(MESSAGES):
            body = {"sender": sender, "message": "hello", "message_id": f"{sender}-{number}"}
            answer = await http.post("/webhooks/rest/webhook", json=body)
            assert answer.status_code == 200, answer.text
            said.setdefault(sender, []).extend(reply["text"] for reply in answer.json())

    async def swap() -> None:
        nonlocal swaps
        while True:
            file = model_file() if swaps % 2 else other
            assert (await http.put("/model", json={"model_file": str(file)})).status_code == 204
            swaps += 1

    swapping = asyncio.create_task(swap())
    await asyncio.gather(*(talk(f"visitor {number}") for number in range(VISITORS)))
    swapping.cancel()
    await asyncio.gather(swapping, return_exceptions=True)
    tracker = (await http.get("/conversations/visitor 0/tracker")).json()
    heard = [event["message_id"] for event in tracker["events"] if event["event"] == "user"]

    assert swaps > 2
    assert [len(texts) for texts in said.values()] == [MESSAGES] * VISITORS
    assert {text for texts in said.values() for text in texts} == {"Hello.", "Good day."}
    assert heard == [f"visitor 0-{number}" for number in range(MESSAGES)]


async def test_requests_without_a_model_are_rejected(http: httpx.AsyncClient) -> None:
    """After DELETE, requests that need a model are rejected until another model is loaded."""
    assert (await http.delete("/model")).status_code == 204
    answers = [
        await http.post("/webhooks/rest/webhook", json={"message": "hello"}),
        await http.get("/conversations/ada/tracker"),
        await http.get("/status"),
        await http.get("/domain"),
        await http.post("/model/parse", json={"text": "x"}),
    ]
    loaded = await http.put("/model", json={"model_file": str(model_file())})
    again = await http.post("/webhooks/rest/webhook", json={"message": "hello"})

    assert [answer.status_code for answer in answers] == [409] * 5
    assert (loaded.status_code, again.json()[0]["text"]) == (204, "Hello.")


async def test_nlu_is_evaluated(http: httpx.AsyncClient) -> None:
    """Annotated examples are evaluated: correct and wrong intents, and the entities that were found."""
    examples = FILES["data/nlu.yml"] + "- intent: greet\n  examples: |\n    - count\n"
    answer = await http.post("/model/test/intents", content=examples.encode())
    assert answer.status_code == 200, answer.text
    scored = answer.json()
    none = await http.post("/model/test/intents", content=b"stories: []")

    assert scored["intent_evaluation"]["accuracy"] == 0.8
    assert [error["text"] for error in scored["intent_evaluation"]["errors"]] == ["count"]
    assert scored["entity_evaluation"]["RegexEntityExtractor"]["f1_score"] == 1.0
    assert none.status_code == 400


async def test_nlu_is_cross_validated(http: httpx.AsyncClient) -> None:
    """With folds, the pipeline of the document is trained and evaluated. Invalid requests are rejected."""
    data = FILES["data/nlu.yml"].replace("    - hello\n", "    - hello\n    - hello you\n")
    answer = await http.post(
        "/model/test/intents?cross_validation_folds=2", content=(FILES["config.yml"] + data).encode()
    )
    refused = [
        await http.post(f"/model/test/intents?cross_validation_folds={folds}", content=content.encode())
        for folds, content in (("2", data), ("1", data), ("x", data), ("2", FILES["config.yml"]))
    ]

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["intent_evaluation"]["predictions"]) == 5
    assert 0 < answer.json()["intent_evaluation"]["accuracy"] < 1
    assert [each.status_code for each in refused] == [400] * 4


async def test_stories_are_evaluated(http: httpx.AsyncClient) -> None:
    """The loaded model is evaluated with test stories, with or without their texts."""
    stories = (
        "stories:\n- story: one\n  steps:\n  - {user: hello, intent: greet}\n  - action: utter_greet\n"
        "  - {user: hello, intent: count}\n  - action: utter_greet\n"
    )
    plain = await http.post("/model/test/stories", content=stories.encode())
    whole = await http.post("/model/test/stories?e2e=true", content=stories.encode())
    none = await http.post("/model/test/stories", content=b"nlu: []")

    assert plain.status_code == 200, plain.text
    assert plain.json().keys() == {
        "report",
        "precision",
        "f1",
        "accuracy",
        "actions",
        "in_training_data_fraction",
        "is_end_to_end_evaluation",
    }
    # Actions: greet and three more; end to end the two intents count, too.
    assert [action["predicted"] for action in plain.json()["actions"]][:3] == [
        "utter_greet",
        "action_listen",
        "utter_count",
    ]
    assert (plain.json()["is_end_to_end_evaluation"], whole.json()["is_end_to_end_evaluation"]) == (False, True)
    assert plain.json()["report"]["conversation_accuracy"]["correct"] == 0
    assert whole.json()["report"]["count"]["recall"] == 0.0
    assert 0 < plain.json()["in_training_data_fraction"] <= 1
    assert none.status_code == 400


def test_split_document_keeps_lines_in_their_place() -> None:
    """In each part of a split document, lines have the same numbers as in the whole."""
    parts = split_document('version: "3.1"\npipeline: []\nintents:\n- a\nnlu:\n- intent: a\n')

    assert parts["config.yml"].splitlines() == ["", "pipeline: []", "", "", "", ""]
    assert parts["domain.yml"].splitlines() == ['version: "3.1"', "", "intents:", "- a", "", ""]
    assert parts["data.yml"].splitlines() == ['version: "3.1"', "", "", "", "nlu:", "- intent: a"]


@pytest.mark.parametrize(
    "document",
    [
        '{"config": "pipeline: []", "domain": "intents: [a]", "nlu": "nlu: []"}',
        'recipe: default.v1\nversion: "3.1"\nintents: [a]\n',
        "nul:\n- intent: a\n  examples: |\n    - b\n",
    ],
)
async def test_a_document_with_nothing_to_train_makes_no_model(
    server: Running, http: httpx.AsyncClient, document: str
) -> None:
    """A document without training data is rejected, so that no empty model becomes the newest one."""
    before = sorted(server.root.glob("models/*"))

    answer = await http.post("/model/train", content=document, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["details"]["error"]) == (400, "bad_project")
    assert sorted(server.root.glob("models/*")) == before


@pytest.fixture
async def outside() -> AsyncIterator[ScriptedServer]:
    """The server that URLs in requests name."""
    async for served in ScriptedServer().serve():
        yield served


async def test_urls_in_requests_reach_no_private_address(http: httpx.AsyncClient, outside: ScriptedServer) -> None:
    """Results are not sent to private addresses, and models are not loaded from them."""
    results = await http.post(f"/model/test/intents?callback_url={outside.url}", content=b"nlu: []")
    model = await http.put("/model", json={"model_server": {"url": outside.url}})

    for answer in (results, model):
        assert answer.status_code == 400
        assert "allow_private_addresses in endpoints.yml" in answer.json()["message"]
    assert outside.requests == []


async def test_a_model_from_a_model_server(tmp_path: Path, outside: ScriptedServer) -> None:
    """With the option, a model is loaded from a private address; redirects, errors and large files are refused."""
    content = model_file().read_bytes()
    async with (
        running(tmp_path, enable_api=True, endpoints="allow_private_addresses: [127.0.0.0/8]\n") as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):

        async def load() -> httpx.Response:
            return await client.put("/model", json={"model_server": {"url": outside.url}})

        outside.answer = says_bytes(content)
        assert (await load()).status_code == 204

        outside.answer = says_bytes(b"", 503)
        assert "answered with status 503" in (await load()).json()["message"]

        async def redirect(_request: web.Request, _body: bytes) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": outside.url + "?again"})

        outside.answer = redirect
        assert "redirect (status 302), which is not followed" in (await load()).json()["message"]

        async def endless(request: web.Request, _body: bytes) -> web.StreamResponse:
            stream = web.StreamResponse()
            await stream.prepare(request)
            with contextlib.suppress(ConnectionError):
                while True:
                    await stream.write(bytes(1 << 20))
            return stream

        outside.answer = endless
        assert "too large (limit 268,435,456 bytes)" in (await load()).json()["message"]

    assert len(outside.requests) == 4


async def test_redirects_of_the_callback_url_are_not_followed(
    tmp_path: Path, outside: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The callback URL receives the result once. A redirect is logged as a failure and not followed."""

    async def redirect(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": outside.url + "?again"})

    outside.answer = redirect
    async with (
        running(tmp_path, enable_api=True, endpoints="allow_private_addresses: true\n") as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        answer = await client.post(f"/model/test/intents?callback_url={outside.url}", content=b"nlu: []")
        assert answer.status_code == 204
        await until(lambda: "rejected a result" in caplog.text)

    assert len(outside.requests) == 1


async def test_callback_url_receives_an_internal_error(
    tmp_path: Path, outside: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a job fails with an error in the server, the callback URL receives this error instead of nothing."""

    def fail(*_: object) -> object:
        raise TypeError("broken")

    monkeypatch.setattr(evaluation, "read_examples", fail)
    async with (
        running(tmp_path, enable_api=True, endpoints="allow_private_addresses: true\n") as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        answer = await client.post(f"/model/test/intents?callback_url={outside.url}", content=b"nlu: []")
        assert answer.status_code == 204
        await until(lambda: bool(outside.requests))

    assert outside.body()["details"]["error"] == "internal_error"
