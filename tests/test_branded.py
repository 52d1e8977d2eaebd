"""A plan file's `branding:`: each client's reports bear the consultancy's own look, and nobody else's."""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import pytest
from pypdf import PdfReader

from cxlib.creation import add_engagement
from cxlib.live import LiveEngagement
from cxlib.run.batch import Processes, run_batch
from cxlib.run.jobs import jobs_of, read_plan
from cxlib.run.runs import approve
from cxlib.settings import Settings, read_settings
from cxlib.store import Store
from tests.samples import bakery, declared, mapping, share_of, survey


@dataclass(frozen=True)
class Look:
    """What tells one consultancy's files from another's: name, accent, cover, and the colour of its logo."""

    name: str
    accent: str
    cover: str
    mark: str

    @property
    def logo(self) -> str:
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
            f'<rect width="40" height="20" fill="{self.mark}"/></svg>'
        )

    def write(self, folder: Path, stem: str) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        (folder / f"{stem}.svg").write_text(self.logo)
        (folder / f"{stem}.yaml").write_text(
            f"name: {self.name}\nlogo: {stem}.svg\n"
            f'colours: {{accent: "{self.accent}", cover: "{self.cover}"}}\n'
        )


NORTH = Look("North & Light", "#7a1f3d", "#2b1020", "#123456")
SOUTH = Look("South Wind", "#1d5c2e", "#10301a", "#654321")
HOUSE = Look("The House", "#5a3d99", "#241a40", "#778899")
LOOKS = {"north": NORTH, "south": SOUTH, "house": HOUSE}
PLAN = """
reports:
  - {engagement: north, branding: brands/north.yaml}
  - {engagement: south, branding: brands/south.yaml}
  - engagement: house
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, Path]]:
    """One batch of three clients: two with a branding of their own, one with that of the installation."""
    home = tmp_path_factory.mktemp("branded")
    settings = replace(read_settings({"CX_HOME": str(home)}), share=share_of(home, "engagement"))
    path, map_ = survey(home / "spring.csv"), mapping(home)
    with Store.open(settings) as store:
        for name in LOOKS:
            add_engagement(store, declared(engagement=name, name=f"Client {name}"), bakery())
            LiveEngagement(store, name).import_file(path, map_)
    for name in ("north", "south"):
        LOOKS[name].write(home / "brands", name)
    HOUSE.write(home, "branding")
    (home / "plan.yaml").write_text(PLAN)
    jobs = jobs_of(read_plan(home / "plan.yaml"), settings, formats=("html", "json", "pdf", "docx", "pptx"))
    done = run_batch(jobs, settings, Processes(settings, 2))
    assert done.count("done") == 3, [one.cause for one in done.outcomes.values()]
    runs = {
        job.engagement: settings.runs / job.engagement / job.wave / done.outcomes[job.key].run for job in jobs
    }
    return settings, runs


@pytest.mark.parametrize("name", LOOKS)
def test_the_page_has_its_clients_branding_alone(made: Any, name: str) -> None:
    page = (made[1][name] / "report.html").read_text(encoding="utf-8")
    for other, look in LOOKS.items():
        is_own = other == name
        assert (look.name.replace("&", "&amp;") in page) is is_own
        assert (f"--cx-accent:{look.accent}" in page) is is_own
        assert (f"--cx-cover:{look.cover}" in page) is is_own
        assert (b64encode(look.logo.encode()).decode() in page) is is_own


@pytest.mark.parametrize("name", LOOKS)
def test_the_pdf_has_its_clients_branding_alone(made: Any, name: str) -> None:
    reader = PdfReader(BytesIO((made[1][name] / "report.pdf").read_bytes()))
    text = " ".join(page.extract_text() for page in reader.pages)
    drawn = {colour for page in reader.pages for colour in painted(page)}
    for other, look in LOOKS.items():
        is_own = other == name
        assert (look.name in text) is is_own
        assert (rgb(look.cover) in drawn) is is_own
        assert (rgb(look.accent) in drawn) is is_own
        assert (rgb(look.mark) in drawn) is is_own


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def painted(page: Any) -> Iterator[tuple[int, ...]]:
    """Yield the colours that a page, or a drawing on it, fills and strokes with."""
    from pypdf.generic import ContentStream

    forms = (page.get("/Resources") or {}).get("/XObject") or {}
    contents = page.get_contents() if hasattr(page, "get_contents") else page
    for operands, operator in ContentStream(contents, None).operations if contents is not None else ():
        if operator in (b"rg", b"RG", b"scn", b"SCN") and len(operands) == 3:
            yield tuple(round(float(one) * 255) for one in operands)
    for one in forms.values():
        if (form := one.get_object()).get("/Subtype") == "/Form":
            yield from painted(form)


@pytest.mark.parametrize("name", LOOKS)
def test_word_and_powerpoint_have_their_clients_branding_alone(made: Any, name: str) -> None:
    word = docx.Document(str(made[1][name] / "report.docx"))
    assert str(word.styles["Heading 1"].font.color.rgb) == LOOKS[name].accent[1:].upper()
    (own,) = pictures(made[1][name])
    assert own not in [one for other in set(LOOKS) - {name} for one in pictures(made[1][other])]
    for kind in ("docx", "pptx"):
        with zipfile.ZipFile(made[1][name] / f"report.{kind}") as archive:
            said = "".join(archive.read(one).decode() for one in archive.namelist() if one.endswith(".xml"))
        for other, look in LOOKS.items():
            assert (look.name.replace("&", "&amp;") in said) is (other == name)
    assert LOOKS[name].cover[1:].upper() in said.upper()


def pictures(run: Path) -> list[bytes]:
    parts = docx.Document(str(run / "report.docx")).part.package.iter_parts()
    return [bytes(part.blob) for part in parts if part.partname.startswith("/word/media/")]


def test_a_run_keeps_the_branding_it_was_made_with(made: Any) -> None:
    settings, runs = made
    HOUSE.write(settings.home / "brands", "north")
    try:
        approve(settings, runs["north"].name, by="A. Reader")
    finally:
        NORTH.write(settings.home / "brands", "north")
    page = (runs["north"] / "report.html").read_text(encoding="utf-8")
    assert f"--cx-accent:{NORTH.accent}" in page
    assert HOUSE.name not in page


def test_a_changed_branding_makes_a_new_report_of_its_clients_alone(made: Any) -> None:
    settings, _ = made

    def keys() -> dict[str, str]:
        found = jobs_of(read_plan(settings.home / "plan.yaml"), settings)
        return {job.engagement: job.key for job in found}

    before = keys()
    (settings.home / "brands" / "north.svg").write_text(SOUTH.logo)
    after = keys()
    NORTH.write(settings.home / "brands", "north")
    assert {name for name in LOOKS if before[name] != after[name]} == {"north"}


def test_a_plan_whose_branding_is_not_there_is_refused_before_anything_is_made(made: Any) -> None:
    settings, _ = made
    path = settings.home / "other.yaml"
    path.write_text(json.dumps({"reports": [{"engagement": "north", "branding": "brands/west.yaml"}]}))
    with pytest.raises(Exception, match=r"west\.yaml"):
        jobs_of(read_plan(path), settings)
    path.write_text(json.dumps({"reports": [{"engagement": "north", "branding": "../north.yaml"}]}))
    with pytest.raises(Exception, match="branding"):
        read_plan(path)
