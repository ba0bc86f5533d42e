"""REST with other keys."""

from rasa.core.channels.rest import RestInput


class ShopRest(RestInput):
    @classmethod
    def name(cls):
        return "shop"

    async def _extract_sender(self, req):
        return req.headers.get("x-visitor")

    def get_metadata(self, request):
        return {"shop": request.json.get("shop")}
