"""Forms of an engagement on their way out and back: the units they offer, and the files that answer them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cxlib.declarations import EngagementSpec
from cxlib.frames import NOT_STATED
from cxlib.framework import Framework
from cxlib.mapping import SourceSpec
from cxlib.sources import open_survey
from cxlib.store import Store
from cxlib.surveys import Back, mapping_back


def segment_values(store: Store, spec: EngagementSpec) -> dict[str, tuple[str, ...]]:
    """Return the values of each segment that the invitations to any wave name, sorted."""
    slug = spec.engagement
    cells = [cell for wave in store.waves(slug) for cell, _ in store.invited(slug, wave.id)]
    named = {segment: {cell[segment] for cell in cells if cell.get(segment)} for segment in spec.segments}
    return {segment: tuple(sorted(values - {NOT_STATED})) for segment, values in named.items()}


def form_answered(store: Store, spec: EngagementSpec, framework: Framework, path: Path) -> Back | None:
    """Recognise an answer to a form that `cx form` wrote, by its headers; None for another file.

    Raises
    ------
    IngestError
        If the file cannot be read.
    """
    if path.is_dir():
        return None
    with closing(open_survey(path, SourceSpec())) as survey:
        return mapping_back(
            survey.header,
            framework,
            roles=list(spec.roles),
            segments=list(spec.segments),
            values=segment_values(store, spec),
        )
