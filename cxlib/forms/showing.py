"""How forms show what they found, in a notebook and on a dashboard's page, and where a reader begins."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from markupsafe import Markup

from cxlib import look
from cxlib.charts import Figure
from cxlib.errors import CxError
from cxlib.figures import figure
from cxlib.tables.html import Html, missing

if TYPE_CHECKING:
    from cxlib.engagement import Engagement


def wide() -> widgets.Layout:
    """Return a layout as wide as its place; each widget has one of its own, to be hidden by."""
    return widgets.Layout(width="auto", max_width="54rem")


# Of this process, which belongs to one reader: where they begin, and whether a page of ours is around them.
_begun = {"wave": "", "segment": "", "page": ""}
_count = itertools.count(1)


def begin_at(*, wave: str = "", segment: str = "") -> None:
    """Begin at a wave and a group that the address named, on a page that draws charts by itself."""
    _begun.update(wave=wave, segment=segment, page="yes")


def begin_anew() -> None:
    """Forget all of that: whoever is forked from this process has another reader."""
    _begun.update(wave="", segment="", page="")


def begun() -> tuple[str, str]:
    """Return the wave and the group to begin with; each may be empty."""
    return _begun["wave"], _begun["segment"]


def is_on_page() -> bool:
    return bool(_begun["page"])


class Shown:
    """A place whose content is replaced: tables and charts, one below the other."""

    def __init__(self, eng: Engagement) -> None:
        self._eng = eng
        # A page's own script draws its charts; in JupyterLab its own renderer does.
        self.widget: Any = widgets.HTML() if is_on_page() else widgets.Output()

    def show(self, *parts: Html | Figure | None) -> None:
        """Show parts instead of what was shown; nothing in place of None."""
        found = [part for part in parts if part is not None]
        if is_on_page():
            self.widget.value = str(Markup("\n").join(self._written(part) for part in found))
        else:
            self.widget.outputs = tuple(_output(part) for part in found)

    def _written(self, part: Html | Figure) -> Markup:
        if isinstance(part, Html):
            return part.markup
        data, *_ = part._repr_mimebundle_()
        spec = next(value for mime, value in data.items() if mime != "text/plain")
        words = look.words(self._eng.words.spoken)
        return figure(spec, f"live-{next(_count)}", words, "a live figure")


_waiting: dict[Callable[[], None], asyncio.TimerHandle] = {}


def at_rest(act: Callable[[], None], *, seconds: float = 0.25) -> None:
    """Do something once nothing has asked for it for a moment; at once where no kernel's loop runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        act()
        return
    if act in _waiting:
        _waiting.pop(act).cancel()
    _waiting[act] = loop.call_later(seconds, lambda: (_waiting.pop(act, None), act()))


def _output(part: Html | Figure) -> dict[str, Any]:
    if isinstance(part, Html):
        data: dict[str, Any] = {"text/html": str(part.markup), "text/plain": part.text}
        return {"output_type": "display_data", "data": data, "metadata": {}}
    data, metadata = part._repr_mimebundle_()
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def choice(label: str, names: Sequence[str], at: int = 0) -> widgets.Dropdown:
    """Make a list to choose from; read its `index` with :func:`place_of`, never its text."""
    return widgets.Dropdown(
        options=[(name, place) for place, name in enumerate(names)],
        index=at if 0 <= at < len(names) else 0,
        description=label,
        layout=wide(),
        style={"description_width": "10rem"},
    )


def place_of(chosen: widgets.Dropdown, among: Sequence[Any]) -> Any:
    """Return what was chosen; the first where a page wrote a place that is not there."""
    at = chosen.index
    return among[at] if isinstance(at, int) and 0 <= at < len(among) else among[0]


def guarded(shown: Shown, make: Callable[[], Sequence[Html | Figure | None]]) -> Callable[..., None]:
    """Return a callback that shows what is made, or says in its place what could not be."""

    def act(*_: Any) -> None:
        try:
            shown.show(*make())
        except CxError as error:
            shown.show(missing(str(error)))

    return act
