"""Makes a video of every picture in a folder, and can be killed and run again at any time.

Run it with the keys in the environment: `python examples/batch.py stills videos`. The journal beside the videos remembers
what was sent: the second run waits for what still runs, fetches what is ready, and pays for nothing twice.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from kling_async import Image2VideoRequest, JobOutcome, KlingClient


def requests(stills: Path) -> Iterator[Image2VideoRequest]:
    """One request for each picture, in the order of their names."""
    for picture in sorted(stills.glob("*.jpg")):
        yield Image2VideoRequest(image=picture, prompt="a slow push-in", duration=5)


async def main(stills: Path, videos: Path) -> None:
    """Reports each job as it ends."""
    async with (
        KlingClient(max_in_flight=5, journal=videos / "jobs.sqlite") as kling,
        kling.image2video.generate_many(requests(stills)) as outcomes,
    ):
        async for outcome in outcomes:
            await finish(kling, outcome, videos)


async def finish(kling: KlingClient, outcome: JobOutcome[Image2VideoRequest], videos: Path) -> None:
    """Fetches one job's video, or says why there is none."""
    if outcome.error is not None:
        print(f"{outcome.index}: {outcome.error}", file=sys.stderr)
        return
    target = videos / f"{outcome.index:03}.mp4"
    print(await kling.download(outcome.unwrap().videos[0], target))


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    asyncio.run(main(Path(sys.argv[1]), folder))
