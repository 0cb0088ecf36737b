"""No foreign exception of the transport gets out: each of aiohttp's classes is mapped to one of ours."""

import asyncio
import ssl
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from kling_async.errors import ConfigurationError, ConnectionFailedError, KlingError
from kling_async.session.addresses import check_url
from kling_async.session.foreign import translate

HERE = URL("https://api.example:8443/v1/videos")
TOKEN = "Bearer eyJhbGciOiJIUzI1NiJ9.e30.signature"
KEY = ConnectionKey("api.example", 8443, True, True, None, None, None)
INFO = aiohttp.RequestInfo(HERE, "POST", {"Authorization": TOKEN}, HERE)
REFUSED = OSError(111, "Connection refused")

# How each class is built; one that is not here is built with a text.
BUILD = {
    "ClientResponseError": lambda kind: kind(INFO, (), status=502, message="bad", headers={"X": "y"}),
    "ClientConnectorError": lambda kind: kind(KEY, REFUSED),
    "ServerFingerprintMismatch": lambda kind: kind(b"a", b"b", "api.example", 8443),
    "ClientConnectorCertificateError": lambda kind: kind(KEY, ValueError("wrong host")),
    "UnixClientConnectorError": lambda kind: kind("/socket", KEY, REFUSED),
    "ClientOSError": lambda kind: kind(104, "Connection reset by peer"),
    "InvalidURL": lambda kind: kind("http://[", "bad"),
}


def below(kind):
    """A class and all of its subclasses, each once."""
    found = {kind: None}
    for child in kind.__subclasses__():
        found |= dict.fromkeys(below(child))
    return list(found)


def instance(kind):
    """An exception of the class, built as its nearest known ancestor is."""
    for ancestor in kind.__mro__:
        if ancestor.__name__ in BUILD:
            return BUILD[ancestor.__name__](kind)
    return kind("said by the transport")


AIOHTTP = [kind for kind in below(aiohttp.ClientError) if kind.__module__.startswith("aiohttp")]
OTHERS = [
    asyncio.TimeoutError,
    OSError,
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLError,
    ssl.SSLCertVerificationError,
    asyncio.IncompleteReadError,
    UnicodeError,
    ValueError,
    RuntimeError,
    TypeError,
]


def test_the_walk_finds_aiohttps_classes():
    """The list is not empty by a change of aiohttp's."""
    assert {"ClientPayloadError", "ServerDisconnectedError", "TooManyRedirects"} <= {
        k.__name__ for k in AIOHTTP
    }
    assert len(AIOHTTP) > 20


@pytest.mark.parametrize("kind", AIOHTTP, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("sent", [True, False])
def test_each_of_aiohttps_errors_becomes_ours(kind, sent):
    """With the host, without the token, and with what is known of the sending."""
    ours = translate(instance(kind), HERE, sent=sent)
    assert isinstance(ours, ConnectionFailedError | ConfigurationError)
    assert "api.example" in str(ours)
    assert TOKEN not in repr(ours) + str(ours)
    if isinstance(ours, ConnectionFailedError) and ours.sent:
        assert sent


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__qualname__)
def test_what_lies_below_aiohttp_becomes_ours_too(kind):
    """asyncio's, the system's and TLS' errors, and whatever a session of the caller's may raise."""
    error = kind(b"", 5) if kind is asyncio.IncompleteReadError else kind("said by the transport")
    assert isinstance(translate(error, HERE, sent=True), KlingError)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in AIOHTTP
        if issubclass(kind, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    ],
    ids=lambda kind: kind.__name__,
)
def test_without_a_connection_nothing_was_sent(kind):
    """Such a failure proves it, whatever the body's generator did."""
    assert False is translate(instance(kind), HERE, sent=True).sent


@pytest.mark.parametrize(
    "kind",
    [
        aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError,
        aiohttp.ServerTimeoutError, aiohttp.SocketTimeoutError, TimeoutError, ConnectionResetError,
    ],
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_after_the_first_byte_anything_can_have_arrived(kind):
    """What happens on an open connection proves nothing."""
    assert True is translate(instance(kind), HERE, sent=True).sent


@pytest.mark.parametrize("reason", ["", "\x1b[31m\u202e" * 300, "x" * 5000])
def test_a_strangers_reason_is_made_harmless(reason):
    """Short, printable, and never empty."""
    text = str(translate(aiohttp.ClientError(reason), HERE, sent=True))
    assert text.isprintable()
    assert len(text) < 400


def test_a_url_without_a_host_has_a_message_too():
    """Even a relative URL's failure can be told."""
    assert "said" in str(translate(OSError("said"), URL("/v1/videos"), sent=False))


def test_an_error_that_holds_the_request_is_not_chained():
    """Aiohttp's ClientResponseError shows its request's headers in its repr; ours keeps none of it."""
    ours = translate(instance(aiohttp.ClientResponseError), HERE, sent=True)
    assert (None, None) == (ours.__cause__, ours.__context__)
    assert TOKEN not in repr(vars(SimpleNamespace(**vars(ours))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.example",
        "https://",
        "https://xn--/",
        "https://[",
        "https://a:b",
        "ftp://a",
        "http://a",
        None,
        5,
    ],
)
def test_a_url_that_cannot_work_is_a_configuration_error(text):
    """Whatever is given for a base URL, or comes as a result's, the error is ours."""
    with pytest.raises(ConfigurationError, match="the option"):
        check_url("the option", text)
