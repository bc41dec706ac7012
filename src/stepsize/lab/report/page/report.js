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
      panels.forEach(rescale);
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

  // A panel fits the curves that are shown, as `value_scale` of stepsize.plots.scales does for all of them. Places on
  // the scale with which the page was written are turned into places on the new one by moving and stretching.
  const STRETCHED = 3;
  const written = panels.map(({ low, high }) => ({ low, high }));

  function fitted(panel) {
    const shown = panel.extents.filter(([index]) => !off.has(index));
    if (!shown.length) return null;
    const ends = (pairs) => [Math.min(...pairs.map((pair) => pair[0])), Math.max(...pairs.map((pair) => pair[1]))];
    let every = ends(shown.map((extent) => extent[1]));
    const calm = shown.map((extent) => extent[2]).filter(Boolean);
    let kept = calm.length ? ends(calm) : every;
    const zero = panel.zero && kept[0] >= 0;
    if (zero) [kept, every] = [[0, kept[1]], [Math.min(0, every[0]), every[1]]];
    if (every[1] / 2 - every[0] / 2 <= STRETCHED * (kept[1] / 2 - kept[0] / 2)) kept = every;
    const [low, high] = kept;
    if (panel.log) return high > low ? [low - 0.03 * (high - low), high + 0.03 * (high - low)] : [low - 0.1, high + 0.1];
    if (zero && low === 0) return [0, 1.05 * high || 1];
    const room = 0.05 * (high / 2 - low / 2) || 0.05 * Math.abs(high) || 1;
    return [low - room, high + room];
  }

  function rescale(panel, number) {
    const ends = fitted(panel);
    if (!ends) return;
    [panel.low, panel.high] = ends;
    const { low, high } = written[number];
    const place = (inner) => ((inner / 2 - panel.low / 2) / (panel.high / 2 - panel.low / 2)) * 100;
    const stretch = (high / 2 - low / 2) / (panel.high / 2 - panel.low / 2);
    const plot = document.querySelector(`[data-panel="${number}"]`);
    plot.querySelector(".curves").setAttribute("transform", `translate(0 ${1000 - 1000 * stretch - 10 * place(low)}) scale(1 ${stretch})`);
    for (const cross of plot.querySelectorAll(".cross")) {
      cross.style.bottom = `${Math.min(100, Math.max(0, place(low) + stretch * Number(cross.dataset.up)))}%`;
    }
    const ticks = numbers(panel).map((inner) => [place(inner), inner]);
    plot.querySelector(".grid").setAttribute("d", ticks.map(([up]) => `M0,${(1000 - 10 * up).toFixed(1)}H1000`).join(""));
    const edge = document.querySelector(`[data-up-of="${number}"]`);
    edge.replaceChildren();
    for (const [up, inner] of ticks) made("", label(panel.log ? 10 ** inner : inner), edge).style.bottom = `${up}%`;
    edge.parentElement.style.setProperty("--gutter", `${Math.max(...[...edge.children].map((each) => each.textContent.length))}ch`);
    const beyond = panel.extents.filter(([index, every]) => !off.has(index) && (every[0] < panel.low || every[1] > panel.high));
    const note = plot.closest("figure").querySelector(".beyond");
    note.hidden = !beyond.length;
    note.querySelector(".name").textContent = beyond.map(([index]) => names[index]).join(", ");
  }

  // Three to eight round numbers within a panel, as `Scale.ticks` of stepsize.plots.scales has them.
  function numbers({ low, high, log }) {
    const within = (each) => each >= low - 1e-9 * Math.abs(low) && each <= high + 1e-9 * Math.abs(high);
    const span = high - low;
    const found = [];
    if (log && span > 2) {
      const [first, last] = [Math.ceil(low), Math.floor(high)];
      for (let power = first; power <= last; power += Math.ceil((last - first + 1) / 6)) found.push(power);
    } else if (log) {
      const digits = span > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
      for (let power = Math.floor(low); power <= Math.floor(high); power++) {
        found.push(...digits.map((digit) => power + Math.log10(digit)).filter(within));
      }
    } else {
      const power = 10 ** Math.floor(Math.log10(span / 3));
      const step = power * [5, 2, 1].find((size) => size * power <= span / 3);
      for (let count = Math.ceil(low / step - 1e-9); count <= Math.floor(high / step + 1e-9); count++) found.push(count * step);
    }
    return found;
  }

  function label(value) {
    const text = Number(value.toPrecision(6));
    const size = Math.abs(text);
    if (text === 0 || (size >= 1e-4 && size < 1e6)) return text.toLocaleString("en", { maximumSignificantDigits: 6 });
    return text.toExponential().replace("e+", "e");
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

  // Paper has no hidden rows, except those of other comparisons, which a reader asks for.
  const details = [...document.querySelectorAll("details:not(.asked)")];
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = details.filter((each) => !each.open);
    for (const each of closed) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
