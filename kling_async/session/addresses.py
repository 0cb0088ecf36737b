"""Which URLs and addresses may be connected to.

Promises: https everywhere, plain http on a loopback host alone; a result's file is fetched from public addresses alone
unless the base URL is this machine or the caller allows more. Names are judged by the addresses that they resolve to, in
the resolver of the very connection, so that a name which changes its address between two look-ups gains nothing.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from kling_async.errors import ConfigurationError, harmless

_PRINTABLE: Final = re.compile(r"[!-~]+")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NUMERIC: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}")  # what inet_aton(3) reads

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")  # RFC 4291; everything else is local, reserved or a wrapping
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_DOCUMENTATION: Final = IPv6Network("3fff::/20")  # RFC 9637; Python's own table has it since 3.14 only


def check_url(name: str, text: str) -> URL:
    """Reads an absolute https URL, or an http URL of a loopback host.

    Args:
        name: The option or thing that the text is, for the error.
        text: The URL.

    Raises:
        ConfigurationError: The text is not such a URL; the error names `name`.
    """
    try:
        # What is printable is kept to the letter: a signed URL may not be written in another way.
        url = URL(text, encoded=bool(_PRINTABLE.fullmatch(text)))
        host = url.host  # decoded only now, which can fail
        _ = url.explicit_port  # and so can this
    except (ValueError, TypeError):
        url, host = URL(), None
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(f"{name} is {harmless(str(text))!r}; it must be an absolute https URL")
    if url.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(
            f"{name} is plain http on {harmless(host)}; that is for loopback hosts alone, use https"
        )
    return url


def is_loopback(url: URL) -> bool:
    """Tells whether the URL's host is this machine by its name or address."""
    host = url.host or ""
    return host in _LOOPBACK or (host.startswith("127.") and host.replace(".", "").isdigit())


def literal_address(host: str) -> IPv4Address | IPv6Address | None:
    """Reads a host that is an address and not a name, as the C library's resolver would.

    Args:
        host: A URL's host: `192.0.2.1`, `::1`, and the forms `2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1` as well;
            trailing dots do not count.

    Returns:
        The address, or None if the host is a name.
    """
    host = host.rstrip(".").lower()
    try:
        return ip_address(host)
    except ValueError:
        pass
    if _NUMERIC.fullmatch(host):
        try:
            return IPv4Address(socket.inet_aton(host))
        except OSError:
            pass
    return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tells whether an address belongs to the public Internet.

    Loopback, private, link-local, shared (RFC 6598), multicast, reserved, documentation and unspecified addresses do not,
    and neither do IPv6 addresses that wrap one of them: IPv4-mapped, 6to4, NAT64. Teredo and the local NAT64 prefix are
    never public.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    if address.scope_id is not None:
        return False
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    return (
        address in _GLOBAL_UNICAST
        and address.is_global
        and address.teredo is None
        and address not in _DOCUMENTATION
    )


class AddressRefusedError(OSError):
    """A host that has no public address; an OSError, since resolvers may raise no other."""


class PublicResolver(AbstractResolver):
    """Resolves names to their public addresses alone.

    Args:
        inner: Asks the system; it is closed together with this resolver.
    """

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolves a name.

        Raises:
            AddressRefusedError: None of its addresses is public.
        """
        found = await self._inner.resolve(host, port, family)
        public = [each for each in found if is_public(ip_address(each["host"]))]
        if found and not public:
            raise AddressRefusedError(f"{harmless(host)} resolves to an address that is not public")
        return public

    @override
    async def close(self) -> None:
        """Closes the inner resolver."""
        await self._inner.close()
