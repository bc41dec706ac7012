"use strict";
(() => {
  const { names, panels } = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const off = new Set();
  const MOST = 12; // entries in the tooltip

  // The legend switches curves and bands.
  for (const button of document.querySelectorAll("[data-switch]")) {
    button.addEventListener("click", () => {
      const index = Number(button.dataset.switch);
      const on = off.delete(index);
      if (!on) off.add(index);
      button.setAttribute("aria-pressed", String(on));
      for (const part of document.querySelectorAll(`[data-curve="${index}"]`)) part.classList.toggle("off", !on);
    });
  }
  const bands = document.querySelector("[data-bands]");
  bands?.addEventListener("click", () => {
    const without = document.body.classList.toggle("no-bands");
    bands.setAttribute("aria-pressed", String(!without));
  });

  // The value of a curve as it is drawn: straight from point to point, and none before the first or after the last.
  function valueAt(xs, ys, x) {
    if (x < xs[0] || x > xs[xs.length - 1]) return null;
    let left = 0;
    let right = xs.length - 1;
    while (right - left > 1) {
      const middle = (left + right) >> 1;
      if (xs[middle] <= x) left = middle;
      else right = middle;
    }
    if (xs[right] <= x) return ys[right];
    return ys[left] + ((x - xs[left]) / (xs[right] - xs[left])) * (ys[right] - ys[left]);
  }

  function height(panel, value) {
    const inner = panel.log ? Math.log10(value) : value;
    return Math.min(1, Math.max(0, (inner - panel.low) / (panel.high - panel.low)));
  }

  function shown(value) {
    const size = Math.abs(value);
    const plain = size === 0 || (size >= 1e-4 && size < 1e5);
    return (plain ? value.toPrecision(4) : value.toExponential(2)).replaceAll("-", "\u2212");
  }

  function made(className, text, parent) {
    const element = document.createElement("span");
    element.className = className;
    element.textContent = text;
    parent.append(element);
    return element;
  }

  for (const plot of document.querySelectorAll("[data-panel]")) {
    const panel = panels[Number(plot.dataset.panel)];
    let current = null; // the step under the hair

    const stops = () => {
      const steps = new Set();
      for (const curve of panel.curves) if (!off.has(curve.index)) for (const x of curve.x) steps.add(Math.round(x));
      return [...steps].sort((a, b) => a - b);
    };

    const nearest = (steps, x) => steps.reduce((best, step) => (Math.abs(step - x) < Math.abs(best - x) ? step : best), steps[0]);

    const hide = () => {
      current = null;
      tip.hidden = true;
      for (const mark of plot.querySelectorAll(".hair, .spot")) mark.remove();
    };

    const show = (step, level) => {
      hide();
      const found = [];
      for (const curve of panel.curves) {
        if (off.has(curve.index)) continue;
        const mean = valueAt(curve.x, curve.mean, step);
        if (mean === null) continue;
        const range = curve.low && [valueAt(curve.x, curve.low, step), valueAt(curve.x, curve.high, step)];
        const beside = curve.thin ? valueAt(curve.thin.x, curve.thin.mean, step) : null;
        found.push({ index: curve.index, mean, range, beside, height: height(panel, mean) });
      }
      if (!found.length) return;
      current = step;
      const place = `${(100 * step) / panel.last}%`;
      made("hair", "", plot).style.left = place;
      for (const { index, height } of found) {
        const spot = made("spot", "", plot);
        spot.style.left = place;
        spot.style.bottom = `${100 * height}%`;
        spot.style.setProperty("--colour", plot.querySelector(`g[data-curve="${index}"]`).style.getPropertyValue("--colour"));
      }
      const close = [...found].sort((a, b) => Math.abs(a.height - level) - Math.abs(b.height - level)).slice(0, MOST);
      close.sort((a, b) => b.mean - a.mean);
      tip.replaceChildren();
      made("step", `step ${step.toLocaleString("en")}`, tip);
      const spoken = close.map(({ index, mean, range, beside }) => {
        const words = range ? `${shown(range[0])} to ${shown(range[1])}` : "";
        const thin = beside === null ? "" : `${panel.thin} ${shown(beside)}`;
        tip.append(document.querySelector(`[data-switch="${index}"] .sample`).cloneNode(true));
        made("name", names[index], tip);
        made("value", shown(mean), tip);
        if (words) made("range", words, tip);
        if (thin) made("beside", thin, tip);
        return `${names[index]} ${shown(mean)}${words && ` (${words})`}${thin && `, ${thin}`}`;
      });
      if (found.length > close.length) made("more", `and ${found.length - close.length} more`, tip);
      plot.setAttribute("aria-valuenow", step);
      plot.setAttribute("aria-valuetext", `step ${step}: ${spoken.join(", ")}`);
      tip.hidden = false;
      const box = plot.getBoundingClientRect();
      const hair = box.left + (box.width * step) / panel.last;
      const left = hair - 16 - tip.offsetWidth;
      let x = hair + 16;
      let y = box.top + box.height * (1 - level) - tip.offsetHeight / 2;
      if (x + tip.offsetWidth > window.innerWidth - 8) {
        if (left >= 8) {
          x = left;
        } else {
          // No room beside the hair: below the numbers at the foot, or above the drawing.
          const below = box.bottom + 24;
          y = below + tip.offsetHeight < window.innerHeight - 8 ? below : box.top - tip.offsetHeight - 8;
        }
      }
      tip.style.left = `${Math.max(8, Math.min(x, window.innerWidth - tip.offsetWidth - 8))}px`;
      tip.style.top = `${Math.max(8, Math.min(y, window.innerHeight - tip.offsetHeight - 8))}px`;
    };

    const follow = (event) => {
      const box = plot.getBoundingClientRect();
      const steps = stops();
      if (!steps.length) return hide();
      show(nearest(steps, ((event.clientX - box.left) / box.width) * panel.last), 1 - (event.clientY - box.top) / box.height);
    };
    plot.addEventListener("pointermove", follow);
    plot.addEventListener("pointerdown", follow);
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);

    // The keyboard moves the hair: a slider over the steps.
    plot.tabIndex = 0;
    plot.setAttribute("role", "slider");
    plot.setAttribute("aria-valuemin", 0);
    plot.setAttribute("aria-valuemax", panel.last);
    plot.setAttribute("aria-valuenow", 0);
    plot.addEventListener("keydown", (event) => {
      const steps = stops();
      const at = current === null ? -1 : steps.indexOf(nearest(steps, current));
      const to = { ArrowRight: at + 1, ArrowLeft: at < 0 ? steps.length - 1 : at - 1, Home: 0, End: steps.length - 1 }[event.key];
      if (event.key === "Escape") hide();
      if (to === undefined || !steps.length) return;
      event.preventDefault();
      show(steps[Math.max(0, Math.min(steps.length - 1, to))], 0.5);
    });
  }

  // Paper has no hidden rows.
  const details = [...document.querySelectorAll("details")];
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = details.filter((each) => !each.open);
    for (const each of closed) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
