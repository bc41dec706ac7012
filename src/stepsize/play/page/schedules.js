// The first tab: rates, sums, the ranking, predicted losses, and forms to copy.

import { Chart } from "./charts.js";
import { listSchedules, showAnswers, showEntries } from "./entries.js";
import { afterwards, ask, change, element, named, notes, oneAtATime, page, rows, tell } from "./page.js";

const rate = new Chart(element("rate-chart"));
const sum = new Chart(element("sum-chart"));
const loss = new Chart(element("loss-chart"), { band: true });

const shown = (part) => {
  const { schedules } = page.answers.curves;
  return schedules.flatMap((each, index) =>
    each[part] && !page.state.schedules[index]?.hidden ? [{ index, label: each.label, ...each[part] }] : [],
  );
};

export const askCurves = oneAtATime(async () => {
  const about = page.state.schedules;
  const answered = await ask("curves", page.state);
  if (answered.refused) return tell(answered.refused);
  page.answers.curves = answered;
  showAnswers(about, answered.schedules);
  notes(element("notes"), answered.notes);
  element("run-steps").textContent = answered.run;
  drawCurves();
  settle();
  document.documentElement.dataset.shown = answered.address;
});

// What need not follow a drag: browsers allow few changes of the address in a second.
const settle = afterwards(() => {
  history.replaceState(null, "", `#${page.answers.curves.address}`);
  listSchedules(element("copied"), page.state.copied);
  listSchedules(element("followed"), page.state.followed);
  if (page.state.tab !== "schedules") return;
  askRanking();
  askCopied();
}, 150);

function drawCurves() {
  if (page.state.tab !== "schedules") return;
  const look = () => ({ log: page.state.log, clock: page.answers.curves.clock });
  rate.show(shown("rate"), look());
  // The sums come a frame later, so that the rates follow a drag at once.
  requestAnimationFrame(() => setTimeout(() => sum.show(shown("sum"), look()), 0));
}

const askRanking = oneAtATime(async () => {
  const answered = await ask("ranking", page.state);
  if (answered.refused) return notes(element("ranking-notes"), [answered.refused]);
  const label = (index) => page.answers.curves?.schedules[index]?.label ?? "";
  rows(element("ranking"), answered.rows.map(({ index, bound, more }) => [named(index, label(index)), bound, more]));
  notes(element("ranking-notes"), answered.notes);
});

export const askLosses = oneAtATime(async () => {
  const answered = await ask("losses", page.state);
  const refused = answered.refused ?? answered.error;
  if (refused) {
    rows(element("losses"), []);
    return notes(element("loss-notes"), [refused]);
  }
  const curves = answered.forecasts.map((each) => ({ ...each, label: page.answers.curves.schedules[each.index].label }));
  loss.show(curves, { clock: page.answers.curves.clock, dots: answered.runs, view: answered.view });
  rows(element("losses"), curves.map(({ index, label, final, band }) => [named(index, label), final, band]));
  element("about-loss").textContent = answered.about;
  const cautions = curves.flatMap(({ index, cautions }) => {
    const called = page.state.schedules[index]?.name || `schedule ${index + 1}`;
    return cautions.map((caution) => `${called}: ${caution}`);
  });
  notes(element("loss-notes"), [...answered.notes, ...cautions]);
});

const askCopied = oneAtATime(async () => {
  const { text = "", error, refused } = await ask("copied", page.state);
  element("copy-text").textContent = text;
  element("copy-text").hidden = !text;
  element("copy").disabled = !text;
  element("copy-error").textContent = refused ?? error;
});

export function showState() {
  showEntries();
  element("log").checked = page.state.log;
  element("clock").value = page.state.clock;
  element("form").value = page.state.form;
  for (const field of document.querySelectorAll("[data-run]")) {
    if (field !== document.activeElement) field.value = page.state[field.dataset.run] ?? "";
  }
}

export function redraw() {
  for (const chart of [rate, sum, loss]) chart.forget();
  if (page.answers.curves) drawCurves();
}

export function listen() {
  element("loss").hidden = page.opened.runs === 0;
  element("form").append(...Object.entries(page.opened.forms).map(([name, title]) => new Option(title, name)));
  element("log").addEventListener("change", (event) => change({ log: event.target.checked }));
  element("clock").addEventListener("change", (event) => change({ clock: event.target.value }));
  element("form").addEventListener("change", (event) => change({ form: event.target.value }));
  element("copied").addEventListener("change", (event) => change({ copied: Number(event.target.value) }));
  for (const field of document.querySelectorAll("[data-run]")) {
    field.addEventListener("input", () => change({ [field.dataset.run]: field.value === "" ? null : Number(field.value) }));
  }
  element("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(element("copy-text").textContent);
    element("copy").textContent = "Copied";
    setTimeout(() => (element("copy").textContent = "Copy"), 1500);
  });
}
