"""`CallbackReceiver`: what the service posts makes the poller look at the task at once, instead of when it is due.

Promises: a post is never believed, so a forged one changes nothing; polling stays the safety net, so a lost one only
makes an end noticed later; no framework is imported; a token or secret is in no repr, log or error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from typing_extensions import override
from yarl import URL

from kling_async.callbacks.address import checked_public_url
from kling_async.callbacks.asgi import Receive, Scope, Send, serve
from kling_async.callbacks.decision import Judge, SignatureCheck
from kling_async.callbacks.desk import CallbackDesk
from kling_async.callbacks.signature import is_secret
from kling_async.callbacks.token import path_token
from kling_async.errors import ConfigurationError, Problem, ValidationError
from kling_async.schema import rules
from kling_async.session.auth import Secret

if TYPE_CHECKING:
    from aiohttp import web

    from kling_async.client import KlingClient
    from kling_async.session.upload import Request


class CallbackReceiver:
    """Takes the service's callbacks for the jobs of one client.

    While it exists, each create of the client whose request has no `callback_url` of its own is sent with one under
    `public_url`, which ends in a token that only this account's secret or API key can make. A post to it has the job's
    task polled:

    - A post without a valid token is answered 404 and costs nothing, nor does one for a job that this client does not
      wait for.
    - The first post that says that the task has ended has it polled at once. Every other post has the task polled five
      seconds after it was last seen, or after a callback last had it polled; posts within them share one poll. So even
      with a stolen token posts cost at most one poll per task in five seconds, and that first one.

    Where it is mounted does not matter, since only the path's last part counts: `app.mount("/kling", receiver.asgi)`
    in FastAPI or Starlette, `router.add_post("/kling/{token}", receiver.aiohttp_handler)` in aiohttp.web.

    Args:
        kling: The client; it has one receiver at most.
        public_url: The URL, in ASCII, under which the service reaches it, such as `https://example.com/kling`: https,
            on a public host.
        secret: The console's secret (`whsec_` and base64), if one was made there.
        signature: What to do about the service's signature: "required", "if_present" (a post that has one must have a
            right one, if `secret` is given), or "off".
        allow_private: Whether `public_url` may be plain http or on a host that is not public: for tests and tunnels.

    Raises:
        ConfigurationError: The client has a receiver already, `public_url` cannot be reached by the service, the secret
            cannot be used or is missing under "required", or an argument is not one of its choices.
    """

    def __init__(
        self,
        kling: KlingClient,
        *,
        public_url: str,
        secret: str | None = None,
        signature: SignatureCheck = "if_present",
        allow_private: bool = False,
    ) -> None:
        hidden = None if secret is None else Secret(secret)
        del secret  # a traceback's locals shall not show it
        desk = getattr(kling, "callbacks", None)
        if not isinstance(desk, CallbackDesk):
            raise ConfigurationError(f"kling is of type {type(kling).__name__}; it must be a KlingClient")
        if signature not in get_args(SignatureCheck):
            choices = ", ".join(get_args(SignatureCheck))
            raise ConfigurationError(f"signature is {signature!r}; it must be one of {choices}")
        if hidden is not None and not is_secret(hidden.reveal()):
            raise ConfigurationError("secret must be whsec_ and base64, as the console shows it")
        if hidden is None and signature == "required":
            raise ConfigurationError('signature="required" needs a secret: the one that the console shows')
        self._url = checked_public_url(public_url, allow_private=allow_private)
        self._desk = desk
        self._judge = Judge(desk.key, hidden, signature, desk.clock)
        desk.open(self._url_of)

    @override
    def __repr__(self) -> str:
        if not hasattr(self, "_judge"):  # in the traceback of a receiver that could not be made
            return "CallbackReceiver(…)"
        where = str(URL(self._url, encoded=True).origin())
        return f"CallbackReceiver(public_url='{where}/…', signature={self._judge.signature!r})"

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The receiver as an ASGI application, for any framework or server and under any path."""
        await serve(self._judge, self._desk.take, scope, receive, send)

    async def aiohttp_handler(self, request: web.Request) -> web.StreamResponse:
        """The receiver as a handler of aiohttp.web, under any path that ends in one free part."""
        from kling_async.callbacks.aiohttp_web import handle  # noqa: PLC0415 - a server, for those who run one

        return await handle(self._judge, self._desk.take, request)

    def url_for(self, request: Request | Mapping[str, Any]) -> str:
        """The URL to post to for a request's job; the client fills it in by itself.

        Args:
            request: A request, or a mapping in the API's own names, with an `external_task_id`.

        Raises:
            ValidationError: It has none, so that its job has no id yet.
        """
        if isinstance(request, Mapping):
            job = request.get("external_task_id")
        else:
            job = getattr(request, "external_task_id", None)
        if job is None:
            message = "is missing; the client makes one up and fills in the URL when it sends the request"
            raise ValidationError([Problem("external_task_id", message)])
        rules.raise_any(rules.task_id("external_task_id", job))
        return self._url_of(job)

    def _url_of(self, job: str) -> str:
        return f"{self._url}/{path_token(self._judge.key, job)}"
