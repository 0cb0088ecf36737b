"""Path tokens: one for each job, made by the account's secret alone, and read without ever raising."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async.callbacks.token import LONGEST, PURPOSE, job_of, path_token
from kling_async.session.auth import JwtSigner, Secret, StaticKeySigner

KEY, OTHER = b"k" * 32, b"o" * 32
IDS = st.text(min_size=1, max_size=60)


@given(IDS)
def test_a_token_tells_its_job(job):
    """Whatever the characters of the id, and in characters that no URL escapes."""
    token = path_token(KEY, job)
    assert job == job_of(KEY, token)
    assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()
    assert token.isascii()


@given(IDS, IDS)
def test_one_job_has_one_token(first, second):
    """The same after a restart, and another for each other job."""
    assert (first == second) == (path_token(KEY, first) == path_token(KEY, second))


@given(IDS)
def test_a_token_of_another_secret_names_nothing(job):
    """Another account's token, or one made after a guess."""
    assert None is job_of(KEY, path_token(OTHER, job))


@settings(max_examples=300)
@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_no_text_makes_it_raise(text):
    """Junk names nothing, with or without the start of a token."""
    assert None is job_of(KEY, text)
    assert None is job_of(KEY, f"kling-cb.{text}")


def altered(token):
    """What a forger makes of a token that it has seen."""
    start, named, proof = token.split(".")
    other = base64.urlsafe_b64encode(b"job-2").rstrip(b"=").decode()
    yield f"{start}.{other}.{proof}"  # its proof on another job
    yield f"{start}.{named}.{proof[:-1]}"
    yield f"{start}.{named}.{proof}A"
    yield f"{start}.{named}.{proof}="
    yield f"{start}.{named}=.{proof}"  # the same id, padded
    yield f"{start}.{named}.{proof.swapcase()}"
    yield f"{start}.{named}."
    yield f"{start}.{named}"
    yield f"{start}..{proof}"
    yield f"{token}.{proof}"
    yield f" {token}"
    yield f"{token}\n"
    yield f"{token}\0"
    yield token.upper()
    yield token.replace(".", "%2E")
    yield f"../{token}"
    yield "A" * 1_000_000


def test_what_was_altered_names_nothing():
    """Each other way to write or cut a token, and its proof on another job."""
    assert [] == [forged for forged in altered(path_token(KEY, "job-1")) if job_of(KEY, forged) is not None]


def test_a_long_id_has_a_token():
    """Up to the bound of a token's length."""
    job = "é" * 1000
    assert job == job_of(KEY, path_token(KEY, job))
    assert len(path_token(KEY, job)) < LONGEST


def test_the_key_is_the_secrets_own():
    """Another one for each secret and each purpose, the same after a restart, for both kinds of credentials."""
    signers = [
        StaticKeySigner(Secret("api-key-kling-1")),
        StaticKeySigner(Secret("api-key-kling-2")),
        JwtSigner(Secret("access"), Secret("secret-1"), lambda: 0.0),
        JwtSigner(Secret("access"), Secret("secret-2"), lambda: 0.0),
    ]
    keys = [signer.derived_key(PURPOSE) for signer in signers]
    assert keys == [signer.derived_key(PURPOSE) for signer in signers]
    assert 4 == len(set(keys))
    assert {32} == {len(key) for key in keys}
    assert keys[0] != signers[0].derived_key(b"another")
