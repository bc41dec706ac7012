"use strict";
(() => {
  const FRAMES = 80; // of a whole descent, however long
  const PAUSE = 80; // milliseconds between two
  const data = JSON.parse(document.getElementById("data").textContent);

  for (const section of document.querySelectorAll("section")) {
    const { last, paths } = data[Number(section.dataset.section)];
    const button = section.querySelector("button");
    const slider = section.querySelector("input");
    const told = section.querySelector("output");
    const drawn = [...section.querySelectorAll("[data-path]")].map((group) => ({
      line: group.querySelector(".path"),
      head: group.querySelector(".head"),
      points: paths[Number(group.dataset.path)],
    }));
    let timer = null;

    const show = (step) => {
      slider.value = step;
      told.textContent = `step ${step.toLocaleString("en")}`;
      for (const { line, head, points } of drawn) {
        const at = Math.min(2 * step, points.length - 2);
        line.setAttribute("points", points.slice(0, at + 2).join(" "));
        head.setAttribute("cx", points[at]);
        head.setAttribute("cy", points[at + 1]);
      }
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      button.textContent = "Play";
    };
    button.addEventListener("click", () => {
      if (timer !== null) return stop();
      if (Number(slider.value) >= last) show(0);
      button.textContent = "Pause";
      timer = setInterval(() => {
        show(Math.min(last, Number(slider.value) + Math.max(1, Math.round(last / FRAMES))));
        if (Number(slider.value) >= last) stop();
      }, PAUSE);
    });
    slider.addEventListener("input", () => {
      stop();
      show(Number(slider.value));
    });
    show(last); // whole, for those who only look
  }
})();
