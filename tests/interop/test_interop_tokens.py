"""npm's jsonwebtoken makes the tokens: what the service's library takes, the emulator takes, and the reverse."""

import time

import aiohttp
import pytest

from kling_async.session.auth import JwtSigner, Secret

pytestmark = pytest.mark.anyio

LIST = "/v1/videos/image2video"
BARE = {"noTimestamp": True}
"""jsonwebtoken adds `iat` by itself unless it is told not to."""


def claims(service, **changes):
    """The vendor's three claims, changed; None leaves one out."""
    now = int(time.time())
    whole = {"iss": service.access_key, "exp": now + 1800, "nbf": now - 5, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def forms(service):
    """What is signed and how, and the code that it must get."""
    now, later = int(time.time()), int(time.time()) + 600
    return [
        ("the vendor's three claims", claims(service), BARE, 0),
        ("iat beside them", claims(service), {}, 0),
        ("no nbf", claims(service, nbf=None), {}, 0),
        ("neither nbf nor iat", claims(service, nbf=None), BARE, 0),
        ("a jti", claims(service), {"jwtid": "7"}, 0),
        ("claims of other services", claims(service, aud="x", sub="y", scope=["z"]), {}, 0),
        ("a header of alg alone", claims(service), {**BARE, "header": {"alg": "HS256", "typ": None}}, 0),
        ("a header with kid", claims(service), {**BARE, "keyid": "k-1"}, 0),
        ("nbf in the future", claims(service, nbf=later), BARE, 1003),
        ("iat in the future", claims(service, iat=later), {}, 1003),
        ("expired", claims(service, exp=now - 1), BARE, 1004),
        ("another iss", claims(service, iss="somebody"), BARE, 1002),
        ("no iss", claims(service, iss=None), BARE, 1002),
        ("no exp", claims(service, exp=None), BARE, 1002),
        ("HS384", claims(service), {"algorithm": "HS384"}, 1002),
        ("HS512", claims(service), {"algorithm": "HS512"}, 1002),
        ("no signature", claims(service), {"algorithm": "none"}, 1002),
    ]


async def codes(service, bearers):
    """The service's code for each bearer, each tried on a list of tasks."""
    found = []
    async with aiohttp.ClientSession(service.url) as session:
        for bearer in bearers:
            async with session.get(LIST, headers={"Authorization": f"Bearer {bearer}"}) as response:
                found.append((await response.json())["code"])
    return found


async def test_each_form_of_token_gets_its_code(service, node):
    """Whatever else a token holds: a time in the future is 1003, in the past 1004, another signer 1002."""
    wanted = forms(service)
    signed = [{"claims": claims, "options": options} for _, claims, options, _ in wanted]
    signed[-1]["secret"] = ""
    signed.append({"claims": claims(service), "secret": "another secret key of thirty-two bytes"})
    answer = await node("tokens.mjs", {"secret": service.secret_key, "sign": signed, "verify": []})
    expected = {name: code for name, _, _, code in wanted} | {"another secret": 1002}
    assert expected == dict(zip(expected, await codes(service, answer["made"]), strict=True))


async def test_our_tokens_verify_with_it(service, node):
    """Header and claims are the vendor's, and nothing else."""
    signer = JwtSigner(Secret(service.access_key), Secret(service.secret_key), time.time)
    token = str.__str__(signer.bearer()).removeprefix("Bearer ")
    answer = await node("tokens.mjs", {"secret": service.secret_key, "sign": [], "verify": [token]})
    assert {"alg": "HS256", "typ": "JWT"} == answer["read"][0]["header"]
    assert {"iss", "exp", "nbf"} == set(answer["read"][0]["payload"])
    assert service.access_key == answer["read"][0]["payload"]["iss"]
