// The third tab: the report of a comparison, which is loaded again as its store grows.

import { ask, element, page } from "./page.js";

const PAUSE = 3000; // milliseconds between two looks
let mark = null;

async function look() {
  if (page.state.tab === "comparison" && !document.hidden) {
    const { refused, ...found } = await ask("progress", null).catch((error) => ({ refused: error.message }));
    element("progress").textContent = refused ?? found.progress;
    if (!refused && found.mark !== mark) {
      mark = found.mark;
      element("progress").textContent = `${found.progress}; reading the report ...`;
      await reload();
      element("progress").textContent = found.progress;
    }
  }
  setTimeout(look, PAUSE);
}

// Loads the report, and scrolls to where the reader was.
function reload() {
  const frame = element("report");
  const top = frame.contentWindow?.scrollY ?? 0;
  return new Promise((resolve) => {
    frame.onload = () => {
      frame.contentWindow.scrollTo(0, top);
      resolve();
    };
    frame.src = "report";
  });
}

export function listen() {
  if (!page.opened.comparison) return;
  element("tab-comparison").hidden = false;
  look();
}
