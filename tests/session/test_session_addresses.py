"""Which addresses a result may come from: judged by the address itself, whatever the URL calls it."""

import asyncio
import socket
from ipaddress import ip_address

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from file_server import File, FileServer, mp4
from rooms_helpers import serving
from yarl import URL

from kling_async.errors import DownloadError
from kling_async.jobs.download import Downloader
from kling_async.session.addresses import AddressRefusedError, PublicResolver, is_public, literal_address
from kling_async.session.http import Transport

pytestmark = pytest.mark.anyio

PUBLIC_SERVICE = URL("https://api.klingai.com")
LOCAL_SERVICE = URL("http://127.0.0.1:8787")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7",
        "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1",
        "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1",
        "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "5f00::1", "2600:1f18::1%1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    """Loopback, private, link-local, shared, multicast, reserved, documentation, and IPv6 forms of them."""
    assert False is is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "11.0.0.1",
        "2606:4700::1111", "2a00:1450::1", "240e::1", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808",
    ],
)  # fmt: skip
def test_addresses_that_are_public(address):
    """The neighbours of the refused ranges, and IPv6 forms of public addresses."""
    assert True is is_public(ip_address(address))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"), ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("0X7F.0x0.0.0x1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"), ("017700000001", "127.0.0.1"), ("127.1", "127.0.0.1"), ("0", "0.0.0.0"),
        ("::1", "::1"), ("::ffff:127.0.0.1", "::ffff:7f00:1"),
        ("cdn.example", None), ("localhost", None), ("1.2.3.4.5", None), ("256.1.1.1", None), ("4294967296", None),
        ("0xcafe.example", None), ("", None), (".", None),
    ],
)  # fmt: skip
def test_numeric_hosts_are_read_as_the_system_would(host, address):
    """Decimal, octal, hexadecimal and short forms are addresses; names are not."""
    assert (None if address is None else ip_address(address)) == literal_address(host)


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1"])
def test_the_system_reads_numeric_hosts_that_way(host):
    """The control: getaddrinfo maps them to loopback, so they have to be refused."""
    (found, *_) = socket.getaddrinfo(host, 80, family=socket.AF_INET, type=socket.SOCK_STREAM)
    assert "127.0.0.1" == found[4][0]


TRICKS = [
    "https://127.0.0.1/a.mp4", "https://127.0.0.1:8443/a.mp4", "https://127.0.0.1./a.mp4", "https://2130706433/",
    "https://0x7f.1/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://0.0.0.0/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/",
    "https://[fe80::1%25eth0]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
    "https://localhost/", "https://LOCALHOST/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/",
    "https://cdn.example@127.0.0.1/", "https://cdn.example:x@10.0.0.1/a", "https://①②⑦.0.0.1/",
    "http://127.0.0.1/a.mp4", "http://localhost:80/a.mp4", "http://[::1]/a", "http://8.8.8.8/a", "http://cdn.example/a",
    "http://0x7f.1/a", "ftp://8.8.8.8/a", "file:///etc/passwd", "//127.0.0.1/a", "", "https://", "https:///a",
]  # fmt: skip


@pytest.mark.parametrize("url", TRICKS)
async def test_urls_that_lead_home_are_refused_under_a_public_base_url(url, tmp_path):
    """Before a connection, a name look-up or a file."""
    transport = Transport(PUBLIC_SERVICE)
    try:
        with pytest.raises(DownloadError):
            await Downloader(transport).fetch(url, tmp_path / "a.mp4")
    finally:
        await transport.aclose()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.klingai.com/a.mp4?sig=%2F", "https://8.8.8.8/a", "https://[2606:4700::1111]/a",
        "https://user:word@cdn.example/a", "https://cdn.example./a",
    ],
)  # fmt: skip
def test_public_urls_pass_unchanged(url):
    """The host of results varies; none is on a list."""
    assert url == str(Transport(PUBLIC_SERVICE).file_url(url))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a", "http://localhost:1/a", "https://10.0.0.1/a", "https://cdn.example/a"]
)
def test_a_loopback_base_url_allows_loopback_and_private_addresses(url):
    """An emulator's results are beside it."""
    assert url == str(Transport(LOCAL_SERVICE).file_url(url))


def test_a_loopback_base_url_allows_plain_http_on_loopback_alone():
    """Nothing is fetched from where it could be read on the way."""
    for url in ("http://10.0.0.1/a", "http://cdn.example/a"):
        with pytest.raises(DownloadError, match="plain http"):
            Transport(LOCAL_SERVICE).file_url(url)


def test_private_downloads_allow_addresses_but_no_plain_http():
    """The caller's word is about addresses."""
    transport = Transport(PUBLIC_SERVICE, private_downloads=True)
    for url in ("https://10.0.0.1/a", "https://127.0.0.1/a", "https://localhost/a"):
        assert url == str(transport.file_url(url))
    with pytest.raises(DownloadError, match="plain http on loopback"):
        transport.file_url("http://127.0.0.1/a")


class Answers(AbstractResolver):
    """A resolver that gives planned addresses, one list after the other; the last repeats."""

    def __init__(self, *planned):
        self.planned = list(planned)
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_INET):
        addresses = self.planned.pop(0) if len(self.planned) > 1 else self.planned[0]
        return [
            {"hostname": host, "host": each, "port": port, "family": family, "proto": 0, "flags": 0}
            for each in addresses
        ]

    async def close(self):
        self.closed = True


async def test_the_resolver_gives_public_addresses_alone():
    """Of a mixture the rest; of none but others an error that names the host; of nothing nothing."""
    inner = Answers(["8.8.8.8", "127.0.0.1", "::1", "2606:4700::1111"], ["10.0.0.1", "fe80::1%eth0"], [])
    resolver = PublicResolver(inner)
    assert ["8.8.8.8", "2606:4700::1111"] == [each["host"] for each in await resolver.resolve("cdn.example")]
    with pytest.raises(AddressRefusedError, match=r"cdn\.example resolves to an address that is not public"):
        await resolver.resolve("cdn.example")
    assert [] == await resolver.resolve("cdn.example")
    await resolver.close()
    assert inner.closed


@pytest.fixture
def names(monkeypatch):
    """The system's names: every host that is asked for resolves to loopback, and is noted."""
    asked = []
    plain = socket.getaddrinfo

    def getaddrinfo(host, port, *rest, **more):
        asked.append(host)
        return plain("127.0.0.1", port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def fetched(transport, url, target):
    """The error of a download that cannot succeed."""
    try:
        with pytest.raises(DownloadError) as caught:
            await Downloader(transport).fetch(url, target)
    finally:
        await transport.aclose()
    return str(caught.value)


@pytest.mark.parametrize("host", ["cdn.example", "cdn.example.", "localhost.", "127.0.0.1.nip.example"])
async def test_a_name_that_resolves_to_this_machine_is_never_connected_to(names, tmp_path, host):
    """Not one connection arrives, and there is one attempt: the answer would not change."""
    async with FileServer() as server:
        said = await fetched(Transport(PUBLIC_SERVICE), f"https://{host}:{server.port}/a", tmp_path / "a")
        assert 0 == server.connections
    assert "not public" in said
    assert "private_downloads=True" in said
    assert 1 == len(names)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("how", ["allowed", "loopback base"])
async def test_the_same_name_is_connected_to_when_that_is_allowed(names, tmp_path, monkeypatch, how):
    """The control: without the guard the connection arrives (and ends with TLS, which the server does not speak)."""
    monkeypatch.setattr("kling_async.jobs.transfer.ATTEMPTS", 1)
    monkeypatch.setattr("kling_async.session.http.CONNECT_TIMEOUT", 0.2)
    transport = (
        Transport(PUBLIC_SERVICE, private_downloads=True) if how == "allowed" else Transport(LOCAL_SERVICE)
    )
    async with FileServer() as server:
        said = await fetched(transport, f"https://cdn.example:{server.port}/a", tmp_path / "a")
        assert 1 == server.connections
    assert "cdn.example" in said


@pytest.mark.parametrize("trusting", [False, True])
async def test_a_callers_session_does_not_get_around_the_guard(names, tmp_path, trusting, monkeypatch):
    """Files come over a session of our own, whatever the caller's connector would resolve."""
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    async with FileServer() as server, aiohttp.ClientSession(trust_env=trusting) as session:
        transport = Transport(PUBLIC_SERVICE, session)
        said = await fetched(transport, f"https://cdn.example:{server.port}/a", tmp_path / "a")
        assert 0 == server.connections
    assert "not public" in said


async def test_a_name_that_changes_its_address_gains_nothing(tmp_path, monkeypatch):
    """Public when it is looked up, loopback when it is connected to: the connection's own look-up decides."""
    inner = Answers(["8.8.8.8"], ["127.0.0.1"])
    monkeypatch.setattr("aiohttp.DefaultResolver", lambda: inner)
    resolver = PublicResolver(inner)
    assert await resolver.resolve("cdn.example")
    async with FileServer() as server:
        said = await fetched(
            Transport(PUBLIC_SERVICE), f"https://cdn.example:{server.port}/a", tmp_path / "a"
        )
        assert 0 == server.connections
    assert "not public" in said
    assert inner.closed


@pytest.mark.parametrize(
    "location",
    [
        "http://8.8.8.8/a",
        "ftp://127.0.0.1/a",
        "http://cdn.example/a",
        "http://10.0.0.1/a",
        "file:///a",
        "http://[",
    ],
)
async def test_each_redirect_is_judged_as_the_first_url(tmp_path, location):
    """From an allowed URL to one that is not."""
    file = File(b"", status=302, headers=(("Location", location),))
    async with FileServer({"/a": file}) as server:
        transport = Transport(URL(server.url))
        said = await fetched(transport, server.url + "/a", tmp_path / "a.mp4")
        assert 1 == len(server.requests)
    assert "redirect" in said


async def test_a_redirect_to_private_addresses_is_refused_by_a_public_client(tmp_path):
    """Relative ones, and those to this machine; judged as the transport of a public base URL judges them."""
    transport = Transport(PUBLIC_SERVICE)
    with pytest.raises(DownloadError, match=r"a redirect of the result's URL is on 127\.0\.0\.1"):
        transport.file_url("https://127.0.0.1/a", "a redirect of the result's URL")


async def test_a_redirect_within_loopback_is_followed(tmp_path):
    """The control."""
    files = {"/a": File(b"", status=307, headers=(("Location", "/b"),)), "/b": File(mp4(1))}
    async with FileServer(files) as server:
        transport = Transport(URL(server.url))
        try:
            await Downloader(transport).fetch(server.url + "/a", tmp_path / "a.mp4")
        finally:
            await transport.aclose()
    assert mp4(1) == (tmp_path / "a.mp4").read_bytes()


async def test_the_environments_proxy_is_used_if_the_callers_session_trusts_it(tmp_path, monkeypatch):
    """The name goes to the proxy, which resolves it; no credentials from a netrc file go with it."""
    lines = []

    async def proxy(reader, writer):
        lines.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    (tmp_path / "netrc").write_text("default login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr("kling_async.jobs.transfer.ATTEMPTS", 1)
    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    monkeypatch.setenv("https_proxy", f"http://me:word@127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, aiohttp.ClientSession(trust_env=True) as session:
        await fetched(Transport(PUBLIC_SERVICE, session), "https://cdn.example/a", tmp_path / "a")
    assert lines[0].startswith("CONNECT cdn.example:443 ")
    assert "Proxy-Authorization: Basic" in lines[0]
    assert "canary" not in lines[0]


async def test_a_callers_session_carries_files_when_private_addresses_are_allowed(tmp_path):
    """Its connector, proxy and certificates count then; its default headers go to the file's host as it says."""
    seen = []

    async def handle(got):
        seen.append(got.headers.get("X-Mine"))
        return web.Response(body=mp4(1), content_type="video/mp4")

    async with serving(handle) as url, aiohttp.ClientSession(headers={"X-Mine": "yes"}) as session:
        transport = Transport(URL(url), session)
        await Downloader(transport).fetch(url + "/a", tmp_path / "a.mp4")
        await transport.aclose()
        assert not session.closed
    assert ["yes"] == seen
