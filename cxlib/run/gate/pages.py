"""The report's page as the gate serves it: its own policy as a header, a way back, and small on the wire."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from markupsafe import Markup

from cxlib.errors import ReportError
from cxlib.run.gate.shelf import Edition, read
from cxlib.run.reports import MANIFEST, REPORT

_HASHES: Final = r"(?:'sha256-[A-Za-z0-9+/]{43}=' ?)+"
# What a page of ours asks for, and not a word more: scripts and styles by their hashes, no address.
_POLICY: Final = re.compile(
    rf"default-src 'none'; script-src {_HASHES}; style-src (?P<styles>{_HASHES}); "
    r"img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
_META: Final = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">\n?')
_COVER: Final = '<header class="cx-cover">'


_LEAD: Final = re.compile(r'<p class="cx-lead">(.*?)</p>', re.DOTALL)


def lead(one: Edition) -> str:
    """Return the sentence in which the report says where its client stands; "" where it has none.

    As the report says it, with whatever an analyst put better.
    """
    try:
        return _lead(one, (one.folder / REPORT).stat().st_mtime_ns)
    except (ReportError, OSError, UnicodeError):
        return ""


@lru_cache(maxsize=1024)
def _lead(one: Edition, changed: int) -> str:
    found = _LEAD.search(read(one, REPORT).decode())
    return str(Markup(found[1]).striptags()) if found else ""  # noqa: S704


@dataclass(frozen=True)
class Served:
    """A page ready to go out."""

    body: bytes
    zipped: bytes
    policy: str


def report_page(one: Edition, *, back: str, label: str, style: str) -> Served:
    """Return the report's page with a link back to where it was opened from.

    Parameters
    ----------
    back, label
        Where the link leads, and what it says.
    style
        Address of the style sheet of that link.

    Raises
    ------
    ReportError
        If the page is not what the manifest says, or asks for more than a page of ours does.
    """
    changed = tuple((one.folder / name).stat().st_mtime_ns for name in (REPORT, MANIFEST))
    return _served(one, changed, back, label, style)


# A page is some 1.8 MB, and 0.9 MB zipped: the last ones stay at hand.
@lru_cache(maxsize=16)
def _served(one: Edition, changed: tuple[int, ...], back: str, label: str, style: str) -> Served:
    text = read(one, REPORT).decode()
    found = _META.search(text, 0, 4096)
    policy = found and _POLICY.fullmatch(found[1].replace("&#39;", "'"))
    if not found or not policy:
        raise ReportError(
            f"run {one.run}: its page has no policy that may be served",
            fix="Make the report again with this version.",
        )
    sheet = Markup('<link rel="stylesheet" href="{}">\n').format(style)
    bar = Markup('<nav class="cx-back" aria-label="{0}"><a href="{1}">{0}</a></nav>\n').format(label, back)
    # What stands before the cover is the template's own; what a person typed comes after, escaped.
    before, cover, after = text[found.end() :].partition(_COVER)
    body = f"{text[: found.start()]}{sheet}{before}{bar if cover else ''}{cover}{after}".encode()
    # The header takes the place of the page's own policy, which could not name the link's style sheet.
    styles = policy["styles"]
    header = policy[0].replace(f"style-src {styles}", f"style-src {styles} 'self'")
    return Served(body, gzip.compress(body, 6, mtime=0), f"{header}; frame-ancestors 'none'")
