"""A batch of 300 on the emulator with one job in ten failing: what the display costs, memory, kills, and first lines.

Usage: python benchmarks/batch_rows.py [rows]

1. `batch` on a terminal and on a pipe: processor time of the whole command, as seconds and as a share of one core; the
   difference is the display's. Memory at its most, for a third of the rows and for all of them.
2. The same batch killed twice and run again: rows that are accounted for, tasks that were paid for, files fetched twice.
3. A manifest of 10,000 rows, each with a picture of its own, checked by `--dry-run`.
4. Seconds until each command's first line of output.
"""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from kling_async.emulator import ByClock, Emulator

PHOTO = Path(__file__).parents[1] / "examples" / "images" / "astronaut.jpg"
CLI = (sys.executable, "-m", "kling_async.cli")
SLOTS = 20
SECONDS = 3.0


def write_manifest(path: Path, rows: int) -> None:
    """Writes rows of one picture with a prompt each; every tenth fails at the emulator."""
    lines = [
        json.dumps({"image": str(PHOTO), "prompt": str(n), "model_name": "kling-v2-6"})
        for n in range(1, rows + 1)
    ]
    path.write_text("\n".join(lines), "utf-8")


def drain(terminal: int) -> None:
    """Reads a terminal until it is closed."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def measured(folder: Path, rows: int, *, on_terminal: bool) -> tuple[float, float, float]:
    """Seconds of processor time and of real time, and the most MB of memory, of one batch."""
    write_manifest(folder / "jobs.jsonl", rows)
    words = (*CLI, "batch", "jobs.jsonl", "-d", "out", "--concurrency", str(SLOTS), "--no-gallery")
    began = time.monotonic()
    ours, theirs = pty.openpty()
    stream = theirs if on_terminal else subprocess.DEVNULL
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=stream, env=environment)
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    _, status, usage = os.wait4(process.pid, 0)
    os.close(theirs)
    assert os.waitstatus_to_exitcode(status) == 1, status  # one in ten has failed
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024


def killed(folder: Path, rows: int, emulator: Emulator) -> str:
    """Kills a batch twice, lets it end, and says what became of its rows."""
    write_manifest(folder / "jobs.jsonl", rows)
    words = (*CLI, "batch", "jobs.jsonl", "-d", "out", "--concurrency", str(SLOTS), "--no-gallery", "--json")
    tasks, downloads = len(emulator.tasks), emulator.counts["download"]
    for share in (0.2, 0.6):
        process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while emulator.counts["download"] - downloads < share * rows:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    there, before = set((folder / "out").glob("*.mp4")), emulator.counts["download"]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    outcomes = [json.loads(line) for line in ended.stdout.splitlines()]
    good = sum(each["ok"] for each in outcomes)
    again = emulator.counts["download"] - before - (good - len(there))
    return (
        f"killed twice, {len(there)} videos there: {len({each['row'] for each in outcomes})} of {rows} rows accounted "
        f"for by {len(outcomes)} outcomes, {len(emulator.tasks) - tasks} tasks paid for, {again} files fetched twice"
    )


def checked(folder: Path, rows: int) -> float:
    """Seconds in which a manifest is checked whose rows have a picture of their own each."""
    photo = PHOTO.read_bytes()
    for number in range(rows):
        (folder / f"{number}.jpg").write_bytes(photo + number.to_bytes(4))
    lines = [json.dumps({"image": f"{n}.jpg", "model_name": "kling-v2-6"}) for n in range(rows)]
    (folder / "many.jsonl").write_text("\n".join(lines), "utf-8")
    began = time.monotonic()
    subprocess.run(
        (*CLI, "batch", "many.jsonl", "-d", "out", "--dry-run"), cwd=folder, check=True, capture_output=True
    )
    return time.monotonic() - began


def first_line(folder: Path, *words: str) -> float:
    """Seconds until a command writes its first line, on either stream."""
    began = time.monotonic()
    process = subprocess.Popen((*CLI, *words), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.readline()
    seconds = time.monotonic() - began
    process.kill()
    process.communicate()
    return seconds


async def main(rows: int) -> None:
    """Runs all four and prints them."""
    emulator = Emulator(render=False, advance=ByClock(SECONDS))
    emulator.fail_when = lambda body: "unlucky" if str(body.get("prompt")).endswith("0") else None
    async with emulator:
        os.environ |= {
            "KLING_BASE_URL": emulator.url,
            "KLING_ACCESS_KEY": emulator.access_key,
            "KLING_SECRET_KEY": emulator.secret_key,
        }
        for on_terminal in (False, True):
            for number in (rows // 3, rows):
                with tempfile.TemporaryDirectory() as folder:
                    busy, real, most = await asyncio.to_thread(
                        measured, Path(folder), number, on_terminal=on_terminal
                    )
                where = "terminal" if on_terminal else "pipe"
                print(
                    f"{where}: {number} rows in {real:.1f} s, {busy:.2f} s busy ({busy / real:.1%} of a core), {most:.0f} MB"
                )
        with tempfile.TemporaryDirectory() as folder:
            print(await asyncio.to_thread(killed, Path(folder), rows, emulator))
        with tempfile.TemporaryDirectory() as folder:
            print(
                f"10,000 rows with pictures checked in {await asyncio.to_thread(checked, Path(folder), 10_000):.1f} s"
            )
        with tempfile.TemporaryDirectory() as folder:
            write_manifest(Path(folder) / "jobs.jsonl", 3)
            commands = {
                "batch": ("batch", "jobs.jsonl", "-d", "out"),
                "jobs": ("jobs", "out/.kling.sqlite"),
                "i2v": ("i2v", str(PHOTO)),
                "models": ("models",),
                "account": ("account",),
                "check": ("check",),
                "--help": ("--help",),
            }
            for name, words in commands.items():
                best = min([await asyncio.to_thread(first_line, Path(folder), *words) for _ in range(3)])
                print(f"first line of {name}: {best:.2f} s")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
