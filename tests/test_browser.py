"""The helper of the browser tests itself: a page's requests and complaints are all seen."""

import pytest
from browser import ARGUMENTS, PHONE, Visits, async_chromium, chromium, needs_browser

pytestmark = needs_browser

PAGE = "data:text/html,<p>a page<img src=http://127.0.0.1:9/never.png><script>console.error('oh')</script>"


def test_requests_and_complaints_are_recorded():
    """A picture that cannot be had is a request and an error, and so is what the page itself writes."""
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE)
        visits = Visits(page)
        page.goto(PAGE)
        assert 390 == page.evaluate("innerWidth")
    assert "http://127.0.0.1:9/never.png" in visits.requests
    assert "oh" in visits.errors


@pytest.mark.anyio
async def test_async_tests_have_the_same_browser():
    """A test whose server runs in its own loop sees the same."""
    async with async_chromium() as browser:
        page = await browser.new_page()
        visits = Visits(page)
        await page.goto(PAGE)
    assert "http://127.0.0.1:9/never.png" in visits.requests  # a data: URL itself is not always one
    assert "--no-sandbox" in ARGUMENTS
