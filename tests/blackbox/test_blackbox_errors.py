"""The service's errors: code to class, what is tried again and what is not. All on virtual time."""

import asyncio
import socket
import time

import jwt
import pytest
from blackbox_service import BAD_GATEWAY, HTML, PATH, Reply, Service, envelope
from made_pictures import png
from virtual_time import wall_clock

import kling_async
from kling_async import APIError, ConnectionFailedError, KlingError, MalformedResponseError, Task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

CODES = [
    (401, 1000, "AuthenticationError"),
    (401, 1001, "AuthenticationError"),
    (401, 1002, "AuthenticationError"),
    (401, 1003, "AuthenticationError"),
    (401, 1004, "AuthenticationError"),
    (429, 1100, "AccountError"),
    (429, 1101, "AccountError"),
    (429, 1102, "AccountError"),
    (403, 1103, "PermissionDeniedError"),
    (400, 1200, "BadRequestError"),
    (400, 1201, "BadRequestError"),
    (404, 1202, "BadRequestError"),
    (404, 1203, "BadRequestError"),
    (400, 1300, "ContentPolicyError"),
    (400, 1301, "ContentPolicyError"),
    (429, 1302, "RateLimitError"),
    (429, 1303, "ConcurrencyLimitError"),
    (429, 1304, "AccountError"),
    (500, 5000, "ServerError"),
    (503, 5001, "ServerError"),
    (504, 5002, "ServerError"),
    (418, 4242, "APIError"),
]
RETRIED = {1302, 1303, 5000, 5001, 5002}
SIGNED_ANEW = {1003, 1004}


@pytest.fixture
async def kling(client):
    """A client on virtual time, with the usual patience."""
    async with client(clock=wall_clock, submit_timeout=300) as made:
        yield made


def refusal(code, status, message="the service says no"):
    """An error's envelope, without data."""
    return envelope(code=code, message=message, status=status)


@pytest.mark.parametrize("inside_200", [False, True])
@pytest.mark.parametrize(("status", "code", "name"), CODES)
async def test_each_code_on_a_look(kling, service, status, code, name, inside_200):
    """The code decides the class, also inside HTTP 200; all that the service said is at hand."""
    status = 200 if inside_200 else status
    service.always("get", refusal(code, status))
    with pytest.raises(APIError) as caught:
        await kling.image2video.get("7")
    error = caught.value
    allowed = {getattr(kling_async, name)} | ({kling_async.TaskNotFoundError} if code == 1203 else set())
    assert type(error) in allowed
    assert isinstance(error, KlingError)
    assert (code, status, "the service says no", "req-4711") == (
        error.code,
        error.http_status,
        error.message,
        error.request_id,
    )
    assert all(part in str(error) for part in (str(code), "the service says no", "req-4711"))
    if code in RETRIED:
        assert len(service.arrived) > 1
    else:
        assert (2 if code in SIGNED_ANEW else 1) == len(service.arrived)


@pytest.mark.parametrize(
    ("status", "code", "name"), [row for row in CODES if row[1] < 5000 and row[1] not in (1302, 1303, 4242)]
)
async def test_each_refusal_of_a_create(kling, service, status, code, name):
    """A create that is refused for good is sent once (twice where it was signed anew), and no poll follows."""
    service.always("create", refusal(code, status))
    with pytest.raises(getattr(kling_async, name)) as caught:
        await kling.image2video.create(image=png())
    assert code == caught.value.code
    assert (2 if code in SIGNED_ANEW else 1) == len(service.creates) == len(service.arrived)


@pytest.mark.parametrize(("status", "code"), [(429, 1302), (429, 1303)])
async def test_transient_refusals_of_a_create_are_sent_again(kling, service, status, code):
    """1302 and 1303 pass by themselves: sent again under the same id, and one task comes of it."""
    service.plan("create", refusal(code, status), refusal(code, status))
    task = await kling.image2video.create(image=png())
    assert 3 == len(service.creates)
    assert 1 == len({sent.json["external_task_id"] for sent in service.creates})
    assert [task.task_id] == list(service.jobs)


@pytest.mark.parametrize(("status", "code"), [(429, 1302), (500, 5000), (503, 5001), (504, 5002)])
async def test_transient_refusals_of_a_look_are_survived(kling, service, status, code):
    """One more poll brings the answer."""
    job = service.add({"external_task_id": "e"})
    service.plan("get", refusal(code, status))
    service.plan("list", refusal(code, status))
    assert job.task_id == (await kling.image2video.get("e")).task_id
    assert [job.task_id] == [task.task_id for task in await kling.image2video.list()]
    assert 4 == len(service.arrived)


async def test_retry_after_is_honoured(kling, service):
    """A proxy's Retry-After of 20 seconds is waited out."""
    job = service.add({"external_task_id": "e"})
    service.plan("get", envelope(code=1302, message="slow", status=429, headers=(("Retry-After", "20"),)))
    assert job.task_id == (await kling.image2video.get("e")).task_id
    first, second = service.arrived
    assert 20 <= second.at - first.at < 60


async def test_absurd_retry_after_is_clamped(kling, service):
    """A day is not waited; at most 300 seconds."""
    service.always(
        "get", envelope(code=1302, message="slow", status=429, headers=(("Retry-After", "86400"),))
    )
    with pytest.raises(kling_async.RateLimitError) as caught:
        await kling.image2video.get("e")
    assert 300 == caught.value.retry_after


async def test_not_found_is_its_own_error(kling, service):
    """400/1201 with the seen text, on a poll."""
    with pytest.raises(kling_async.TaskNotFoundError) as caught:
        await kling.image2video.get("nonsense")
    assert "nonsense" in str(caught.value)
    assert 1201 == caught.value.code
    assert 1 == len(service.arrived)


async def test_not_found_needs_the_services_words(kling, service):
    """Another 1201 on a poll is a bad request, and no missing task."""
    service.plan("get", refusal(1201, 400, "page is invalid"))
    with pytest.raises(kling_async.BadRequestError) as caught:
        await kling.image2video.get("e")
    assert not isinstance(caught.value, kling_async.TaskNotFoundError)


@pytest.mark.parametrize("code", [1003, 1004])
@pytest.mark.parametrize("skew", [-7200, 7200])
async def test_a_wrong_clock_is_corrected_by_the_services(kling, service, code, skew):
    """After 1003/1004 the token is signed anew, by the time of the answer's Date header."""
    real = wall_clock() + skew
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(real))
    service.add({"external_task_id": "e"})
    service.plan("get", envelope(code=code, message="token", status=401, headers=(("Date", date),)))
    await kling.image2video.get("e")
    await kling.image2video.create(image=png())
    assert 3 == len(service.arrived)
    for sent in service.arrived[1:]:
        token = sent.header("authorization").removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["nbf"] <= real + 5
        assert abs(claims["nbf"] + 5 - real) < 60


async def test_a_static_key_is_not_signed_anew(client, service):
    """There is nothing to sign: one request, and the error."""
    service.always("get", refusal(1004, 401))
    async with client(api_key="api-key-kling-x", clock=wall_clock) as kling:
        with pytest.raises(kling_async.AuthenticationError):
            await kling.image2video.get("7")
    assert len(service.arrived) <= 2


@pytest.mark.parametrize("call", ["get", "list"])
@pytest.mark.parametrize(
    "trouble",
    [BAD_GATEWAY, Reply(reset=True), Reply(b'{"code":0', length=400), Reply(b"<html>", headers=HTML)],
    ids=repr,
)
async def test_trouble_on_a_look_is_survived(kling, service, call, trouble):
    """An HTML 502, a reset, a cut answer, a page instead of JSON: one more poll."""
    service.add({"external_task_id": "e"})
    service.plan(call, trouble)
    assert await (kling.image2video.get("e") if call == "get" else kling.image2video.list())
    assert 2 == len(service.arrived)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{}",
        b'{"code":0}',
        b'{"code":0,"data":null}',
        b'{"code":0,"data":[]}',
        b'{"code":0,"data":{}}',
        b'{"code":0,"data":{"task_id":null,"task_status":"succeed"}}',
        b'{"code":0,"data":{"task_id":"","task_status":"succeed"}}',
        b'{"code":"zero","data":{}}',
        b'{"code":null}',
        b'{"code":true}',
        b"[" * 100_000,
        b'{"code":' + b"9" * 10_000 + b"}",
        b'{"code":NaN}',
        b'{"code":1e999}',
        b"\xff\xfe\x00",
        b'{"code":0,"data":{"task_id":"7","task_status":"succeed","created_at":1e300}}',
        b'{"code":0,"data":{"task_id":"7","task_status":["succeed"]}}',
        b'{"code":0,"data":{"task_id":"7","task_status":"succeed","task_result":[1]}}',
        b'{"code":0,"data":{"task_id":"7","task_status":"succeed","task_result":{"videos":{"a":1}}}}',
        b'{"code":0,"data":{"task_id":"7","task_status":"succeed","task_info":"x"}}',
        b'{"code":0,"data":{"task_id":"7\\ud800","task_status":"succeed"}}',
    ],
    ids=lambda body: body[:90].decode("latin-1"),
)
async def test_rubbish_ends_in_a_task_or_in_our_error(kling, service, body):
    """Whatever a poll answers, it is a task or a MalformedResponseError, never a foreign exception."""
    service.always("get", Reply(body))
    (outcome,) = await asyncio.gather(kling.image2video.get("7"), return_exceptions=True)
    if isinstance(outcome, Task):
        assert outcome.task_id.startswith("7")
    else:
        assert MalformedResponseError is type(outcome)
        assert 200 == outcome.http_status
        assert len(outcome.excerpt) <= 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["create", "get", "list"])
async def test_redirects_are_not_followed(client, service, status, call):
    """Neither the body nor the token reaches another origin."""
    async with Service() as other, client(clock=wall_clock, submit_timeout=120) as kling:
        service.always(call, Reply(status=status, headers=(("Location", other.url + PATH),)))
        calls = {
            "create": lambda: kling.image2video.create(image=png()),
            "get": lambda: kling.image2video.get("7"),
            "list": kling.image2video.list,
        }
        with pytest.raises(KlingError):
            await calls[call]()
        assert [] == other.arrived
        assert service.of(call)


async def test_an_unreachable_server_is_named(client, service):
    """Nothing listens: the error names the host, and says that nothing was sent."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with client(base_url=f"http://127.0.0.1:{port}", clock=wall_clock, submit_timeout=60) as kling:
            for call in (lambda: kling.image2video.get("7"), lambda: kling.image2video.create(image=png())):
                with pytest.raises(ConnectionFailedError) as caught:
                    await call()
                assert "127.0.0.1" in str(caught.value)
                assert caught.value.sent is False


async def test_check_credentials(kling, service):
    """The free call: not found means that the keys work, 401 says what is wrong with them."""
    await kling.check_credentials()
    assert ["get"] == [sent.kind for sent in service.arrived]
    service.always("get", refusal(1002, 401, "Authorization is invalid"))
    with pytest.raises(kling_async.AuthenticationError, match="Authorization is invalid"):
        await kling.check_credentials()
    assert [] == service.creates


@pytest.mark.parametrize(
    "url",
    ["http://api.klingai.com", "ftp://127.0.0.1", "api.klingai.com", "", "https://", "http://192.0.2.1:8080"],
)
def test_base_urls_that_would_leak_are_refused(url):
    """Plain http for loopback alone; the error names the option."""
    with pytest.raises(kling_async.ConfigurationError):
        kling_async.KlingClient("ak", "s" * 32, base_url=url or " ")


def test_missing_keys_are_named():
    """No credentials at all: the error names the variables."""
    with pytest.raises(kling_async.ConfigurationError) as caught:
        kling_async.KlingClient()
    assert "KLING_ACCESS_KEY" in str(caught.value)
    assert "KLING_SECRET_KEY" in str(caught.value)
