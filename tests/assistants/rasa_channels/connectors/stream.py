"""Streams each reply as it comes, as Rasa's REST channel does."""

import asyncio
import json
from asyncio import Queue

import rasa.utils.endpoints
from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, QueueOutputChannel, UserMessage
from sanic import Blueprint, response
from sanic.response import ResponseStream


class StreamInput(InputChannel):
    @classmethod
    def name(cls):
        return "stream"

    def blueprint(self, on_new_message):
        routes = Blueprint("stream_webhook", __name__)

        @routes.route("/webhook", methods=["POST"])
        async def receive(request):
            text, sender = request.json.get("message"), request.json.get("sender")
            if not rasa.utils.endpoints.bool_arg(request, "stream", default=False):
                collector = CollectingOutputChannel()
                await on_new_message(UserMessage(text, collector, sender, input_channel=self.name()))
                return response.json(collector.messages)

            async def stream(resp):
                q = Queue()

                async def work():
                    await on_new_message(UserMessage(text, QueueOutputChannel(q), sender, input_channel=self.name()))
                    await q.put("DONE")

                task = asyncio.ensure_future(work())
                while True:
                    result = await q.get()
                    if result == "DONE":
                        break
                    await resp.write(json.dumps(result) + "\n")
                await task

            return ResponseStream(stream, content_type="text/event-stream")

        return routes
