"""Standalone Voilà inside the gate: an application object of ours that never listens, and its handlers.

Voilà executes a notebook and streams what comes out; whom, which notebook, which kernel and in which page
is the gate's to say. Of its routes only those stand here that a page of ours asks for: no tree, no files, no
contents, no query socket, no themes.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider, User
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado.web import HTTPError
from traitlets.config import Config
from voila.app import Voila
from voila.configuration import VoilaConfiguration
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from cxlib.run.gate.kernels import SPOKEN, Kernels
from cxlib.run.kernels import report_kernel

if TYPE_CHECKING:
    from nbformat import NotebookNode

CELL_SECONDS: Final = 60
# What Jupyter writes is no line of the gate's, and may hold names; the gate writes itself what went wrong.
QUIET: Final = logging.CRITICAL


class GateIdentity(IdentityProvider):
    """Knows everybody by one name and sets no cookie: who may pass, the guard has said already."""

    def get_user(self, handler: Any) -> User:
        return User(username="client")

    @property
    def auth_enabled(self) -> bool:
        return False


class Standalone(Voila):
    """Voilà as the gate configures it: no command line, no configuration files, no port, no signals."""

    def __init__(self, template: Path) -> None:
        given = {
            "VoilaConfiguration": {
                "multi_kernel_manager_class": Kernels,
                "strip_sources": True,
                "show_tracebacks": False,
                "allow_template_override": "NO",
                "allow_theme_override": "NO",
                "preheat_kernel": False,
                "progressive_rendering": False,
                "file_allowlist": [],
            },
            "VoilaExecutor": {"timeout": CELL_SECONDS, "startup_timeout": CELL_SECONDS},
        }
        super().__init__(config=Config(given), root_dir="/", base_url="/", log_level=QUIET)
        self.voila_configuration = VoilaConfiguration(parent=self)
        self.template_paths, self.static_paths = [str(template / "voila")], []
        self.identity_provider_class, self.authorizer_class = GateIdentity, AllowAllAuthorizer
        self._sockets = tempfile.TemporaryDirectory(prefix="cx-gate-")
        self.connection_dir = self._sockets.name
        self.settings = self.init_settings() | {
            "disable_check_xsrf": True,  # the guard holds what is posted to its origin
            "allow_unauthenticated_access": True,  # the guard lets nobody in who is not known
        }
        self.kernels: Kernels = self.kernel_manager
        # Voilà would let a page end its kernel by a message; ours has a path for that.
        self.kernels.allowed_message_types = list(SPOKEN)

    async def close(self) -> None:
        await self.kernels.end_all()
        self._sockets.cleanup()


class Voiced:
    """Goes before a handler of Voilà's or Jupyter's: gives it Voilà's settings instead of the gate's."""

    dashboards: Any

    def initialize(self, dashboards: Any, **options: Any) -> None:
        self.dashboards = dashboards
        super().initialize(**options)  # type: ignore[misc]

    def set_default_headers(self) -> None:
        """Set none of Jupyter's: the gate seals every answer."""

    @property
    def settings(self) -> dict[str, Any]:
        found: dict[str, Any] = self.dashboards.voila.settings
        return found


class OneKernel(Voiced, KernelHandler):
    """Says how a kernel is; it is neither named nor ended here."""

    SUPPORTED_METHODS = ("GET",)

    async def get(self, kernel: str) -> None:
        if kernel not in self.kernel_manager:
            raise HTTPError(404)
        await super().get(kernel)


class Channels(Voiced, VoilaKernelWebsocketHandler):
    """Carries what widgets say; whatever would run code is refused by its type."""

    async def get(self, kernel: str) -> None:
        if kernel not in self.kernel_manager:
            raise HTTPError(404)
        await super().get(kernel)


class Ending(Voiced, VoilaShutdownKernelHandler):
    """Ends a kernel when its page goes."""

    async def post(self, kernel: str) -> None:
        await self.dashboards.voila.kernels.end(kernel)
        self.set_status(204)
        self.finish()


class OneNotebook:
    """Instead of a contents manager: holds the one notebook that is to be shown, and knows no other."""

    def __init__(self, notebook: NotebookNode) -> None:
        notebook.metadata["kernelspec"] = {"name": report_kernel(), "language": "python", "display_name": ""}
        self._notebook = notebook

    async def get(self, path: str, **options: Any) -> dict[str, Any]:
        return {"type": "notebook", "path": path, "content": self._notebook}


class OneStart:
    """Instead of a kernel manager: starts the one kernel that this page has a place for.

    Voilà hands over the server's environment and the visitor's address; neither reaches the kernel.
    """

    notebook_data: Final[dict[str, Any]] = {}

    def __init__(self, kernels: Kernels, id_: str, folder: Path) -> None:
        self._kernels, self.id, self._folder = kernels, id_, folder

    def get_pool_size(self, notebook: str) -> int:
        return 0

    async def start_kernel(self, **asked: Any) -> str:
        return await self._kernels.begin(self.id, self._folder)

    def get_kernel(self, id_: str) -> Any:
        return self._kernels.get_kernel(id_)


__all__ = ["Channels", "Ending", "OneKernel", "OneNotebook", "OneStart", "Standalone", "TornadoVoilaHandler"]
