// The state of the page, in its address: #step=118&layer=0&theme=dark. Without a step, the page follows the training.

const data = JSON.parse($("data").textContent);
const records = JSON.parse($("records").textContent);
const state = { step: null, layer: null, theme: null };
const AGE = 60_000; // milliseconds without news, after which the page says so
let held = false; // a pointer is down
let paused = false;

const last = () => data.curves.step.at(-1) ?? 0;

// Return the record that is shown: the one nearest to the step, or the last one.
function place() {
  if (state.step === null) return records.length - 1;
  const distance = records.map((r) => Math.abs(r.step - state.step));
  return distance.indexOf(Math.min(...distance));
}

const record = () => records[place()];

function widthOf(id, columns = null) {
  const whole = $(id).clientWidth;
  const count = columns ?? Math.max(1, Math.floor((whole + 12) / 342));
  const shown = id === "curves" ? Math.min(count, Math.max(1, drawn().length)) : count;
  return Math.max(220, (whole - 12 * (shown - 1)) / shown - 26);
}

// Change the state, its address, and what depends on it.
function set(changes) {
  Object.assign(state, changes);
  const parts = Object.entries(state).filter(([, value]) => value !== null);
  const text = parts.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
  try {
    history.replaceState(history.state, "", `#${text}`);
  } catch {
    // a page inside a notebook has no address
  }
  draw();
}

function goTo(k) {
  const at = Math.max(0, Math.min(records.length - 1, k));
  set({ step: at === records.length - 1 ? null : records[at].step });
}

function goNear(step) {
  const distance = records.map((r) => Math.abs(r.step - step));
  goTo(distance.indexOf(Math.min(...distance)));
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const step = Number(asked.get("step"));
  state.step = asked.has("step") && Number.isFinite(step) ? step : null;
  state.layer = asked.get("layer");
  state.theme = asked.get("theme");
}

function draw() {
  const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const { step, epoch } = record();
  $("place").textContent = `step ${written(step)}, ${step ? `epoch ${written(epoch)}` : "before the training"}`;
  for (const element of document.querySelectorAll(".at")) element.textContent = `at step ${written(step)}`;
  Object.assign($("slider"), { max: records.length - 1, value: place() });
  $("slider").setAttribute("aria-valuetext", $("place").textContent);
  const focus = document.activeElement?.id;
  drawCurves();
  layerTable();
  layerDetails();
  confusion();
  predictions();
  if (focus && document.activeElement?.id !== focus) $(focus)?.focus({ preventScroll: true });
}

function status() {
  const age = Date.now() - data.written;
  const words = { finished: "finished", stopped: `stopped: ${data.said}`, interrupted: "interrupted", failed: `ended by an error: ${data.said}` };
  const minutes = Math.round(age / 60_000);
  const silent = age > AGE ? `; no news for ${minutes} minute${minutes > 1 ? "s" : ""}: it may have ended` : "";
  $("status").textContent = words[data.status] ?? `${paused ? "paused; " : ""}in training${silent}`;
  $("status").className = data.status === "failed" ? "bad" : data.status === "finished" ? "good" : "";
  $("pause").hidden = data.status !== "training";
  $("pause").setAttribute("aria-pressed", String(paused));
}

// Load the page again, where the reader is, unless they hold or select something.
function reload() {
  const busy = held || paused || !getSelection().isCollapsed;
  if (!busy) {
    history.replaceState({ scroll: [scrollX, scrollY], focus: document.activeElement?.id }, "");
    location.reload();
  } else schedule();
}

function schedule() {
  const age = Date.now() - data.written;
  if (data.status === "training") setTimeout(reload, age > AGE ? 10_000 : 1000 * data.refresh);
}

function start() {
  data.size = Math.max(1, (data.curves.step[1] ?? 1) - (data.curves.step[0] ?? 0));
  $("title").textContent = data.title;
  $("about").textContent = `${data.optimizer}; ${data.loss}; ${written(data.parameters)} parameters. Distributions and answers are of ${written(data.samples)} samples of the ${data.of}, computed in evaluation mode; a histogram spans 5 standard deviations around the mean. The bands show the middle 96 % and 68 % and the median. A unit is dead if its output is 0 for all samples.`;
  readAddress();
  tiles();
  epochTable();
  draw();
  status();
  $("slider").addEventListener("input", (event) => goTo(Number(event.target.value)));
  $("back").addEventListener("click", () => goTo(place() - 1));
  $("forward").addEventListener("click", () => goTo(place() + 1));
  $("theme").addEventListener("click", () => set({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" }));
  $("pause").addEventListener("click", () => {
    paused = !paused;
    status();
  });
  addEventListener("pointerdown", () => (held = true));
  addEventListener("pointerup", () => (held = false));
  addEventListener("pointercancel", () => (held = false));
  addEventListener("resize", draw);
  addEventListener("hashchange", () => {
    readAddress();
    draw();
    if (state.layer !== null) $("layers-title").scrollIntoView();
  });
  if (history.state?.scroll) {
    scrollTo(...history.state.scroll);
    $(history.state.focus)?.focus({ preventScroll: true });
  } else if (state.layer !== null) $("layers-title").scrollIntoView();
  schedule();
}

history.scrollRestoration = "manual";
start();
window.dashboard = { data, records, state, goTo, place };
