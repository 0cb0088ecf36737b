"""The page in a real browser: upload a picture, watch the progress, see the video play; on a phone and on a desktop.

KLING_TEST_SCREENSHOTS names a folder for screenshots of every step.
"""

import os
import re
from pathlib import Path

import anyio
import pytest
from browser import DESKTOP, PHONE, Visits, async_chromium, needs_browser

pytestmark = [*needs_browser, pytest.mark.anyio]

PICTURE = Path(__file__).parents[2] / "examples" / "images" / "astronaut.jpg"
SHOTS = os.environ.get("KLING_TEST_SCREENSHOTS")
WIDTHS = {"phone": PHONE, "desktop": DESKTOP}


@pytest.fixture
async def browser():
    """A headless Chromium."""
    async with async_chromium() as browser:
        yield browser


class Visitor:
    """Somebody in front of the page; every step can leave a screenshot."""

    def __init__(self, page, world, name):
        self.page, self.world, self.name = page, world, name
        self.visits = Visits(page)

    async def shoot(self, step):
        if SHOTS:
            await self.page.screenshot(path=Path(SHOTS) / f"{self.name}-{step}.png", full_page=True)

    async def make(self, prompt):
        """Fills in the form and sends it; returns the job's id once the service has the task."""
        await self.page.set_input_files("#image", PICTURE)
        await self.page.fill("#prompt", prompt)
        await self.shoot("filled-in")
        await self.page.click("#go")
        await self.page.wait_for_selector("li[data-state=submitted][aria-current]")
        return self.page.url.partition("#")[2]

    async def until(self, expression):
        """Waits until a piece of JavaScript is true; the page's own policy forbids playwright's way."""
        with anyio.fail_after(15):
            while not await self.page.evaluate(expression):
                await self.page.wait_for_timeout(50)

    async def says(self, selector):
        return await self.page.locator(selector).inner_text()


LOOKS = (
    ("fastapi", "phone", "light"),
    ("aiohttp", "phone", "dark"),
    ("aiohttp", "desktop", "light"),
    ("fastapi", "desktop", "dark"),
)


def looks(*chosen):
    """Runs a test with these apps, widths and colour schemes."""
    cases = [pytest.param(kind, look, id="-".join((kind, *look))) for kind, *look in chosen]
    return pytest.mark.parametrize(("kind", "visitor"), cases, indirect=True)


@pytest.fixture
async def visitor(request, browser, world):
    """A page of each width and colour scheme, of an emulator that renders."""
    width, scheme = request.param
    world.emulator.render = True
    context = await browser.new_context(viewport=WIDTHS[width], color_scheme=scheme)
    return Visitor(await context.new_page(), world, f"{world.kind}-{width}-{scheme}")


@looks(*LOOKS)
async def test_a_picture_becomes_a_video_that_plays(visitor, world):
    """Upload, progress, a video whose time advances; a reload shows it again; no other host is asked for anything."""
    page = visitor.page
    async with world.app():
        await page.goto(world.url)
        await visitor.shoot("form")
        await visitor.make("She turns to the camera and waves")
        await world.emulator.fast_forward(30)
        await page.wait_for_selector("li[data-state=processing][aria-current]")
        assert "Kling makes the video" in await visitor.says("[aria-live=polite]")
        await visitor.shoot("processing")
        await world.emulator.fast_forward(200)
        await page.wait_for_selector("#video:not([hidden])")
        await visitor.until("document.getElementById('video').currentTime > 0.3")
        await visitor.shoot("done")
        assert "Your video is ready." == await visitor.says("[aria-live=polite]")
        await page.reload()
        await visitor.until("document.getElementById('video').currentTime > 0.1")
        assert await page.evaluate("document.getElementById('video').videoWidth") >= 300
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [] == visitor.visits.errors
    assert [] == [url for url in visitor.visits.requests if world.url not in url]


@looks(("fastapi", "desktop", "light"), ("aiohttp", "phone", "dark"))
async def test_the_page_finds_its_job_again_after_a_restart(visitor, world):
    """While the app is down the page says so; when it is back the same job goes on, and its task is the only one."""
    page = visitor.page
    async with world.app():
        await page.goto(world.url)
        await visitor.make("<img src=x onerror=alert(1)>")
    await visitor.until("document.getElementById('live').textContent.includes('connection is lost')")
    await visitor.shoot("lost")
    await world.emulator.fast_forward(200)
    async with world.app():
        await page.wait_for_selector("#video:not([hidden])")
    assert 1 == len(world.emulator.tasks)
    assert "<img src=x onerror=alert(1)>" == await visitor.says("#wish")


@looks(("fastapi", "phone", "light"))
async def test_a_failure_is_told_and_can_be_tried_again(visitor, world):
    """The service's reason is an alert; the form still has what was filled in."""
    page = visitor.page
    world.emulator.fail_next("Failure to pass the risk control system")
    async with world.app():
        await page.goto(world.url)
        await visitor.make("She waves")
        await world.emulator.fast_forward(200)
        await page.wait_for_selector("#failed[role=alert]:not([hidden])")
        assert (
            "Kling could not make this video. Failure to pass the risk control system"
            == await visitor.says("#failed")
        )
        await visitor.shoot("failed")
        await page.click("text=Try again")
        assert "She waves" == await page.input_value("#prompt")
        await page.goto(f"{world.url}/#{'0' * 32}")
        await page.wait_for_selector("#failed:not([hidden])")
        assert "no video at this address" in await visitor.says("#failed")
        await visitor.shoot("unknown")


@looks(("aiohttp", "desktop", "dark"))
async def test_a_keyboard_is_enough(visitor, world):
    """Tab reaches each control in order, each has a name, and Enter on the button sends."""
    page = visitor.page
    async with world.app():
        await page.goto(world.url)
        await page.set_input_files("#image", PICTURE)
        reached = []
        for _ in range(5):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate(
                    "document.activeElement.labels?.[0]?.textContent || document.activeElement.ariaLabel || document.activeElement.textContent"
                )
            )
        assert ["Picture", "What should happen?", "Model", "Length", "Make the video"] == reached
        await visitor.shoot("focus")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("li[data-state=submitted][aria-current]")
        assert re.fullmatch("[0-9a-f]{32}", page.url.partition("#")[2])
