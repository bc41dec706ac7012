// The second tab: optimizers that descend a surface under one of the schedules.

import { figureIn } from "./charts.js";
import { ask, change, element, named, oneAtATime, page, rows } from "./page.js";

const FRAME = 40; // milliseconds
const FRAMES = 100;
let drawn = null; // the figure, its sources, and the surface that it shows
let timer = null;

export const askDescents = oneAtATime(async () => {
  if (page.state.tab !== "surface") return;
  const answered = await ask("descents", page.state);
  element("surface-error").textContent = answered.refused ?? answered.error;
  if (answered.refused ?? answered.error) return;
  page.answers.descents = answered;
  draw();
});

function draw() {
  const answered = page.answers.descents;
  if (drawn?.surface !== answered.surface) begin(answered);
  const [x, y = ""] = answered.start;
  for (const [id, value] of [["start-x", x], ["start-y", y]]) {
    if (element(id) !== document.activeElement) element(id).value = value;
  }
  element("start-y").disabled = answered.dimensions === 1;
  element("surface-title").textContent = `${answered.surface}: ${answered.formula}`;
  rows(element("endings"), answered.paths.map(({ name, ended }, index) => [named(index, name, false), ended]));
  const slider = element("update");
  const atEnd = slider.value === slider.max;
  slider.max = answered.rates.length;
  if (atEnd) slider.value = slider.max;
  showUpdate();
}

function begin(answered) {
  drawn?.old.remove();
  const [across, up] = answered.window.map(([start, end]) => new Bokeh.Range1d({ start, end }));
  const old = figureIn(element("surface-chart"), { x_range: across, y_range: up });
  const { figure } = old;
  const { soft, ink } = old.colours;
  const ground = new Bokeh.ColumnDataSource({ data: answered.lines });
  figure.multi_line({ field: "xs" }, { field: "ys" }, { source: ground, line_color: soft, line_alpha: 0.45 });
  for (const [points, marker, size] of [[answered.minima, "star", 14], [answered.saddles, "x", 9]]) {
    const [x, y] = [0, 1].map((place) => points.map((point) => point[place]));
    figure.scatter(x, y, { marker, size, fill_color: ink, line_color: ink });
  }
  const paths = new Bokeh.ColumnDataSource({ data: { xs: [], ys: [], colour: [] } });
  const heads = new Bokeh.ColumnDataSource({ data: { x: [], y: [], colour: [] } });
  const colour = { field: "colour" };
  figure.multi_line({ field: "xs" }, { field: "ys" }, { source: paths, line_color: colour, line_width: 2 });
  figure.scatter({ field: "x" }, { field: "y" }, { source: heads, size: 9, fill_color: colour, line_color: ink });
  figure.on_event("tap", ({ x, y }) => change({ start: answered.dimensions === 1 ? [x] : [x, y] }));
  drawn = { old, paths, heads, surface: answered.surface };
}

// The paths as far as the update of the slider.
function showUpdate() {
  const { paths, rates } = page.answers.descents;
  const at = Number(element("update").value);
  const colour = paths.map((_, index) => page.opened.strokes[index].colour);
  const parts = ["x", "y"].map((part) => paths.map((path) => Float64Array.from(path[part].slice(0, at + 1))));
  drawn.paths.data = { xs: parts[0], ys: parts[1], colour };
  drawn.heads.data = { x: parts[0].map((each) => each.at(-1)), y: parts[1].map((each) => each.at(-1)), colour };
  element("at-update").textContent = `${at} of ${rates.length}` + (at ? `, rate ${rates[at - 1].toPrecision(3)}` : "");
}

function stop() {
  clearInterval(timer);
  timer = null;
  element("play").textContent = "Play";
}

function play() {
  if (timer !== null) return stop();
  const slider = element("update");
  const last = Number(slider.max);
  if (Number(slider.value) >= last) slider.value = 0;
  element("play").textContent = "Pause";
  timer = setInterval(() => {
    slider.value = Math.min(last, Number(slider.value) + Math.max(1, Math.round(last / FRAMES)));
    showUpdate();
    if (Number(slider.value) >= last) stop();
  }, FRAME);
}

export function showState() {
  const { state } = page;
  for (const [id, value] of [["ground", state.surface], ["peak", state.peak], ["updates", state.updates], ["optimizers", state.optimizers]]) {
    if (element(id) !== document.activeElement) element(id).value = value;
  }
}

export function redraw() {
  if (drawn) drawn.surface = null;
  if (page.answers.descents && page.state.tab === "surface") draw();
}

export function listen() {
  element("ground").append(...Object.keys(page.opened.surfaces).map((name) => new Option(name, name)));
  element("add-optimizer").append(...page.opened.optimizers.map((text) => new Option(text, text)));
  element("ground").addEventListener("change", (event) => change({ surface: event.target.value, start: [] }));
  element("followed").addEventListener("change", (event) => change({ followed: Number(event.target.value) }));
  element("optimizers").addEventListener("input", (event) => change({ optimizers: event.target.value }));
  element("add-optimizer").addEventListener("change", (event) => {
    change({ optimizers: `${page.state.optimizers.trimEnd()}\n${event.target.value}`.trimStart() });
    event.target.value = "";
  });
  for (const id of ["peak", "updates"]) {
    element(id).addEventListener("input", (event) => event.target.value && change({ [id]: Number(event.target.value) }));
  }
  for (const id of ["start-x", "start-y"]) {
    element(id).addEventListener("input", () => {
      const start = ["start-x", "start-y"].map((each) => element(each).value).filter((value) => value !== "");
      change({ start: start.map(Number) });
    });
  }
  element("update").addEventListener("input", () => {
    stop();
    showUpdate();
  });
  element("play").addEventListener("click", play);
}
