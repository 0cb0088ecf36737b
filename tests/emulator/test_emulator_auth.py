"""The bearer check, code by code."""

import base64
import json
from email.utils import parsedate_to_datetime

import jwt
import pytest

from kling_async.emulator import Emulator

pytestmark = pytest.mark.anyio

PATH = "/v1/videos/image2video"
NOW = 1_750_000_000.0


async def refused(wire, authorization):
    """Status and code of a list call with this header."""
    status, payload, _ = await wire.send("GET", PATH, headers={"Authorization": authorization})
    return status, payload["code"]


async def test_no_header_is_1001(emulate):
    """A request without a bearer is told so."""
    async with emulate() as wire:
        async with wire.session.get(wire.emulator.url + PATH) as response:
            payload = await response.json()
        assert (401, 1001, "Authorization is empty") == (response.status, payload["code"], payload["message"])
        assert {"code", "message", "request_id"} == set(payload)


async def test_good_token_and_static_key_pass(emulate, token):
    """Both kinds of bearer are taken."""
    async with emulate() as wire:
        assert (200, 0) == await refused(wire, f"Bearer {token(wire.emulator)}")
        assert (200, 0) == await refused(wire, f"Bearer {wire.emulator.api_key}")


@pytest.mark.parametrize(("bearer", "parts"), [("nonsense", "0"), ("a.b", "2"), ("a.b.c.d", "> 3")])
async def test_malformed_token_is_1002(bearer, parts, emulate):
    """The message counts the parts as the service's library does."""
    async with emulate() as wire:
        status, payload, _ = await wire.send("GET", PATH, headers={"Authorization": f"Bearer {bearer}"})
        assert (401, 1002) == (status, payload["code"])
        assert f"The token was expected to have 3 parts, but got {parts}" == payload["message"]


async def test_other_schemes_and_rubbish_are_1002(emulate):
    """Three parts of rubbish, or another scheme, are no bearer."""
    async with emulate() as wire:
        assert (401, 1002) == await refused(wire, "Bearer a.b.c")
        assert (401, 1002) == await refused(wire, "Basic a.b.c")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"iss": None},
        {"exp": None},
        {"key": "x" * 40},
        {"nbf": "1"},
        {"iat": True},
    ],
)
async def test_wrong_issuer_claims_or_signature_are_1002(claims, emulate, token):
    """A token is this account's, signed by it, and has an end; its times are numbers."""
    async with emulate() as wire:
        assert (401, 1002) == await refused(wire, f"Bearer {token(wire.emulator, **claims)}")


@pytest.mark.parametrize(
    "claims",
    [
        {"nbf": None},
        {"iat": int(NOW)},
        {"iat": NOW - 0.5, "jti": "1", "sub": 7, "aud": ["x"]},
        {"header": {"kid": "1"}},
        {"header": {"typ": None}},
    ],
)
async def test_tokens_of_other_makers_pass(claims, emulate, token):
    """Other claims and header fields are ignored, and nbf may be missing."""
    async with emulate(clock=lambda: NOW) as wire:
        assert (200, 0) == await refused(wire, f"Bearer {token(wire.emulator, now=NOW, **claims)}")


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_token_of_the_future_is_1003(claim, emulate, token):
    """A token may not have been made later than now, not even by a second."""
    async with emulate(clock=lambda: NOW) as wire:
        future = token(wire.emulator, now=NOW, **{claim: NOW + 1})
        assert (401, 1003) == await refused(wire, f"Bearer {future}")


async def test_claims_that_are_no_numbers_are_1002(emulate, token):
    """A flag is no time."""
    async with emulate() as wire:
        assert (401, 1002) == await refused(wire, f"Bearer {token(wire.emulator, exp=True)}")


async def test_claims_of_any_size_are_numbers(emulate, token):
    """An end beyond all floats is in the future all the same."""
    async with emulate() as wire:
        assert (200, 0) == await refused(wire, f"Bearer {token(wire.emulator, exp=10**400)}")
        assert (401, 1003) == await refused(wire, f"Bearer {token(wire.emulator, iat=10**400)}")


async def test_other_algorithms_are_1002(emulate):
    """HS256 alone is taken; above all not `none`."""
    async with emulate() as wire:
        claims = {"iss": wire.emulator.access_key, "exp": 2**40, "nbf": 0}
        strong = jwt.encode(claims, wire.emulator.secret_key, algorithm="HS512")
        assert (401, 1002) == await refused(wire, f"Bearer {strong}")
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "none", "typ": "JWT"}, claims)
        )
        assert (401, 1002) == await refused(wire, f"Bearer {head}.{body}.")


async def test_clock_decides_between_1003_and_1004(emulate, token):
    """Too early and too late have codes of their own, by the emulator's clock."""
    async with emulate(clock=lambda: NOW) as wire:
        assert (200, 0) == await refused(wire, f"Bearer {token(wire.emulator, now=NOW)}")
        assert (401, 1003) == await refused(wire, f"Bearer {token(wire.emulator, now=NOW + 60)}")
        assert (401, 1004) == await refused(wire, f"Bearer {token(wire.emulator, now=NOW - 1800)}")


async def test_date_header_tells_the_clock(emulate):
    """Every answer carries the service's time, so that a caller can find its offset."""
    async with emulate(clock=lambda: NOW) as wire:
        _, _, headers = await wire.list()
        assert NOW == parsedate_to_datetime(headers["Date"]).timestamp()


async def test_date_header_can_be_absurd_or_missing(emulate):
    """A test may send any text, or no date at all."""
    async with emulate() as wire:
        wire.emulator.date_header = "yesterday"
        assert "yesterday" == (await wire.list())[2]["Date"]
        wire.emulator.date_header = None
        assert "Date" not in (await wire.list())[2]


def test_short_secret_is_refused():
    """HS256 wants 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        Emulator(secret_key="short")
