"""A consultancy's own look: its name, logo, colours and Word template, from one YAML file.

`CX_HOME/branding.yaml` holds it, and every report that is made from then on bears it: the page, the PDF,
Word, Excel and PowerPoint. A run keeps what it was made with, so that approving it later changes no colour.

    name: Northlight Consulting
    line: Customer experience, in sequence      # below the name; optional
    logo: logo.svg                              # PNG, JPEG or SVG (outlines), beside this file; optional
    colours: {accent: "#0b5765", cover: "#0a3540"}
    word_template: house.docx                   # optional; see reports/template/word/README.md
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from cxlib.declarations import Document, Model, Name, declaration_error, dotted, read_document, validate
from cxlib.errors import Problem

FILE: Final = "branding.yaml"
MOST_BYTES: Final = 2_000_000
# Against what each colour is read: white paper; the cover's three kinds of text (see theme.json).
AGAINST: Final = {"accent": ("#ffffff",), "cover": ("#fdfefe", "#b3cdd3", "#f4c285")}
READABLE: Final = 4.5
KINDS: Final = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
# What a drawing must not hold: it stands in files that others open, and letters go wherever their font is
# not there.
_NOT_DRAWN: Final = re.compile(
    rb"<text|<script|<foreignobject|<image|<use|<!entity|<!doctype|\son\w+\s*=|@import|url\(\s*[\"']?(?!#)|href\s*=\s*[\"'](?!#)",
    re.IGNORECASE,
)

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$"), AfterValidator(str.lower)]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class ColoursSpec(Model):
    """Colours that replace the suite's own: of accents on white, and of the cover."""

    accent: Colour | None = None
    cover: Colour | None = None


class BrandingSpec(Model):
    """A branding file."""

    name: Name
    line: Annotated[str, Field(max_length=200)] = ""
    logo: FileName | None = None
    colours: ColoursSpec = ColoursSpec()
    word_template: FileName | None = None


@dataclass(frozen=True)
class Logo:
    """A picture as it was given; `kind` is png, jpeg or svg."""

    kind: str
    data: bytes

    @property
    def address(self) -> str:
        """The picture as an address that a page holds itself."""
        kind = "svg+xml" if self.kind == "svg" else self.kind
        return f"data:image/{kind};base64,{b64encode(self.data).decode()}"


@dataclass(frozen=True)
class Branding:
    """A consultancy's look, read and checked; without a file it is the suite's own.

    `colours` replace those of the same name in `reports/template/theme.json`.
    """

    name: str = ""
    line: str = ""
    logo: Logo | None = None
    colours: tuple[tuple[str, str], ...] = ()
    word_template: bytes | None = None
    files: tuple[tuple[str, bytes], ...] = ()

    def keep(self, folder: Path) -> None:
        """Write the files it was read from into a folder, where :func:`read_branding` finds them again."""
        for name, data in self.files:
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)


def find_branding(folder: Path) -> Branding:
    """Return the branding that a folder holds, or the suite's own."""
    path = folder / FILE
    return read_branding(path) if path.is_file() else Branding()


def read_branding(path: Path) -> Branding:
    """Read a branding file and what it names beside it.

    Raises
    ------
    DeclarationError
        Naming line and field: a field that does not exist, a file that is not there or is not what it
        should be, a colour on which text could not be read.
    """
    document = read_document(path)
    spec = validate(BrandingSpec, document)
    problems: list[Problem] = []
    for name, of in AGAINST.items():
        colour = getattr(spec.colours, name)
        if colour is None:
            continue
        found = min(contrast(colour, other) for other in of)
        if found < READABLE:
            problems.append(
                _problem(
                    document,
                    ("colours", name),
                    f"text {'in' if name == 'accent' else 'on'} this colour cannot be read",
                    f"{colour}, contrast {found:.1f}",
                    f"a darker colour, contrast at least {READABLE}",
                )
            )
    logo = _beside(document, path, "logo", spec.logo, problems)
    template = _beside(document, path, "word_template", spec.word_template, problems)
    kind = _kind(logo) if logo else ""
    if logo and not kind:
        problems.append(
            _problem(document, ("logo",), "no logo that every format can show", spec.logo or "",
                     "a PNG or JPEG picture, or an SVG drawing without scripts, links and pictures, and with "
                     "its letters as outlines")
        )  # fmt: skip
    if template and not template.startswith(b"PK"):
        problems.append(
            _problem(
                document, ("word_template",), "no Word document", spec.word_template or "", "a .docx file"
            )
        )
    if problems:
        raise declaration_error(document, problems)
    colours = {name: getattr(spec.colours, name) for name in AGAINST}
    named = ((spec.logo, logo), (spec.word_template, template))
    return Branding(
        spec.name,
        spec.line,
        Logo(kind, logo) if logo else None,
        tuple((name, colour) for name, colour in colours.items() if colour),
        template,
        ((FILE, path.read_bytes()), *((name, data) for name, data in named if name and data)),
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours such as "#0b5765", 1 to 21. Source: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _kind(data: bytes) -> str:
    for begin, kind in KINDS.items():
        if data.startswith(begin):
            return kind
    is_drawing = re.match(rb"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*<svg[\s>]", data, re.DOTALL)
    return "svg" if is_drawing and not _NOT_DRAWN.search(data) else ""


def _beside(
    document: Document, path: Path, field: str, name: str | None, problems: list[Problem]
) -> bytes | None:
    """Read a file that lies beside the branding file."""
    if name is None:
        return None
    file = path.parent / name
    try:
        size = file.stat().st_size
        if size <= MOST_BYTES:
            return file.read_bytes()
        problems.append(
            _problem(
                document,
                (field,),
                "too large",
                f"{name}, {size / 1e6:.1f} MB",
                f"at most {MOST_BYTES / 1e6:.0f} MB",
            )
        )
    except OSError:
        problems.append(_problem(document, (field,), "no such file", name, f"a file beside {document.name}"))
    return None


def _problem(document: Document, path: tuple[str, ...], reason: str, found: str, expected: str) -> Problem:
    line = document.line(path)
    return Problem(f"{document.name} line {line}, {dotted(path)}", reason, found, expected, line=line)
