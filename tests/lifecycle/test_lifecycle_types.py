"""What type checkers find in users' code: a misspelt field is an error, and the examples of the contract are none."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import kling_async

ROOT = Path(kling_async.__file__).parents[1]
NAMES = [
    "Failed", "Image2Video", "ImageInput", "Job", "JobEntry", "JobOutcome", "JobState", "Journal", "OnUpdate",
    "Succeeded", "verify_signature",
]  # fmt: skip

RIGHT = """
from pathlib import Path

from kling_async import (
    Failed, Image2Video, Image2VideoRequest, ImageInput, Job, JobEntry, JobOutcome, JobState, Journal, KlingClient,
    OnUpdate, Succeeded, Task, verify_signature,
)


def show(task: Task) -> None:
    print(task.task_id)


async def use(kling: KlingClient, picture: ImageInput, told: OnUpdate = show) -> None:
    endpoint: Image2Video = kling.image2video
    made: Task = await endpoint.generate(image=Path("a.jpg"), prompt="…", mode="pro", duration=5, on_update=told)
    job: Job[Image2VideoRequest] = await endpoint.submit(image=picture, cfg_scale=0.5)
    task_id: str = job.task_id
    await endpoint.create(Image2VideoRequest(image=b"", external_task_id=task_id))
    await endpoint.generate(job.request, schedule=[5.0], look_up_first=True)
    async with endpoint.generate_many([job.request], on_update=show) as outcomes:
        async for outcome in outcomes:
            await end(kling, outcome)
    journal: Journal | None = kling.journal
    if journal is not None:
        entries: list[JobEntry] = await journal.entries(JobState.READY)
        print(entries, made)
    verify_signature(b"", {}, "whsec_")


async def end(kling: KlingClient, outcome: JobOutcome[Image2VideoRequest]) -> Task:
    if isinstance(outcome, Failed):
        raise outcome.error
    await kling.download(outcome, Path("a.mp4"))
    match outcome:
        case Succeeded(task=task):
            return task
"""

WRONG = {
    "generate": 'await kling.image2video.generate(image="https://a.example/a.png", promt="misspelt")',
    "submit": 'await kling.image2video.submit(image="https://a.example/a.png", promt="misspelt")',
    "create": 'await kling.image2video.create(image="https://a.example/a.png", promt="misspelt")',
    "a value": 'await kling.image2video.generate(image="https://a.example/a.png", prompt=5)',
    "a result": "(await kling.image2video.submit(image=b'')).task_idd",
}


def wrong():
    """A module with one mistake in each function, and the line of each."""
    lines, places = ["from kling_async import KlingClient", ""], {}
    for number, (name, line) in enumerate(WRONG.items()):
        lines += ["", f"async def use_{number}(kling: KlingClient) -> None:", f"    {line}"]
        places[name] = len(lines)
    return "\n".join(lines) + "\n", places


CHECKERS = {
    "mypy": ["-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache")],
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable],
}


@pytest.fixture(params=CHECKERS, scope="module")
def said(request, tmp_path_factory):
    """What a type checker says of both modules, as lines for each: one run, since most of it is its start."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is of the group dev, which is not installed")
    folder = tmp_path_factory.mktemp("typed")
    texts = {"right.py": RIGHT, "wrong.py": wrong()[0]}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, *CHECKERS[request.param], *(str(folder / name) for name in texts)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert 1 == done.returncode, done.stdout + done.stderr
    return {name: [line for line in done.stdout.splitlines() if f"{name}:" in line] for name in texts}


@pytest.mark.timeout(300)  # a type checker without a cache
def test_the_contracts_examples_are_understood(said):
    """Requests and keywords, handles, `match` and `isinstance`, and the names of annotations."""
    assert [] == said["right.py"]


@pytest.mark.timeout(300)  # a type checker without a cache
def test_each_mistake_is_found(said):
    """A misspelt field in each of the three calls, a value of a wrong type, a misspelt attribute."""
    missed = [
        name
        for name, line in wrong()[1].items()
        if not any(f"wrong.py:{line}:" in each and "error" in each for each in said["wrong.py"])
    ]
    assert [] == missed


@pytest.mark.parametrize("name", NAMES)
def test_names_for_annotations_are_importable_from_the_top(name):
    """And listed."""
    assert getattr(kling_async, name) is not None
    assert name in kling_async.__all__
