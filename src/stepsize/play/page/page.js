// The state of the page, and the questions that it asks about it.

export const page = { state: null, opened: null, answers: {} };
const listeners = [];

// Calls `listener` after each change of the state.
export const onChange = (listener) => listeners.push(listener);

export function change(changes) {
  Object.assign(page.state, changes);
  for (const listener of listeners) listener();
}

class Unanswered extends Error {}

// The answer to a question; without one the page says so, and `Unanswered` is thrown.
export async function ask(question, form) {
  try {
    const answered = await fetch(`answer/${question}`, { method: "POST", body: JSON.stringify(form) });
    if (!answered.ok) throw new Error(await answered.text());
    const answer = await answered.json();
    if (lost) tell("");
    lost = false;
    return answer;
  } catch (error) {
    lost = true;
    tell(`The page got no answer: ${error.message}. Is stepsize play still running?`);
    throw new Unanswered(error.message);
  }
}

let lost = false; // whether the last question got no answer

// Work that runs once at a time; if it is asked for meanwhile, once more after that.
export function oneAtATime(work) {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    try {
      while (again) {
        again = false;
        await work();
      }
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    } finally {
      running = false;
    }
  };
}

// Work that waits until it has not been asked for in a moment.
export function afterwards(work, milliseconds) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

export function tell(text) {
  const message = document.getElementById("message");
  message.hidden = !text;
  message.textContent = text;
}

export const element = (id) => document.getElementById(id);

export function options(select, pairs, value) {
  select.replaceChildren(...pairs.map(([key, text]) => new Option(text, key, false, String(key) === String(value))));
}

// A sample of a curve's line, with the name of the curve.
export function named(index, label, dashed = true) {
  const { colour, dashes } = page.opened.strokes[index % page.opened.strokes.length];
  const shown = document.createElement("span");
  shown.className = "named";
  shown.style.setProperty("--colour", colour);
  const sample = document.querySelector("#entry").content.querySelector("svg").cloneNode(true);
  if (dashed) sample.firstElementChild.setAttribute("stroke-dasharray", dashes.join(" "));
  const name = document.createElement("span");
  name.textContent = name.title = label;
  shown.append(sample, name);
  return shown;
}

export function rows(table, lines) {
  const made = lines.map((cells) => {
    const row = document.createElement("tr");
    cells.forEach((cell, place) => {
      const shown = document.createElement("td");
      shown.className = table.tHead.rows[0].cells[place].className;
      shown.append(cell);
      row.append(shown);
    });
    return row;
  });
  table.tBodies[0].replaceChildren(...made);
}

export function notes(list, texts) {
  list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}
