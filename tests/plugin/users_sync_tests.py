"""A user's synchronous tests, as plain text for `users_projects.py`: they need no plugin but ours."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kling_async import KlingClient

PICTURE = Path(__file__).with_name("photo.jpg")
PROGRAM = """
import asyncio
from kling_async import KlingClient
async def main():
    async with KlingClient() as kling:
        await kling.check_credentials()
asyncio.run(main())
"""


def make_video():
    """The code under test: starts its loop itself."""

    async def main():
        async with KlingClient(schedule=[0.005]) as kling:
            return await kling.image2video.generate(image=PICTURE, model_name="kling-v3")

    return asyncio.run(main())


def test_a_loop_of_its_own(kling_environment, kling_emulator):
    """The emulator answers while this thread is in a loop that it does not know."""
    assert make_video().succeeded
    (create,) = [request for request in kling_emulator.requests if request.call == "create"]
    assert create.body["image"] == PICTURE.read_bytes()


@pytest.mark.kling(task_time=120)
def test_time_moves_on(kling_environment, kling_emulator):
    """From the test's thread, while the code under test waits in another."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(make_video()))
    thread.start()
    kling_emulator.wait_for_tasks_sync(1)
    kling_emulator.fast_forward_sync(120)
    thread.join(10)
    assert [True] == [task.succeeded for task in seen]


def test_another_process(kling_environment, kling_emulator):
    """A program that knows the environment alone."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
    assert 1 == len(kling_emulator.requests)


class TestClass:
    """Markers of a class and of a test together: the closest one wins."""

    pytestmark = pytest.mark.kling(capacity=1, list_order="oldest")

    @pytest.mark.kling(capacity=2)
    def test_settings(self, kling_emulator):
        """Each setting for itself."""
        assert (2, "oldest") == (kling_emulator.capacity, kling_emulator.list_order)
