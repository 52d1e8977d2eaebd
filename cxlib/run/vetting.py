"""The door for HTML that our own code built: read, held against a short list of tags, written anew."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Final

from markupsafe import Markup, escape

from cxlib.errors import ReportError

_TAG_NAMES: Final = (
    "a abbr b bdi br caption code col colgroup dd details div dl dt em figcaption figure h3 h4 h5 hr i "
    "li ol p section small span strong sub summary sup table tbody td tfoot th thead time tr ul "
    "svg g path line rect circle polyline polygon text title"
)
_TAGS: Final = frozenset(_TAG_NAMES.split())
_VOID_TAGS: Final = frozenset({"br", "col", "hr"})
_ATTRIBUTE_NAMES: Final = (
    "class id title role lang dir scope colspan rowspan headers datetime href tabindex start value open "
    "viewbox width height x y x1 x2 y1 y2 cx cy r rx ry d points fill stroke stroke-width "
    "stroke-dasharray stroke-linecap text-anchor transform preserveaspectratio focusable"
)
_ATTRIBUTES: Final = frozenset(_ATTRIBUTE_NAMES.split())
_SAFE_LINK: Final = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)


def scroller(label: str) -> str:
    return str(Markup('<div class="cx-scroll" tabindex="0" role="group" aria-label="{}">').format(label))


def vetted(source: str, label: str, where: str) -> Markup:
    """Return HTML that our own code built, written anew.

    Parameters
    ----------
    source
        The HTML of one output.
    label
        What a table without a caption is called to a screen reader.
    where
        The cell, for the error.

    Raises
    ------
    ReportError
        If it holds more than the tags and attributes of tables, panels and small drawings.
    """
    reader = _Vetted(label, where)
    reader.feed(source)
    reader.close()
    return _written(reader.out)


def _written(parts: list[str]) -> Markup:
    return Markup("").join(Markup(part) for part in parts)  # noqa: S704


class _Vetted(HTMLParser):
    """Reads HTML that our own code built and writes it anew, each table in a frame that scrolls.

    Writing it anew, rather than passing the source on, leaves nothing that a browser could read
    differently from this parser.
    """

    def __init__(self, label: str, where: str) -> None:
        super().__init__(convert_charrefs=False)
        self.label, self.where = label, where
        self.out: list[str] = []
        self.frames: list[int] = []
        self.caption: list[str] | None = None
        self.label_found = ""
        self.open: list[str] = []

    def refuse(self, found: str) -> None:
        raise ReportError(
            f"{self.where}: an HTML output holds {found[:80]}",
            fix="Show tables and panels with cxlib's own functions, which write plain tags and escape text.",
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.refuse(f"<{tag}>; expected the tags of a table or a panel")
        kept = dict(attrs)
        for name, value in kept.items():
            if name not in _ATTRIBUTES and not name.startswith(("aria-", "data-")):
                self.refuse(f"the attribute {name} on <{tag}>")
            if name == "href" and not _SAFE_LINK.match(value or ""):
                self.refuse(f"a link to {value}")
        if tag == "table":
            if "cx-scroll" not in self.open:
                self.frames.append(len(self.out))
                self.out.append("")
            else:
                self.frames.append(-1)
            classes = (kept.get("class") or "").split()
            kept["class"] = " ".join(classes if "cx-table" in classes else ["cx-table", *classes])
            self.label_found = ""
        elif tag == "caption":
            self.caption = []
        written = "".join(
            f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in kept.items()
        )
        self.out.append(f"<{tag}{written}>")
        if tag not in _VOID_TAGS:
            self.open.append("cx-scroll" if "cx-scroll" in (kept.get("class") or "").split() else tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID_TAGS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _TAGS:
            self.refuse(f"</{tag}>; expected the tags of a table or a panel")
        if tag in _VOID_TAGS:
            return
        if not self.open or (self.open[-1] != tag and not (self.open[-1] == "cx-scroll" and tag == "div")):
            self.refuse(f"</{tag}> where {self.open[-1] if self.open else 'nothing'} is open")
        self.open.pop()
        self.out.append(f"</{tag}>")
        if tag == "caption" and self.caption is not None:
            self.label_found = " ".join("".join(self.caption).split())
            self.caption = None
        elif tag == "table" and (frame := self.frames.pop()) >= 0:
            self.out[frame] = scroller(self.label_found or self.label)
            self.out.append("</div>")

    def close(self) -> None:
        super().close()
        if self.open:
            self.refuse(f"<{self.open[-1]}> that is never closed")

    def handle_data(self, data: str) -> None:
        self.write(data)

    def handle_entityref(self, name: str) -> None:
        self.write(unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.write(unescape(f"&#{name};"))

    def write(self, text: str) -> None:
        self.out.append(str(escape(text)))
        if self.caption is not None:
            self.caption.append(text)

    def handle_comment(self, data: str) -> None:
        self.refuse("a comment")

    def handle_decl(self, decl: str) -> None:
        self.refuse(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self.refuse(f"<![{data}]>")

    def handle_pi(self, data: str) -> None:
        self.refuse(f"<?{data}>")
