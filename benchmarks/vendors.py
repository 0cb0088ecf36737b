"""The clients that users would otherwise run, each as its own documentation has it, with its own default pace."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable

from benchmarks.contender import IMAGE, PROMPT, Order
from benchmarks.vendor_server import FAL_APP

KEY = "benchmark"


async def at_once(order: Order, one: Callable[[], Awaitable[str]]) -> None:
    """Runs the jobs, so many at once; none of these clients limits them itself."""
    free = asyncio.Semaphore(order.in_flight)

    async def job() -> None:
        async with free:
            order.noticed(await one())

    await asyncio.gather(*(job() for _ in range(order.jobs)))


async def fal(order: Order, *, interval: float | None = None) -> None:
    """fal-client: `subscribe`, 0.1 s between polls unless told otherwise."""
    import fal_client
    from fal_client import client as module

    module.QUEUE_URL_FORMAT = order.url + "/"  # its host can be set, its https cannot
    client = fal_client.AsyncClient(key=KEY)
    pace = {} if interval is None else {"interval": interval}

    async def one() -> str:
        done = await client.subscribe(FAL_APP, {"image_url": IMAGE, "prompt": PROMPT}, **pace)
        return str(done["request_id"])

    await at_once(order, one)


async def fal_calm(order: Order) -> None:
    """fal-client at 5 s."""
    await fal(order, interval=5.0)


async def runway(order: Order) -> None:
    """runwayml: `wait_for_task_output`, 6 s with jitter."""
    from runwayml import AsyncRunwayML

    async with AsyncRunwayML(api_key=KEY, base_url=order.url) as client:

        async def one() -> str:
            task = await client.image_to_video.create(
                model="gen4_turbo", prompt_image=IMAGE, prompt_text=PROMPT, ratio="1280:720", duration=5
            )
            return str((await task.wait_for_task_output(timeout=None)).id)

        await at_once(order, one)


async def replicate(order: Order) -> None:
    """replicate: `predictions.async_create` and `async_wait`, 0.5 s."""
    from replicate.client import Client

    client = Client(api_token=KEY, base_url=order.url)

    async def one() -> str:
        inputs = {"start_image": IMAGE, "prompt": PROMPT}
        prediction = await client.predictions.async_create(version="0" * 64, input=inputs)
        await prediction.async_wait()
        return str(prediction.id)

    await at_once(order, one)


async def openai(order: Order) -> None:
    """openai: `videos.create_and_poll`, 1 s."""
    from openai import AsyncOpenAI

    warnings.simplefilter("ignore", DeprecationWarning)
    async with AsyncOpenAI(api_key=KEY, base_url=f"{order.url}/v1") as client:

        async def one() -> str:
            return str((await client.videos.create_and_poll(model="sora-2", prompt=PROMPT)).id)

        await at_once(order, one)


CONTENDERS: dict[str, Callable[[Order], Awaitable[None]]] = {
    "fal-client": fal,
    "fal-client at 5 s": fal_calm,
    "runwayml": runway,
    "replicate": replicate,
    "openai": openai,
}
