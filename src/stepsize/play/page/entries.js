// The schedules on the page: their texts, and a slider and a field for every number in a text.

import { change, element, options, page } from "./page.js";

const cards = [];

// Makes as many cards as there are schedules, with their texts; `showAnswers` fills in the rest.
export function showEntries() {
  const { schedules } = page.state;
  while (cards.length > schedules.length) cards.pop().card.remove();
  while (cards.length < schedules.length) cards.push(newCard(cards.length));
  schedules.forEach((entry, index) => {
    const { card, text, name, hide } = cards[index];
    if (text.dataset.fits !== entry.text) {
      if (text.value !== entry.text) text.value = entry.text;
      text.dataset.fits = entry.text;
      fit(text);
    }
    if (name.value !== entry.name) name.value = entry.name;
    hide.setAttribute("aria-pressed", String(entry.hidden));
    hide.textContent = entry.hidden ? "Show" : "Hide";
    card.classList.toggle("hidden", entry.hidden);
  });
}

function newCard(index) {
  const card = element("entry").content.firstElementChild.cloneNode(true);
  const [text, name, hide, error] = [".text", ".name", ".hide", ".error"].map((part) => card.querySelector(part));
  const { colour, dashes } = page.opened.strokes[index % page.opened.strokes.length];
  card.style.setProperty("--colour", colour);
  card.querySelector(".sample path").setAttribute("stroke-dasharray", dashes.join(" "));
  const number = index + 1;
  name.setAttribute("aria-label", `name of schedule ${number}`);
  text.setAttribute("aria-label", `text of schedule ${number}`);
  error.id = `error-${number}`;
  text.setAttribute("aria-describedby", error.id);
  hide.setAttribute("aria-label", `hide schedule ${number}`);
  card.querySelector(".remove").setAttribute("aria-label", `remove schedule ${number}`);
  text.addEventListener("input", () => edit(index, { text: text.value }));
  name.addEventListener("input", () => edit(index, { name: name.value }));
  hide.addEventListener("click", () => edit(index, { hidden: !page.state.schedules[index].hidden }));
  card.querySelector(".remove").addEventListener("click", () => {
    change({ schedules: page.state.schedules.filter((_, place) => place !== index) });
    (cards[Math.min(index, cards.length - 1)]?.text ?? element("add")).focus();
  });
  element("entries").append(card);
  return { index, card, text, name, hide, error, place: card.querySelector(".controls"), rows: [], form: "" };
}

function edit(index, changes) {
  change({ schedules: page.state.schedules.map((entry, place) => (place === index ? { ...entry, ...changes } : entry)) });
}

// A text area as high as its text.
function fit(text) {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

// Shows the errors and the controls of the schedules, if their texts are still those that were asked about.
export function showAnswers(about, answered) {
  answered.forEach(({ error, tool, controls }, index) => {
    if (about[index].text !== page.state.schedules[index]?.text) return; // the places of its numbers have moved
    const shown = cards[index];
    showError(shown.error, error);
    shown.text.setAttribute("aria-invalid", String(error !== ""));
    shown.card.querySelector(".tool").textContent = tool ? `what ${tool} does with this config` : "";
    shown.place.classList.toggle("stale", controls.length === 0 && error !== "");
    if (controls.length || !error) showControls(shown, controls);
  });
}

// An error: its sentences wrap, and the lines with the place and its caret do not.
function showError(place, error) {
  if (place.textContent === error) return;
  place.replaceChildren();
  for (const part of error.split(/((?:^ {2}.*\n?){2})/m)) {
    if (!part.startsWith("  ")) {
      place.append(part);
      continue;
    }
    const lines = make("code", { textContent: part });
    place.append(lines);
    const caret = part.lastIndexOf("^") - part.indexOf("\n");
    lines.scrollLeft = lines.scrollWidth * (caret / part.indexOf("\n")) - lines.clientWidth / 2;
  }
}

function showControls(shown, controls) {
  const form = JSON.stringify(controls.map(({ part, label, unit }) => [part, label, unit]));
  if (form !== shown.form) {
    shown.form = form;
    const several = new Set(controls.map(({ part }) => part)).size > 1;
    shown.place.replaceChildren();
    shown.rows = controls.map(({ part }, place) => {
      if (several && part !== controls[place - 1]?.part) shown.place.append(make("h3", { textContent: part || "operators" }));
      return newRow(shown, controls[place], place);
    });
  }
  controls.forEach((control, place) => {
    const row = shown.rows[place];
    row.control = control;
    row.field.step = control.step;
    if (row.slider !== dragged) {
      Object.assign(row.slider, { min: control.low, max: control.high, step: control.step });
      row.slider.value = control.value;
    }
    if (row.field !== document.activeElement) row.field.value = control.value;
  });
}

let dragged = null; // the slider under the pointer, whose range stays as it is

const make = (tag, given) => Object.assign(document.createElement(tag), given);

function newRow(shown, { part, label, unit }, place) {
  const field = make("input", { type: "number", id: `number-${shown.index + 1}-${place + 1}` });
  const slider = make("input", { type: "range" });
  slider.setAttribute("aria-label", `${part} ${label}`.trim());
  const row = { slider, field, control: null };
  slider.addEventListener("input", () => {
    dragged = slider;
    field.value = slider.value;
    write(shown, row, slider.value);
  });
  slider.addEventListener("change", () => {
    dragged = null;
    change({});
  });
  field.addEventListener("input", () => field.value !== "" && write(shown, row, field.value));
  const name = make("label", { htmlFor: field.id, textContent: label, title: label });
  shown.place.append(name, slider, field, make("span", { className: "unit", textContent: unit }));
  return row;
}

// Puts a number into the text in the place of its control, and moves the places behind it.
function write(shown, row, number) {
  const { text } = page.state.schedules[shown.index];
  const { start, end } = row.control;
  const moved = number.length - (end - start);
  for (const { control } of shown.rows) {
    if (control.start > start) [control.start, control.end] = [control.start + moved, control.end + moved];
  }
  row.control.end = start + number.length;
  edit(shown.index, { text: text.slice(0, start) + number + text.slice(end) });
}

export function offerExamples() {
  const add = element("add");
  for (const [group, examples] of Object.entries(page.opened.examples)) {
    const made = make("optgroup", { label: group });
    made.append(...Object.entries(examples).map(([name, text]) => new Option(name, text)));
    add.append(made);
  }
  add.addEventListener("change", () => {
    change({ schedules: [...page.state.schedules, { text: add.value, name: "", hidden: false }] });
    add.value = "";
    cards.at(-1).text.focus();
  });
}

// A select that lists the schedules.
export function listSchedules(select, chosen) {
  const labels = page.answers.curves.schedules.map((each) => each.label);
  options(select, labels.map((label, index) => [index, `${index + 1}. ${label.slice(0, 60)}`]), chosen);
}
