"""Every bad input that can reach an import: what it is answered, and that the store is as it was.

One table. Each file is imported into a store that holds a good one, and is refused by an exact message, in
under two seconds of work and in bounded memory; not a byte of the store or beside it changes.
"""

from __future__ import annotations

import hashlib
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
import yaml
from IPython.core.ultratb import AutoFormattedTB
from nbconvert import HTMLExporter
from nbformat import v4

from cxlib import tables
from cxlib.creation import add_engagement
from cxlib.declarations import EngagementSpec
from cxlib.errors import CxError, IngestError
from cxlib.framework import find_framework, load_framework
from cxlib.ingest import convert
from cxlib.live import LiveEngagement
from cxlib.opening import open_live
from cxlib.pseudonyms import pseudonym
from cxlib.run.memory import forget_peak, peak_mb
from cxlib.settings import read_settings
from cxlib.store import Store
from cxlib.store.connect import driver
from tests.conftest import Cx
from tests.test_ingest import GOOD, KEY, ROLES, ROWS, SCALES
from tests.test_ingest import PLAIN as WAVE_OF_INGEST
from tests.test_ingest import mapping as plain
from tests.test_inputs import HEAD, MAPPING, PEOPLE, book

WAVE: dict[str, Any] = {
    **WAVE_OF_INGEST,
    "items": [{"item": "s3.i04", "column": "Q1"}, {"item": "s3.i05", "column": "Q2"}],
}
STAFF: dict[str, Any] = yaml.safe_load(MAPPING)


@dataclass(frozen=True)
class Bad:
    """A bad input: its bytes or how to make it, the message (NAME stands for the file's), its name, what the
    mapping says beside what it usually says, and how far memory may rise."""

    make: bytes | Callable[[Path], Any]
    message: str | re.Pattern[str]
    name: str = "wave2.csv"
    changes: dict[str, Any] = field(default_factory=dict)
    mapping: dict[str, Any] = field(default_factory=lambda: WAVE)
    most_mb: float = 50


# ── The table ───────────────────────────────────────────────────────────────────────────────────

COLUMNS = (
    "Correct the mapping or the export. "
    "Read as format csv (recognised); encoding utf-8 (recognised); separator , (recognised); the header:"
)
CUT = "Close it, or export the file again: it may have been cut short."
ENCODING = "Declare source.encoding in the mapping (often cp1252), or save the file as UTF-8."
MARK = "Export the file again with quoted text, or double the mark."
NUL = "If the file is UTF-16 without its mark, declare source.encoding: utf-16-le; otherwise export it again."
SAVE = "Save the sheet of answers as “Excel workbook (.xlsx)” or “CSV UTF-8” and import that."

EXPECTED = "expected CSV, TSV, XLSX or Parquet"

BAD_FILES: dict[str, tuple[bytes, str]] = {
    "0 bytes": (
        b"",
        "wave2.csv is empty (0 bytes); expected a header and at least one response\nExport it again.",
    ),
    "header only": (
        b"id,unit,Q1,Q2\n",
        "wave2.csv holds 0 responses: nothing below its header\nExport it again.",
    ),
    "blank lines only": (
        b"id,unit,Q1,Q2\n\n\n",
        "wave2.csv holds 0 responses: nothing below its header\nExport it again.",
    ),
    "a workbook": (
        b"PK\x03\x04\x14\x00\x06\x00",
        "wave2.csv is a damaged workbook, or another zip archive; "
        f"expected CSV, TSV, XLSX or Parquet\n{SAVE}",
    ),
    "an old workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00",
        "wave2.csv is an Excel workbook of the old kind (.xls), or one that a password protects; "
        f"expected CSV, TSV, XLSX or Parquet\n{SAVE}",
    ),
    "a web page": (
        b"<!doctype html><script>alert(1)</script>",
        f"wave2.csv is a web page; expected CSV, TSV, XLSX or Parquet\n{SAVE}",
    ),
    "a NUL byte": (b"id,unit,Q1,Q2\n1,N\x00rth,5,5\n", f"wave2.csv row 2: a NUL byte; expected text\n{NUL}"),
    "UTF-16 without its mark": (
        GOOD.encode("utf-16-le"),
        f"wave2.csv row 1: a NUL byte; expected text\n{NUL}",
    ),
    "another encoding": (
        "id,unit,Q1,Q2\n1,Süd,5,5\n".encode("cp1252"),
        f"wave2.csv row 2: byte 0xFC at offset 17 is not UTF-8\n{ENCODING}",
    ),
    "a character cut short": (
        "id,unit,Q1,Q2\n1,Nord,5,ü".encode()[:-1],
        f"wave2.csv row 2: byte 0xC3 at offset 23 is not UTF-8\n{ENCODING}",
    ),
    "a quotation mark never closed": (
        b'id,unit,Q1,Q2,said\n1,North,5,5,"good\n2,North,5,5,bad\n',
        f"wave2.csv row 2: a quotation mark opens and is never closed\n{CUT}",
    ),
    "a quotation mark inside": (
        b'id,unit,Q1,Q2,said\n1,North,5,5,good\n2,North,5,5,very "bad"\n',
        "wave2.csv row 3: a quotation mark in the middle of a field, near "
        f"""'North,5,5,very "bad"\\n'; expected it around a whole field, and doubled inside\n{MARK}""",
    ),
    "a quotation mark that swallows rows": (
        b'id,unit,Q1,Q2,said\n1,North,5,5,"good\n2,North,5,5,"bad"\n',
        "wave2.csv row 2: a quotation mark in the middle of a field, near "
        f"""'od\\n2,North,5,5,"bad"\\n'; expected it around a whole field, and doubled inside\n{MARK}""",
    ),
    "a column missing": (
        b"id,unit,Q1,Q02\n1,North,5,5\n",
        "wave2.csv does not have the columns that mapping wave reads\n"
        f"  column 'Q2': not in the file; nearest Q02\n{COLUMNS} "
        "'id', 'unit', 'Q1', 'Q02'.",
    ),
    "columns merged by another separator": (
        b"id:unit:Q1:Q2\n1:North:5:5\n",
        "wave2.csv does not have the columns that mapping wave reads\n"
        "  column 'id': not in the file\n"
        "  column 'unit': not in the file\n"
        "  column 'Q1': not in the file\n"
        f"  column 'Q2': not in the file\n{COLUMNS} "
        "'id:unit:Q1:Q2'.",
    ),
    "a header twice": (
        b"id,unit,Q1,Q2,Q1\n1,North,5,5,4\n",
        "wave2.csv does not have the columns that mapping wave reads\n"
        "  column 'Q1': its header stands twice; found columns 3 and 5; expected one\n"
        f"{COLUMNS} 'id', 'unit', 'Q1', 'Q2', 'Q1'.",
    ),
    "too many fields": (
        b'id,unit,Q1,Q2\n1,"No\nrth",5,5\n2,North,5,5,\n',
        "2 of 2 rows in wave2.csv break mapping wave\n"
        "  row 2, column unit: a control character; found 'No\\nrth'; expected plain text in one line\n"
        f"  row 3: too many fields; found 5; expected 4, as in the header\n{ROWS}",
    ),
    "too few fields": (
        b"id,unit,Q1,Q2\n1,North,5,5\n\n2,North,5\n",
        "1 of 2 rows in wave2.csv breaks mapping wave\n"
        f"  row 4: too few fields; found 3; expected 4, as in the header\n{ROWS}",
    ),
    "no id": (
        b"id,unit,Q1,Q2\n1,North,5,5\n \xc2\xa0,North,5,4\n",
        "1 of 2 rows in wave2.csv breaks mapping wave\n"
        f"  row 3, column id: no id; expected an id in every row\n{ROWS}",
    ),
    "the same id again": (
        b"id,unit,Q1,Q2\n7,North,5,5\n8,North,5,4\n 7,North,5,4\n7 ,South,5,3\n",
        "3 of 4 rows in wave2.csv break mapping wave\n"
        "  row 2, column id: the same id as row 4; expected each id once\n"
        "  row 4, column id: the same id as row 2; expected each id once\n"
        f"  row 5, column id: the same id as row 2; expected each id once\n{ROWS}",
    ),
    "a control character": (
        "id,unit,Q1,Q2\n1,Nor\x07th,5,5\n2,Nor\u202eth,5,5\n".encode(),
        "2 of 2 rows in wave2.csv break mapping wave\n"
        "  row 2, column unit: a control character; found 'Nor\\x07th'; expected plain text in one line\n"
        "  row 3, column unit: a control character; found 'Nor\\u202eth'; expected plain text in one line\n"
        f"{ROWS}",
    ),
    "a long segment": (
        b"id,unit,Q1,Q2\n1," + b"x" * 201 + b",5,5\n",
        "1 of 1 row in wave2.csv breaks mapping wave\n"
        f"  row 2, column unit: 201 characters long; found '{'x' * 59}…'; expected at most 200\n{ROWS}",
    ),
    "more problems than are shown": (
        b"id,unit,Q1,Q2\n" + b"".join(b"%d,North,5,6\n" % i for i in range(10)),
        "10 of 10 rows in wave2.csv break mapping wave\n"
        + "".join(
            f"  row {i}, column Q2: outside the scale; found '6'; expected 1–5 or blank\n"
            for i in range(2, 10)
        )
        + f"  … and 2 more: error.problems lists them all\n{ROWS}",
    ),
}  # fmt: skip


BAD_SOURCES: dict[str, tuple[dict[str, Any], bytes, str]] = {
    "declared as Parquet": (
        {"format": "parquet"},
        GOOD.encode(),
        "wave2.csv is not a Parquet file, which the mapping declares\n"
        "Correct source.format in the mapping, or leave it out.",
    ),
    "Parquet declared as CSV": (
        {"format": "csv"},
        b"PAR1\x15\x04",
        "wave2.csv is a Parquet file; the mapping declares csv\n"
        "Correct source.format in the mapping, or leave it out.",
    ),
    "no such encoding": (
        {"encoding": "utf-9"},
        GOOD.encode(),
        "source.encoding 'utf-9' is not an encoding of text\n"
        "Correct it in the mapping: utf-8, utf-16, cp1252, latin-1, mac-roman …",
    ),
    "no encoding of text": (
        {"encoding": "base64"},
        GOOD.encode(),
        "source.encoding 'base64' is not an encoding of text\n"
        "Correct it in the mapping: utf-8, utf-16, cp1252, latin-1, mac-roman …",
    ),
    "a mark against the declaration": (
        {"encoding": "cp1252"},
        GOOD.encode("utf-8-sig"),
        "wave2.csv begins with the mark of UTF-8; the mapping declares cp1252\n"
        "Correct source.encoding in the mapping, or leave it out.",
    ),
    "the wrong encoding declared": (
        {"encoding": "ascii"},
        GOOD.replace("North", "Süd").encode(),
        "wave2.csv row 2: byte 0xC3 at offset 21 is not ASCII, which the mapping declares\n"
        "Correct source.encoding in the mapping.",
    ),
    "a separator that cannot be one": (
        {"delimiter": '"'},
        GOOD.encode(),
        "the separator '\"' cannot separate fields\nCorrect source.delimiter in the mapping.",
    ),
}  # fmt: skip


def staff(where: str) -> str:
    return f"1 of 1 row in NAME breaks mapping staff\n  {where}\n{ROWS}"


def unsaved(path: Path) -> Path:
    book(path, [HEAD, *PEOPLE[:1], ["002", "frontline", "North", None, "=1+3", 2, 3]])
    return path


def bomb(path: Path) -> Path:
    book(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", b"\0" * (1 << 25))
    return path


def truncated(path: Path) -> Path:
    whole = book(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def entities(path: Path) -> Path:
    """A workbook whose sheet declares an entity, as an attack would."""
    book(path)
    with zipfile.ZipFile(path) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>' + sheet[sheet.index(b"<worksheet") :]
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


# Answers as they come in, and what trust.md and experience bring in their place.
H = "id,unit,Q1,Q2\n"
DAY: dict[str, Any] = {"date": {"column": "day"}}
LONG_TEXT = "9" * (10 << 20)


def sheet(*rows: Sequence[Any], title: str = "Answers") -> Callable[[Path], Any]:
    """Make a workbook of these rows."""

    def make(path: Path) -> None:
        made = openpyxl.Workbook()
        made.active.title = title
        for row in rows:
            made.active.append(list(row))
        made.save(path)

    return make


def packed(*names: str) -> Callable[[Path], Any]:
    """Make a zip archive that holds files of these names."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "x")

    return make


def of_29_mb(path: Path) -> None:
    """Make a workbook of about 100 KB whose sheet unfolds to 29 MB."""
    sheet(HEAD)(path)
    with zipfile.ZipFile(path) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    row = b'<row><c t="n"><v>5</v></c></row>'
    one = parts["xl/worksheets/sheet1.xml"]
    cut = one.index(b"</sheetData>")
    parts["xl/worksheets/sheet1.xml"] = one[:cut] + row * (29_000_000 // len(row)) + one[cut:]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def row(where: str, rows: int = 1, of: int = 1) -> str:
    one = rows == 1
    return f"{rows} of {of} row{'s' * (of != 1)} in NAME break{'s' * one} mapping wave\n  {where}\n{ROWS}"


UNKNOWN = "expected 1–5 or blank, or a text that the mapping declares"
FORMAT = "Correct source.format in the mapping, or leave it out."
SUM = "a row of totals is nobody's answer; expected no such row, or source.totals: skip"
ODD_DAY = "expected %Y-%m-%d, as in 2026-03-31"
NEW: dict[str, Bad] = {
    "a date among ISO dates": Bad(
        b"id,unit,Q1,Q2,day\n1,N,5,5,2026-03-31\n2,N,5,5,03/04/2026\n",
        row(
            "row 3, column day: ambiguous or unknown date: choose the format; found '03/04/2026'; "
            f"{ODD_DAY}", 1, 2,
        ),
        changes=DAY,
    ),
    "a date as a serial number": Bad(
        b"id,unit,Q1,Q2,day\n1,N,5,5,46112\n",
        row(
            "row 2, column day: a spreadsheet's number instead of a date; found '46112'; "
            f"{ODD_DAY}; perhaps 2026-03-31"
        ),
        changes=DAY,
    ),
    "a date as a typed number": Bad(
        sheet(["id", "unit", "Q1", "Q2", "day"], ["1", "N", 5, 5, 46112.5]),
        row(
            "row 2, column day: a spreadsheet's number instead of a date; found '46112.5'; "
            f"{ODD_DAY}; perhaps 2026-03-31"
        ),
        "wave2.xlsx",
        DAY,
    ),
    "UTF-16 cut short": Bad(
        H.encode("utf-16")[:-1],
        "NAME row 1: byte 0x0A at offset 28 is not UTF-16-LE, whose mark the file begins with\n"
        "It may have been cut short: export or copy it again.",
    ),
    "NUL bytes alone": Bad(bytes(100), f"NAME row 1: a NUL byte; expected text\n{NUL}"),
    "a file of anything": Bad(
        bytes(range(1, 256)) * 10, f"NAME row 3: byte 0x80 at offset 127 is not UTF-8\n{ENCODING}"
    ),
    "CSV renamed .xlsx, and declared so": Bad(
        GOOD.encode(),
        f"NAME is a text file; the mapping declares xlsx\n{FORMAT}",
        "wave2.xlsx",
        {"source": {"format": "xlsx"}},
    ),
    "JSON": Bad(
        b'{"id": 1}',
        "NAME row 1: a quotation mark in the middle of a field, near '{\"id\": 1}'; "
        f"expected it around a whole field, and doubled inside\n{MARK}",
    ),
    "compressed": Bad(b"\x1f\x8b\x08x", f"NAME is compressed by gzip; {EXPECTED}\n{SAVE}"),
    "a zip archive": Bad(
        packed("a.csv"), f"NAME is another zip archive; expected CSV, TSV, XLSX or Parquet\n{SAVE}", "a.zip"
    ),
    "an OpenDocument table": Bad(
        packed("mimetype", "content.xml"),
        f"NAME is an OpenDocument file (.ods); expected CSV, TSV, XLSX or Parquet\n{SAVE}",
        "a.ods",
    ),
    "a Word document": Bad(
        packed("[Content_Types].xml", "word/document.xml"),
        f"NAME is a Word document; expected CSV, TSV, XLSX or Parquet\n{SAVE}",
        "a.docx",
    ),
    "a binary workbook": Bad(
        packed("[Content_Types].xml", "xl/workbook.bin"),
        f"NAME is a binary Excel workbook (.xlsb); expected CSV, TSV, XLSX or Parquet\n{SAVE}",
        "a.xlsb",
    ),
    "an empty workbook": Bad(
        sheet(),
        "NAME has 0 visible sheets with anything in them (none); expected one\n"
        "Name the sheet of answers as source.sheet in the mapping.",
        "wave2.xlsx",
    ),
    "a workbook's header alone": Bad(
        sheet(["id", "unit", "Q1", "Q2"]),
        "NAME holds 0 responses: nothing below its header\nExport it again.",
        "wave2.xlsx",
    ),
    "100 KB that unfold to 29 MB": Bad(
        of_29_mb,
        re.compile(
            r"NAME would unfold to 29 MB; expected at most 50 MB, and 100 times the file\n"
            r"Export the answers as CSV, which has no limit; do not trust a file that came from outside\."
        ),
        "wave2.xlsx",
    ),
    "a formula that was never run": Bad(
        sheet(["id", "unit", "Q1", "Q2"], ["1", "N", '=HYPERLINK("http://e?"&A1)', 5]),
        "NAME cell C2 is a formula without a saved result\n"
        "Open the workbook in a spreadsheet program, save it, and import it again.",
        "wave2.xlsx",
    ),
    "a formula as text": Bad(
        f'{H}1,N,"=HYPERLINK(""http://e?""&A1)",5\n'.encode(),
        row(f"row 2, column Q1: unknown text; found '=HYPERLINK(\"http://e?\"&A1)'; {UNKNOWN}"),
    ),
    "a formula behind a tab": Bad(
        f"{H}1,N,\t=1+1,5\n".encode(), row(f"row 2, column Q1: unknown text; found '\\t=1+1'; {UNKNOWN}")
    ),
    "a row of totals": Bad(
        f"{H}1,N,5,5\nTotal,,3,4\n".encode(),
        row(f"row 3, column id: {SUM}", 1, 2),
    ),
    "a row of means, in German": Bad(
        f"{H}1,N,5,5\nMittelwert Q1,,3,4\n".encode(),
        row(f"row 3, column id: {SUM}", 1, 2),
    ),
    "text turned about": Bad(
        f"{H}1,N\u202eX,5,5\n".encode(),
        row("row 2, column unit: a control character; found 'N\\u202eX'; expected plain text in one line"),
    ),
    "300 columns, none of which is read": Bad(
        (",".join(f"c{at}" for at in range(300)) + "\n").encode(),
        "NAME does not have the columns that mapping wave reads\n"
        "  column 'id': not in the file\n"
        "  column 'unit': not in the file\n"
        "  column 'Q1': not in the file; nearest c1\n"
        "  column 'Q2': not in the file; nearest c2\n"
        f"{COLUMNS} 'c0', 'c1', 'c2', 'c3', 'c4', 'c5' and 294 more.",
    ),
    "a cell of 10 MB": Bad(
        f"{H}1,N,5,{LONG_TEXT}\n".encode(),
        row(f"row 2, column Q2: unknown text; found '{'9' * 59}…'; {UNKNOWN}"),
        most_mb=150,
    ),
    "a record of 40 MB": Bad(
        lambda path: path.write_bytes(f"{H}1,N,5,".encode() + LONG_TEXT.encode() * 4),
        "NAME row 2 is longer than 16 MB; expected one response a row\nCheck that this is a survey export.",
        most_mb=250,
    ),
    "a header of 1 MB": Bad(
        f"id,unit,Q1,{'Q' * (1 << 20)}\n1,N,5,5\n".encode(),
        "NAME row 1 is not a header\nCheck that this is a survey export.",
    ),
    "the longest cell of a workbook": Bad(
        sheet(["id", "unit", "Q1", "Q2"], ["1", "N", 5, "x" * 32_767]),
        row(f"row 2, column Q2: unknown text; found '{'x' * 59}…'; {UNKNOWN}"),
        "wave2.xlsx",
    ),
}  # fmt: skip

BOOKS: dict[str, Bad] = {
    name: Bad(make, message, "bad.xlsx", changes, mapping=STAFF)
    for name, (make, changes, message) in {
        "two sheets of answers": (
            lambda p: book(p, More=("visible", [HEAD])), {},
            "NAME has 2 visible sheets with anything in them (Answers, More); expected one\n"
            "Name the sheet of answers as source.sheet in the mapping.",
        ),
        "all hidden": (
            lambda p: book(p, [], Codes=("hidden", [HEAD])), {},
            "NAME has 0 visible sheets with anything in them (none; hidden: Codes); expected one\n"
            "Name the sheet of answers as source.sheet in the mapping.",
        ),
        "no such sheet": (
            book, {"source": {"sheet": "Answer"}},
            "NAME has no sheet 'Answer'; nearest Answers; it has Answers\n"
            "Correct source.sheet in the mapping.",
        ),
        "a row of totals in a sheet": (
            lambda p: book(p, [HEAD, *PEOPLE, ["Total", None, None, None, 8, 7, 7]]), {},
            "NAME row 5 begins with 'Total': a row of totals is nobody's answer\n"
            "Delete it from the sheet, or declare source.totals: skip in the mapping.",
        ),
        "a formula that nobody saved": (
            unsaved, {},
            "NAME cell E3 is a formula without a saved result\n"
            "Open the workbook in a spreadsheet program, save it, and import it again.",
        ),
        "an error in a cell": (
            lambda p: book(p, [HEAD, ["001", "frontline", "North", None, "#N/A", 2, 3]]), {},
            staff(f"row 2, column A: unknown text; found '#N/A'; {UNKNOWN}"),
        ),
        "a half": (
            lambda p: book(p, [HEAD, ["001", "frontline", "North", None, 2.5, 2, 3]]), {},
            staff("row 2, column A: not a whole number; found '2.5'; expected 1–5 or blank"),
        ),
        "a truth value": (
            lambda p: book(p, [HEAD, ["001", "frontline", "North", None, True, 2, 3]]), {},
            staff("row 2, column A: true or false is not a level; found 'true'; expected 1–5 or blank"),
        ),
        "a cell beside the table": (
            lambda p: book(p, [HEAD, [*PEOPLE[0], "see me"]]), {},
            "NAME cell H2 holds 'see me' under no header\nGive the column a header, or clear it.",
        ),
        "an empty header row": (
            book, {"source": {"header_row": 9}},
            "NAME sheet Answers: row 9 is empty; expected the headers\n"
            "Declare source.header_row in the mapping: the number of the row with the headers.",
        ),
        "a zip bomb": (
            bomb, {},
            "NAME would unfold to 34 MB; expected at most 50 MB, and 100 times the file\n"
            "Export the answers as CSV, which has no limit; do not trust a file that came from outside.",
        ),
        "half a workbook": (
            truncated, {}, f"NAME is a damaged workbook, or another zip archive; {EXPECTED}\n{SAVE}",
        ),
        "an entity": (
            entities, {},
            "NAME declares entities in its XML, which no survey needs\n"
            "Do not trust the file; export the answers as CSV.",
        ),
        "declared as text": (
            book, {"source": {"format": "csv"}},
            "NAME is an Excel workbook; the mapping declares csv\n"
            "Correct source.format in the mapping, or leave it out.",
        ),
    }.items()
}  # fmt: skip

TABLE: dict[str, Bad] = {
    **{name: Bad(content, message) for name, (content, message) in BAD_FILES.items()},
    **{
        f"{name}: source": Bad(content, message, changes={"source": source})
        for name, (source, content, message) in BAD_SOURCES.items()
    },
    **BOOKS,
    **NEW,
}


# ── The store that nothing may change ───────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an engagement, and one good file in it."""
    home = tmp_path_factory.mktemp("bad")
    settings = read_settings({"CX_HOME": str(home)})
    plain = {
        "engagement": "acme", "name": "Acme", "framework": "cx7", "languages": ["en"],
        "roles": {"leadership": {}, "frontline": {}, "customer": {}}, "segments": {"unit": {"name": "Unit"}},
        "waves": [{"id": "w1"}],
    }  # fmt: skip
    with Store.open(settings) as store:
        add_engagement(
            store,
            EngagementSpec.model_validate(plain),
            load_framework(find_framework("cx7", settings.frameworks)),
        )
    (home / "good.csv").write_text(H + "good,North,5,5\n")
    with open_live("acme", settings=settings) as live:
        live.import_file(home / "good.csv", as_mapping(home, WAVE))
    return home


@pytest.fixture(scope="module")
def live(home: Path) -> Iterator[LiveEngagement]:
    with open_live("acme", settings=read_settings({"CX_HOME": str(home)})) as eng:
        # What is loaded on first use is no memory of a bad file.
        for bad in (Bad(b"id\n", ""), Bad(sheet(["id"]), "", "a.xlsx")):
            with pytest.raises(CxError):
                eng.import_file(put(home, bad), as_mapping(home, WAVE))
        yield eng


def as_mapping(folder: Path, plain: dict[str, Any]) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump(plain))
    return path


def put(folder: Path, bad: Bad) -> Path:
    path = folder / bad.name
    if isinstance(bad.make, bytes):
        path.write_bytes(bad.make)
    else:
        bad.make(path)
    return path


def digest(home: Path) -> str:
    """Return a digest of every row of the store, and of every file that it keeps."""
    local = home / "data" / "local"
    database = driver().connect(local / "cx.sqlite")
    names = [one for (one,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    held = [f"{name} {database.execute(f'SELECT * FROM {name}').fetchall()}" for name in sorted(names)]
    database.close()
    found = (path for kind in ("batches", "staging", "keys") for path in (local / kind).rglob("*"))
    files = sorted(path for path in found if path.is_file())
    held += [f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
    return hashlib.sha256("\n".join(held).encode()).hexdigest()


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_input_is_answered_by_its_message_and_changes_nothing(
    live: LiveEngagement, home: Path, tmp_path: Path, name: str
) -> None:
    bad = TABLE[name]
    path = put(tmp_path, bad)
    where = as_mapping(tmp_path, {**bad.mapping, **bad.changes})
    before, was = digest(home), sorted(tmp_path.iterdir())
    forget_peak()
    least, begun = peak_mb(), time.process_time()
    with pytest.raises(IngestError) as refused:
        live.import_file(path, where)
    assert time.process_time() - begun < 2
    if least is not None:
        assert (peak_mb() or 0) - least < bad.most_mb
    assert as_answered(str(refused.value), bad)
    by_row = refused.value.details and refused.value.details[0].row is not None
    if not by_row and bad.changes.get("source", {}).get("format") != "parquet":  # then no row can be kept
        with pytest.raises(IngestError) as refused:
            live.import_file(path, where, on_error="collect")
        assert as_answered(str(refused.value), bad)
    assert digest(home) == before
    assert sorted(tmp_path.iterdir()) == was, "something lies beside the file"


def as_answered(said: str, bad: Bad) -> bool:
    said = said.replace(bad.name, "NAME")
    if isinstance(bad.message, re.Pattern):
        assert bad.message.fullmatch(said), said
    else:
        assert said == bad.message.replace(bad.name, "NAME")
    return True


# ── What is understood, however it is written ───────────────────────────────────────────────────

GOOD_INPUTS: dict[str, tuple[bytes | Callable[[Path], Any], str, dict[str, Any], dict[str, int], str]] = {
    "country NA": (b"id,unit,Q1,Q2\n1,NA,5,5\n", "a.csv", {}, {"NA": 1}, "separator , (recognised)"),
    "semicolons and decimal commas elsewhere": (
        b"id;unit;Q1;Q2;weight\n1;N;5;5;3,5\n", "a.csv", {}, {"N": 1}, "separator ; (recognised)",
    ),
    "a line for Excel before the header": (
        b"sep=;\r\nid;unit;Q1;Q2\r\n1;N;5;5\r\n", "a.csv", {}, {"N": 1}, "its first line names the separator",
    ),
    "spaces, typographic quotes, marks of direction": (
        "id ,unit,\u200eQ1,\u00a0Q2\n1,N ,“5”,\u200f4\u200f\n2,N,’4’,5 \n".encode(), "a.csv", {}, {"N": 2},
        "'“5”' read as 5, 1 time",
    ),
    "300 columns": (
        f"id,unit,Q1,Q2{''.join(f',c{at}' for at in range(296))}\n1,N,5,5{',x' * 296}\n".encode(),
        "a.csv", {}, {"N": 1}, "format csv (recognised)",
    ),
    "CSV renamed .xlsx": (b"id,unit,Q1,Q2\n1,N,5,5\n", "a.xlsx", {}, {"N": 1}, "format csv (recognised)"),
    "a workbook renamed .csv": (
        sheet(["id", "unit", "Q1", "Q2"], ["1", "N", 5, 5]), "a.csv", {}, {"N": 1},
        "format xlsx (recognised)",
    ),
    "UTF-16": (
        "id,unit,Q1,Q2\n1,Süd,5,5\n".encode("utf-16"), "a.csv", {}, {"Süd": 1},
        "encoding utf-16-le (recognised)",
    ),
    "a row of totals, left out": (
        b"id,unit,Q1,Q2\n1,N,5,5\nTotal,,99,99\n", "a.csv", {"source": {"totals": "skip"}}, {"N": 1},
        "rows of totals left out: 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD_INPUTS)
def test_what_is_only_odd_is_understood_and_said(live: LiveEngagement, tmp_path: Path, name: str) -> None:
    make, called, changes, units, note = GOOD_INPUTS[name]
    path = put(tmp_path, Bad(make, "", called))
    found = live.import_file(path, as_mapping(tmp_path, {**WAVE, **changes}), dry_run=True).found
    assert found is not None
    assert found.segments == {"unit": units}
    assert note in found.notes


def test_zeros_before_an_id_stay_as_text_and_as_a_number_that_shows_them(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.append(["id", "unit", "Q1", "Q2"])
    for number in (123, 42):
        made.active.append([number, "N", 5, 5])
        made.active.cell(made.active.max_row, 1).number_format = "00000"
    made.save(tmp_path / "a.xlsx")
    (tmp_path / "a.csv").write_text("id,unit,Q1,Q2\n00123,N,5,5\n00042,N,5,5\n")
    ids = {}
    for name in ("a.xlsx", "a.csv"):
        out = tmp_path / "o.parquet"
        how = {"scales": SCALES, "roles": ROLES, "segments": ("unit",), "key": KEY, "out": out}
        convert(tmp_path / name, plain(), **how)
        ids[name] = pq.read_table(out)["respondent"].to_pylist()
    assert ids["a.xlsx"] == ids["a.csv"] == [pseudonym(KEY, "00123"), pseudonym(KEY, "00042")]


# ── A message is text, wherever it is shown ─────────────────────────────────────────────────────

PAYLOAD = "</script><img src=x onerror=alert(1)>"
ESCAPE = "\x1b[2J"


def test_a_message_is_escaped_wherever_it_is_shown(
    live: LiveEngagement, home: Path, tmp_path: Path, cx: Cx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payloads in header, cell, name of file and sheet: in a frame, a notebook, a table, a terminal."""
    name = f"<img src=x onerror=alert(1)>{ESCAPE}.csv"
    payloads: list[Bad] = [
        Bad(f'"{PAYLOAD}",unit,Q1,Q2\n1,N,5,5\n'.encode(), "", name),
        Bad(f'id,unit,Q1,Q2\n1,N,"{PAYLOAD}",5\n2,N,"{ESCAPE}",5\n'.encode(), "", name),
        Bad(sheet(["id"], title="<img src=x>"), "", "a.xlsx", {"source": {"sheet": PAYLOAD[:20]}}),
    ]
    outputs = []
    for bad in payloads:
        with pytest.raises(CxError) as refused:
            live.import_file(put(tmp_path, bad), as_mapping(tmp_path, {**WAVE, **bad.changes}))
        frame = refused.value.problems.to_html()
        assert "<img" not in frame
        traceback = AutoFormattedTB("Context", "nocolor").structured_traceback(
            refused.type, refused.value, refused.tb
        )
        outputs += [
            v4.new_output("error", ename="IngestError", evalue=str(refused.value), traceback=traceback)
        ]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("import_file()", outputs=outputs)])
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    assert "&lt;img src" in page
    assert "<img" not in page

    frame = live.imports().assign(
        file=[name] * len(live.imports()), reasons=[{PAYLOAD: 1}], converted=[[[PAYLOAD, "5", 1]]]
    )
    assert "<img" not in tables.imports(frame, live.instrument)._repr_html_()

    monkeypatch.setenv("CX_HOME", str(home))
    path = put(tmp_path, payloads[1])
    said = cx("import", "acme", path, "--mapping", as_mapping(tmp_path, WAVE))
    assert said.code == 2
    assert ESCAPE not in said.err + said.out
