"""Makes a video of every picture in a folder; can be killed and run again at any time.

Usage, with the keys in the environment: python examples/batch.py stills videos

The journal beside the videos records what was sent. A second run waits for what is still running, downloads what is ready,
and pays for nothing twice. `kling-async batch stills -d videos` does the same and more without a script: docs/batch.md.
"""

import asyncio
import sys
from pathlib import Path

from kling_async import Failed, Image2VideoRequest, KlingClient, Succeeded


async def main(pictures: list[Path], videos: Path) -> int:
    """Makes the videos and reports each job as it ends.

    Args:
        pictures: The first frames.
        videos: An existing folder for the videos and the journal.

    Returns:
        How many jobs failed.
    """
    requests = (
        Image2VideoRequest(image=picture, prompt="a slow push-in", model_name="kling-v2-5-turbo", duration=5)
        for picture in pictures
    )
    failed = 0
    async with (
        KlingClient(max_in_flight=5, journal=videos / "jobs.sqlite") as kling,
        kling.image2video.generate_many(requests) as outcomes,
    ):
        async for outcome in outcomes:
            picture = pictures[outcome.index]
            match outcome:
                case Succeeded(task=task):
                    print(await kling.download(task, videos / f"{picture.stem}.mp4"))
                case Failed(error=error):
                    failed += 1
                    print(f"{picture}: {error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(1 if asyncio.run(main(sorted(Path(sys.argv[1]).glob("*.jpg")), folder)) else 0)
