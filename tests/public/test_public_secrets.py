"""Keys and tokens do not show, by whatever way an object is looked at."""

import copy
import json
import logging
import pickle
import pprint
import traceback

import attrs
import pytest

from kling_async import ConfigurationError, KlingClient
from kling_async.schema.wire import converter
from kling_async.session.auth import BearerHeader, JwtSigner, Secret, StaticKeySigner

KEY = "canary-0123456789abcdef0123456789abcdef"
TOKEN = f"Bearer {KEY}"


@attrs.frozen
class Holder:
    """What somebody's code might hold a key in."""

    secret: Secret
    name: str = "x"


LOOKS = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "percent": "%s %r".__mod__,
    "pprint": pprint.pformat,
    "in a list": lambda value: repr([value]),
    "in a dict": lambda value: str({"key": value}),
    "in an exception": lambda value: repr(ValueError(value)),
}


def both(look, value):
    """The look, with `%` given its two arguments."""
    return look((value, value)) if look is LOOKS["percent"] else look(value)


@pytest.mark.parametrize("look", list(LOOKS.values()), ids=list(LOOKS))
def test_a_secret_does_not_show(look):
    """No way of making text of it gives the key."""
    assert KEY not in both(look, Secret(KEY))


def test_a_secret_reveals_itself_when_asked():
    """For signing and sending."""
    assert KEY == Secret(KEY).reveal()


def test_a_secret_is_not_pickled():
    """A queue, a cache or a process pool shall not carry it."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(Secret(KEY), protocol)


def test_copies_of_a_secret_are_refused_or_silent():
    """Copying goes the way of pickling."""
    for make in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            make(Secret(KEY))


def test_attrs_and_cattrs_do_not_look_into_a_secret():
    """`asdict` and the converter go past `repr=False`, so the type itself must keep still."""
    shown = repr(attrs.asdict(Holder(Secret(KEY)))) + repr(attrs.astuple(Holder(Secret(KEY))))
    assert KEY not in shown + repr(converter.unstructure(Holder(Secret(KEY))))


def test_a_secret_is_no_json_and_has_no_dict():
    """Dumping an object's insides finds none."""
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))
    assert not hasattr(Secret(KEY), "__dict__")


@pytest.mark.parametrize("name", ["repr", "pprint", "in a list", "in a dict", "in an exception"])
def test_a_bearer_header_does_not_show_in_a_repr(name):
    """Headers end up in the reprs of other libraries' exceptions."""
    assert KEY not in LOOKS[name](BearerHeader(TOKEN))


def test_a_bearer_header_is_the_text_that_travels():
    """It is a str, equal to what is sent."""
    assert TOKEN == BearerHeader(TOKEN)
    assert TOKEN.encode() == BearerHeader(TOKEN).encode()


def test_a_bearer_header_is_not_pickled():
    """Nor copied by the same way: a token that lies in a file is a token lost."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(BearerHeader(TOKEN), protocol)


@pytest.mark.parametrize(
    "signer",
    [StaticKeySigner(Secret(KEY)), JwtSigner(Secret("access"), Secret(KEY), lambda: 1_790_000_000.0)],
    ids=["static", "jwt"],
)
def test_a_signers_insides_do_not_show(signer):
    """Neither the key nor the token, when a debugger prints its attributes."""
    token = str(signer.bearer()).removeprefix("Bearer ")
    shown = repr(signer) + repr(vars(signer))
    assert KEY not in shown
    assert token not in shown


@pytest.mark.parametrize(
    "keys", [{"api_key": KEY}, {"access_key": "ak-0123456789", "secret_key": KEY}], ids=["static", "pair"]
)
def test_a_client_shows_a_keys_first_characters_alone(keys):
    """Enough to tell two accounts apart."""
    client = KlingClient(**keys)
    assert KEY not in repr(client) + repr(vars(client))
    assert "key='" in repr(client)


@pytest.mark.parametrize(
    "arguments",
    [
        {"secret_key": KEY},
        {"access_key": "a", "secret_key": KEY, "base_url": "ftp://x"},
        {"api_key": KEY, "access_key": "a"},
        {"api_key": KEY + "\n"},
        {"access_key": "a", "secret_key": KEY, "capabilities": "maybe"},
        {"access_key": "a", "secret_key": KEY, "max_in_flight": 0},
        {"access_key": "a", "secret_key": KEY, "submit_timeout": -1},
    ],
)
def test_no_key_in_the_traceback_of_a_client_that_could_not_be_made(arguments, monkeypatch):
    """Not in the text, and not in the locals that crash reporters collect from our frames."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError) as caught:
        KlingClient(**arguments)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [
        frame for frame in told.stack if "kling_async" in frame.filename and "test_" not in frame.filename
    ]
    assert ours
    assert KEY not in str(caught.value) + repr([frame.locals for frame in ours])


def test_a_logged_secret_stays_one(caplog):
    """Records are formatted late; the object is what is formatted."""
    with caplog.at_level(logging.INFO):
        logging.getLogger("kling_async").info("key %s, header %r", Secret(KEY), BearerHeader(TOKEN))
    assert KEY not in caplog.text
