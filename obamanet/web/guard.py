"""Stands before all that a server answers: who may ask, from where, how often, and how much is taken in."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from secrets import token_urlsafe
from typing import Final
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from obamanet.errors import OptionError
from obamanet.web.limits import Limits

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})

MIN_TOKEN: Final = 16
"""Characters of a token."""

COOKIE: Final = "obamanet_session"
"""Cookie of those who have shown the token to the page."""

SESSION_SECONDS: Final = 7 * 24 * 3600.0
MAX_SESSIONS: Final = 1000

OPEN_PATHS: Final = frozenset({"/health"})
"""What is answered without a token."""

CLIENT_HEADER: Final = "x-client"
"""Request header by which a program that asks for many people tells them apart, so that they take turns."""

MAX_CLIENT: Final = 64
"""Characters of that header that count."""

MAX_CLIENTS: Final = 10_000
"""Clients whose rate is kept in mind."""

JSON_BYTES: Final = 256_000
"""Bytes of a request that uploads no file."""

FORM_BYTES: Final = 64_000
"""Bytes that a form may have beside its file."""

PIECE_SECONDS: Final = 30.0
"""Seconds that a client may take for the next piece of what it sends."""

API_POLICY: Final = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""What a browser may load for an answer of the API: a video, which it shows in a page of its own making."""

CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that change something."""


class Access:
    """Who may use the server.

    Args:
        host: address that it listens at.
        token: secret that clients show; None for none, which is allowed for this machine alone.

    Raises:
        OptionError: there is no token where one is needed, or it is too short.
    """

    def __init__(self, host: str, token: str | None) -> None:
        self.is_local = host in LOCAL_HOSTS
        if token is None and not self.is_local:
            raise OptionError(f"others could use the server at {host}: give --token, or OBAMANET_TOKEN, too")
        if token is not None and (len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable()):
            raise OptionError(f"token cannot be used: needed are {MIN_TOKEN} letters, digits or signs at least")
        self.token = token
        self.login_path: str | None = None
        """Page that asks for the token, and is shown without it; None for none."""
        self._sessions: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_token(self, given: str) -> bool:
        """Returns whether ``given`` is the token; always where there is none."""
        return self.token is None or compare_digest(given.encode(), self.token.encode())

    def open_session(self) -> str:
        """Returns the value of a new COOKIE for somebody who has shown the token."""
        session = token_urlsafe(32)
        with self._lock:
            self._sessions[_digest(session)] = time.monotonic() + SESSION_SECONDS
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def end_session(self, session: str) -> None:
        """Lets a cookie's value count no longer."""
        with self._lock:
            self._sessions.pop(_digest(session), None)

    def is_session(self, session: str) -> bool:
        """Returns whether ``session`` is the value of a cookie that counts."""
        with self._lock:
            return self._sessions.get(_digest(session), 0.0) > time.monotonic()

    def allows(self, headers: Headers) -> bool:
        """Returns whether a request shows the token or the cookie."""
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.is_token(given.strip())
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self.is_session(cookie.value)

    def fault(self, method: str, headers: Headers) -> str | None:
        """Returns why a request comes from where it must not come from; None where nothing is wrong.

        A page of another site cannot read answers, but could send forms, or have its own name resolve to this machine.
        """
        host = headers.get("host", "")
        if self.token is None and _host_name(host) not in LOCAL_HOSTS:
            return "the server is asked for by a name that is not this machine's"
        origin = headers.get("origin")
        if method in CHANGES and origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return "requests of other sites' pages are not taken"
        if method in CHANGES and origin is None and headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            return "requests of other sites' pages are not taken"
        return None


class Rate:
    """Lets each client do something so many times a minute, and that often at once.

    Args:
        per_minute: times.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Counts one time; returns the seconds after which it would be allowed, 0.0 where it is now."""
        now = time.monotonic()
        left, then = self._left.pop(client, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - then) * self._per_minute / 60)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left), now
        while len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self._per_minute


class Guard:
    """Refuses requests before they are read, and stops those that send too much or too slowly.

    Args:
        app: what answers the others.
        access: who may ask.
        limits: how much and how often.
    """

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits
        self._rate = Rate(limits.per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, _Intake(receive, self._most(scope)).receive, _guarded(scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            # Closed, since what it goes on to send is not read.
            refusal.headers["Connection"] = "close"
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path, method = Headers(scope=scope), scope["path"], scope.get("method", "GET")
        fault = self._access.fault("POST" if scope["type"] == "websocket" else method, headers)
        if fault is not None:
            return refused(403, fault)
        if path not in OPEN_PATHS and path != self._access.login_path and not self._access.allows(headers):
            if self._access.login_path and method == "GET" and "text/html" in headers.get("accept", ""):
                return RedirectResponse(self._access.login_path, 303)
            answer = refused(401, "the server needs its token: send Authorization: Bearer TOKEN")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._most(scope):
            return refused(413, too_large(self._most(scope)))
        if method == "POST" and path.startswith("/api/"):
            wait = self._rate.wait(client_of(scope))
            if wait > 0:
                return refused(429, f"too many requests: allowed are {self._limits.per_minute} a minute", wait)
        return None

    def _most(self, scope: Scope) -> int:
        """Returns how many bytes a request's body may have."""
        is_json = Headers(scope=scope).get("content-type", "").startswith("application/json")
        return JSON_BYTES if is_json else self._limits.upload_bytes + FORM_BYTES


class _Intake:
    """Takes in a request's body piece by piece, up to ``most`` bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._taken = receive, most, 0
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:  # What follows is the client's going, whenever that is.
            return await self._receive()
        with anyio.move_on_after(PIECE_SECONDS):
            message = await self._receive()
            self._taken += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._taken > self._most:
                raise HTTPException(413, too_large(self._most), {"Connection": "close"})
            return message
        raise HTTPException(408, f"nothing came for {PIECE_SECONDS:.0f} s", {"Connection": "close"})


def too_large(most: int) -> str:
    """Returns what a client is told whose request is larger than ``most`` bytes."""
    return f"the request is too large: allowed are {most / 1e6:.3g} MB"


def refused(status: int, error: str, wait: float | None = None) -> JSONResponse:
    """Returns an answer that tells an error in one line, and in how many seconds to try again."""
    headers = {} if wait is None else {"Retry-After": str(max(1, round(wait + 0.5)))}
    return JSONResponse({"error": " ".join(error.split())}, status, headers)


def client_of(scope: Scope) -> str:
    """Returns whose request it is: the address, and the CLIENT_HEADER where there is one."""
    host = scope["client"][0] if scope.get("client") else ""
    return f"{host} {Headers(scope=scope).get(CLIENT_HEADER, '')[:MAX_CLIENT]}"


def _guarded(scope: Scope, send: Send) -> Send:
    """Returns ``send`` with headers that keep browsers from guessing, from keeping what the API says, and from telling
    other sites' pages."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "no-referrer")
            # Gradio lets pages of other servers on this machine read what it answers.
            del headers["Access-Control-Allow-Origin"], headers["Access-Control-Allow-Credentials"]
            if scope["path"].startswith("/api/"):
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("Content-Security-Policy", API_POLICY)
        await send(message)

    return guarded


def _host_name(host: str) -> str:
    """Returns the name in a Host header, without port and brackets; "" where it has none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode("utf-8", "replace")).hexdigest()
