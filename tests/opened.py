"""Everything that a file holds, down to its last layer: what a search for a person's data has to look at.

An archive is unpacked, a PDF's streams are inflated and its text is read, a Parquet file gives every value
of every column, JSON its texts without escapes, a page its text and what stands in it as base64.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pypdf import PdfReader
from pypdf.generic import StreamObject

# Shorter runs are words; what a page embeds is longer.
BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
DEEPEST = 4


def opened(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every layer of every file below a folder, and the files' names: (where, content)."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        yield f"the name of {name}", name.encode()
        yield from layers(name, path.read_bytes())


def layers(name: str, data: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield a file as it is, what its text says, then the files within it, again and again."""
    assert depth < DEEPEST, name
    yield name, data
    for inside, content in _said(name, data):
        yield f"{name}: {inside}", content
    for inside, content in _files(data):
        yield from layers(f"{name}: {inside}", content, depth + 1)


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for one in archive.namelist():
                yield one, archive.read(one)
    elif data.startswith(b"\x1f\x8b"):
        yield "unzipped", zlib.decompress(data, wbits=31)
    elif _is_page(data):
        for at, found in enumerate(BASE64.findall(data)):
            # What is not whole, such as a digest, is no file; but it is looked at for all that.
            yield f"base64 {at}", base64.b64decode(found[: len(found) // 4 * 4])


def _said(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [(one.filename, one.comment, one.extra) for one in archive.infolist()]
            yield "what the archive says", _lines([archive.comment, *parts])
    elif data.startswith(b"%PDF"):
        yield from _of_pdf(data)
    elif data.startswith(b"PAR1"):
        table = pq.read_table(io.BytesIO(data))
        yield "metadata", repr(table.schema.metadata).encode()
        for column in table.column_names:
            yield f"column {column}", _lines(set(table[column].to_pylist()))
    elif data.startswith(b"\x89PNG"):
        yield from _of_png(data)
    elif name.endswith((".json", ".ipynb")):
        yield "texts", _lines(_texts(json.loads(data)))
    elif _is_page(data):
        text = html.unescape(data.decode())
        yield "unescaped", text.encode()
        # A word may be cut into several runs of text.
        yield "text", re.sub(r"<[^>]*>", "", text).encode()


def _is_page(data: bytes) -> bool:
    return data.lstrip()[:15].lower().startswith((b"<!doctype html", b"<?xml", b"<html", b"<svg"))


@lru_cache(maxsize=64)
def _of_pdf(data: bytes) -> tuple[tuple[str, bytes], ...]:
    """Read a PDF once: its text takes seconds to put together, and several searches look at one run."""
    return tuple(_read_pdf(data))


def _read_pdf(data: bytes) -> Iterator[tuple[str, bytes]]:
    reader = PdfReader(io.BytesIO(data))
    yield "metadata", repr(dict(reader.metadata or {})).encode()
    objects = [reader.get_object(number) for number in range(1, reader.trailer["/Size"])]
    yield "objects", _lines(objects)
    for number, found in enumerate(objects, 1):
        if isinstance(found, StreamObject):
            yield f"stream {number}", found.get_data()
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        yield f"page {number}", text.encode()
        # Words are set letter by letter, and a reader of the text may put spaces between.
        yield f"page {number} without spaces", re.sub(r"\s", "", text).encode()


def _of_png(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 8
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind in {b"tEXt", b"iTXt", b"eXIf"}:
            yield kind.decode(), data[at + 8 : at + 8 + size]
        elif kind == b"zTXt":
            yield "zTXt", zlib.decompress(data[at + 8 : at + 8 + size].split(b"\0", 1)[1][1:])
        at += size + 12


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)


def _lines(values: Any) -> bytes:
    return "\n".join(map(str, values)).encode()
