"""A check against an emulator on virtual time."""

import socket
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rooms_helpers import emulator
from virtual_time import wall_clock
from yarl import URL

from kling_async import Image2VideoRequest, KlingClient
from kling_async.emulator import AtOnce
from kling_async.probing.caller import Caller
from kling_async.probing.free import Asked, ask_for_nothing
from kling_async.probing.listener import CallbackListener
from kling_async.probing.paid import Job, carry_out
from kling_async.session.auth import choose_signer
from kling_async.session.http import Transport
from kling_async.session.upload import prepare

PHOTO = Path(__file__).parents[2] / "examples" / "images" / "astronaut.jpg"
PROMPT = "a prompt that nobody shall read"


class Checked:
    """An emulator with five finished tasks, and a caller of it."""

    def __init__(self, service, caller):
        self.service = service
        self.caller = caller
        self.said = []
        self.asked = Asked()

    async def free(self):
        """Ask every free question."""
        await ask_for_nothing(self.caller, self.asked, self.said.append)
        return self.asked

    async def paid(self, *, public_url=None, timeout=600.0):
        """Carry out a job; with an address of a listener, if one is named."""
        job = Job("ka-check-job")
        if public_url is None:
            await self._carried(job, None, timeout)
            return job
        port = _free_port()
        async with CallbackListener(public_url.replace(":0", f":{port}"), port) as listener:
            await self._carried(job, listener, timeout)
        return job

    async def _carried(self, job, listener, timeout):
        self.job = job
        request = Image2VideoRequest(
            image="https://pictures.example/a.png",
            prompt=PROMPT,
            model_name="kling-v2-5-turbo",
            external_task_id=job.external_task_id,
            callback_url=None if listener is None else listener.url,
        )
        await carry_out(self.caller, await prepare(request), job, listener, self.said.append, timeout)


@pytest.fixture
def checking():
    """A check against an emulator with these settings; enter what it gives. The first tasks differ in age."""

    @asynccontextmanager
    async def check(*, tasks=5, clock=wall_clock, **settings):
        async with emulator(clock=clock, advance=AtOnce(), **settings) as service:
            await _fill(service, tasks)
            environment = {
                "KLING_ACCESS_KEY": service.access_key,
                "KLING_SECRET_KEY": service.secret_key,
            }
            transport = Transport(URL(service.url))
            caller = Caller(
                transport,
                lambda at: choose_signer(None, None, None, environment, at)[0],
                wall_clock,
                environment.values(),
            )
            try:
                yield Checked(service, caller)
            finally:
                await transport.aclose()

    return check


@pytest.fixture
def unused_port():
    """A port on which nobody listens."""
    return _free_port()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def _fill(service, tasks):
    """Tasks with ids of their own, a second apart."""
    keys = (service.access_key, service.secret_key)
    async with KlingClient(*keys, base_url=service.url, clock=service.clock) as kling:
        for number in range(tasks):
            await kling.image2video.create(
                image="https://pictures.example/a.png", prompt=PROMPT, external_task_id=f"named-{number}"
            )
            service.tasks[-1].created_at += 1000 * number
            await kling.image2video.get(f"named-{number}")
