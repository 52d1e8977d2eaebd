"""The report on paper: Typst sets it from `reports/template/report.typ`, and what it says is data to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from cxlib.errors import ReportError
from cxlib.exports.document import (
    Block,
    Box,
    Chart,
    Heading,
    Listing,
    Paragraph,
    Report,
    Table,
    Terms,
    Text,
    plain,
)
from cxlib.exports.drawing import SANS, SERIF, colours_of, covers, drawing, faces, fonts
from cxlib.settings import read_settings

# PDF/UA-1: a standard that screen readers know. Characters that no font on this machine has break it.
STANDARD: Final = "ua-1"
# Greek, Cyrillic, arrows and signs of mathematics: in the fonts that Typst brings itself.
_TYPST: Final = ((0x391, 0x3C9), (0x400, 0x45F), (0x2190, 0x2193), (0x2200, 0x2265))
_FORMATS: Final = {"png": "png", "jpeg": "jpg", "svg": "svg"}
_LINK: Final = re.compile(r"(https?:|mailto:)", re.IGNORECASE)


def to_pdf(report: Report) -> bytes:
    """Set a report as a tagged PDF, with contents that link and charts as drawings.

    Fonts travel with the suite; those of this machine are asked only where a text has characters that
    these lack, so that the same report gives the same bytes elsewhere.

    Raises
    ------
    ReportError
        If it cannot be set.
    """
    import typst

    data = json.dumps(_plain(report), ensure_ascii=False)
    source = (read_settings().template / "report.typ").read_bytes()
    common: dict[str, Any] = {
        "font_paths": [str(fonts())],
        "sys_inputs": {"report": data},
        "ignore_system_fonts": _has_glyphs(data),
        "timestamp": int(report.moment.timestamp()),
    }
    try:
        try:
            made = typst.compile(source, pdf_standards=[STANDARD], **common)
        except typst.TypstError:
            # Still tagged, with titles and alternative texts; only the claim is not made.
            made = typst.compile(source, **common)
    except typst.TypstError as error:
        raise ReportError(f"the PDF could not be set: {str(error)[:300]}") from None
    return bytes(made)


def _has_glyphs(text: str) -> bool:
    """Tell whether the fonts that travel with the suite and with Typst have every character."""
    return covers((*_TYPST, *faces()), text)


def _plain(report: Report) -> dict[str, Any]:
    """Return all that the template shows, as plain data."""
    cover, words = report.cover, report.words
    language, _, region = report.language.partition("-")
    when = report.moment
    sections = [_blocks(one, report) for one in report.sections]
    if report.foreword:
        sections.insert(0, [
            {"type": "heading", "level": 1, "number": "", "text": words["foreword"], "anchor": "cx-foreword"},
            *_blocks(_bare(report.foreword), report),
        ])  # fmt: skip
    facts = [
        (words["wave"], cover.wave),
        *([(words["date"], report.date)] if report.date else []),
        (words["framework"], cover.framework),
        (words["run"], cover.run),
    ]
    logo = report.branding.logo
    return {
        "title": f"{cover.client} – {cover.title} – {cover.wave}",
        "author": report.branding.name,
        "keywords": [cover.framework, cover.run],
        "moment": {
            "year": when.year, "month": when.month, "day": when.day,
            "hour": when.hour, "minute": when.minute, "second": when.second,
        },
        "lang": language,
        "region": region if re.fullmatch("[A-Z]{2}", region) else None,
        "colours": colours_of(report.branding),
        "fonts": {"sans": SANS, "serif": SERIF},
        "draft": cover.is_draft,
        "state": words["draft_long"] if cover.is_draft else words["published"],
        "client": cover.client,
        "wave": cover.wave,
        "heading": cover.title,
        "facts": facts,
        "asked": [list(row) for row in cover.asked],
        "prepared": cover.prepared_by,
        "line": report.branding.line,
        "untranslated": "" if report.is_translated else words["untranslated"],
        "logo": {"format": _FORMATS[logo.kind], "data": list(logo.data)} if logo else None,
        "words": {name: words[name] for name in ("contents", "page", "draft", "asked", "of", "not_drawn")},
        "contents": [
            {"level": one["level"], "number": one["number"], "text": one["text"], "anchor": one["anchor"]}
            for section in sections
            for one in section
            if one["type"] == "heading" and one["anchor"] and one["level"] <= 2
        ],
        "sections": sections,
    }  # fmt: skip


def _bare(blocks: Iterable[Block]) -> list[Block]:
    """Return what a foreword says, without the frame and the heading that it has on the page."""
    (box,) = blocks
    inner = box.blocks if isinstance(box, Box) else (box,)
    return [one for place, one in enumerate(inner) if place or not isinstance(one, Heading)]


def _blocks(blocks: Iterable[Block], report: Report) -> list[dict[str, Any]]:
    found = [_block(one, report) for one in blocks]
    for one, after in pairwise(found):
        # What introduces a chart or a table stays with it.
        one["sticky"] = after["type"] not in ("heading", "paragraph")
    return found


def _block(one: Block, report: Report) -> dict[str, Any]:
    match one:
        case Heading():
            anchor = f"s-{one.slug}" if one.slug else ""
            return {
                "type": "heading",
                "level": one.level,
                "number": one.number,
                "text": one.text,
                "anchor": anchor,
            }
        case Paragraph():
            return {"type": "paragraph", "kind": one.kind, "text": _spans(one.text), "sticky": False}
        case Listing():
            items = [_blocks(item, report) for item in one.items]
            return {"type": "listing", "kind": one.kind, "ordered": one.is_ordered, "items": items}
        case Terms():
            pairs = [(_spans(name), _spans(value)) for name, value in one.pairs]
            return {"type": "terms", "kind": one.kind, "pairs": pairs}
        case Table():
            return _table(one)
        case Chart():
            return {
                "type": "chart", "title": one.title, "subtitle": one.subtitle, "summary": one.summary,
                "source": one.source, "alternative": one.alternative, "svg": drawing(one, report),
                "table": _table(one.table),
            }  # fmt: skip
        case Box():
            return {"type": "box", "kind": one.kind, "blocks": _blocks(one.blocks, report)}


def _table(one: Table) -> dict[str, Any]:
    return {
        "type": "table",
        "caption": one.caption,
        "captioned": one.is_captioned,
        "head": [_spans(cell) for cell in one.head],
        "rows": [[_spans(cell) for cell in row] for row in one.rows],
        "numeric": list(one.numeric),
        "weights": _weights(one),
    }


def _weights(table: Table) -> list[float]:
    """Share the width: columns of figures take what they need (0), columns of words share what is left."""
    found: list[float] = []
    for at, is_number in enumerate(table.numeric):
        longest = max((len(plain(row[at])) for row in table.rows if at < len(row)), default=0)
        found.append(0 if is_number or longest < 12 else min(max(longest, 14), 60) ** 0.6)
    return found if any(found) or not found else [1.0, *found[1:]]


def _spans(text: Text) -> list[dict[str, Any]]:
    return [
        {
            "text": span.text, "bold": span.is_bold, "italic": span.is_italic, "code": span.is_code,
            "small": span.is_small, "link": span.link if _LINK.match(span.link) else "",
        }
        for span in text
    ]  # fmt: skip
