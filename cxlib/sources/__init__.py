"""Survey files as text: recognised by their marks, read in one pass, each row known by its number."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Final

from cxlib.errors import IngestError
from cxlib.mapping import SourceSpec
from cxlib.sources.base import Batch, Source, SurveyFile
from cxlib.sources.columnar import ParquetSurvey
from cxlib.sources.delimited import CsvSurvey
from cxlib.sources.longform import widened
from cxlib.sources.parts import Part, PartSurvey, find_parts
from cxlib.sources.presets import PRESETS, PRIVATE, Layout
from cxlib.sources.sheets import TOTALS, WorkbookSurvey

__all__ = [
    "PRESETS", "PRIVATE", "TOTALS", "Batch", "Layout", "Part", "PartSurvey", "Source", "SurveyFile",
    "find_parts", "open_survey", "widened",
]  # fmt: skip

_PARQUET: Final = b"PAR1"
_ZIP: Final = b"PK\x03\x04"
_SIGNATURES: Final = (
    (b"PK\x03\x04", "a damaged workbook, or another zip archive"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an Excel workbook of the old kind (.xls), or one that a password protects",
    ),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"%PDF", "a PDF"),
    (b"$FL2", "an SPSS file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)


def open_survey(
    path: Path, spec: SourceSpec, wanted: Collection[str] = (), *, date_format: str = "%Y-%m-%d"
) -> SurveyFile:
    """Open a survey file and read its header.

    Parameters
    ----------
    path
        A CSV or TSV file, an Excel workbook, or a Parquet file.
    spec
        What the mapping declares of the file; the rest is recognised.
    wanted
        Headers that the mapping reads: they decide between separators that are both possible.
    date_format
        How a cell that a workbook holds as a date is written out, so that the mapping reads it back.

    Raises
    ------
    IngestError
        If there is no such file, it is empty, or it is not what it is said to be.
    """
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise IngestError(f"{path} {kind}; expected a CSV, TSV, XLSX or Parquet file", fix="Check the path.")
    size = path.stat().st_size
    if size == 0:
        raise IngestError(
            f"{path.name} is empty (0 bytes); expected a header and at least one response",
            fix="Export it again.",
        )
    with path.open("rb") as file:
        head = file.read(16)
    is_parquet = head.startswith(_PARQUET)
    if spec.format == "parquet" and not is_parquet:
        raise IngestError(
            f"{path.name} is not a Parquet file, which the mapping declares",
            fix="Correct source.format in the mapping, or leave it out.",
        )
    is_workbook = head.startswith(_ZIP) and zipfile.is_zipfile(path)
    found = "Parquet file" if is_parquet else "Excel workbook" if is_workbook else "text file"
    declared = {"csv": "text file", "tsv": "text file", "xlsx": "Excel workbook"}.get(spec.format or "")
    if declared not in (None, found):
        raise IngestError(
            f"{path.name} is {'an' if is_workbook else 'a'} {found}; the mapping declares {spec.format}",
            fix="Correct source.format in the mapping, or leave it out.",
        )
    recognised = () if spec.format else ("format",)
    if is_parquet:
        return ParquetSurvey(path, Source("parquet", recognised=recognised))
    if is_workbook:
        return WorkbookSurvey(path, spec, Source("xlsx", recognised=recognised), date_format)
    for signature, kind in _SIGNATURES:
        if head.lower().startswith(signature.lower()):
            raise IngestError(
                f"{path.name} is {kind}; expected CSV, TSV, XLSX or Parquet",
                fix="Save the sheet of answers as “Excel workbook (.xlsx)” or “CSV UTF-8” and import that.",
            )
    return CsvSurvey(path, _as_tabs(spec), head, recognised, wanted)


def _as_tabs(spec: SourceSpec) -> SourceSpec:
    """Read `format: tsv` as what it means: text, separated by tabs."""
    return spec.model_copy(update={"delimiter": "\t"}) if spec.format == "tsv" else spec
