"""Debian's Chromium for tests that look at pages, through playwright; skipped with a reason if either is missing.

Promises: the browser makes no request of its own, and `Visits` records every request of a page, so that a test can say
which addresses a page asks for.
"""

import importlib.util
import os
from contextlib import asynccontextmanager, contextmanager

import pytest

CHROMIUM = os.environ.get("KLING_TEST_CHROMIUM", "/usr/bin/chromium")
"""The browser; Debian's package `chromium`, unless the variable names another."""

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
"""Sizes of a viewport, in CSS pixels."""


def missing():
    """Why there can be no browser tests here; None if there can."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed; make browser installs it"
    if not os.access(CHROMIUM, os.X_OK):
        return f"there is no {CHROMIUM}; apt-get install chromium, or name another with KLING_TEST_CHROMIUM"
    return None


needs_browser = [pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=str(missing()))]
"""For a module's `pytestmark`: run by `make browser` alone, skipped without a browser."""


@contextmanager
def chromium():
    """Starts a headless browser for tests without a loop; a block in which `browser.new_page()` makes a page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@asynccontextmanager
async def async_chromium():
    """Starts the same browser for async tests, whose server runs in their own loop."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


class Visits:
    """What a page asks for and complains of, from its first request on.

    Args:
        page: A page of either kind of browser, before it goes anywhere.
    """

    def __init__(self, page):
        self.requests = []
        self.errors = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message):
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)


def until(page, expression, seconds=20):
    """Waits until an expression holds in a page, also in one whose policy forbids `eval`, as playwright's own wait needs."""
    for _ in range(int(seconds * 50)):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"{expression} does not hold after {seconds} s")
