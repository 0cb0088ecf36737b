"""`kling-async account` and `kling.account()`: the packs of the account, and what is left of them."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import Account, APIError, KlingClient, MalformedResponseError, ValidationError
from kling_async.schema.account import COSTS_PATH, read_account
from kling_async.schema.wire import Envelope

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def answered(data):
    """An answer of the service with this data."""
    return Envelope(0, "", "r1", data)


def test_packs_are_shown(service, run, photo, documents):
    """A job's units are gone from the pack; the table has what people ask for, the document all of it."""
    run("i2v", photo)
    result = run("account")
    assert 0 == result.exit_code, result.stderr
    head, pack, last = result.stdout.splitlines()
    assert ["PACK", "STATUS", "LEFT", "OF", "UNTIL"] == head.split()
    assert ["Emulator", "pack", "online", "9998", "10000"] == pack.split()[:-1]
    assert "left in packs that can be used: 9998 units" == last
    [document] = documents(run("account", "--json").stdout)
    assert (9998.0, "emulator-pack-1") == (document["remaining"], document["packs"][0]["id"])


def test_refused_keys_are_told_with_the_regional_hosts(service, run, monkeypatch):
    """As every other command does."""
    monkeypatch.setenv("KLING_ACCESS_KEY", "another")
    result = run("account")
    assert 5 == result.exit_code
    assert "https://api-singapore.klingai.com" in result.stderr


def test_account_is_asked_of_a_client(service):
    """The query names a year in milliseconds; moments are aware datetimes."""

    async def ask():
        async with KlingClient() as kling:
            with pytest.raises(ValidationError):
                await kling.account(days=0)
            return await kling.account()

    account = asyncio.run(ask())
    [pack] = account.packs
    assert pack.is_usable
    assert UTC is pack.expires_at.tzinfo
    [request] = [each for each in service.requests if each.path == COSTS_PATH]
    assert "start_time=" in request.query
    assert "end_time=" in request.query


def test_what_is_missing_is_none_and_no_packs_are_none():
    """The list is absent for an account without packs; numbers may be text."""
    assert Account() == read_account(answered({"code": 0, "msg": "SUCC"}))
    rows = [{"total_quantity": "7.5", "invalid_time": "1764000000000", "status": "expired"}, {}]
    packs = read_account(answered({"code": 0, "resource_pack_subscribe_infos": rows})).packs
    assert (7.5, datetime(2025, 11, 24, 16, 0, tzinfo=UTC)) == (packs[0].total, packs[0].expires_at)
    assert (None, "", False) == (packs[1].remaining, packs[1].name, packs[1].is_usable)
    assert 0 == read_account(answered({"resource_pack_subscribe_infos": rows})).remaining


def test_inner_code_is_an_error():
    """The answer is wrapped twice, and the inner code decides as the outer one does."""
    with pytest.raises(APIError, match="too fast") as caught:
        read_account(answered({"code": 1302, "msg": "too fast"}))
    assert ("RateLimitError", "r1") == (type(caught.value).__name__, caught.value.request_id)


@given(JSON)
def test_reading_is_total(value):
    """Whatever comes, it is an account or an error of ours."""
    for data in (value, {"resource_pack_subscribe_infos": value}, {"resource_pack_subscribe_infos": [value]}):
        try:
            account = read_account(answered(data))
        except (MalformedResponseError, APIError):
            continue
        assert isinstance(account.remaining, float | int)
    row = {"total_quantity": value, "invalid_time": value, "status": value, "resource_pack_name": value}
    assert 1 == len(read_account(answered({"resource_pack_subscribe_infos": [row]})).packs)
