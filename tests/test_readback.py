"""Every figure on the page, read back from the rendered HTML and looked for in `results.json`.

From sharp to wide: what a chart draws is there in full, digit for digit; a sentence says the figures of
its own finding; the scorecard's rows are the steps' scores; and whatever other number stands on the page is
a figure of the results as a reader sees it, or part of a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

from tests.made import Made
from tests.test_language import messages

ROOT = Path(__file__).resolve().parents[1]
# Not within a word or an id (s1.i01, WA2), and a comma only between digits.
NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.,])\d+(?:\.\d+)?(?![\w])")
# Where a mark stands on the paper; what it says beside that is read as any other figure.
PLACES = frozenset({"left", "right", "centre", "label_at", "at", "zero"})


def numbers_in(text: str) -> list[str]:
    return NUMBER.findall(text)


def values_in(found: Any) -> Iterator[float | str]:
    """Yield every number and text of plain data."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield str(key)
            yield from values_in(value)
    elif isinstance(found, list):
        for value in found:
            yield from values_in(value)
    elif isinstance(found, int | float | str) and not isinstance(found, bool):
        yield found


def as_shown(values: Iterable[float | str]) -> set[str]:
    """Return every way in which these values may stand on a page, without their signs."""
    out: set[str] = set()
    for value in values:
        if isinstance(value, str):
            out.update(numbers_in(value))
        else:
            for scaled in (abs(value), 100 * abs(value)):
                out.update(f"{scaled:,.{digits}f}" for digits in range(4))
    return out


def with_bounds(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


@dataclass(frozen=True)
class Reading:
    """A run as a reader has it: the page, and the results beside it."""

    page: str
    results: dict[str, Any]

    @cached_property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.page, "html.parser")

    @property
    def charts(self) -> Iterator[tuple[Tag, list[dict[str, Any]]]]:
        """Yield every figure and the rows that it draws."""
        for figure in self.soup.select("figure.cx-chart"):
            plot = figure.select_one(".cx-plot")
            assert plot is not None
            spec = json.loads(str(self.soup.select_one(f"#{plot['data-spec']}").string))  # type: ignore[union-attr]
            yield figure, [row for rows in spec["datasets"].values() for row in rows]

    # ── What is not as it should be, as text ────────────────────────────────────────────────────

    def strange_marks(self) -> list[str]:
        """Find what a chart draws that is no figure of the results, to nine digits."""
        full = {round(value, 9) for value in values_in(self.results) if not isinstance(value, str)}
        full |= {round(100 * value, 9) for value in full} | {-value for value in full}
        pooled = self._pooled()

        def is_known(row: dict[str, Any], name: str, value: float) -> bool:
            if round(value, 9) in full or name in PLACES:
                return True
            if name == "gap":
                return value == pytest.approx(row["say"] - row["do"], abs=1e-9)
            return name in {"n", "share"} and (row.get("level"), row["n"], round(row["share"], 9)) in pooled

        return [
            f"{figure.get('id')}: {name} {value} of {row}"
            for figure, rows in self.charts
            for row in rows
            for name, value in row.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
            if not is_known(row, name, value)
        ]

    def _pooled(self) -> set[tuple[int, int, float]]:
        """Add up the answers of each role over the items of a step: level, how many, and what share."""
        counts: dict[tuple[str, str], dict[int, int]] = {}
        for row in self.results["distribution"]["role"]:
            if row["answer"] in range(1, 6) and row["n"] is not None:
                levels = counts.setdefault((row["id"].split(".")[0], row["role"]), {})
                levels[row["answer"]] = levels.get(row["answer"], 0) + row["n"]
        return {
            (level, n, round(n / sum(levels.values()), 9))
            for levels in counts.values()
            for level, n in levels.items()
        }

    def strange_sentences(self) -> list[str]:
        """Find a finding that says another figure than its own, and one of the summary's on no page."""
        text = " ".join(self.soup.stripped_strings)
        out = []
        for found in self.results["findings"]:
            about = set(found["about"])
            rated = [one for one in self.results["metrics"]["role"] if one["id"] in about]
            compared = [
                {name: one[name] for name in ("items", "items_total")}
                for one in self.results["trend"]
                if one["id"] in about
            ]
            own = as_shown(values_in([found["value"], found["low"], found["high"], rated, compared]))
            # A wave is named by its season and year.
            said = re.sub(r"since \w+ \d{4}", "", found["sentence"])
            out += [f"{found['sentence']!r} says {one}" for one in numbers_in(said) if one not in own]
        first = [self.results["findings"][at]["sentence"] for at in self.results["summary"]["findings"]]
        return out + [f"{sentence!r} is not on the page" for sentence in first if sentence not in text]

    def strange_comparisons(self) -> list[str]:
        """Find a row of a table of comparisons whose figures, taken together, are no finding's."""
        known = {tuple(self._figures_of(found)) for found in self.results["findings"]}
        tables = [one for one in self.soup.select("main table") if "Adjusted p" in one.text]
        rows = [row.select("th, td") for table in tables for row in table.select("tbody tr")]
        said = [tuple(one for cell in cells[2:] for one in numbers_in(cell.text)) for cells in rows]
        out = [
            f"{one} in {[cell.text for cell in cells]}"
            for one, cells in zip(said, rows, strict=True)
            if one not in known
        ]
        return out + ([] if len(rows) > 50 else [f"only {len(rows)} rows of comparisons"])

    @staticmethod
    def _figures_of(found: dict[str, Any]) -> list[str]:
        digits = 0 if found["unit"] == "points" else 2
        shown = [f"{abs(found[name]):.{digits}f}" for name in ("value", "low", "high")]
        # A confirmed finding's p is adjusted; under a thousandth is said to be.
        p = "0.001" if found["p"] < 0.001 else f"{found['p']:.3f}"
        return [*shown, *(f"{n:,}" for n in found["n_each"] or [found["n"]]), p]

    def strange_scores(self) -> list[str]:
        """Find a step of the scorecard whose row says other figures than its score."""
        scores = {one["name"]: one for one in self.results["scores"]["everyone"] if one["kind"] == "step"}
        card = next(table for table in self.soup.select("main table") if "Gated" in table.text)
        rows = card.select("tbody tr")
        out = [] if len(rows) == len(scores) else [f"{len(rows)} rows for {len(scores)} steps"]
        for row in rows:
            name, *cells = (cell.text.strip() for cell in row.select("th, td"))
            score = scores[name]
            expected = [
                f"{score['n']:,}",
                f"{score['mean']:.1f}",
                f"{score['low']:.1f} – {score['high']:.1f}",
                f"{self.results['unweighted'][score['id']]:.1f}",
                *(f"{score[at]:.0%}" for at in with_bounds("top_box")),
                *(
                    f"{score[at]:.2f}".replace("-", "−")
                    for at in ("agreement", "agreement_low", "agreement_high")
                ),
                *(f"{score[at]:.0f}" for at in ("gated_level", "gated_low", "gated_high")),
                f"{self.results['targets'][score['id']]:.1f}",
            ]
            said = " ".join(cells).replace(" – ", " ")
            if said.split() != " ".join(expected).replace(" – ", " ").split():
                out.append(f"{name}: {cells}, expected {expected}")
        return out

    def strange_numbers(self) -> list[str]:
        """Find a number on the page that is neither a figure of the results nor part of a known text."""
        name = self.results["framework"].replace(" ", "-").rpartition("-")[0]
        framework = ROOT / "data" / "framework" / f"{name}.yaml"
        sources = (ROOT / "cxlib" / "tables" / "method.py").read_text(encoding="utf-8")
        texts = [framework.read_text(encoding="utf-8"), sources, *messages()]
        known = as_shown(values_in(self.results)) | as_shown(texts)
        return [
            f"{one} in {text.strip()[:90]!r}"
            for text in self._texts()
            for one in numbers_in(text)
            if one not in known
        ]

    def _texts(self) -> Iterator[str]:
        for text in self.soup.select_one("main").find_all(string=True):  # type: ignore[union-attr]
            holder = text.parent
            assert holder is not None
            if holder.name not in {"script", "style"} and "cx-number" not in holder.get_attribute_list(
                "class"
            ):
                yield str(text)


READINGS = ("strange_marks", "strange_sentences", "strange_comparisons", "strange_scores", "strange_numbers")


@pytest.fixture(scope="module")
def read(demo: Made) -> Reading:
    return Reading(demo.report.read_text(), json.loads((demo.folder / "results.json").read_text()))


@pytest.mark.parametrize("reading", READINGS)
def test_what_the_page_says_stands_in_the_results(read: Reading, reading: str) -> None:
    assert list(read.charts)
    assert getattr(read, reading)() == []


def changed(read: Reading, **parts: Any) -> Reading:
    return Reading(parts.get("page", read.page), parts.get("results", read.results))


def test_a_figure_that_is_not_in_the_results_is_noticed(read: Reading) -> None:
    """Hold that every reading can fail: each is shown a page or results with one figure changed."""
    page = re.sub(r'("mean":\s*\d\.\d{5})\d', r"\g<1>77", read.page, count=1)
    assert len(changed(read, page=page).strange_marks()) == 1
    other = json.loads(json.dumps(read.results))
    other["findings"][0]["value"] += 1
    step = next(one for one in other["scores"]["everyone"] if one["kind"] == "step")
    step["agreement"] -= 0.1
    assert len(changed(read, results=other).strange_sentences()) == 1
    assert len(changed(read, results=other).strange_scores()) == 1
    assert changed(read, results=other).strange_comparisons() != []
    said = read.page.replace("</main>", "<p>9,876.5 guests</p></main>")
    assert changed(read, page=said).strange_numbers() == ["9,876.5 in '9,876.5 guests'"]
