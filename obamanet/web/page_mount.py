"""The page: its tabs, mounted on the server's application, with the few addresses that they need beside Gradio's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import lru_cache, partial
from html import escape
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from anyio import sleep
from starlette.datastructures import MutableHeaders

from obamanet.about import making_folder
from obamanet.errors import ObamanetError
from obamanet.inference.speaker import Speaker
from obamanet.person import CARD, load_person
from obamanet.web.guard import COOKIE
from obamanet.web.job_queue import INPUTS, UnknownJobError, file_name
from obamanet.web.own_projects import Projects, Stage
from obamanet.web.page_evaluate import evaluate_tab
from obamanet.web.page_live import LiveSessions, live_routes
from obamanet.web.page_options import PageOptions
from obamanet.web.page_own import own_tab
from obamanet.web.page_parts import Tab
from obamanet.web.page_reenact import reenact_tab
from obamanet.web.page_say import say_tab
from obamanet.web.page_speak import speak_tab
from obamanet.web.page_swap import swap_tab
from obamanet.web.page_texts import LANGUAGES, Texts, choose_language
from obamanet.web.page_theme import ACCENT, ON_ACCENT, login_colours, theme, variables
from obamanet.web.page_verify import verify_tab
from obamanet.web.service import Service

if TYPE_CHECKING:
    import gradio
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC: Final = Path(__file__).parent / "static"

CLEAN_SECONDS, UPLOAD_SECONDS = 600, 3600
"""How often old uploads are looked for, and their age from which on they are removed."""

WRONG_SECONDS: Final = 1.0
"""Seconds that the answer to a wrong token takes, so that guessing is slow."""

PERSON_NAME: Final = 36
"""Characters of a person's name before a number that tells it from others."""

KEPT_SPEAKERS: Final = 2
"""Persons that are kept loaded for live sessions."""

LOGIN_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}

REPORT_POLICY: Final = (
    "sandbox allow-same-origin; default-src 'none'; img-src 'self' data:; media-src 'self' data:; "
    "style-src 'unsafe-inline'"
)
"""Content-Security-Policy of pages among the results: no script runs in them, and nothing is loaded from elsewhere."""

MARK: Final = (
    '<svg viewBox="0 0 64 64" aria-hidden="true"><rect width="64" height="64" rx="15" fill="var(--page-accent)"/>'
    '<path fill="none" stroke="var(--page-on-accent)" stroke-width="4.5" stroke-linecap="round" '
    'stroke-linejoin="round" d="M11 34c7-10 13-13 17-13 2 0 3 2 4 2s2-2 4-2c4 0 10 3 17 13-6 8-13 11-21 11s-15-3-21-11Z'
    'M13 34h8l3-4 4 8 4-8 4 8 4-8 3 4h8"/></svg>'
)
"""Lips with a wave between them."""

ICON: Final = (
    MARK.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    .replace("var(--page-accent)", ACCENT[0])
    .replace("var(--page-on-accent)", ON_ACCENT[0])
)
"""The same for the browser's tab, which knows no variables."""


def mount_page(app: FastAPI, service: Service, options: PageOptions | None = None) -> None:
    """Mounts the page on ``app``: ``/en/`` and ``/es/``, ``/``, which chooses between them, and ``/login``.

    Nothing is loaded from another host, and nothing is told to one.

    Args:
        app: the server's application.
        service: of the server.
        options: what else there is.

    Raises:
        ModuleNotFoundError: Gradio is not installed; the extra ``web`` brings it.
    """
    uploads = service.queue.folder / f"{INPUTS}page"
    shutil.rmtree(uploads, ignore_errors=True)  # Of a server that was killed.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    import gradio as gr
    from gradio import processing_utils

    # Else whoever names an address in the place of an upload would have the server ask for it.
    processing_utils.async_ssrf_protected_download = _refuse_address
    options = options or PageOptions()
    projects = Projects(options.folder or making_folder(), options.program, partial(_register, service))
    sessions = LiveSessions(partial(_live_speaker, service))
    add_routes(app, service, projects)
    app.include_router(live_routes(sessions))
    secret = token_hex(16)
    for language in LANGUAGES:
        tab = Tab(service, Texts(language), secret)
        blocks = _blocks(tab, projects, options.swaps, uploads / "examples")
        # Else Gradio, which sets it when it launches by itself, takes any file of this machine for an upload.
        blocks.has_launched = True
        gr.mount_gradio_app(
            app,
            blocks,
            f"/{language}",
            root_path=f"/{language}",  # Else the addresses of files that Gradio gives lack it.
            footer_links=[],
            run_history=False,
            show_error=True,
            max_file_size=service.limits.upload_bytes,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            enable_monitoring=False,
            allowed_paths=[str(uploads / "examples")],
            theme=theme(),
            css=variables() + (STATIC / "page.css").read_text("utf-8"),
            head=_head(),
        )


class PageLanguage:
    """Puts the page's language where browsers and Gradio look for it.

    Gradio chooses its own words, such as those of an upload, by the browser's language, and before any script of the
    page runs.

    Args:
        app: answers with the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        language = scope.get("path", "").strip("/")
        if language not in LANGUAGES or scope.get("method") != "GET":
            await self._app(scope, receive, send)
            return
        chosen = f'<script>Object.defineProperty(navigator, "language", {{ get: () => "{language}" }});</script>'
        begun: list[Message] = []
        page = b""

        async def changed(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            page += message.get("body", b"")
            if message.get("more_body", False):
                return
            page = page.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
            page = page.replace(b"<head>", f"<head>{chosen}".encode(), 1)
            MutableHeaders(scope=begun[0])["Content-Length"] = str(len(page))
            await send(begun[0])
            await send({"type": "http.response.body", "body": page})

        as_it_is = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": as_it_is}, receive, changed)


async def _refuse_address(*arguments: object, **options: object) -> str:
    """Stands for Gradio's download of what browsers name by its address."""
    raise ValueError("files are uploaded, not named by an address")


def _register(service: Service, name: str, folder: Path) -> None:
    """Registers a person that was made, under a name that no other one has."""
    plain = file_name(name)[:PERSON_NAME]
    for number in count(1):
        name = plain if number == 1 else f"{plain}-{number}"
        if name not in service.persons.names:
            service.persons.add(name, folder)
            return


def _head() -> str:
    script = (STATIC / "page.js").read_text("utf-8")
    icon = f'<link rel="icon" href="data:image/svg+xml,{quote(ICON)}">'
    return f"{icon}<script>{script}</script>"


def _blocks(tab: Tab, projects: Projects, swaps: Mapping[str, Path], examples: Path) -> gradio.Blocks:
    """Returns the page in one language."""
    import gradio as gr

    texts = tab.texts
    with gr.Blocks(
        analytics_enabled=False, title="obamanet", delete_cache=(CLEAN_SECONDS, UPLOAD_SECONDS), fill_width=True
    ) as page:
        gr.HTML(_heading(texts), elem_classes="page")
        gr.HTML(_intro(texts), elem_classes="page")
        with gr.Tabs(elem_id="tools", overflow_behavior="wrap"):
            with gr.Tab(texts("speak"), id="speak"):
                speak_tab(tab, page, examples)
            with gr.Tab(texts("say"), id="say"):
                say_tab(tab, page)
            with gr.Tab(texts("own"), id="own"):
                own_tab(tab, page, projects)
            with gr.Tab(texts("reenact"), id="reenact"):
                reenact_tab(tab, page)
            with gr.Tab(texts("swap"), id="swap"):
                swap_tab(tab, page, swaps)
            with gr.Tab(texts("evaluate"), id="evaluate"):
                evaluate_tab(tab, page)
            with gr.Tab(texts("verify"), id="verify"):
                verify_tab(tab)
    page.queue(api_open=False, max_size=None)
    return page


def _heading(texts: Texts) -> str:
    links = "".join(
        f'<a href="/{tag}/" lang="{tag}" hreflang="{tag}"{" aria-current=true" if tag == texts.language else ""}>'
        f"{escape(name)}</a>"
        for tag, name in LANGUAGES.items()
    )
    return (
        f'<a class="page-skip" href="#tools">{escape(texts("skip"))}</a><div class="page-head">{MARK}<div>'
        f"<h1>obamanet</h1><p>{escape(texts('tagline'))}</p></div>"
        f'<nav aria-label="{escape(texts("language"))}">{links}</nav></div>'
    )


def _intro(texts: Texts) -> str:
    steps = "".join(f"<li>{texts(f'intro.{number}')}</li>" for number in (1, 2, 3))
    return (
        f'<details class="page-intro" open><summary>{escape(texts("intro.title"))}</summary><ol>{steps}</ol>'
        f"<p>{escape(texts('intro.law'))}</p><p>{escape(texts('local'))}</p></details>"
    )


def _live_speaker(service: Service, name: str) -> Speaker:
    folder = service.persons.folder(name)
    return _speaker(folder, (folder / CARD).stat().st_mtime_ns)


@lru_cache(KEPT_SPEAKERS)
def _speaker(folder: Path, changed: int) -> Speaker:
    return Speaker(load_person(folder), threads=1)


def add_routes(app: FastAPI, service: Service, projects: Projects) -> None:
    """Adds to ``app`` what the page needs beside Gradio's own addresses: the login, results, curves."""
    from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
    from starlette.routing import Route

    access = service.access

    def choose(request: Request) -> Response:
        return RedirectResponse(f"/{_language(request)}/", 303, {"Vary": "Accept-Language"})

    def icon(request: Request) -> Response:
        return Response(ICON, media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})

    def ask(request: Request) -> Response:
        return HTMLResponse(login_page(Texts(_language(request))), headers=LOGIN_HEADERS)

    async def enter(request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=2)
        texts = Texts(_language(request))
        if not access.is_token(str(form.get("token", ""))):
            await sleep(WRONG_SECONDS)
            return HTMLResponse(login_page(texts, wrong=True), 401, LOGIN_HEADERS)
        answer = RedirectResponse(f"/{texts.language}/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, access.open_session(), httponly=True, samesite="strict", secure=secure)
        return answer

    def media(request: Request) -> Response:
        id, asked = request.path_params["id"], request.path_params["path"]
        try:
            files = service.queue.get(id).files
        except UnknownJobError:
            files = ()
        folder = service.queue.results_folder(id)
        for file in files:
            # Compared with what was made, so that no other file can be named.
            if file.relative_to(folder).as_posix() == asked and file.is_file():
                headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}
                if file.suffix == ".html":
                    headers["Content-Security-Policy"] = REPORT_POLICY
                return FileResponse(file, headers=headers)
        return Response("there is no such result, or it has expired", 404, media_type="text/plain")

    def curves(request: Request) -> Response:
        try:
            found = projects.curves(projects.get(request.path_params["id"]))
            return FileResponse(found[Stage(request.path_params["stage"])], headers={"Cache-Control": "no-cache"})
        except (ObamanetError, KeyError, ValueError):
            return Response("there are no such curves", 404, media_type="text/plain")

    access.login_path = "/login"
    app.add_middleware(PageLanguage)
    # Before the server's own beginning, which tells of the API.
    app.router.routes.insert(0, Route("/", choose))
    app.router.routes += [
        Route("/favicon.ico", icon),
        Route("/login", ask),
        Route("/login", enter, methods=["POST"]),
        Route("/media/{id}/{path:path}", media),
        Route("/making/{id}/{stage}.png", curves),
    ]


def _language(request: Request) -> str:
    return choose_language(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def login_page(texts: Texts, *, wrong: bool = False) -> str:
    """Returns the page that asks for the server's token, and works without scripts."""
    error = f'<p role="alert">{escape(texts("login.wrong"))}</p>' if wrong else ""
    return f"""<!doctype html><html lang="{texts.language}"><meta charset="utf-8"><title>obamanet</title>
<meta name="viewport" content="width=device-width"><style>:root {{ {login_colours()} }}
body {{ font: 16px system-ui, sans-serif; background: var(--paper); color: var(--ink); display: grid;
place-items: center; min-height: 90vh; margin: 0 }} form {{ display: grid; gap: 12px; width: min(22rem, 86vw) }}
input, button {{ font: inherit; padding: 10px 12px; border-radius: 9px; border: 1px solid var(--line);
background: var(--card); color: var(--ink) }} button {{ background: var(--accent); color: var(--on-accent);
font-weight: 600 }} p {{ margin: 0 }} [role=alert] {{ color: var(--danger) }}</style>
<form method="post" action="/login?lang={texts.language}"><h1>obamanet</h1><p>{escape(texts("login.about"))}</p>{error}
<label for="token">{escape(texts("login.title"))}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>{escape(texts("login.go"))}</button></form></html>"""
