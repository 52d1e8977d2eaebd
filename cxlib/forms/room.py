"""Forms for the room: what is agreed there is kept in the store, with a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from cxlib import tables
from cxlib.errors import CxError

if TYPE_CHECKING:
    from cxlib.engagement import Engagement


def commentary(eng: Engagement, *, chapter: str) -> widgets.VBox:
    """Write a word of one's own to a chapter and keep it with the engagement, as a new version."""
    found = eng.commentary
    begun = {"version": found.version}
    text = widgets.Textarea(
        value=found.chapters.get(chapter, ""),
        placeholder="What the reader should know that no figure says",
        layout=widgets.Layout(width="auto", max_width="54rem", height="9rem"),
    )
    author = widgets.Text(value=found.author, placeholder="Your name", description="By")
    keep = widgets.Button(description="Keep", button_style="primary")
    said = widgets.HTML()

    def store(_: Any) -> None:
        try:
            kept = eng.set_chapter(chapter, text.value, version=begun["version"], by=author.value)
        except CxError as error:
            said.value = str(tables.missing(str(error)).markup)
        else:
            begun["version"] = kept.version
            said.value = str(tables.note(f"Kept as version {kept.version}.").markup)

    keep.on_click(store)
    return widgets.VBox([text, author, keep, said])


def target(eng: Engagement, *, step: str) -> widgets.VBox:
    """Agree on a step's target in the room and keep it, with the reason, in the store."""
    found = eng.framework.step(step)
    proposal = found.target.level if found.target else 4.0
    level = widgets.BoundedFloatText(
        value=eng.targets.get(found.id, proposal), min=1, max=5, step=0.5, description="Target"
    )
    because = widgets.Text(
        placeholder="Why this level, in a sentence",
        description="Because",
        layout=widgets.Layout(width="auto", max_width="54rem"),
    )
    keep = widgets.Button(description="Keep target", button_style="primary")
    said = widgets.HTML()

    def store(_: Any) -> None:
        try:
            eng.set_target(found.id, level.value, because.value)
        except CxError as error:
            said.value = str(tables.missing(str(error)).markup)
        else:
            kept = f"Kept: {level.value:g} for {eng.instrument.say(found.name)}. Run the next cell to see it."
            said.value = str(tables.note(kept).markup)

    keep.on_click(store)
    return widgets.VBox([level, because, keep, said])
