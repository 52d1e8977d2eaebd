"""A run's dashboard: what was published first and at once, then its live figures in their places.

The page is streamed. Its first bytes are the chapter as it was approved, which needs no kernel; then the
kernel starts, and what Voilà makes of the cells that live comes after. Where no kernel is to be had, the
chapter stands all the same, and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from prometheus_client import Gauge
from tornado.iostream import StreamClosedError

from cxlib.errors import CxError
from cxlib.figures import as_data
from cxlib.run.gate.chapters import Book, Chapter, book, live_notebook
from cxlib.run.gate.frontend import EXTENSIONS, STATIC, FrontEnd, FrontEndFile
from cxlib.run.gate.kernels import FullError, Limits
from cxlib.run.gate.operating import log
from cxlib.run.gate.phrases import phrases
from cxlib.run.gate.portal import BEING_WRITTEN, Answer
from cxlib.run.gate.rules import Route, Rule
from cxlib.run.gate.views import LONGEST, View, view_of
from cxlib.run.gate.voila import (
    Channels,
    Ending,
    OneKernel,
    OneNotebook,
    OneStart,
    Standalone,
    TornadoVoilaHandler,
    Voiced,
)
from cxlib.run.pages import vega_bundle
from cxlib.settings import Settings

# Below it, Voilà's front end finds its kernel by the paths that it knows.
LIVE: Final = "/live"
OVERVIEW: Final = "overview"
RETRY_SECONDS: Final = 30
# Where the page's own markup ends and what Voilà streams begins.
_SEAM: Final = "<!--live-->"

# What a dashboard may load and do, each exception for a reason:
# - script-src 'self': Voilà's front end is files of ours; no inline script, no other host, no blob.
# - style-src 'unsafe-inline': the front end's style sheets are put into the page by its scripts.
# - connect-src 'self': the kernel's websocket and its state.
# - img-src data: icons within those style sheets.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Dashboards:
    """The dashboards of one gate: Voilà, its kernels, its front end, and the routes to all of them.

    Parameters
    ----------
    limits
        How many kernels, and for how long.
    """

    def __init__(self, settings: Settings, limits: Limits | None = None) -> None:
        self.settings = settings
        self._limits = limits or Limits()
        self.front_end = FrontEnd()

    @cached_property
    def voila(self) -> Standalone:
        made = Standalone(self.settings.template)
        made.kernels.limits = self._limits
        return made

    @property
    def routes(self) -> tuple[Route, ...]:
        mine = MappingProxyType({"dashboards": self})

        def live(name: str, path: str, handler: Any, rule: Rule, **more: Any) -> Route:
            return Route(name, path, handler, rule, options=mine, **more)

        kernel, chapter = f"{LIVE}/api/kernels/{{kernel}}", "/runs/{run}/dashboard"
        return (
            live("dashboard", chapter, Dashboard, Rule.RUN, policy=POLICY),
            live("chapter", f"{chapter}/{{chapter}}", Dashboard, Rule.RUN, policy=POLICY),
            live("kernel", kernel, OneKernel, Rule.KERNEL),
            live("channels", f"{kernel}/channels", Channels, Rule.KERNEL),
            live("ending", f"{LIVE}/voila/api/shutdown/{{kernel}}", Ending, Rule.KERNEL, is_beacon=True),
            # What holds nobody's figures, alike for all.
            live("front-end", "/front-end/{version}/{part}", FrontEndFile, Rule.OPEN),
        )

    def start(self, gate: Any) -> None:
        """Tell the gate whose each kernel is, and make what the first visitor would wait some seconds for."""
        # The guard's rule for kernels reads the very entries by which kernels are counted and ended.
        gate.kernels, self.voila.kernels.still = self.voila.kernels.held, gate.still
        gate.assets.add_script("vega", vega_bundle())
        self.voila.kernels.warmth.renew()
        held, about = self.voila.kernels.held, "Kernels of dashboards, those being started included."
        Gauge("cx_gate_kernels", about, registry=gate.metrics.registry).set_function(lambda: len(held))

    async def close(self) -> None:
        """End every kernel."""
        if "voila" in self.__dict__:
            await self.voila.close()


class Dashboard(Voiced, Answer, TornadoVoilaHandler):
    """One chapter of a run, live."""

    def initialize(self, dashboards: Dashboards, **options: Any) -> None:
        voila = dashboards.voila
        super().initialize(
            dashboards,
            template_paths=voila.template_paths,
            config=voila.config,
            voila_configuration=voila.voila_configuration,
        )

    async def get(self, run: str, chapter: str = OVERVIEW) -> None:
        edition, gate = self.edition, self.gate
        try:
            held: Book = await gate.ask(book, edition)
            view: View = await gate.ask(view_of, edition, self._asked("wave"), self._asked("segment"))
            self._worn = await gate.ask(gate.worn, edition)
        except (CxError, OSError):
            gate.refuse(self, BEING_WRITTEN)
            return
        found = held.chapters.get(chapter)
        if found is None:
            self.send_error(404)
            return
        await self.note("explored", chapter)
        kernels, kernel, full = self.dashboards.voila.kernels, "", ""
        if found.is_live:
            try:
                kernel = kernels.take(self.visit.session, run)
            except FullError as error:
                full = str(error)
                self.set_status(503)
                self.set_header("Retry-After", str(RETRY_SECONDS))
        try:
            before, _, after = self._page(held, found, view, kernel, full).partition(_SEAM)
            self.set_header("Content-Type", "text/html; charset=utf-8")
            # A proxy that gathers an answer before it hands it on would hold the chapter back.
            self.set_header("X-Accel-Buffering", "no")
            self.write(before)
            await self.flush()
            if kernel:
                await self._live(found, view, kernel)
            self.finish(after)
        except StreamClosedError:
            await kernels.end(kernel)
        except BaseException:
            await kernels.end(kernel)
            raise

    def _asked(self, name: str) -> str:
        return self.get_query_argument(name, "")[:LONGEST]

    async def _live(self, chapter: Chapter, view: View, kernel: str) -> None:
        """Start the kernel, run what lives, and send what comes of it."""
        edition, kernels = self.edition, self.dashboards.voila.kernels
        notebook = await self.gate.ask(live_notebook, edition, chapter, view.line)
        self._notebook = OneNotebook(notebook)
        self._start = OneStart(kernels, kernel, edition.folder)
        try:
            async for html in self.get_generator(f"{chapter.slug}.ipynb"):
                # Voilà's sign of life is an inline script, which the policy does not let run.
                self.write("<!-- . -->" if "voila_heartbeat" in html else html)
                await self.flush()
        except (StreamClosedError, asyncio.CancelledError):
            raise
        except Exception as error:
            # The page notices that nothing came, and says so with a button.
            log.error("kernel failed", extra={"about": {"run": edition.run}}, exc_info=error)
            await kernels.end(kernel)

    # Voilà asks for these by the names of what Jupyter has; each holds what this page may have of it.

    @property
    def contents_manager(self) -> Any:
        return self._notebook

    @property
    def kernel_manager(self) -> Any:
        return self._start

    def on_connection_close(self) -> None:
        super().on_connection_close()
        start = getattr(self, "_start", None)
        if start is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().create_task(self.dashboards.voila.kernels.end(start.id))

    def _page(self, held: Book, chapter: Chapter, view: View, kernel: str, full: str) -> str:
        gate, edition = self.gate, self.edition
        words = phrases(edition.language)
        back, label = gate.address("portal"), words.all_results
        if self.caller.is_facilitator:
            back = gate.address("engagement", engagement=edition.engagement)
            label = "Back to the engagement"
        return str(
            gate.render(
                self,
                "dashboard",
                language=edition.language,
                worn=self._worn,
                edition=edition,
                chapters=[
                    (one, self._address(one.slug) + view.query, one is chapter)
                    for one in held.chapters.values()
                ],
                chapter=chapter,
                back=back,
                label=label,
                theme=held.theme,
                live=bool(kernel),
                full=full,
                again=self._address(chapter.slug) + view.query,
                config=as_data(self._told(kernel), "the page"),
                front=self._front(f"{STATIC}/voila.js") if kernel else "",
                marker=_SEAM,
            )
        )

    def _address(self, slug: str) -> str:
        run = self.edition.run
        return str(
            self.gate.address("dashboard", run=run)
            if slug == OVERVIEW
            else self.gate.address("chapter", run=run, chapter=slug)
        )

    def _front(self, part: str) -> str:
        version = self.dashboards.front_end.version
        return str(self.gate.address("front-end", version=version, part=part))

    def _told(self, kernel: str) -> dict[str, Any]:
        """What Voilà's front end is told: where its own files are, and where its kernel."""
        front = self._front(STATIC).removesuffix(STATIC)
        return {
            "appUrl": "voila/",
            "appName": "Voilà",
            "baseUrl": f"{self.gate.prefix}{LIVE}/",
            "fullStaticUrl": f"{front}{STATIC}",
            "fullLabextensionsUrl": f"{front}{EXTENSIONS}",
            "federated_extensions": self.dashboards.front_end.extensions,
            "kernelId": kernel,
            # Drawn by a part of the front end itself, and not by another host.
            "mathjaxConfig": "null",
            "fullMathjaxUrl": "null",
            "progressiveRendering": False,
            "terminalsAvailable": False,
        }
