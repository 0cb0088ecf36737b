"""One browser for a module's tests; only `make browser` starts it."""

import pytest
from browser import DESKTOP, Visits, chromium


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser):
    """Opens a file in a page of its own, with options such as `viewport=PHONE`; gives the page and its visits."""
    contexts = []

    def opened(path, **options):
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        visits = Visits(page)
        page.goto(path.as_uri())
        return page, visits

    yield opened
    for context in contexts:
        context.close()
