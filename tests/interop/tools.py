"""Runs other people's programs."""

import asyncio
import json
import os

PATIENCE = 50
"""Seconds."""


async def output(*command, env=None, given=None):
    """What a command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            printed, complaint = await process.communicate(
                None if given is None else json.dumps(given).encode()
            )
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaint.decode()[-4000:]
    return printed.decode()
