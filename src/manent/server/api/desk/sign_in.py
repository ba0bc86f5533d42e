"""The pages on which operators sign in. They work without scripts.

`GET` of an invitation only shows a button, so that previews of links in mails and chats do not use it up.
"""

import html
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from manent.core.errors import ManentError, RequestError
from manent.core.events import Json
from manent.desk.desk import Desk
from manent.desk.identity import COOKIE, Person
from manent.desk.oidc import CALLBACK
from manent.desk.oidc import COOKIE as STATE_COOKIE
from manent.desk.oidc import COOKIE_S as STATE_S
from manent.runtime.refusal_log import note
from manent.server.api.desk.serving import check_origin, client_address, is_secure

PAGE: Final = "/desk"
JOIN: Final = "/desk/join"
SIGN_IN: Final = "/desk/sign-in"
SIGN_IN_CALLBACK: Final = CALLBACK

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; style-src 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, browsers send the form with `Origin: null`
    "X-Content-Type-Options": "nosniff",
}


class SignInRequests:
    """The requests that begin and end sessions."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._root = urlsplit(desk.options.public_url or "").path.rstrip("/") + PAGE

    async def show_invitation(self, request: Request) -> Response:
        """Show a button. Nothing changes, and whether the link is valid is not shown before it is used."""
        token = request.query_params.get("invitation", "")
        return self._page(
            "Join the desk",
            '<p>Sign in on this device. The link works once.</p><form method="post" action="join">'
            f'<input type="hidden" name="invitation" value="{html.escape(token)}">'
            "<button autofocus>Sign in</button></form>",
        )

    async def redeem(self, request: Request) -> Response:
        """Use a link: begin a session and go to the desk."""
        try:
            check_origin(self.desk, request)
            if self.desk.options.identity != "local":
                raise RequestError("not_found", "this desk has no invitations", status=404)
            form = parse_qs((await request.body()).decode("latin-1"), max_num_fields=5)
            _, token = await self.desk.identity.redeem(form.get("invitation", [""])[0], client_address(request))
        except (ManentError, ValueError) as error:
            return self._failed(request, error)
        return self._signed_in(request, token)

    async def begin(self, request: Request) -> Response:
        """Go to the OpenID provider, or say how to get a link."""
        if self.desk.oidc is None:
            text = (
                "An administrator makes a link for you: <code>manent desk invite NAME --role operator</code>"
                if self.desk.options.identity == "local"
                else "This desk accepts only requests with a token of your identity system."
            )
            return self._page("Sign in to the desk", f"<p>{text}</p>", status=401)
        try:
            self.desk.identity.attempt(client_address(request))
            address, state = await self.desk.oidc.begin()
        except ManentError as error:
            return self._failed(request, error)
        response = RedirectResponse(address, 303, _HEADERS)
        self._set_cookie(request, response, STATE_COOKIE, state, STATE_S)
        return response

    async def finish(self, request: Request) -> Response:
        """Finish a sign-in at the OpenID provider: begin a session and go to the desk."""
        given = request.query_params
        try:
            if self.desk.oidc is None:
                raise RequestError("not_found", "this desk has no OpenID provider", status=404)
            self.desk.identity.attempt(client_address(request))
            subject, claims = await self.desk.oidc.finish(
                request.cookies.get(STATE_COOKIE, ""),
                code=given.get("code", ""),
                state=given.get("state", ""),
                refusal=given.get("error", ""),
            )
            member = await self.desk.identity.admit(subject, claims)
            token = await self.desk.identity.sign_in(member)
        except ManentError as error:
            return self._failed(request, error)
        response = self._signed_in(request, token)
        response.delete_cookie(STATE_COOKIE, path=self._root)
        return response

    async def sign_out(self, _: Request, person: Person) -> Response:
        """End the session."""
        await self.desk.identity.sign_out(person)
        response = Response(b'{"ok":true}', media_type="application/json", headers={"Cache-Control": "no-store"})
        response.delete_cookie(COOKIE, path=self._root)
        return response

    async def me(self, _: Request, person: Person) -> Json:
        """Return who is signed in."""
        operator: Json = {"id": person.member.id, "name": person.member.name}
        if person.member.avatar is not None:
            operator["avatar"] = person.member.avatar
        return {"operator": operator, "role": person.member.role, "csrf": person.csrf}

    def _signed_in(self, request: Request, token: str) -> Response:
        response = RedirectResponse(self._root, 303, _HEADERS)
        self._set_cookie(request, response, COOKIE, token, int(self.desk.identity.session_s))
        return response

    def _set_cookie(self, request: Request, response: Response, name: str, value: str, max_age: int) -> None:
        secure = is_secure(self.desk, request)
        response.set_cookie(name, value, max_age=max_age, path=self._root, secure=secure, httponly=True, samesite="lax")

    def _failed(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, ManentError):
            error = RequestError("bad_request", "the form is not valid")
        note(error, way="desk", address=client_address(request))
        return self._page("You are not signed in", f"<p>{html.escape(error.message)}</p>", status=error.status)

    def _page(self, title: str, body: str, *, status: int = 200) -> Response:
        text = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{title}</title><link rel="stylesheet" href="{html.escape(self._root)}/desk.css"></head>'
            f'<body><main class="door"><h1>{title}</h1>{body}</main></body></html>'
        )
        return Response(text, status, _HEADERS, "text/html")
