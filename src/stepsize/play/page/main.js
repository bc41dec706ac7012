// Opens the page: the state of its address, its tabs, and light or dark.

import * as comparison from "./comparison.js";
import { offerExamples } from "./entries.js";
import { ask, change, element, onChange, page, tell } from "./page.js";
import * as schedules from "./schedules.js";
import * as surface from "./surface.js";

const tabs = [...document.querySelectorAll("[data-tab]")];
const dark = matchMedia("(prefers-color-scheme: dark)");

async function open() {
  const opened = await ask("open", location.hash.slice(1));
  if (opened.refused) tell(opened.refused);
  page.opened = opened;
  page.state = opened.state;
}

function update() {
  for (const tab of tabs) {
    const chosen = tab.dataset.tab === page.state.tab;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    element(tab.dataset.tab).hidden = !chosen;
  }
  schedules.showState();
  surface.showState();
  schedules.askCurves().then(() => {
    if (page.opened.runs && page.state.tab === "schedules") schedules.askLosses();
    surface.askDescents();
  });
}

function setTheme(isDark) {
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  element("theme").textContent = isDark ? "Light" : "Dark";
  if (!page.state) return;
  schedules.redraw();
  surface.redraw();
  if (page.opened.runs) schedules.askLosses();
}

for (const [place, tab] of tabs.entries()) {
  tab.addEventListener("click", () => change({ tab: tab.dataset.tab }));
  tab.addEventListener("keydown", ({ key }) => {
    const seen = tabs.filter((each) => !each.hidden);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = seen[(seen.indexOf(tabs[place]) + step + seen.length) % seen.length];
    next.focus();
    next.click();
  });
}
element("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
dark.addEventListener("change", () => setTheme(dark.matches));
setTheme(dark.matches);

await open();
offerExamples();
schedules.listen();
surface.listen();
comparison.listen();
onChange(update);
update();
addEventListener("hashchange", async () => {
  await open();
  update();
});
