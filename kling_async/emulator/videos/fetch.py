"""Pictures that a request names by URL, fetched from this machine alone."""

import ipaddress
from urllib.parse import urlsplit

import aiohttp

from kling_async.emulator.videos.pictures import MAX_BYTES

FETCH_SECONDS = 10.0


async def fetch(url: str) -> bytes | None:
    """Gets a picture from a loopback host, at most 10 MB; None if the host is another one or the picture cannot be had."""
    if not is_loopback(url):
        return None
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            data = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                data += chunk
                if len(data) > MAX_BYTES:
                    return None
            return bytes(data) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, by name or by number."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
