"""Clients as they read: by keys alone, on two devices, by a link that ended, on paper, and with ill will."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pypdf import PdfReader

from cxlib.run.gate.kernels import Limits
from tests.gates import Running, example, running
from tests.hostile import BRACES, PAYLOADS, hostile_run
from tests.made import Made

CANARY = "CANARY-OTHER-5c1e"
LIMITS = Limits(most=6, most_of_one=2, alone_seconds=1.0, first_seconds=30.0, look_seconds=0.5)
STEPS = (
    "leadership", "vision", "statement", "touchpoints", "standards", "experiences", "improvement",
    "business_case",
)  # fmt: skip


@pytest.fixture(scope="module")
def harbour(demo: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The example, published for two clients, the second with a canary in every name."""
    home = tmp_path_factory.mktemp("readers")
    with running(home, limits=LIMITS) as here:
        here.publish(example(home, demo.folder))
        here.publish(example(home, demo.folder, engagement="other", canary=CANARY))
        yield here


@pytest.fixture(autouse=True)
def all_ended(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no kernel of one test count against the next."""
    yield
    for name in {"harbour", "hostile"} & set(request.fixturenames):
        here = request.getfixturevalue(name)
        here.do(here.dashboards.voila.kernels.end_all())


def dashboard(here: Running, engagement: str = "harbour", chapter: str = "") -> str:
    run = here.access.publications(engagement)[0].run
    return f"{here.url}/runs/{run}/dashboard{chapter and '/'}{chapter}"


def live(page: Any) -> None:
    page.wait_for_selector("html[data-live=here]", timeout=30_000, state="attached")


def answers(page: Any, words: str) -> None:
    """Wait until what-if says something; not by a script, which the page's policy does not evaluate."""
    page.locator("#live-try .cx-said", has_text=words).wait_for(timeout=20_000)


def clean(seen: Any, here: Running, *, refused: bool = False) -> None:
    """Hold that nothing ran, nothing was violated, and no other host was asked.

    With `refused`, the browser may have said that a page came with an error's status.
    """
    own = (f"{here.url}/", here.url.replace("http", "ws"))
    outside = [one for one in seen.requests if not one.startswith(own)]
    errors = [one for one in seen.errors if not (refused and "the server responded with a status" in one)]
    assert (errors, seen.alerts, seen.violations, outside) == ([], [], [], [])


def test_no_other_machine_can_be_reached(browser: Any, visit: Callable[..., Any], harbour: Running) -> None:
    page = visit(harbour.url + "/login", offline=False).page
    for address in ("http://192.0.2.1/", "http://example.org/"):
        with pytest.raises(Exception, match="ERR_PROXY_CONNECTION_FAILED"):
            page.goto(address)


# ── By keys alone ───────────────────────────────────────────────────────────────────────────────


def focused(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        """() => {
        const one = document.activeElement, style = getComputedStyle(one);
        return {text: (one.getAttribute('aria-label') || one.labels?.[0]?.textContent
                       || one.textContent).trim(), tag: one.tagName,
                outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0};
        }"""
    )
    return found


def tab_to(page: Any, text: str, *, key: str = "Tab", most: int = 150) -> None:
    """Press a key until what has the focus says something, and hold that the focus was always seen."""
    for _ in range(most):
        page.keyboard.press(key)
        found = focused(page)
        assert found["outline"] or found["tag"] in ("BODY", "HTML"), found
        if found["text"].startswith(text):
            return
    pytest.fail(f"no way to {text!r} within {most} presses of {key}")


def test_by_keys_alone_from_the_link_to_a_slider_to_a_download(
    harbour: Running, visit: Callable[..., Any]
) -> None:
    seen = visit(harbour.url + harbour.link("harbour"), offline=False)
    page = seen.page
    tab_to(page, "Explore the figures", most=6)
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard")
    live(page)
    tab_to(page, "Skip to the results", most=1)
    tab_to(page, "Look for yourself", most=15)
    page.keyboard.press("Enter")
    tab_to(page, "Group", most=3)
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.wait_for_url("**segment=*")
    tab_to(page, "Committed leadership", most=60)
    said = page.locator("#live-try .cx-said")
    assert "stands today" in said.inner_text()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    answers(page, "If Committed leadership")
    tab_to(page, "As it is today", most=20)
    page.keyboard.press("Enter")
    answers(page, "stands today")
    # Back to the top as a reader goes: the next chapter by its link, then all results.
    tab_to(page, "Committed leadership", key="Shift+Tab")
    for _ in range(200):
        if page.evaluate("document.activeElement.matches('.cx-steps-nav a')"):
            break
        page.keyboard.press("Shift+Tab")
    tab_to(page, "All results", key="Shift+Tab", most=15)
    page.keyboard.press("Enter")
    page.wait_for_url("**/results")
    tab_to(page, "Everything in one file", most=12)
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    assert taken.value.suggested_filename == "harbour-2026-spring.zip"
    clean(seen, harbour)


# ── Devices, and links that ended ───────────────────────────────────────────────────────────────


def test_a_second_device_has_figures_of_its_own_and_outlives_the_first(
    harbour: Running, visit: Callable[..., Any]
) -> None:
    address = harbour.url + harbour.link("harbour")
    desk, phone = visit(address, offline=False), visit(address, offline=False, width=390, is_mobile=True)
    held = harbour.dashboards.voila.kernels.held
    for one in (desk, phone):
        one.page.goto(dashboard(harbour))
        live(one.page)
    assert len({one.session for one in held.values()}) == len(held) == 2
    assert phone.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    desk.page.goto(f"{harbour.url}/results")
    desk.page.get_by_role("button", name="Close these results").click()
    desk.page.goto(dashboard(harbour))
    assert "open your link again" in desk.page.inner_text("main")
    # The phone's slider answers as before, and moves by a finger's tap.
    slider = phone.page.get_by_role("slider", name="Committed leadership")
    slider.scroll_into_view_if_needed()
    box = phone.page.locator("#live-try .widget-slider .slider").first.bounding_box()
    phone.page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    answers(phone.page, "If Committed leadership")
    # A second visit at the desk, by the link again.
    desk.page.goto(address)
    assert desk.page.url == f"{harbour.url}/results"
    clean(phone, harbour)
    clean(desk, harbour, refused=True)


def test_a_link_that_opens_nothing_says_why(harbour: Running, visit: Callable[..., Any]) -> None:
    revoked, once = harbour.link("harbour"), harbour.link("harbour", once=True)
    inside = visit(harbour.url + revoked, offline=False)
    inside.page.goto(dashboard(harbour))
    live(inside.page)
    harbour.access.revoke(revoked.partition("/open/")[2][:8], actor="test")
    assert visit(harbour.url + once, offline=False).page.get_by_role("button", name="Open").is_visible()
    opening = harbour.browser()
    assert opening.post(once, {"form": opening.get(once).form}).status == 303
    tampered = revoked[:-1] + ("A" if revoked[-1] != "A" else "B")
    for link, said in (
        (harbour.link("harbour", days=-0.001), "This link has ended"),
        (revoked, "This link was taken back"),
        (tampered, "There is nothing here"),
        (once, "This link was opened already"),
    ):
        seen = visit(harbour.url + link, offline=False, width=390, color_scheme="dark")
        assert said in seen.page.inner_text("h1")
        assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not seen.page.context.cookies()
        clean(seen, harbour, refused=True)
    # Whoever was in by the link that was taken back has no figures any more, and is told.
    inside.page.wait_for_selector("#cx-progress[data-state=ended]", timeout=20_000)
    inside.page.get_by_role("link", name="Begin again").click()
    assert "open your link again" in inside.page.inner_text("main")


# ── Nothing of another's ────────────────────────────────────────────────────────────────────────

MODELS = """async () => {
  const held = await Promise.all(Object.values(window.jupyterapp.widgetManager._models));
  const loose = new Set(['layout', 'style', 'children']);
  return JSON.stringify(held.map((one) => one.attributes), (key, one) => loose.has(key) ? null : one);
}"""


def test_nothing_of_another_client_is_in_page_widget_message_or_download(
    harbour: Running, visit: Callable[..., Any]
) -> None:
    # The other reads at the same moment, in a kernel of the same parent.
    seen = {name: visit(harbour.url + harbour.link(name), offline=False) for name in ("other", "harbour")}
    heard: dict[str, list[str]] = {name: [] for name in seen}
    for name, one in seen.items():
        one.page.on("websocket", lambda ws, name=name: listen(ws, heard[name]))
        one.page.goto(dashboard(harbour, name))
        live(one.page)
    for name, one in seen.items():
        one.page.locator("#live-look select").nth(1).select_option(index=3)
        one.page.wait_for_url("**segment=*")
        one.page.locator("#live-look select").nth(2).select_option(index=2)
        one.page.locator("#live-two-waves select").first.select_option(index=0)
        one.page.get_by_role("slider", name="Committed leadership").press("ArrowRight")
        answers(one.page, "If Committed leadership")
        heard[name] += [one.page.content(), one.page.evaluate(MODELS)]
        one.page.goto(f"{harbour.url}/results")
        heard[name].append(one.page.content())
        with one.page.expect_download() as taken:
            one.page.get_by_role("link", name="Everything in one file").click()
        # As the run holds it, byte for byte (test_gate.py): what lies in a PDF was looked at there.
        with zipfile.ZipFile(taken.value.path()) as archive:
            heard[name] += [f"{one} {archive.read(one).decode('latin-1')}" for one in archive.namelist()]
        clean(one, harbour)
    assert len(heard["harbour"]) > 20
    # It would have been seen: in messages, widgets, pages and the file that the other took.
    assert sum(CANARY in text for text in heard["other"]) >= 5
    held = str(harbour.gate.settings.home)
    for text in heard["harbour"]:
        assert CANARY not in text
    for text in (*heard["harbour"], *heard["other"]):
        assert held not in text
        for code in ("cx.forms", "import cxlib", "cx.open("):
            assert code not in text


def listen(socket: Any, heard: list[str]) -> None:
    def said(frame: Any) -> None:
        heard.append(frame if isinstance(frame, str) else frame.decode("latin-1"))

    socket.on("framereceived", said)
    socket.on("framesent", said)


# ── Ill will ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def hostile(demo: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The example with markup in every text, published."""
    home = tmp_path_factory.mktemp("ill")
    folder = hostile_run(home, demo.folder, names=["0_overview", "4_touchpoints"])
    with running(home, limits=LIMITS) as here:
        here.publish(folder)
        yield here


def test_markup_in_every_text_runs_nowhere_on_a_dashboard(
    hostile: Running, visit: Callable[..., Any]
) -> None:
    seen = visit(hostile.url + hostile.link("harbour", PAYLOADS[0]), offline=False)
    page = seen.page
    shown: list[str] = []
    for chapter in ("touchpoints", ""):
        page.goto(dashboard(hostile, chapter=chapter))
        live(page)
        page.wait_for_selector("html[data-charts=drawn]", timeout=30_000, state="attached")
        for place in page.locator(".cx-live").all():
            lists = place.locator("select")
            for at in range(lists.count()):
                lists.nth(at).select_option(index=max(0, lists.nth(at).locator("option").count() - 2))
                page.wait_for_timeout(150)
        # A tooltip is made of words, too.
        page.locator(".cx-plot svg").first.hover()
        page.mouse.move(400, 400)
        shown += [page.inner_text("body"), page.title(), page.evaluate(MODELS)]
    page.get_by_role("slider").first.press("ArrowRight")
    answers(page, "If")
    shown.append(page.inner_text("#live-try"))
    for path in ("/results", f"/runs/{hostile.access.publications('harbour')[0].run}/report"):
        page.goto(hostile.url + path)
        shown.append(page.inner_text("body"))
    text = " ".join(shown).replace("\xa0", " ")
    # Each stands there as the words that it is: links lose their brackets where Markdown is written.
    for one in PAYLOADS:
        assert one in text or json.dumps(one)[1:-1] in text, one
    assert BRACES in text
    clean(seen, hostile)


# ── For every eye, and on paper ─────────────────────────────────────────────────────────────────


def test_axe_finds_nothing_serious_on_any_dashboard(harbour: Running, visit: Callable[..., Any]) -> None:
    page = visit(harbour.url + harbour.link("harbour"), offline=False, bypass_csp=True).page
    found: dict[str, Any] = {}
    for at, chapter in enumerate(("", *STEPS)):
        # The overview in both ways, the steps by turns.
        ways = [(1280, "light"), (390, "dark")]
        for width, scheme in ways if at == 0 else ways[at % 2 : at % 2 + 1]:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            if page.url != dashboard(harbour, chapter=chapter):
                page.goto(dashboard(harbour, chapter=chapter))
                if chapter != "business_case":
                    live(page)
                page.wait_for_selector("html[data-charts=drawn]", timeout=30_000, state="attached")
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
                chapter,
                width,
            )
            # What is drawn is hidden from readers that listen, and was looked at in the report.
            about = {"exclude": [[".cx-plot svg"]]}
            response = Axe().run(page, about, {"resultTypes": ["violations"]}).response
            assert len(response["passes"]) > 10
            found[f"{chapter} {width} {scheme}"] = [
                (one["impact"], one["id"], one["nodes"][0]["html"][:160])
                for one in response["violations"]
                if one["impact"] in ("serious", "critical")
            ]
    assert len(found) == 10
    assert {name: told for name, told in found.items() if told} == {}


def test_a_dashboard_prints_what_it_shows_without_its_handles(
    harbour: Running, visit: Callable[..., Any]
) -> None:
    page = visit(harbour.url + harbour.link("harbour"), offline=False).page
    page.goto(dashboard(harbour, chapter="leadership") + "?segment=role:frontline")
    live(page)
    page.wait_for_selector("html[data-charts=drawn]", timeout=30_000, state="attached")
    page.emulate_media(media="print")
    for handle in (".cx-steps-nav", ".cx-jumps", "#cx-progress", ".cx-back", ".widget-button"):
        assert not any(one.is_visible() for one in page.locator(handle).all()), handle
    text = " ".join(one.extract_text() for one in PdfReader(BytesIO(page.pdf(format="A4"))).pages)
    words = re.sub(r"\s+", " ", text)
    assert "Committed leadership" in words
    # The view that was chosen is told, by its lists and by its sentence.
    assert "Frontline, Spring 2026" in words
    assert len(PdfReader(BytesIO(page.pdf(format="A4"))).pages) <= 14
