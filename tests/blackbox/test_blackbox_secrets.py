"""The keys and the token appear nowhere but in the Authorization header of the service's own origin."""

import copy
import logging
import pickle
import traceback

import attrs
import pytest
from blackbox_service import ACCESS_KEY, BAD_GATEWAY, SECRET_KEY, Reply, Service, envelope
from made_pictures import png
from virtual_time import wall_clock

from kling_async import Image2VideoRequest, KlingClient, KlingError

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

API_KEY = "api-key-kling-canary-0123456789"
TROUBLE = {
    "refused": {"create": envelope(code=1200, message="bad", status=400)},
    "auth": {"create": envelope(code=1002, message="Authorization is invalid", status=401)},
    "reset": {"create": Reply(reset=True), "get": Reply(reset=True), "list": Reply(reset=True)},
    "502": {"create": BAD_GATEWAY, "get": BAD_GATEWAY, "list": BAD_GATEWAY},
    "malformed": {"create": Reply(b"{"), "get": Reply(b"{"), "list": Reply(b"{")},
    "hang": {"create": Reply(hang=True), "get": Reply(hang=True), "list": Reply(hang=True)},
    "bad-header": {
        "create": Reply(headers=(("bad header\x01", "x"),)),
        "get": Reply(headers=(("bad header\x01", "x"),)),
    },
}


class Hidden:
    """Secrets in a list whose repr tells nothing, so that the tests' own frames are clean."""

    def __init__(self, *secrets):
        self._secrets = list(secrets)

    def learn(self, service):
        """Takes the tokens that arrived."""
        for sent in service.arrived:
            self._secrets.append(sent.header("authorization").removeprefix("Bearer "))

    def held_by(self, text):
        """Whether the text holds a secret, or the part of a token that signs."""
        pieces = [*self._secrets, *(one.rsplit(".", 1)[-1] for one in self._secrets if "." in one)]
        return any(piece in text for piece in pieces)


def texts(error):
    """All that an error may end up as in a log."""
    shown = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=True)
    yield "".join(shown.format())
    while error is not None:
        yield from (repr(error), str(error), repr(error.args), repr(vars(error)))
        error = error.__cause__ or error.__context__


async def failing(kling, call):
    """The error of a call that fails."""
    try:
        await call(kling)
    except KlingError as error:
        return error
    pytest.fail("the call went well")


def create(kling):
    return kling.image2video.create(Image2VideoRequest(image=png(), prompt="p"))


def look(kling):
    return kling.image2video.get("7")


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("how", TROUBLE)
async def test_errors_and_their_tracebacks_are_clean(client, service, caplog, how, static):
    """Text, repr, attributes, the whole chain with every frame's locals, and the log."""
    for kind, reply in TROUBLE[how].items():
        service.always(kind, reply)
    hidden = Hidden(SECRET_KEY, API_KEY)
    options = {"api_key": API_KEY} if static else {}
    with caplog.at_level(logging.DEBUG):
        async with client(clock=wall_clock, submit_timeout=100, **options) as kling:
            del options
            error = await failing(kling, create)
    hidden.learn(service)
    assert [] == [text for text in texts(error) if hidden.held_by(text)]
    assert not hidden.held_by(caplog.text)


@pytest.mark.parametrize("call", [create, look])
async def test_an_unreachable_servers_traceback_is_clean(client, call):
    """Aiohttp's own frames are in the chain here."""
    async with client(clock=wall_clock, base_url="http://127.0.0.1:9", submit_timeout=5) as kling:
        error = await failing(kling, call)
    hidden = Hidden(SECRET_KEY)
    assert [] == [text for text in texts(error) if hidden.held_by(text)]
    assert [] == [text for text in texts(error) if "Bearer ey" in text]


@pytest.mark.parametrize(
    "keys",
    [{"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}, {"api_key": API_KEY}],
    ids=["pair", "static"],
)
async def test_a_clients_repr_is_clean(service, keys):
    """Host and a few characters at most, before and after the first request; nor do its parts tell."""
    async with KlingClient(**keys, base_url=service.url) as kling:
        for _ in range(2):
            shown = repr(kling) + str(kling) + repr(vars(kling) if hasattr(kling, "__dict__") else "")
            assert "127.0.0.1" in repr(kling)
            assert not Hidden(SECRET_KEY, API_KEY, ACCESS_KEY).held_by(shown)
            await kling.image2video.list()
        hidden = Hidden()
        hidden.learn(service)
        assert not hidden.held_by(repr(kling))


async def test_a_client_cannot_be_written_down(service):
    """Pickle, copy and attrs' asdict give no secret away; refusing is as good."""
    async with KlingClient(ACCESS_KEY, SECRET_KEY, base_url=service.url) as kling:
        for write in (pickle.dumps, lambda one: repr(copy.copy(one)), lambda one: repr(attrs.asdict(one))):
            try:
                written = write(kling)
            except (TypeError, attrs.exceptions.NotAnAttrsClassError, pickle.PicklingError, AttributeError):
                continue
            assert SECRET_KEY not in (written.decode("latin-1") if isinstance(written, bytes) else written)


async def test_bad_keys_are_not_shown():
    """An error about a key names the variable and never the value."""
    from kling_async import ConfigurationError

    for keys in (
        {"access_key": ACCESS_KEY},
        {"secret_key": SECRET_KEY},
        {"api_key": "canary\nkey"},
        {"api_key": "canary ä"},
    ):
        with pytest.raises(ConfigurationError) as caught:
            KlingClient(**keys)
        assert not Hidden(SECRET_KEY, ACCESS_KEY, "canary\nkey", "canary ä").held_by(str(caught.value))


async def test_the_token_goes_to_the_services_origin_alone(client, service, tmp_path):
    """A whole job whose result lies elsewhere: that host sees no header of ours."""
    async with Service() as files, client(clock=wall_clock) as kling:
        task = await kling.image2video.generate(Image2VideoRequest(image=png()))
        service.jobs[task.task_id].url = files.url + "/out.mp4"
        task = await kling.image2video.get(task.task_id)
        await kling.download(task.videos[0], tmp_path / "a.mp4")
    assert [None] == [sent.header("authorization") for sent in files.arrived]
    assert all(sent.header("authorization") for sent in service.arrived)


async def test_a_callers_session_gets_no_token(client, service, tmp_path):
    """A session of the caller's is neither configured with our header nor closed."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with client(clock=wall_clock, session=session) as kling:
            await kling.image2video.create(image=png())
        assert not session.closed
        assert "Authorization" not in session.headers
        async with session.get(service.url + "/out.mp4") as answer:
            assert 200 == answer.status
    assert service.arrived[-1].header("authorization") is None
