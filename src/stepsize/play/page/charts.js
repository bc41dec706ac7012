// Charts of curves, drawn by BokehJS: lines over steps, perhaps with bands and dots.

import { page } from "./page.js";

const FONT = getComputedStyle(document.documentElement).fontFamily;
const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { ink: of("--ink"), soft: of("--soft"), grid: of("--grid") };
};
const numbers = (values) => Float64Array.from(values, (value) => value ?? NaN);

// An empty figure in the place `host`, in the colours of the page.
export function figureIn(host, given) {
  const { soft, grid } = colours();
  const figure = Bokeh.Plotting.figure({
    name: host.id,
    sizing_mode: "stretch_both",
    toolbar_location: null,
    tools: [],
    background_fill_color: null,
    border_fill_color: null,
    outline_line_color: null,
    min_border_left: 0,
    min_border_right: 12,
    output_backend: "canvas",
    ...given,
  });
  for (const axis of [...figure.xaxes, ...figure.yaxes]) {
    Object.assign(axis, {
      axis_line_color: soft,
      major_tick_line_color: soft,
      minor_tick_line_color: null,
      major_label_text_color: soft,
      major_label_text_font: FONT,
      major_label_text_font_size: "12px",
      axis_label_text_color: soft,
      axis_label_text_font: FONT,
      axis_label_text_font_size: "12px",
      axis_label_text_font_style: "normal",
    });
  }
  for (const each of [...figure.xgrids, ...figure.ygrids]) each.grid_line_color = grid;
  host.replaceChildren();
  const shown = Bokeh.Plotting.show(figure, host);
  return { figure, colours: colours(), remove: () => shown.then((view) => (view.remove(), figure.document?.clear())) };
}

export class Chart {
  constructor(host, { band = false } = {}) {
    this.host = host;
    this.band = band;
    this.log = null;
  }

  // Draws again in the colours of now, at the next `show`.
  forget() {
    this.log = null;
  }

  // Shows curves `{ index, label, x, y, low, high }` and dots `{ x, y }`; `view` is the lowest and the highest value.
  show(curves, { log = false, clock = "steps", dots = [], view = null } = {}) {
    if (!curves.length) return this.#end();
    if (this.log !== log) this.#begin(log);
    this.axis.axis_label = clock.replace(/s$/, "");
    const seen = new Set(curves.map((curve) => curve.index));
    for (const [index, { source }] of this.lines) if (!seen.has(index)) source.data = { x: [], y: [], low: [], high: [] };
    for (const curve of curves) {
      const line = this.lines.get(curve.index) ?? this.#line(curve.index);
      const [x, y] = [numbers(curve.x), numbers(curve.y)];
      const band = this.band ? { low: numbers(curve.low), high: numbers(curve.high) } : {};
      line.source.data = { x, y, ...band };
      line.renderer.name = curve.label;
    }
    this.dots.data = { x: dots.flatMap((each) => each.x), y: dots.flatMap((each) => each.y) };
    if (view) [this.figure.y_range.start, this.figure.y_range.end] = view;
  }

  #end() {
    this.old?.remove();
    this.old = null;
    this.host.replaceChildren();
    this.forget();
  }

  #begin(log) {
    this.old?.remove();
    this.log = log;
    this.old = figureIn(this.host, {
      y_axis_type: log ? "log" : "linear",
      ...(this.band ? { y_range: new Bokeh.Range1d({ start: 0, end: 1 }) } : {}),
    });
    this.figure = this.old.figure;
    this.axis = this.figure.xaxes[0];
    this.axis.formatter = new Bokeh.NumeralTickFormatter({ format: "0,0.[00]" });
    if (!log) this.figure.yaxes[0].formatter = new Bokeh.BasicTickFormatter({ power_limit_low: -5 });
    this.figure.x_range.range_padding = 0.02;
    this.dots = new Bokeh.ColumnDataSource({ data: { x: [], y: [] } });
    this.figure.scatter({ field: "x" }, { field: "y" }, { source: this.dots, size: 3, color: this.old.colours.soft, alpha: 0.6 });
    this.lines = new Map();
  }

  #line(index) {
    const { colour, dashes } = page.opened.strokes[index % page.opened.strokes.length];
    const source = new Bokeh.ColumnDataSource({ data: { x: [], y: [], low: [], high: [] } });
    const [x, y] = [{ field: "x" }, { field: "y" }];
    if (this.band) {
      this.figure.varea(x, { field: "low" }, { field: "high" }, { source, fill_color: colour, fill_alpha: 0.17 });
    }
    const renderer = this.figure.line(x, y, { source, line_color: colour, line_width: 2, line_dash: dashes, line_join: "round" });
    const tooltips = [["", "$name"], ["at", "@x{0,0.[00]}"], ["value", "@y{0.[000000]e+0}"]];
    this.figure.add_tools(new Bokeh.HoverTool({ renderers: [renderer], tooltips, mode: "mouse", line_policy: "nearest" }));
    const line = { source, renderer };
    this.lines.set(index, line);
    return line;
  }
}
