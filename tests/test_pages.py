"""The report page: what it shows, what it refuses, and what a browser makes of it."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4

from cxlib.errors import ReportError
from cxlib.language import Words
from cxlib.run import pages, sections

nb: Any = v4
VEGALITE = "application/vnd.vegalite.v5+json"
STEPS = ["Leadership", "Vision", "Statement", "Touch points"]
ROLES = ["leadership", "management", "frontline", "customer"]
PAYLOADS = [
    "</script><img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](http://example.invalid/x.png)",
    "<!--<script>alert(1)",
    "{{ 7 * 7 }} {% raw %} ${alert(1)}",
    '\\"; } body { display: none } @import "http://example.invalid/x.css',
    "javascript:alert(1)",
]
HOSTILE = " ".join(PAYLOADS)
COVER = pages.Cover(
    client="Beispiel AG",
    wave="2026-2",
    title="Customer experience assessment",
    date=dt.date(2026, 11, 22),
    framework="cx7 1.0.0",
    run="2026-11-22-a",
    is_draft=False,
)


def dots(extra: str = "") -> dict[str, Any]:
    """A dot per role and step, drawn at the width of its container."""
    values = [
        {"step": step + extra, "role": role, "mean": 3.5 - place / 2 - row / 5}
        for row, step in enumerate(STEPS)
        for place, role in enumerate(ROLES)
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.4.1.json",
        "data": {"values": values},
        "width": "container",
        "height": {"step": 30},
        "mark": {"type": "point", "filled": True},
        "encoding": {
            "x": {
                "field": "mean",
                "type": "quantitative",
                "title": "Level" + extra,
                "scale": {"domain": [1, 5]},
            },
            "y": {"field": "step", "type": "nominal", "sort": None, "title": None},
            "color": {"field": "role", "scale": {"domain": ROLES}},
            "shape": {"field": "role", "scale": {"domain": ROLES}},
            "tooltip": [{"field": "step"}, {"field": "mean", "format": ".1f"}],
        },
    }


def chart(spec: dict[str, Any], extra: str = "", **about: Any) -> Any:
    told = {
        "title": "Leaders see every step higher than customers do" + extra,
        "subtitle": "Mean level 1–5 by role, n = 412" + extra,
        "source": "wave 2026-2 · framework cx7 1.0.0" + extra,
        "summary": "The gap is 1.5 levels on every step." + extra,
        "table": {
            "columns": ["Step" + extra, "Mean", "Share"],
            "rows": [
                ["Leadership" + extra, 3.5, "40 %"],
                ["Vision", -0.25, "hidden"],
                ["Touch points", None, "7 %"],
            ],
        },
        **about,
    }
    return shown({VEGALITE: {**spec, "usermeta": {"cx": told}}, "text/plain": "alt.Chart(...)"})


def shown(data: dict[str, Any], **metadata: Any) -> Any:
    output = nb.new_output("execute_result", data=data, execution_count=1)
    return nb.new_code_cell("secret_source()", outputs=[output], metadata=metadata)


def table(text: str = "Contact centre") -> str:
    cells = "".join(f'<td class="num">{value}</td>' for value in (88, 2.4, "2.1–2.7", "40 %", 2.2, 1.9))
    return (
        f'<table class="cx-table"><caption>Scores by unit: {text}</caption>'
        '<thead><tr><th scope="col">Unit</th>'
        + '<th class="num" scope="col">A long heading</th>' * 6
        + f'</tr></thead><tbody><tr><th scope="row">{text}</th>{cells}</tr>'
        + f'<tr><th scope="row">Key accounts</th>{"<td class=hidden>hidden</td>" * 6}</tr></tbody></table>'
    )


def notebook(name: str = "Leadership", *cells: Any, **metadata: Any) -> Any:
    opening = nb.new_markdown_cell(f"# {name}\n\nA question.\n\n## What we heard\n\nAn answer.")
    return nb.new_notebook(cells=[opening, *cells], metadata=metadata)


@pytest.fixture(scope="module")
def report() -> str:
    """Three notebooks, three charts, and every payload in every place that takes text."""
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    first = notebook(
        "Leadership",
        nb.new_code_cell("wave = 'x'", metadata={"tags": ["parameters"]}),
        chart(dots()),
        shown({"text/html": table()}),
        nb.new_markdown_cell("## What we heard\n\n| Level | Name |\n|---:|---|\n| 1 | Initial |"),
    )
    second = notebook(
        f"Vision {HOSTILE}",
        nb.new_markdown_cell(f"## Heading {HOSTILE}\n\n" + "\n\n".join(PAYLOADS)),
        chart(dots(" " + HOSTILE), " " + HOSTILE),
        shown({"text/html": table(escaped)}),
        shown({"text/markdown": f"# Said\n\n{HOSTILE}", "text/plain": "x"}),
        shown({"text/plain": HOSTILE}),
        nb.new_code_cell("print()", outputs=[nb.new_output("stream", name="stdout", text=HOSTILE)]),
    )
    third = notebook("Statement", chart(dots()))
    cover = replace(
        COVER,
        client=f"Beispiel {HOSTILE}",
        wave=HOSTILE,
        title=HOSTILE,
        framework=HOSTILE,
        run=f"{HOSTILE}\0\ud800",
        prepared_by=HOSTILE,
        is_draft=True,
    )
    return pages.render([first, second, third], cover)


class Seen(HTMLParser):
    """What a parser makes of a page: its tags with attributes, and the text of its scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            tag, attrs, text = self.raw[-1]
            self.raw[-1] = (tag, attrs, text + data)


# ---------------------------------------------------------------- what is shown


def test_code_and_the_cells_of_other_audiences_are_left_out() -> None:
    hidden = [
        shown({"text/plain": f"left out {tag}"}, tags=[tag])
        for tag in ("remove-cell", "workshop", "explore", "parameters", "injected-parameters")
    ]
    page = pages.render([notebook("Leadership", *hidden, shown({"text/plain": "kept"}))], COVER)
    assert "<pre>kept</pre>" in page
    assert "left out" not in page
    assert "secret_source" not in page


def test_headings_are_numbered_and_every_link_of_the_contents_leads_somewhere(report: str) -> None:
    seen = Seen(report)
    ids = [attrs["id"] for _, attrs in seen.tags if "id" in attrs]
    links = [str(attrs.get("href")) for tag, attrs in seen.tags if tag == "a"]
    links = [link for link in links if link.startswith("#")]
    assert len(ids) == len(set(ids))
    assert len(links) > 6
    assert {link[1:] for link in links} <= set(ids)
    opening = '<h2 id="leadership" class="cx-section-title"><span class="cx-number">1</span> Leadership</h2>'
    assert opening in report
    assert '<h3 id="what-we-heard-2"><span class="cx-number">1.2</span> What we heard</h3>' in report
    assert [tag for tag, _ in seen.tags].count("h1") == 1


def test_a_notebook_may_name_its_own_number_or_none() -> None:
    given = [notebook("Overview", cx={"number": ""}), notebook("Experiences", cx={"number": 6})]
    page = pages.render(given, COVER)
    assert '<h2 id="overview" class="cx-section-title">Overview</h2>' in page
    assert '<span class="cx-number">6.1</span> What we heard' in page


def test_a_chart_says_its_finding_in_text_and_carries_its_figures(report: str) -> None:
    figure = report[report.index("<figure") : report.index("</figure>")]
    assert '<p class="cx-chart-title" id="chart-1-title">Leaders see every step higher' in figure
    assert 'role="img" aria-label="The gap is 1.5 levels on every step."' in figure
    assert "Source: wave 2026-2" in figure
    unscripted = figure[figure.index("<noscript") : figure.index("</noscript")]
    for part in (unscripted, figure[figure.index("<details") :]):
        assert '<td class="num">3.5</td><td class="num">40 %</td>' in part
        assert '<td class="num">−0.25</td><td class="hidden">hidden</td>' in part
        assert '<th scope="col" class="num">Share</th>' in part


def test_tables_stand_in_a_frame_that_can_be_scrolled_and_named(report: str) -> None:
    assert 'role="group" aria-label="Scores by unit: Contact centre"><table class="cx-table">' in report
    assert '<th class="num">Level</th>' in report
    assert not [attrs for _, attrs in Seen(report).tags if "style" in attrs]


def test_charts_wear_the_pages_colours_and_keep_their_data() -> None:
    light = pages.theme("light")
    spec = {**dots(), "mark": {"type": "point", "color": light["bar"]["color"].upper()}}
    spec["data"] = {"values": [{"mean": 2, "step": "#0b5765", "role": "customer"}]}
    page = pages.render([notebook("A", chart(spec))], COVER)
    drawn = json.loads(next(text for _, attrs, text in Seen(page).raw if attrs.get("id") == "chart-1-spec"))
    assert drawn["mark"]["color"] == "var(--cx-accent)"
    assert drawn["data"]["values"][0]["step"] == "#0b5765"
    assert "usermeta" not in drawn


def test_what_only_a_notebook_needs_of_a_chart_is_left_out() -> None:
    lent = {"title": {"text": "TWICE"}, "config": pages.theme("light"), "description": "TWICE", "width": 860}
    page = pages.render([notebook("A", chart({**dots(), **lent, "autosize": {"type": "fit-x"}}))], COVER)
    drawn = json.loads(next(text for _, attrs, text in Seen(page).raw if attrs.get("id") == "chart-1-spec"))
    assert set(drawn) == {"data", "width", "height", "mark", "encoding"}
    assert drawn["width"] == "container"
    assert "TWICE" not in page


def test_draft_and_published_are_told_apart_and_words_follow_the_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, german = notebook(), replace(COVER, is_draft=True, language="de-CH")
    # Sentences that nobody translated: the whole page is English, and says why.
    english = pages.render([given], replace(german, language="fr"))
    assert '<html lang="en">' in english
    assert "not yet translated" in english
    said = {cell.source: f"# Auf Deutsch {at}" for at, cell in enumerate(given.cells)}
    monkeypatch.setattr(sections, "words_of", lambda language: Words(language, said))
    draft = pages.render([given], german)
    assert '<html lang="de-CH">' in draft
    assert "Auf Deutsch 0" in draft
    assert "Entwurf" in draft
    assert "22. November 2026" in draft
    monkeypatch.undo()
    published = pages.render([notebook()], COVER)
    assert "Draft" not in published
    assert "22 November 2026" in published


def test_rendering_changes_no_notebook_and_gives_the_same_bytes_again() -> None:
    given = [notebook("Leadership", chart(dots()), shown({"text/html": table()}))]
    before = copy.deepcopy(given)
    assert pages.render(given, COVER) == pages.render(given, COVER)
    assert given == before


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<style>td{}</style>",
        "<p onclick='alert(1)'>x</p>",
        "<p style='color:red'>x</p>",
        "<a href=' javascript:alert(1)'>x</a>",
        "<img src=x>",
        "<iframe></iframe>",
        "<!-- x -->",
        "<![CDATA[x]]>",
        "<table><tr><td>never closed",
        "</div><p>x</p>",
        "<svg><use href='#x'/></svg>",
    ],
)
def test_html_that_is_more_than_tables_and_panels_is_refused(html: str) -> None:
    with pytest.raises(ReportError, match="notebook 1, cell 2: an HTML output holds"):
        pages.render([notebook("A", shown({"text/html": html}))], COVER)


def test_a_failed_or_noisy_cell_is_refused_by_its_place_in_the_notebook() -> None:
    failed = nb.new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=[])
    warned = nb.new_output("stream", name="stderr", text="FutureWarning: soon")
    skipped = nb.new_code_cell("x", metadata={"tags": ["workshop"]}, outputs=[failed])
    for output, told in ((failed, "failed: ZeroDivisionError"), (warned, "wrote to stderr: FutureWarning")):
        cell = nb.new_code_cell("x", outputs=[output])
        with pytest.raises(ReportError, match=f"notebook 2, cell 3 {told}"):
            pages.render([notebook("A"), notebook("B", skipped, cell)], COVER)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (shown({VEGALITE: dots()}), "title, summary, table"),
        (chart(dots(), table={}), "without its table"),
        (chart({**dots(), "data": {"url": "http://example.invalid/x.csv"}}), "names an address"),
        (chart({**dots(), "mark": {"type": "image", "url": "x.png"}}), "names an address"),
        (chart({**dots(), "data": {"values": [{"mean": float("nan")}]}}), "not plain values"),
        (shown({"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}), "a widget"),
    ],
)
def test_a_chart_that_is_not_complete_or_not_alone_is_refused(cell: Any, told: str) -> None:
    with pytest.raises(ReportError, match=told):
        pages.render([notebook("A", cell)], COVER)


def test_a_notebook_without_a_section_heading_is_refused() -> None:
    with pytest.raises(ReportError, match="notebook 1 has no first-level heading"):
        pages.render([nb.new_notebook(cells=[nb.new_code_cell("x")])], COVER)


# ---------------------------------------------------------------- what cannot run


def test_no_text_becomes_markup(report: str) -> None:
    seen = Seen(report)
    assert not {"img", "iframe", "object", "svg", "base", "form"} & {tag for tag, _ in seen.tags}
    assert not [name for _, attrs in seen.tags for name in attrs if name.startswith("on")]
    links = [str(attrs.get("href")) for tag, attrs in seen.tags if tag in ("a", "link")]
    assert not [link for link in links if not link.startswith(("#", "data:,", "http://example.invalid"))]
    kinds = [attrs.get("type") for tag, attrs, _ in seen.raw if tag == "script"]
    assert sorted(kinds, key=str) == [None] * 2 + ["application/json"] * 4
    assert "49" not in re.findall(r"\d+", report[: report.index("<main")].split("</style>")[1])
    assert "\0" not in report
    report.encode()


def test_chart_data_survive_their_escaping(report: str) -> None:
    specs = [text for tag, attrs, text in Seen(report).raw if str(attrs.get("id")).endswith("-spec")]
    assert len(specs) == 3
    assert all("<" not in text for text in specs)
    assert json.loads(specs[1])["data"]["values"][0]["step"] == f"Leadership {HOSTILE}"


def test_the_policy_names_exactly_the_scripts_and_the_style_of_the_page(report: str) -> None:
    seen = Seen(report)
    policy = next(str(a["content"]) for t, a in seen.tags if a.get("http-equiv") == "Content-Security-Policy")
    digests = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for _, attrs, text in seen.raw
        if not attrs.get("type")
    }
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_looks_colours_are_legible_in_light_and_dark() -> None:
    source = json.loads((Path(__file__).parents[1] / "reports" / "template" / "theme.json").read_text())
    assert set(source["light"]) == set(source["dark"])
    assert len(set(source["light"].values())) == len(source["light"])

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    text = [("ink", "paper"), ("ink", "wash"), ("ink", "tint"), ("muted", "paper"), ("muted", "wash")]
    text += [("accent", "paper"), ("oncover", "cover"), ("quiet", "cover"), ("amber", "cover")]
    text += [("ink", f"level{level}") for level in (1, 2, 3)] + [("paper", "level4"), ("paper", "level5")]
    marks = [(name, "paper") for name in (*ROLES, "last", "interval", "control")]
    for mode in ("light", "dark"):
        for least, pairs in ((4.5, text), (3.0, marks)):
            for pair in pairs:
                low, high = sorted(luminance(source[mode][name]) for name in pair)
                assert (high + 0.05) / (low + 0.05) >= least, (mode, pair)
        greys = sorted(116 * luminance(source[mode][role]) ** (1 / 3) for role in ROLES)
        assert min(b - a for a, b in pairwise(greys)) > 8, f"{mode}: two roles alike in grey"


# ---------------------------------------------------------------- what a browser makes of it


@pytest.fixture(scope="module")
def opened(report: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report, encoding="utf-8")
    return path


def drawn(seen: Any) -> Any:
    seen.page.wait_for_selector("html[data-charts=drawn]", timeout=20_000)
    return seen.page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_opens_from_a_disk_with_no_network(
    visit: Any, opened: Path, width: int, scheme: str
) -> None:
    seen = visit(opened, width=width, color_scheme=scheme)
    page = drawn(seen)
    assert page.locator("figure.cx-chart").count() == page.locator("figure .cx-plot svg").count() == 3
    across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert across[0] <= across[1]
    page.locator("details").first.locator("summary").click()
    assert page.locator("details table").first.is_visible()
    assert (seen.errors, seen.requests, seen.alerts, seen.violations) == ([], [], [], [])


def test_a_tooltip_shows_hostile_text_as_text(visit: Any, opened: Path) -> None:
    seen = visit(opened)
    page = drawn(seen)
    page.locator("#chart-2 .mark-symbol path").first.hover(force=True)
    page.wait_for_selector("#cx-tip", state="visible")
    assert PAYLOADS[0] in page.locator("#cx-tip").inner_text()
    assert (seen.errors, seen.requests, seen.alerts, seen.violations) == ([], [], [], [])


def test_charts_follow_the_width_and_the_colour_scheme(visit: Any, opened: Path) -> None:
    page = drawn(visit(opened))
    mark = "getComputedStyle(document.querySelector('#chart-1 .mark-symbol path')).fill"
    wide, light = page.locator("#chart-1 svg").bounding_box()["width"], page.evaluate(mark)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(mark) != light
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(mark) == light
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function(f"document.querySelector('#chart-1 svg').clientWidth < {wide} / 2")


def test_wide_tables_can_be_reached_by_keyboard_only_where_they_scroll(visit: Any, opened: Path) -> None:
    for width, expected in ((1280, "-1"), (390, "0")):
        page = drawn(visit(opened, width=width))
        assert page.locator(".cx-scroll", has_text="Key accounts").first.get_attribute("tabindex") == expected


def test_without_scripts_the_figures_are_shown(visit: Any, opened: Path) -> None:
    seen = visit(opened, java_script_enabled=False)
    assert seen.page.locator("noscript table").count() == 3


def test_the_page_prints_on_a4_with_nothing_cut_off(visit: Any, opened: Path) -> None:
    seen = visit(opened, color_scheme="dark")
    page = drawn(seen)
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    sheets = re.findall(rb"/Type\s*/Page\b", printed)
    assert len(sheets) >= 5, "a cover, the contents, and three sections that each begin a page"
    sizes = re.findall(rb"MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 642, "height": 900})
    page.wait_for_timeout(300)
    parts = "[...document.querySelectorAll('main figure, main table, main svg, main dl, main pre')]"
    assert page.evaluate(f"Math.max(...{parts}.map((one) => one.getBoundingClientRect().right))") <= 643
    assert page.evaluate(f"Math.max(...{parts}.map((one) => one.getBoundingClientRect().height))") < 940
    assert (seen.errors, seen.requests, seen.alerts, seen.violations) == ([], [], [], [])


def test_the_pages_script_is_made_once_and_kept_beside_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vl_convert

    made = []

    def bundle(snippet: str, **_: Any) -> str:
        made.append(snippet)
        return "let a = 1;"

    def anew() -> str:
        pages.vega_bundle.cache_clear()
        return pages.vega_bundle()

    monkeypatch.setenv("CX_HOME", str(tmp_path))
    monkeypatch.setattr(vl_convert, "javascript_bundle", bundle)
    try:
        # No store, and so no place to keep it.
        assert [anew(), anew()] == ["{let a = 1;}"] * 2
        assert len(made) == 2
        local = tmp_path / "data" / "local"
        local.mkdir(parents=True)
        assert [anew(), anew()] == ["{let a = 1;}"] * 2
        assert len(made) == 3
        (kept,) = local.iterdir()
        # What could not stand in a page is not taken.
        kept.write_text("</script><script>")
        assert [anew(), anew()] == ["{let a = 1;}"] * 2
        assert len(made) == 4
    finally:
        pages.vega_bundle.cache_clear()
