"""The public URL: what the service cannot reach, or may not be told in plain text, is an error at the start."""

import pytest

from kling_async.callbacks.address import checked_public_url
from kling_async.errors import ConfigurationError

UNUSABLE = [
    None, 5, "", "example.com/kling", "ftp://example.com", "https://", "https:///kling", "https://exa mple.com",
    "https://example.com:port", "https://example.com/ü", "https://user:hidden@example.com", "https://example.com/?a=b",
    "https://example.com/#part", b"https://example.com", "https://[::1", "https://example.com\n",
]  # fmt: skip
PRIVATE = [
    "http://kling.dev/hook", "https://localhost/hook", "https://127.0.0.1", "https://10.0.0.1", "https://192.168.1.7:8443",
    "https://[::1]", "https://[fe80::1]", "https://169.254.169.254", "https://0x7f.1", "https://2130706433", "https://intranet",
    "https://nas.local", "https://x.internal", "https://me.localhost", "https://0.0.0.0", "https://100.64.0.1",
    "https://[::ffff:10.0.0.1]", "https://localhost.", "https://NAS.LOCAL",
]  # fmt: skip


@pytest.mark.parametrize("text", UNUSABLE, ids=repr)
def test_what_is_no_url_is_refused(text):
    """Forced or not, with the argument's name and without a password."""
    for forced in (False, True):
        with pytest.raises(ConfigurationError, match="public_url") as caught:
            checked_public_url(text, allow_private=forced)
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("text", PRIVATE)
def test_what_is_not_public_needs_the_argument(text):
    """Plain http, and hosts that the service cannot reach; the text says what to do."""
    with pytest.raises(ConfigurationError, match="allow_private"):
        checked_public_url(text, allow_private=False)
    assert text == checked_public_url(text, allow_private=True)


@pytest.mark.parametrize(
    "text", ["https://kling.dev", "https://kling.dev/a/b", "https://8.8.8.8:8443/x", "https://a.b.c.com:443"]
)
def test_public_https_is_taken(text):
    """As it is, without the slash at its end."""
    assert text == checked_public_url(f"{text}/", allow_private=False)
