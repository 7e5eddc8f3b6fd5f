// Stepping through the events: a slider over the live memory, keys, and playback at several speeds.

const PULSE = 420; // milliseconds that a gradient is shown moving
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const WAIT = 700; // milliseconds of an event in playback
const LONGEST = 30; // the longest playback in seconds
let player = null;
let speed = 1;

// Go to a step, and lead the eye to its event. A question that waits for an answer is dropped.
function stepTo(step, { unfold = true } = {}) {
  closeQuestion();
  lead(Math.max(0, Math.min(app.graph.events.length, Math.round(step) || 0)), unfold);
  const event = app.graph.events[app.state.step - 1];
  if (event && !player) announce(eventText(app.state.step));
}

// Go to the next event or, where the reader predicts, ask for its number first.
function stepForward() {
  if (!ask(app.state.step + 1)) stepTo(app.state.step + 1);
}

function play() {
  if (player) return pause();
  if (app.state.step >= app.graph.events.length) stepTo(0);
  return playOn();
}

function playOn() {
  clearInterval(player);
  const { length } = app.graph.events;
  const wait = Math.max(40, Math.min(WAIT, (1000 * LONGEST) / length) / speed);
  const stride = Math.max(1, Math.round((length * wait * speed) / (1000 * LONGEST)));
  player = setInterval(() => {
    if (stride === 1 && ask(app.state.step + 1)) return pause();
    stepTo(app.state.step + stride, { unfold: wait >= 250 });
    if (app.state.step >= length) pause();
    return undefined;
  }, wait);
  refreshStepper();
}

function pause() {
  clearInterval(player);
  player = null;
  refreshStepper();
}

function setSpeed(factor) {
  speed = factor;
  $("speed").value = String(speed);
  if (player) playOn();
  announce(`speed ${speed}`);
}

const changeSpeed = (by) => setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + by))]);

// The part of a training step that an event belongs to.
const PHASES = { forward: "forward", update: "update", zero: "update" };
const phaseOf = (event) => (event ? (PHASES[event.type] ?? "backward") : "forward");

// Go to the next start of a backward pass, or to the first.
function toBackward() {
  const { events, backwardAt } = app.graph;
  const next = events.findIndex((event, k) => k > app.state.step && event.type === "seed" && events[k - 1]?.type !== "seed");
  stepTo(next < 0 ? backwardAt : next);
}

function refreshStepper() {
  const { events } = app.graph;
  $("stepper").hidden = !events.length;
  if (!events.length) return;
  const { step } = app.state;
  const slider = $("slider");
  slider.max = events.length;
  slider.value = step;
  slider.setAttribute("aria-valuetext", `${step} of ${events.length}. ${eventText(step)}`);
  $("play").textContent = player ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", player ? "Pause" : "Play");
  $("event").textContent = eventText(step);
  const { steps, stepOf } = app.graph;
  const of = steps > 1 ? ` · step ${stepOf[Math.max(0, step - 1)]} of ${steps}` : "";
  $("count").textContent = `${step} / ${events.length}${of}`;
  refreshChapters();
  refreshScore();
  const phase = phaseOf(events[step - 1]);
  $("phase").textContent = phase;
  $("phase").className = phase === "backward" ? "gradient" : "";
  drawMemory();
}

// Draw the live memory over the events, with its peak and the current step.
function drawMemory() {
  const { events } = app.graph;
  const canvas = $("memory");
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const memory = liveMemory();
  const inset = 8; // half of the slider's thumb, so that the slider and the curve are aligned
  const x = (k) => inset + (k / events.length) * (width - 2 * inset);
  const y = (bytes) => height - 2 - (bytes / (memory.peak || 1)) * (height - 16);
  const area = (from, to, colour) => {
    pen.beginPath();
    pen.moveTo(x(from), height);
    for (let k = from; k < to; k++) {
      pen.lineTo(x(k), y(memory.live[k]));
      pen.lineTo(x(k + 1), y(memory.live[k]));
    }
    pen.lineTo(x(to), height);
    pen.fillStyle = colour;
    pen.fill();
  };
  for (let from = 0, k = 1; k <= events.length; k++) {
    const phase = phaseOf(events[from]);
    if (k < events.length && phaseOf(events[k]) === phase) continue;
    area(from, k, { forward: colours.faint, backward: colours["gradient-card"], update: colours["parameter-card"] }[phase]);
    from = k;
  }
  if (memory.peak) {
    const px = x(memory.at + 1);
    pen.fillStyle = colours.ink;
    pen.beginPath();
    pen.moveTo(px, y(memory.peak));
    pen.lineTo(px - 4, y(memory.peak) - 6);
    pen.lineTo(px + 4, y(memory.peak) - 6);
    pen.fill();
    pen.font = FONTS.small;
    const text = `peak ${bytesText(memory.peak)} at step ${memory.at + 1}`;
    const room = width - textWidth(text, "small"); // so that the text ends inside the canvas
    const beside = px + 8 > room ? px - 8 - textWidth(text, "small") : px + 8;
    pen.fillStyle = colours.muted;
    pen.fillText(text, Math.max(0, Math.min(beside, room)), 10);
  }
  pen.fillStyle = colours.muted;
  for (const chapter of chapters()) pen.fillRect(x(chapter.step - 1), height - 5, 1, 5);
  pen.fillStyle = colours.select;
  pen.fillRect(x(app.state.step) - 0.75, 0, 1.5, height);
  const now = app.state.step ? memory.live[app.state.step - 1] : 0;
  $("live-bytes").textContent = memory.peak ? `${bytesText(now)} live` : "";
}

// Return the live bytes after each event; an event without a number changes nothing.
function liveMemory() {
  if (app.memory?.graph === app.graph) return app.memory;
  let [last, peak, at] = [0, 0, -1];
  const live = app.graph.events.map((event, k) => {
    last = event.live_bytes ?? last;
    if (last > peak) [peak, at] = [last, k];
    return last;
  });
  app.memory = { graph: app.graph, live, peak, at };
  return app.memory;
}
