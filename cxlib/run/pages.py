"""The report page: one HTML file that opens from a disk with no network.

The page carries its style, its script and Vega once, and its charts as data. Three doors keep text
from becoming markup: Jinja escapes whatever a person could have typed, HTML that our own code built
is read again and refused if it holds anything but a table's or a panel's tags, and the page's own
Content-Security-Policy names by hash the only scripts and styles that may run.

What stands in it is written in :mod:`cxlib.run.sections`; here it gets its frame.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxlib import look
from cxlib.branding import Branding
from cxlib.errors import ReportError, SettingsError
from cxlib.exports.document import Cover
from cxlib.exports.drawer import VEGALITE
from cxlib.figures import as_data
from cxlib.files import replaced
from cxlib.formats import day
from cxlib.look import theme, variables
from cxlib.provenance import digest
from cxlib.run.sections import Remark, Written, write
from cxlib.settings import read_settings

if TYPE_CHECKING:
    from nbformat import NotebookNode

# With {ast: true} the embedder brings its own expression interpreter; the bundle's `vega` is null.
_SNIPPET: Final = "window.cxEmbed=vegaEmbed;"


def render(
    notebooks: Sequence[NotebookNode],
    cover: Cover,
    *,
    commentary: Mapping[str, Remark] | None = None,
    foreword: Remark | None = None,
    tone: Mapping[str, str] | None = None,
) -> str:
    """Put executed notebooks together as one page that asks no host for anything.

    See :func:`cxlib.run.sections.write` for the parameters and for what is raised.
    """
    return framed(write(notebooks, cover, commentary=commentary, foreword=foreword, tone=tone))


def framed(written: Written, branding: Branding | None = None) -> str:
    """Return the whole HTML document of what was written, in a consultancy's look or the suite's own."""
    own = branding or Branding()
    cover, words, say = written.cover, written.words, written.say
    template = read_settings().template
    style = _style(template, cover, words, own)
    scripts = (vega_bundle(), _read(template, "report.js"))
    html = (
        look.templates()
        .get_template("page.html.j2")
        .render(
            cover=cover,
            words=words,
            language=say.spoken,
            untranslated="" if say.is_translated else words["untranslated"],
            foreword=written.foreword,
            date=day(cover.date, say.spoken) if cover.date else "",
            logo=own.logo.address if own.logo else "",
            line=own.line,
            contents=written.contents,
            sections=written.sections,
            style=look.as_is(style),
            scripts=[look.as_is(script) for script in scripts],
            theme=as_data(theme(language=say.spoken), "the theme"),
            policy=_policy([style], scripts),
        )
    )
    # A lone surrogate or a NUL in a name would make the file unreadable long after it was checked.
    return html.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


@lru_cache(maxsize=1)
def vega_bundle() -> str:
    """Return the script that carries Vega, Vega-Lite, the embedder and its expression interpreter.

    It takes about two seconds to make, so it is made once, and kept beside the store for each later process.
    """
    made_of = (_SNIPPET, VEGALITE, version("vl-convert-python"))
    kept = read_settings().local / f"vega-{digest(repr(made_of).encode())[:16]}.js"
    with suppress(OSError, UnicodeDecodeError, ReportError):
        return _sound(kept.read_text(encoding="utf-8"))
    import vl_convert

    script = vl_convert.javascript_bundle(_SNIPPET, vl_version=VEGALITE)
    sound = _sound(script)
    # On a full disk, or where there is no store, the next process makes it again.
    with suppress(SettingsError), replaced(kept) as part:
        part.write_text(script, encoding="utf-8")
    return sound


def _sound(script: str) -> str:
    if re.search(r"</script|<!--|[\r\0]", script, re.IGNORECASE):
        raise ReportError("this vl-convert makes a script that cannot stand in a page")
    # The bundle declares short names at its top level; they must not become the page's.
    return "{" + script + "}"


def _policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    def hashes(texts: Iterable[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
    )


def _style(template: Path, cover: Cover, words: Mapping[str, Any], own: Branding) -> str:
    folio = " ".join(
        f"counter({part})" if place % 2 else look.css_string(part)
        for place, part in enumerate(re.split(r"\{(pages?)\}", words["page"]))
    )
    running = {
        "top-left": look.css_string(f"{_short(cover.client, 64)} · {_short(cover.wave, 32)}"),
        "top-right": look.css_string(words["draft"] if cover.is_draft else ""),
        "bottom-left": look.css_string(cover.title[:100]),
        "bottom-right": folio,
    }
    boxes = "".join(f"@{place}{{content:{content}}}" for place, content in running.items())
    light = "".join(f"--cx-{name}:{colour};" for name, colour in own.colours)
    # An accent that is read on white is not read on black; the cover is as dark in both.
    dark = "".join(f"--cx-{name}:{colour};" for name, colour in own.colours if name == "cover")
    logo = (
        ".cx-logo{float:right;margin:0;padding:.5rem;background:#fff}"
        ".cx-logo img{display:block;height:3rem}\n"
    )
    return (
        f"{look.font_faces()}\n:root{{{variables('light')}{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables('dark')}{dark}}}}}\n"
        f"{_read(template, 'blocks.css')}\n{_read(template, 'report.css')}\n@page{{{boxes}}}\n"
        f"{logo if own.logo else ''}"
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@lru_cache(maxsize=16)
def _read(template: Path, name: str) -> str:
    return (template / name).read_text(encoding="utf-8")
