// A dashboard's own script: puts live figures in their places, draws their charts, says how it stands, and
// keeps wave and group in the address. Voilà's front end starts when the page has loaded.
(() => {
"use strict";
const progress = document.getElementById("cx-progress");
const report = document.getElementById("report");
const places = [...document.querySelectorAll(".cx-live")];

function say(state) {
  if (progress.dataset.state === "ended") return;
  progress.dataset.state = state;
  for (const one of progress.querySelectorAll("[data-say]")) one.hidden = one.dataset.say !== state;
  for (const one of places) one.toggleAttribute("data-ended", state === "ended");
}

// What has been streamed into the end of the page goes where it belongs, when all of it is there and before
// Voilà's front end draws.
const isComing = progress.dataset.state === "coming";
document.addEventListener("DOMContentLoaded", () => {
  for (const one of document.querySelectorAll(".cx-arrived")) {
    const place = places.find((each) => each.dataset.place === one.dataset.for);
    place?.querySelector(".cx-live-figures").append(one);
    one.hidden = false;
  }
  const isWhole = document.getElementById("cx-arrived") && !document.querySelector(".cx-stopped");
  if (isComing && !isWhole) say("ended");
});

// Charts of live figures are drawn by the page's own Vega, as the published ones are.
let asked = 0;
function draw() {
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(() => document.dispatchEvent(new Event("cx-charts")));
}
let isHere = false;
new MutationObserver((changes) => {
  let hasChart = false;
  for (const change of changes) {
    for (const node of change.addedNodes) {
      if (node.nodeType !== 1) continue;
      if (node.matches(".cx-plot[data-spec]") || node.querySelector(".cx-plot[data-spec]")) hasChart = true;
      const view = node.matches("[data-view]") ? node : node.querySelector("[data-view]");
      if (view) keep(view.dataset);
      if (!isHere && (node.matches(".widget-box,.jupyter-widgets") || node.querySelector(".jupyter-widgets"))) arrive();
    }
  }
  if (hasChart) draw();
  if (changes.some((change) => change.addedNodes.length)) name();
}).observe(report, {childList: true, subtree: true});

// Sliders come without names, and what is written beside them without a role.
function name() {
  for (const one of document.querySelectorAll(".widget-slider:not([data-named])")) {
    const label = one.querySelector(".widget-label")?.textContent.trim();
    const handle = one.querySelector("[role=slider]");
    if (!label || !handle) continue;
    one.dataset.named = "";
    handle.setAttribute("aria-label", label);
    const readout = one.querySelector(".widget-readout");
    readout?.setAttribute("role", "textbox");
    readout?.setAttribute("aria-label", label);
  }
  for (const one of document.querySelectorAll(".widget-label[title=null]")) one.removeAttribute("title");
}

function arrive() {
  isHere = true;
  for (const one of document.querySelectorAll(".cx-waiting")) one.remove();
  say("here");
  document.documentElement.dataset.live = "here";
}

// Wave and group stand in the address, so that a view can be bookmarked, and go along to other steps.
function keep(view) {
  const wanted = new URLSearchParams();
  if (view.wave) wanted.set("wave", view.wave);
  if (view.segment) wanted.set("segment", view.segment);
  const query = wanted.size ? `?${wanted}` : "";
  history.replaceState(null, "", location.pathname + query + location.hash);
  for (const link of document.querySelectorAll("a[data-step],a[data-again]")) {
    link.href = new URL(link.href).pathname + query;
  }
}

// The front end says by signals when its kernel is gone.
function watch(tries) {
  const kernel = window.jupyterapp?.widgetManager?.kernel;
  if (!kernel) {
    if (tries < 600) setTimeout(() => watch(tries + 1), 100);
    return;
  }
  const look = () => {
    if (["dead", "autorestarting", "terminating"].includes(kernel.status)) say("ended");
    if (kernel.isDisposed || kernel.connectionStatus === "disconnected") say("ended");
  };
  kernel.statusChanged.connect(look);
  kernel.connectionStatusChanged.connect(look);
  kernel.disposed.connect(() => say("ended"));
}
if (isComing) watch(0);
// A page that comes back from the browser's memory has no kernel any more.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
