"""The gallery in a browser: what loads when, what the controls do, and that nothing of a stranger's runs."""

import json

import pytest
from browser import DESKTOP, PHONE, Visits, needs_browser, until
from gallery.sample import make_sample, put, video
from made_pictures import png

from kling_async.gallery import write_gallery

pytestmark = needs_browser

ALERT = "window.attacked = true"
ROWS = 500
READY = "document.documentElement.classList.contains('js') && document.querySelectorAll('.card').length"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The page of ten results: seven videos, two failures and a video without a sidecar."""
    return write_gallery(make_sample(tmp_path_factory.mktemp("sample") / "videos", mode="std")).path


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The page of 500 results, each with a picture and a video of its own."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(1, ROWS + 1):
        name = f"{number:03}-still"
        request = {
            "prompt": f"row {number}",
            "model_name": f"kling-v{number % 3}",
            "image": f"{name}.png",
            "mode": "std",
        }
        put(folder, name, request=request, took=number)
        (folder / f"{name}.png").write_bytes(png(320, 320, grey=number % 256))
        (folder / f"{name}.mp4").symlink_to(shared(folder))
    return write_gallery(folder).path


def shared(folder):
    """A video that many names stand for."""
    path = folder / ".shared"
    if not path.exists():
        path.write_bytes(video())
    return path


def names(page):
    """The names of the results that are shown, in their order."""
    return page.eval_on_selector_all(
        ".card:not([hidden]) .open", "links => links.map(each => each.textContent)"
    )


def videos_of(visits):
    """The videos that were asked for, each once."""
    return {url for url in visits.requests if url.endswith(".mp4")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["390", "1280"])
def test_page_fits_its_window_and_asks_for_nothing_outside_its_folder(opened, sample, viewport, scheme):
    """There is no sideways scrolling, no error, and each request is for a file of the folder."""
    page, visits = opened(sample, viewport=viewport, color_scheme=scheme)
    until(page, "document.querySelector('video.ready')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [] == [url for url in visits.requests if not url.startswith(sample.parent.as_uri())]
    assert [] == visits.errors
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert {"light": "rgb(245, 245, 242)", "dark": "rgb(17, 18, 20)"}[scheme] == ground


def test_picture_stands_beside_the_playing_video(opened, sample):
    """Both are seen side by side, the video without sound and without a click."""
    page, _ = opened(sample)
    until(page, "document.querySelector('video').currentTime > 0.1")
    still, film = (page.locator(f"#r1 .{name}").bounding_box() for name in ("still", "film"))
    assert still["y"] == film["y"]
    assert film["x"] >= still["x"] + still["width"]
    assert page.evaluate("document.querySelector('#r1 img').naturalWidth > 0")
    assert page.evaluate("document.querySelector('video').muted")


def test_failure_says_why(opened, sample):
    """The reason stands where the video would be."""
    page, _ = opened(sample)
    assert "Failure to pass the risk control system" in page.locator("#r8 .film").text_content()
    assert 0 == page.locator("#r8 video").count()


def test_rows_are_usable_in_under_a_second_and_few_videos_load(browser, many):
    """Seconds of the page's own thread until 500 rows can be searched, so that other work on the machine does not count."""
    page = browser.new_page(viewport=DESKTOP)
    visits = Visits(page)
    thread = page.context.new_cdp_session(page)
    thread.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(many.as_uri())
    assert ROWS == page.evaluate(READY)
    page.fill("#search", "row 499")
    assert ["499-still"] == names(page)
    [busy] = [
        each["value"]
        for each in thread.send("Performance.getMetrics")["metrics"]
        if each["name"] == "TaskDuration"
    ]
    assert busy < 1, busy
    page.fill("#search", "")
    until(page, "document.querySelector('video.ready')")
    assert 0 < len(videos_of(visits)) <= 12
    assert len(visits.requests) < 60  # pictures, too, load as they come into view
    page.close()


@pytest.mark.parametrize("viewport", [DESKTOP, {"width": 3840, "height": 2160}], ids=["1280", "3840"])
def test_no_more_than_twelve_videos_are_loaded_at_once(opened, many, viewport):
    """Neither in a large window nor after a long way down; what has gone out of view makes room."""
    page, visits = opened(many, viewport=viewport)
    until(page, "document.querySelector('video.ready')")
    assert len(videos_of(visits)) <= 12
    for _ in range(6):
        page.mouse.wheel(0, 2500)
        until(page, "document.querySelectorAll('video.ready').length > 0")
        assert page.evaluate("document.querySelectorAll('video[src]').length") <= 12
    assert len(videos_of(visits)) > 12


def test_search_filter_and_sort_work_together(opened, sample):
    """Each control narrows or orders what the others left; the number shown is announced."""
    page, _ = opened(sample)
    page.check("input[value=failed]", force=True)
    assert ["008-rocket", "009-astronaut"] == names(page)
    page.fill("#search", "RISK control")
    assert ["008-rocket"] == names(page)
    assert "1 of 10 shown" == page.text_content("#shown")
    page.fill("#search", "nothing has this")
    assert page.is_visible("#nothing")
    page.click("#reset")
    assert 10 == len(names(page))
    page.select_option("#model", "kling-v3")
    page.select_option("#mode", "pro")
    page.select_option("#sort", "-took")
    assert ["006-astronaut", "009-astronaut"] == names(page)
    page.select_option("#mode", "")
    assert ["003-rocket", "006-astronaut", "007-rocket", "009-astronaut"] == names(page)
    page.select_option("#model", "")
    page.select_option("#sort", "status")
    assert ["008-rocket", "009-astronaut"] == names(page)[:2]
    page.select_option("#sort", "took")
    assert ["008-rocket", "005-rocket", "old-test"] == [names(page)[each] for each in (0, 2, -1)]


def test_keys_do_all_that_the_pointer_does(opened, sample):
    """Search, walk over the grid, open, turn, play, close: the focus is where it was."""
    page, _ = opened(sample)
    page.keyboard.press("/")
    assert "search" == page.evaluate("document.activeElement.id")
    page.keyboard.type("rocket")
    page.keyboard.press("Escape")
    assert 10 == len(names(page))
    page.focus("#r1 .open")
    for key, name in (
        ("ArrowRight", "002"),
        ("ArrowDown", "004"),
        ("ArrowLeft", "003"),
        ("ArrowUp", "001"),
        ("End", "old"),
    ):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.textContent").startswith(name)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('#large').open")
    page.keyboard.press("ArrowRight")
    assert "2 of 10" == page.text_content("#place")
    until(page, "!document.querySelector('#stage video').paused")
    page.keyboard.press("Space")
    until(page, "document.querySelector('#stage video').paused")
    page.keyboard.press("Escape")
    until(page, "document.activeElement.textContent === '002-astronaut'")
    assert 1 == page.locator(".open[tabindex='0']").count()


def test_theme_can_be_chosen_and_is_kept(opened, sample):
    """A button and a key go from the system's theme to light and dark; the choice survives a reload."""
    page, _ = opened(sample, color_scheme="light")
    page.click("#theme")
    page.keyboard.press("t")
    assert "Theme: dark" == page.text_content("#theme")
    page.reload()
    assert "rgb(17, 18, 20)" == page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_reduced_motion_starts_no_video(opened, sample):
    """Videos show their first frame and play only when they are opened and started."""
    page, _ = opened(sample, reduced_motion="reduce")
    until(page, "document.querySelector('video.ready')")
    assert page.evaluate("[...document.querySelectorAll('video')].every(each => each.paused)")
    page.click("#r1 .open")
    assert page.evaluate("document.querySelector('#stage video').paused")


def test_page_without_scripts_shows_everything(opened, sample):
    """Texts, pictures and links to the videos are there; controls that would do nothing are not."""
    page, _ = opened(sample, java_script_enabled=False)
    assert 10 == page.locator(".card").count()
    assert not page.is_visible("#search")
    assert "./001-rocket.mp4" == page.get_attribute("#r1 .open", "href")


def test_nothing_of_a_stranger_runs_and_odd_names_load(opened, tmp_path):
    """Scripts in texts and names stay text, and videos load whose names have every sign that URLs and HTML use."""
    attacks = [
        f"</script><script>{ALERT}</script>",
        f"<img src=x onerror='{ALERT}'>",
        f"\"><svg onload='{ALERT}'>",
        f"javascript:{ALERT}",
    ]
    for number, attack in enumerate(attacks):
        name = f"{number} % # ? ' \" < & 100%25 javascript:x \N{CAT FACE}"
        (tmp_path / f"{name}.mp4").write_bytes(video())
        (tmp_path / f"{name}.png").write_bytes(png())
        request = {
            "prompt": attack,
            "negative_prompt": attack,
            "model_name": attack,
            "mode": attack,
            "image": f"{name}.png",
            attack: attack,
        }
        path = put(
            tmp_path, f"{number}", request=request, video=f"{name}.mp4".replace(":", ""), reason=attack
        )
        document = json.loads(path.read_text())
        (tmp_path / f"{name}.mp4").rename(tmp_path / document["video"])
        path.write_text(json.dumps({**document, "name": attack, "task_id": attack}))
    page, visits = opened(write_gallery(tmp_path, title=attacks[0]).path)
    until(page, "document.querySelectorAll('video.ready').length === 4")
    for _ in range(4):
        page.keyboard.press("Home")
        page.locator(".open").first.click()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
    for control in ("#model", "#mode"):
        page.select_option(control, index=1)
    assert page.evaluate("window.attacked === undefined")
    assert page.evaluate("[...document.querySelectorAll('.still img')].every(each => each.naturalWidth > 0)")
    assert [] == visits.errors


def test_policy_stops_what_gets_into_the_page(opened, sample, tmp_path):
    """The second wall: a script or a foreign address that were in the page would still do nothing."""
    text = sample.read_text().replace(
        "<main", f"<script>{ALERT}</script><img src=http://127.0.0.1:9/x onerror='{ALERT}'><main", 1
    )
    (tmp_path / "index.html").write_text(text)
    page, visits = opened(tmp_path / "index.html")
    assert page.evaluate("window.attacked === undefined")
    assert 3 <= len([each for each in visits.errors if "Content Security Policy" in each])
