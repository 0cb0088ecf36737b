"""Makes the pictures of docs/gallery.md and docs/preview.md: `make screenshots`.

The gallery is that of tests/gallery/sample.py with two failures, half of it in the dark theme; the preview has a path that
was counted from the top left.
"""

import tempfile
from pathlib import Path

from browser import chromium, until
from click.testing import CliRunner
from gallery.sample import IMAGES, make_sample
from PIL import Image, ImageDraw

from kling_async.cli.group import cli
from kling_async.gallery import write_gallery

DOCS = Path(__file__).parents[2] / "docs"
SIZE = {"width": 1180, "height": 830}


def gallery(folder):
    """A page of results, light to the left and dark to the right."""
    page_file = write_gallery(make_sample(folder / "videos"), title="Launch day").path
    shots = []
    with chromium() as browser:
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=scheme)
            page.goto(page_file.as_uri())
            until(page, "document.querySelectorAll('video.ready').length >= 4")
            page.wait_for_timeout(600)
            shots.append(folder / f"{scheme}.png")
            page.screenshot(path=shots[-1])
    with Image.open(shots[0]) as light, Image.open(shots[1]) as dark:
        whole = light.convert("RGB")
        middle = whole.width // 2
        whole.paste(dark.convert("RGB").crop((middle, 0, whole.width, whole.height)), (middle, 0))
        whole.save(DOCS / "gallery.jpg", quality=78, optimize=True, progressive=True)


def preview(folder):
    """A sheet with two regions, one of which has a path that was counted from the top left."""
    for name, ellipse in (
        ("rocket", (290, 130, 340, 427)),
        ("lamp", (60, 330, 140, 427)),
        ("ground", (0, 380, 640, 500)),
    ):
        mask = Image.new("L", (640, 427))
        ImageDraw.Draw(mask).ellipse(ellipse, fill=255)
        mask.save(folder / f"{name}.png")
    masks = [
        f"{folder}/rocket.png:315,200;315,300;340,380;420,400",
        f"{folder}/lamp.png:100,350;200,300;300,310",
    ]
    words = [
        "preview", str(IMAGES / "rocket.jpg"), "--model-name", "kling-v1-5", "--mode", "pro", "--static-mask", f"{folder}/ground.png",
        "--dynamic-mask", masks[0], "--dynamic-mask", masks[1], "-o", f"{folder}/sheet.png",
    ]  # fmt: skip
    result = CliRunner().invoke(cli, words)
    assert 0 == result.exit_code, result.output
    with Image.open(folder / "sheet.png") as sheet:
        sheet.convert("RGB").save(DOCS / "preview.jpg", quality=82, optimize=True, progressive=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        gallery(Path(made))
        preview(Path(made))
