"""A small site with a login. Its users talk to the bot under their own names. README.md describes how to run it.

Only `token` concerns the bot. It issues a token for the logged-in user, valid for five minutes, and signs it with the
key that is also in the bot's credentials.yml.
"""

import hmac
import json
import os
import secrets
import time
from pathlib import Path

import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

BOT = os.environ.get("BOT_URL", "http://localhost:5005")
KEY = os.environ["CHAT_KEY"]
PORT = int(os.environ.get("PORT", "8000"))
TOKEN_LIFETIME_S = 300

PASSWORDS = {"ada": "lovelace", "bob": "builder"}  # a real site stores hashes of passwords
logged_in = {}  # cookie → name

PAGES = Path(__file__).parent


def page(name):
    return HTMLResponse((PAGES / name).read_text().replace("{{BOT}}", BOT))


def who(request):
    return logged_in.get(request.cookies.get("shop"))


async def home(request: Request):
    return page("chat.html" if who(request) else "login.html")


async def plain(request: Request):
    return page("plain.html" if who(request) else "login.html")


async def login(request: Request):
    given = json.loads(await request.body())
    name, password = str(given.get("name")), str(given.get("password"))
    if not hmac.compare_digest(PASSWORDS.get(name, secrets.token_hex()).encode(), password.encode()):
        return Response("wrong name or password", 403)
    cookie = secrets.token_urlsafe()
    logged_in[cookie] = name
    answer = Response(status_code=204)
    answer.set_cookie("shop", cookie, httponly=True, samesite="strict")
    return answer


async def logout(request: Request):
    logged_in.pop(request.cookies.get("shop"), None)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie("shop")
    return answer


async def token(request: Request):
    """Return a token for the bot that names the logged-in user and an expiry time."""
    name = who(request)
    if name is None:
        return Response("log in first", 401)
    now = int(time.time())
    claims = {"sub": name, "aud": "chat", "iat": now, "exp": now + TOKEN_LIFETIME_S, "jti": secrets.token_hex(8)}
    return JSONResponse(jwt.encode(claims, KEY, "HS256"), headers={"Cache-Control": "no-store"})


app = Starlette(
    routes=[
        Route("/", home),
        Route("/plain", plain),
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/token", token),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
