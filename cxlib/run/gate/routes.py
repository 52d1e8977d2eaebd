"""The gate's routes, all of them, and who may pass each."""

from __future__ import annotations

from typing import Final

from cxlib.run.gate import facilitators, portal
from cxlib.run.gate.assets import AssetFile
from cxlib.run.gate.brands import BrandSheet
from cxlib.run.gate.operating import Health, MetricsPage
from cxlib.run.gate.rules import OPEN_PATH, Route, Rule

ROUTES: Final = (
    # Anybody: the door itself, and what holds nobody's figures.
    Route("start", "/", portal.Start, Rule.OPEN),
    Route("open", f"{OPEN_PATH}/{{token}}", portal.Open, Rule.OPEN),
    Route("login", "/login", facilitators.Login, Rule.OPEN),
    Route("asset", "/assets/{asset}", AssetFile, Rule.OPEN),
    Route("health", "/health", Health, Rule.OPEN),
    # A client, and what is published of theirs.
    Route("portal", "/results", portal.Portal, Rule.CLIENT),
    Route("leave", "/leave", portal.Leave, Rule.CLIENT),
    Route("report", "/runs/{run}/report", portal.Report, Rule.RUN),
    Route("file", "/runs/{run}/files/{file}", portal.Download, Rule.RUN),
    Route("everything", "/runs/{run}/files.zip", portal.DownloadAll, Rule.RUN),
    Route("brand", "/runs/{run}/brand.css", BrandSheet, Rule.RUN),
    # Facilitators.
    Route("engagements", "/engagements", facilitators.Engagements, Rule.FACILITATOR),
    Route("engagement", "/engagements/{engagement}", facilitators.Engagement, Rule.ENGAGEMENT),
    Route("portfolio", "/portfolio", facilitators.Portfolio, Rule.FACILITATOR),
    Route("audit", "/audit", facilitators.Audit, Rule.FACILITATOR),
    Route("logout", "/logout", facilitators.Logout, Rule.FACILITATOR),
    # Operators.
    Route("metrics", "/metrics", MetricsPage, Rule.OPERATOR),
)
