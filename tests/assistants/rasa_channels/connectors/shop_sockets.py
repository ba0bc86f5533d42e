"""Socket.IO: one class that replaces a part, and one that replaces the routes."""

from rasa.core.channels.channel import UserMessage
from rasa.core.channels.socketio import SocketBlueprint, SocketIOInput, SocketIOOutput
from sanic import response
from socketio import AsyncServer


class ShopSockets(SocketIOInput):
    @classmethod
    def name(cls):
        return "shop_sockets"

    def get_metadata(self, request):
        return {"page": request.get("page")}


class OwnSockets(SocketIOInput):
    @classmethod
    def name(cls):
        return "own_sockets"

    def blueprint(self, on_new_message):
        sio = AsyncServer(async_mode="sanic", cors_allowed_origins=[])
        routes = SocketBlueprint(sio, self.socketio_path, "socketio_webhook", __name__)
        self.sio = sio

        @routes.route("/", methods=["GET"])
        async def health(_):
            return response.json({"status": "ok"})

        @sio.on("session_request", namespace=self.namespace)
        async def session_request(sid, data):
            await sio.enter_room(sid, data["session_id"])
            await sio.emit("session_confirm", data["session_id"], room=sid)

        @sio.on(self.user_message_evt, namespace=self.namespace)
        async def handle(sid, data):
            output = SocketIOOutput(sio, self.bot_message_evt)
            message = UserMessage(data["message"], output, data["session_id"], input_channel=self.name())
            await on_new_message(message)

        return routes
