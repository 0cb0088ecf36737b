"""Secrets stay secret: canary keys, every kind of failure, and a scanner over all that anyone could read afterwards.

Scanned: every log record of every library at DEBUG, with its arguments; the repr and str of the client, of what it is
made of, and of each error with its attributes; each error's traceback with the locals of all frames, along its causes
and contexts, suppressed ones too; the loop's exception handler; the journal and every other file. A control beside each
scanner shows that it finds what leaks.
"""

import asyncio
import base64
import copy
import gc
import logging
import pickle
import traceback
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from made_pictures import png
from proof_helpers import client, emulating

from kling_async import ConfigurationError, Image2VideoRequest, KlingClient, KlingError
from kling_async.callbacks import verify_signature
from kling_async.emulator.trouble.bomb import bomb
from kling_async.emulator.trouble.kind import CALLS
from kling_async.emulator.trouble.kinds import KINDS
from kling_async.session.auth import BearerHeader, Secret

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

ACCESS_KEY = "canary-access-0f3c9a71d2"
SECRET_KEY = "canary-secret-5b7e1f9043c8a26d5b7e1f9043c8a26d"
API_KEY = "api-key-kling-canary-91d04be7a35c62f8"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"canary-webhook-61fa0c93").decode()
JWT_START = "eyJhbGciOi"
"""How every token begins."""

_KEYS = (ACCESS_KEY, SECRET_KEY, API_KEY, WEBHOOK_SECRET, WEBHOOK_SECRET.removeprefix("whsec_"))
CANARIES = {
    *(key[8:] for key in _KEYS),
    *(base64.b64encode(key.encode()).decode()[:20] for key in _KEYS),
    *(key.encode().hex()[:40] for key in _KEYS),
    "canary-webhook",
    JWT_START,
}
"""What must be nowhere: the keys but for their public start, their base64 and hexadecimal forms, any token."""

DETAILS = {"gzip-bomb": {"megabytes": 9}, "drip": {"seconds": 2.0}}
"""Parameters that suit virtual time."""

TIMES = {"concurrency": 5, "gzip-bomb": 2}
"""How often what a job can bear any number of times, or what takes long to unpack, strikes; all else strikes every time."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """The machine's own keys and hosts play no part."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


class Scanner(logging.Handler):
    """Searches everything it is shown for canaries; `found` tells where they were, `seen` how much was searched."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.found = []
        self.seen = 0

    def text(self, text, where):
        """One text that somebody could read."""
        self.seen += 1
        self.found += [(where, canary) for canary in CANARIES if canary in text]

    def emit(self, record):
        """One log record: its message, its arguments and the traceback that it may have."""
        self.text(f"{record.getMessage()} {record.__dict__!r}", f"log {record.name}")
        if record.exc_info and record.exc_info[1] is not None:
            self.error(record.exc_info[1])

    def error(self, error):
        """One error with its whole family: reprs, attributes, and tracebacks with locals."""
        for each in _family(error):
            name = type(each).__name__
            self.text(f"{each} {each!r} {each.args!r} {vars(each)!r}", f"error {name}")
            shown = traceback.TracebackException.from_exception(each, capture_locals=True, compact=False)
            for frame in shown.stack:
                for local, value in (frame.locals or {}).items():
                    self.text(
                        value, f"traceback of {name}: {local} in {Path(frame.filename).name}:{frame.name}"
                    )

    def value(self, value):
        """One object as a debugger or a log line would show it."""
        self.text(f"{value!r} {value}", f"repr of {type(value).__name__}")

    def files(self, folder):
        """Every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.text(path.read_bytes().decode("latin-1"), f"file {path.name}")


def _family(error):
    """An error, its causes, contexts and members, each once."""
    waiting, known = [error], []
    while waiting:
        each = waiting.pop()
        if each is None or each in known:
            continue
        known.append(each)
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return known


def parts(client):
    """The client and every object of the library that it is made of."""
    known, waiting = {}, [client]
    while waiting:
        each = waiting.pop()
        if id(each) not in known and type(each).__module__.startswith("kling_async"):
            known[id(each)] = each
            waiting += gc.get_referents(each)
            waiting += [
                item for held in gc.get_referents(each) if isinstance(held, dict) for item in held.values()
            ]
    return [each for each in known.values() if not isinstance(each, type | BearerHeader)]


@contextmanager
def scanning(folder):
    """A block whose every log record is scanned; the files at its end."""
    scanner, root = Scanner(), logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(scanner)
    try:
        yield scanner
    finally:
        root.removeHandler(scanner)
        root.setLevel(before)
    scanner.files(folder)


async def troubled(emulator, scanner, folder, **keys):
    """Every call once, as users make them, in whatever trouble the emulator has; all errors are scanned."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: scanner.text(repr(context), "the loop's exception handler"))
    requests = [Image2VideoRequest(image=png(), prompt=f"{number}") for number in range(2)]
    async with client_of(emulator, journal=folder / "jobs.sqlite", submit_timeout=200, **keys) as kling:
        for part in parts(kling):
            scanner.value(part)
        for outcome in await kling.image2video.generate_all(requests, timeout=300):
            scanner.value(outcome)
            await attempt(scanner, outcome.unwrap)
            if outcome.task is not None and outcome.task.videos:
                await attempt(
                    scanner, kling.download, outcome.task.videos[0], folder / f"{outcome.index}.mp4"
                )
        await attempt(scanner, kling.image2video.list)
        await attempt(scanner, kling.image2video.get, "no-such-task")
        await attempt(scanner, kling.check_credentials)
        for part in parts(kling):
            scanner.value(part)
        scanner.files(folder)


def client_of(emulator, **options):
    """A client with the emulator's key pair, or with the keys given."""
    if "api_key" not in options:
        return client(emulator, **options)
    return KlingClient(base_url=emulator.url, clock=emulator.clock, **options)


async def attempt(scanner, call, *args):
    """Calls; an error is scanned."""
    try:
        value = call(*args)
        scanner.value(await value if asyncio.iscoroutine(value) else value)
    except KlingError as error:
        scanner.error(error)


RESUMED = {"range-ignored", "range-wrong"}
"""Kinds that strike only a download that is resumed, and so none of these."""

TROUBLE = [
    (call, kind)
    for kind, known in KINDS.items()
    for call in CALLS
    if call in known.calls and kind not in RESUMED
]


@pytest.mark.parametrize(("call", "kind"), TROUBLE)
async def test_no_failure_shows_a_secret(call, kind, tmp_path):
    """Every kind of trouble on every call: 0 hits in logs, errors, reprs and files."""
    with scanning(tmp_path) as scanner:
        async with emulating(access_key=ACCESS_KEY, secret_key=SECRET_KEY, api_key=API_KEY) as emulator:
            bomb(
                DETAILS["gzip-bomb"]["megabytes"]
            )  # built beforehand, so that no virtual deadline passes meanwhile
            emulator.fault(call, kind, times=TIMES.get(kind), **DETAILS.get(kind, {}))
            await troubled(emulator, scanner, tmp_path)
            assert emulator.injected[call, kind] > 0
    assert [] == scanner.found
    assert scanner.seen > 50


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1004, 1100, 1103, 1304])
async def test_no_refusal_of_the_keys_shows_them(code, tmp_path):
    """Refused keys, pair and static, are in no error that tells of the refusal."""
    with scanning(tmp_path) as scanner:
        for name, keys in {"pair": {}, "static": {"api_key": API_KEY}}.items():
            folder = tmp_path / name
            folder.mkdir()
            async with emulating(access_key=ACCESS_KEY, secret_key=SECRET_KEY, api_key=API_KEY) as emulator:
                emulator.fault("any", "account", times=None, code=code)
                await troubled(emulator, scanner, folder, **keys)
    assert [] == scanner.found


async def test_a_service_that_repeats_the_header_does_not_bring_it_into_the_logs(tmp_path):
    """Nobody is there: the errors of connections that were never made hold no header."""
    with scanning(tmp_path) as scanner:
        for keys in ({"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}, {"api_key": API_KEY}):
            async with KlingClient(base_url="http://127.0.0.1:9", **keys) as kling:
                await attempt(scanner, kling.image2video.get, "x")
                await attempt(scanner, kling.image2video.create, Image2VideoRequest(image=png()))
    assert [] == scanner.found


WRONG_SETTINGS = {
    "a secret key alone": {"KLING_SECRET_KEY": SECRET_KEY},
    "an access key alone": {"KLING_ACCESS_KEY": ACCESS_KEY},
    "a static key with a line's end": {"KLING_API_KEY": API_KEY + "\n"},
    "a static key of another alphabet": {"KLING_API_KEY": API_KEY + "é"},
    "an access key with a line's end": {
        "KLING_ACCESS_KEY": ACCESS_KEY + "\n",
        "KLING_SECRET_KEY": SECRET_KEY,
    },
    "a wrong host": {
        "KLING_ACCESS_KEY": ACCESS_KEY,
        "KLING_SECRET_KEY": SECRET_KEY,
        "KLING_BASE_URL": "http://example.com",
    },
}


def _set(monkeypatch, settings):
    """Sets the environment; what it sets is in no frame of the test's."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("settings", WRONG_SETTINGS)
def test_no_wrong_setting_shows_a_secret(settings, monkeypatch, tmp_path):
    """Keys out of the environment that cannot be used are in no traceback's locals, whole environments neither."""
    _set(monkeypatch, WRONG_SETTINGS[settings])
    with scanning(tmp_path) as scanner, pytest.raises(ConfigurationError) as caught:
        KlingClient()
    scanner.error(caught.value)
    assert [] == scanner.found


WRONG_ARGUMENTS = {
    "both kinds of keys": lambda: KlingClient(access_key=ACCESS_KEY, secret_key=SECRET_KEY, api_key=API_KEY),
    "a wrong host": lambda: KlingClient(ACCESS_KEY, SECRET_KEY, base_url="ftp://example.com"),
    "a wrong choice": lambda: KlingClient(ACCESS_KEY, SECRET_KEY, capabilities="?"),
    "a wrong number": lambda: KlingClient(ACCESS_KEY, SECRET_KEY, submit_timeout=-1),
    "a static key with a space": lambda: KlingClient(api_key=API_KEY + " "),
    "a secret key alone": lambda: KlingClient(secret_key=SECRET_KEY),
}


@pytest.mark.parametrize("given", WRONG_ARGUMENTS)
def test_no_wrong_argument_shows_a_secret(given):
    """Keys that were given as arguments are in no traceback's locals."""
    scanner = Scanner()
    with pytest.raises(ConfigurationError) as caught:
        WRONG_ARGUMENTS[given]()
    scanner.error(caught.value)
    assert [] == scanner.found


async def test_a_secret_key_that_cannot_be_signed_with_is_an_error_of_ours(monkeypatch):
    """Bytes that are no text, as an environment can hold them, do not come out inside a foreign exception."""
    scanner = Scanner()
    monkeypatch.setenv("KLING_ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("KLING_SECRET_KEY", SECRET_KEY + "\udcff")
    with pytest.raises(ConfigurationError) as caught:
        async with KlingClient(base_url="http://127.0.0.1:9") as kling:
            await kling.image2video.get("x")
    scanner.error(caught.value)
    assert [] == scanner.found


def test_a_refused_callback_shows_no_secret():
    """Neither the secret nor the signature that was expected."""
    scanner = Scanner()
    headers = {"webhook-id": "1", "webhook-timestamp": "1781080794", "webhook-signature": "v1,AAAA"}
    for secret, now in (
        (WEBHOOK_SECRET, 1781080794.0),
        (WEBHOOK_SECRET + "!", 1781080794.0),
        (WEBHOOK_SECRET, 0.0),
    ):
        with pytest.raises(KlingError) as caught:
            verify_signature(b"{}", headers, secret, now=now)
        for frame in traceback.walk_tb(caught.value.__traceback__):
            if "kling_async" in frame[0].f_code.co_filename:
                scanner.text(repr(frame[0].f_locals), "traceback")
        scanner.text(f"{caught.value!r} {caught.value.__context__!r}", "error")
    assert [] == scanner.found


def test_a_secret_is_not_copied_out_by_accident():
    """`asdict`, pickle, copy and formatting have nothing of it."""

    @attrs.define
    class Holder:
        key: Secret

    scanner, holder = Scanner(), Holder(Secret(SECRET_KEY))
    for shown in (attrs.asdict(holder), f"{holder.key}", holder, [holder.key], vars):
        scanner.value(shown)
    assert [] == scanner.found
    for leaves in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leaves(holder.key)


# The controls: each scanner finds what leaks.


def leak(key):
    """Raises an error out of a frame that has a key, inside the handler of another one."""
    try:
        int("no key in here")
    except ValueError:
        raise KlingError("none here either") from None


LEAKS = {
    "a log's message": lambda scanner, folder: logging.getLogger("x").debug("key %s", SECRET_KEY),
    "a log's extra": lambda scanner, folder: logging.getLogger("x").debug("key", extra={"key": API_KEY}),
    "a token": lambda scanner, folder: logging.getLogger("x").debug("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"),
    "a repr": lambda scanner, folder: scanner.value([ACCESS_KEY]),
    "a file": lambda scanner, folder: (folder / "leak").write_bytes(b"\xff" + SECRET_KEY.encode()),
    "a file's base64": lambda scanner, folder: (folder / "leak").write_bytes(
        base64.b64encode(API_KEY.encode())
    ),
    "an error's text": lambda scanner, folder: scanner.error(KlingError(f"with {SECRET_KEY}")),
}


@pytest.mark.parametrize("where", LEAKS)
def test_a_leak_is_found(where, tmp_path):
    """The control: what leaks on purpose is a hit."""
    with scanning(tmp_path) as scanner:
        LEAKS[where](scanner, tmp_path)
    assert scanner.found


@pytest.mark.parametrize("what", ["locals", "a suppressed context"])
def test_a_leak_in_a_traceback_is_found(what):
    """The control: a key in the locals of a frame, and in those of an error that was suppressed."""
    scanner = Scanner()
    with pytest.raises(KlingError) as caught:
        leak(SECRET_KEY)
    scanner.error(caught.value if what == "locals" else caught.value.__context__)
    assert any(": key in " in where for where, _ in scanner.found)
