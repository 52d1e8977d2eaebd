(() => {
"use strict";
const NARROW = 520;
const PAPER = 642; // A4 less its side margins, in CSS pixels
const page = document.documentElement;
const theme = JSON.parse(document.getElementById("cx-theme").textContent);
theme.font = getComputedStyle(page).getPropertyValue("--cx-font").trim();
page.classList.add("cx-js");

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
function merged(under, over) {
  const out = {...under};
  for (const [key, value] of Object.entries(over)) {
    out[key] = isObject(value) && isObject(out[key]) ? merged(out[key], value) : value;
  }
  return out;
}

// A page may gain and lose charts while it is read: what stands in it now is looked up before each drawing.
let plots = [];
function found() {
  const known = new Map(plots.map((plot) => [plot.element, plot]));
  const now = [...document.querySelectorAll(".cx-plot[data-spec]")];
  const gone = plots.filter((plot) => !plot.element.isConnected);
  for (const plot of gone) plot.drawn?.finalize();
  plots = now.map((element) => known.get(element) ?? {
    element,
    spec: JSON.parse(element.parentElement.querySelector(`[id="${element.dataset.spec}"]`).textContent),
    width: 0,
    drawn: null,
  });
}

function fitted(plot, width, columns) {
  const config = merged(theme, plot.spec.config ?? {});
  if (width < NARROW) {
    config.axis = {...config.axis, labelLimit: Math.round(width * 0.36)};
    config.axisQuantitative = {...config.axisQuantitative, tickCount: 4};
  }
  if (columns) config.legend = {...config.legend, columns};
  return {...structuredClone(plot.spec), config};
}

const tip = document.createElement("div");
tip.id = "cx-tip";
tip.hidden = true;
document.body.append(tip);
// Text only: Vega's own tooltip builds markup.
function tooltip(handler, event, item, value) {
  tip.hidden = value === null || value === undefined || value === "";
  if (tip.hidden) return;
  tip.replaceChildren();
  const rows = isObject(value) ? Object.entries(value) : [["", value]];
  for (const [key, text] of rows) {
    const row = document.createElement("div");
    const name = document.createElement("span");
    name.textContent = key;
    row.append(name, String(text));
    tip.append(row);
  }
  const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
  const below = event.clientY + 16;
  const top = below + tip.offsetHeight > window.innerHeight ? event.clientY - tip.offsetHeight - 12 : below;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, top)}px`;
}

// Vega fits the axes to the width it is given, but lets a long legend run out of the drawing.
function legendIsCut(element) {
  const edge = element.querySelector("svg").getBoundingClientRect().right + 1;
  return [...element.querySelectorAll(".role-legend")].some((one) => one.getBoundingClientRect().right > edge);
}

async function embed(plot, width, columns) {
  plot.drawn?.finalize();
  plot.drawn = null;
  plot.drawn = await window.cxEmbed(plot.element, fitted(plot, width, columns), {
    mode: "vega-lite", renderer: "svg", ast: true,
    actions: false, defaultStyle: false, hover: false, logLevel: 1, tooltip,
  });
  // The picture is read out by its summary; Vega's own roles inside it, some of nothing, are not.
  plot.element.querySelector("svg")?.setAttribute("aria-hidden", "true");
}

async function draw(plot) {
  const width = Math.round(plot.element.clientWidth);
  if (!width || width === plot.width) return;
  plot.width = width;
  try {
    await embed(plot, width, 0);
    for (const columns of [3, 2, 1]) {
      if (!legendIsCut(plot.element)) break;
      await embed(plot, width, columns);
    }
    const overflows = plot.element.scrollWidth > plot.element.clientWidth + 1;
    plot.element.toggleAttribute("tabindex", false);
    if (overflows) plot.element.tabIndex = 0;
  } catch (error) {
    console.error("chart not drawn:", plot.element.dataset.spec, error);
    const figure = plot.element.closest("figure");
    plot.element.classList.add("is-failed");
    plot.element.textContent = plot.element.dataset.failed;
    figure?.querySelector("details")?.setAttribute("open", "");
  }
}

// This runs as soon as there is a chart; much of the page may come after it.
let isWhole = false;
let busy = Promise.resolve();
function drawAll() {
  busy = busy.then(async () => {
    let since = performance.now();
    found();
    for (const plot of plots) {
      await draw(plot);
      if (performance.now() - since > 40) {
        await new Promise((next) => setTimeout(next));
        since = performance.now();
      }
    }
    if (isWhole) page.dataset.charts = "drawn";
  });
}

let waiting = 0;
let printing = false;
new ResizeObserver(() => {
  clearTimeout(waiting);
  if (!printing) waiting = setTimeout(drawAll, 120);
}).observe(document.getElementById("report"));
drawAll();
document.addEventListener("cx-charts", drawAll);

// A browser takes its picture for the printer as soon as this returns: nothing here may wait.
window.addEventListener("beforeprint", () => {
  printing = true;
  for (const plot of plots) {
    if (plot.spec.width === "container") plot.drawn?.view.signal("width", PAPER).run();
  }
});
window.addEventListener("afterprint", () => {
  printing = false;
  for (const plot of plots) plot.width = 0;
  drawAll();
});

let frames = [];
function reachable() {
  for (const frame of frames) {
    if (frame.clientWidth) frame.tabIndex = frame.scrollWidth > frame.clientWidth + 1 ? 0 : -1;
  }
}
new ResizeObserver(reachable).observe(page);
document.addEventListener("toggle", reachable, true);

const links = new Map(
  [...document.querySelectorAll(".cx-contents a")].map((link) => [decodeURIComponent(link.hash.slice(1)), link]),
);
let headings = [];
function mark() {
  const line = window.innerHeight * 0.3;
  let here = null;
  for (const heading of headings) {
    if (heading.getBoundingClientRect().top <= line) here = heading.id;
  }
  for (const [id, link] of links) {
    if (id === here) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  }
}
let marking = false;
window.addEventListener("scroll", () => {
  if (marking) return;
  marking = true;
  requestAnimationFrame(() => { marking = false; mark(); });
}, {passive: true});

function complete() {
  isWhole = true;
  frames = document.querySelectorAll(".cx-scroll");
  headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  reachable();
  mark();
  drawAll();
}
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", complete);
else complete();
})();
