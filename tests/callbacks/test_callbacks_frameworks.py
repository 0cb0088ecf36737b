"""The receiver under the frameworks that it imports none of: FastAPI, Starlette, Litestar, Quart."""

import json
import subprocess
import sys

import pytest
from rooms_helpers import client, emulator

from kling_async import CallbackReceiver

pytestmark = pytest.mark.anyio

PUBLIC = "https://kling.dev/api/kling"


def fastapi(receiver):
    """A mount of FastAPI."""
    from fastapi import FastAPI

    app = FastAPI()
    app.mount("/api/kling", receiver.asgi)
    return app


def starlette(receiver):
    """A mount within a mount of Starlette."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount("/api", routes=[Mount("/kling", receiver.asgi)])])


def litestar(receiver):
    """An ASGI handler of Litestar."""
    from litestar import Litestar, asgi
    from litestar.types import Receive, Scope, Send

    @asgi("/kling", is_mount=True, copy_scope=True)
    async def kling(scope: Scope, receive: Receive, send: Send) -> None:
        await receiver.asgi(scope, receive, send)

    return Litestar([kling], path="/api", openapi_config=None, logging_config=None)


def quart(receiver):
    """A dispatcher beside a Quart application."""
    from quart import Quart

    app = Quart(__name__)
    inner = app.asgi_app

    async def dispatch(scope, receive, send):
        mine = scope["type"] == "http" and scope["path"].startswith("/api/kling/")
        await (receiver.asgi if mine else inner)(scope, receive, send)

    app.asgi_app = dispatch
    return app


async def status_of(app, path, body, method="POST"):
    """The status of one request to an ASGI application."""
    sent, events = [], [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return events.pop() if events else {"type": "http.disconnect"}

    async def send(event):
        sent.append(event)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [(b"host", b"kling.dev")],
        "client": ("203.0.113.7", 4711), "server": ("kling.dev", 443),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"]


@pytest.mark.parametrize("framework", [fastapi, starlette, litestar, quart])
async def test_it_mounts(framework):
    """A post with a token is taken, one without is not, and the rest of the application is left alone."""
    async with emulator() as service, client(service) as kling:
        receiver = CallbackReceiver(kling, public_url=PUBLIC)
        app = framework(receiver)
        path = receiver.url_for({"external_task_id": "a"}).removeprefix("https://kling.dev")
        body = json.dumps({"task_id": "t", "task_status": "succeed"}).encode()
        assert 200 == await status_of(app, path, body)
        assert 400 == await status_of(app, path, b"[]")
        assert 404 == await status_of(app, "/api/kling/nosuch", body)
        assert 405 == await status_of(app, path, b"", "GET")
        assert 404 == await status_of(app, "/elsewhere", b"", "GET")


def test_no_framework_is_imported():
    """Nor a server, as long as no handler of aiohttp.web is called."""
    program = (
        "import sys; from kling_async import CallbackReceiver;"
        "print({'fastapi', 'starlette', 'litestar', 'quart', 'aiohttp.web'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()
