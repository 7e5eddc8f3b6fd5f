// The sandbox: a number of an input is changed, typed or dragged, and everything is computed again. A state is the
// numbers of all inputs; the states before are the history, which is undone one by one and drawn as the loss curve.

const FEW = 8; // inputs of so few numbers in all are shown together
const SHOWN = 256; // the largest array whose numbers have fields of their own
const sandbox = { states: [], recorded: null, reason: null, notes: [], fields: null, active: null };

function startSandbox(graph) {
  const { numbers } = graph.doc.sandbox;
  graph.beginsSum = graph.events.map(({ contribution, accumulated }) => !contribution || contribution === accumulated);
  const inputs = graph.nodes.map((node) => (numbers[node.id] ? inputArray(numbers[node.id], node) : undefined));
  let run;
  try {
    run = replay(graph, inputs);
    const difference = firstDifference(graph, run);
    if (difference) return refuseSandbox(`${difference} differs from the recorded one, as after a hook or a write that the graph does not have`);
  } catch (error) {
    return refuseSandbox(error.message);
  }
  sandbox.recorded = {
    nodes: graph.nodes.map(({ value, grad }) => ({ value, grad })),
    events: graph.events.map(({ contribution, accumulated, grad, value }) => ({ contribution, accumulated, grad, value })),
    updates: graph.updates,
  };
  sandbox.states = [{ inputs, run, loss: lossOf(graph, run), kind: "recorded" }];
  const types = [...new Set(graph.nodes.map((node) => node.dtype))].filter((dtype) => /^float(16|32)$/.test(dtype));
  if (types.length) sandbox.notes.push(`recorded in ${types.join(" and ")}, computed here in float64`);
  if (graph.updates.some((list) => list.length)) sandbox.notes.push("the recorded update belongs to the recorded numbers, and goes with the first change");
  tg.sandbox = sandboxInterface();
  return buildSandbox();
}

function refuseSandbox(reason) {
  sandbox.states = [];
  $("sandbox").hidden = true;
  sandbox.reason = reason;
}

const currentState = () => sandbox.states.at(-1);
const isLearned = (i) => app.graph.nodes[i].kind !== "constant" && currentState().run.grads.has(i);

// Compute the run from other inputs, and show it. A state of the same `kind` and place as the last one takes its place.
function enterState(inputs, kind, place = null) {
  const { graph } = app;
  const run = replay(graph, inputs);
  const last = currentState();
  if (place !== null && last.place === place) sandbox.states.pop();
  sandbox.states.push({ inputs, run, loss: lossOf(graph, run), kind, place });
  showState();
}

function showState() {
  const { graph } = app;
  const first = sandbox.states.length === 1;
  if (first) {
    graph.nodes.forEach((node, i) => Object.assign(node, sandbox.recorded.nodes[i]));
    graph.events.forEach((event, k) => Object.assign(event, sandbox.recorded.events[k]));
  } else showRun(graph, currentState().run);
  graph.updates = first ? sandbox.recorded.updates : graph.nodes.map(() => []);
  if (!first) for (const event of graph.events) if (event.type === "update") event.value = null;
  app.health = findTrouble(graph);
  set({});
}

// Change one number of an input; changes of the same number in one go are one state.
function changeNumber(i, at, x, go = null) {
  const { inputs } = currentState();
  const { shape, data, truths } = inputs[i];
  if (/^u?int|^bool/.test(app.graph.nodes[i].dtype) && !Number.isInteger(x)) throw new RangeError(`${nodeTitle(app.graph.nodes[i])} takes whole numbers`);
  enterState(inputs.with(i, { shape, data: data.with(at, x), truths }), "edit", go === null ? null : `${i} ${at} ${go}`);
}

// Take steps of gradient descent: every input that has a gradient moves against it.
function descend(rate, count = 1) {
  for (let k = 0; k < count; k++) {
    const { inputs, run } = currentState();
    const next = inputs.map((array, i) => (array && isLearned(i) ? np.subtract(array, np.multiply(run.grads.get(i), rate)) : array));
    const moved = replay(app.graph, next);
    sandbox.states.push({ inputs: next, run: moved, loss: lossOf(app.graph, moved), kind: "step" });
  }
  showState();
  announce(`loss ${anyNumber(currentState().loss)}`);
}

function undo(all = false) {
  if (sandbox.states.length < 2) return;
  sandbox.states.splice(all ? 1 : -1);
  showState();
}

// Return a power of ten with which the first step moves no number by more than a tenth.
function usualRate() {
  const { inputs, run } = currentState();
  let least = 1;
  inputs.forEach((array, i) => {
    if (!array || !isLearned(i)) return;
    const biggest = (numbers) => numbers.reduce((most, x) => Math.max(most, Number.isFinite(x) ? Math.abs(x) : 0), 0);
    const [w, g] = [biggest(array.data), biggest(run.grads.get(i).data)];
    if (g > 0) least = Math.min(least, (0.1 * Math.max(1, w)) / g);
  });
  return 10 ** Math.floor(Math.log10(least) + 1e-9);
}

// Read what was typed; undefined if it is no number.
function typedNumber(text) {
  const plain = text.trim().replaceAll("−", "-").replace("∞", "inf").toLowerCase();
  if (plain in wordNumbers) return wordNumbers[plain];
  return plain === "" || Number.isNaN(Number(plain)) ? undefined : Number(plain);
}

// What tests and programs in the page can ask of it.
function sandboxInterface() {
  const at = (id) => app.graph.index.get(id);
  const listed = (array) => array && [...array.data];
  return {
    state() {
      const { run, loss } = currentState();
      const { nodes } = app.graph;
      return {
        loss,
        losses: sandbox.states.map((state) => state.loss),
        values: Object.fromEntries(nodes.map(({ id }, i) => [id, listed(run.values[i])])),
        gradients: Object.fromEntries(nodes.map(({ id }, i) => [id, listed(run.grads.get(i))])),
        contributions: run.events.map(({ contribution }) => listed(contribution) ?? null),
        notes: sandbox.notes,
      };
    },
    put: (id, k, x) => changeNumber(at(id), k, x),
    descend,
    undo,
  };
}

// The elements of the sandbox

function buildSandbox() {
  const rate = h("input", { id: "rate", size: 6, value: String(usualRate()), "aria-label": "Learning rate", autocomplete: "off" });
  const step = (count) => () => {
    const x = typedNumber(rate.value);
    rate.setAttribute("aria-invalid", String(x === undefined));
    if (x !== undefined) descend(x, count);
  };
  const learned = app.graph.nodes.some((_, i) => isLearned(i));
  $("sandbox").replaceChildren(
    h("summary", {}, h("b", {}, "Sandbox"), h("span", { id: "sandbox-loss" })),
    h("div", { class: "row" },
      learned && h("label", {}, "Rate ", rate),
      learned && h("button", { id: "descend", title: "Take a step against the gradient", onclick: step(1) }, "Step"),
      learned && h("button", { onclick: step(10), title: "Take ten steps" }, "× 10"),
      h("button", { id: "undo", title: "Undo the last change (u)", onclick: () => undo() }, "Undo"),
      h("button", { id: "reset", title: "Back to the recorded numbers (r)", onclick: () => undo(true) }, "Reset"),
    ),
    h("figure", { id: "curve" }),
    h("div", { id: "fields" }),
    h("p", { id: "sandbox-error", role: "alert", class: "bad" }),
    ...sandbox.notes.map((note) => h("p", { class: "kind" }, note)),
  );
  $("sandbox").hidden = false;
  const wide = !matchMedia("(max-width: 640px), (max-height: 560px)").matches;
  $("sandbox").open = wide && changeable().length > 0; // where all numbers are at hand; else the panel has the room
  refreshSandbox();
}

// Return the inputs whose numbers have fields: all if they are few, else the selected one.
function changeable() {
  const { graph, state } = app;
  const all = graph.nodes.flatMap((_, i) => (currentState().inputs[i] ? [i] : []));
  const sizes = all.reduce((sum, i) => sum + currentState().inputs[i].data.length, 0);
  const chosen = graph.index.get(state.node);
  return sizes <= FEW ? all : all.filter((i) => i === chosen);
}

function refreshSandbox() {
  if (!sandbox.states.length) return;
  const chosen = changeable();
  if (sandbox.fields !== chosen.join()) {
    sandbox.fields = chosen.join();
    $("fields").replaceChildren(...[inputMenu(chosen), ...chosen.map(fieldsOf)].filter(Boolean));
  }
  for (const field of $("fields").querySelectorAll("input[data-at]")) {
    const { data } = currentState().inputs[field.dataset.node];
    if (field !== document.activeElement) field.value = fieldText(data[field.dataset.at], field.type);
  }
  $("sandbox-error").textContent = "";
  $("undo").disabled = $("reset").disabled = sandbox.states.length === 1;
  const known = app.graph.events.every((event) => event.type !== "seed" || isComputed(app.graph.index.get(event.node)));
  $("sandbox-loss").textContent = `${lossName()} = ${known ? anyNumber(currentState().loss) : "·"}`;
  $("curve").replaceChildren(...lossCurve());
}

const anyNumber = (x) => short(Number.isFinite(x) ? x : String(x).replace("Infinity", "inf").toLowerCase());
const fieldText = (x, type) => (type === "range" ? String(x) : anyNumber(x));

function lossName() {
  const seeds = app.graph.events.filter((event) => event.type === "seed");
  const name = seeds.length === 1 && app.graph.nodes[app.graph.index.get(seeds[0].node)].name;
  return name || "loss";
}

// A menu of the inputs, where not all of them are shown.
function inputMenu(chosen) {
  const { graph } = app;
  const all = graph.nodes.flatMap((node, i) => (currentState().inputs[i] ? [node] : []));
  if (chosen.length === all.length) return null;
  const title = (node) => `${fullName(node.id)} ${shapeText(node.shape)}`;
  const options = all.map((node) => h("option", { value: node.id, selected: node.id === app.state.node }, title(node)));
  return h("label", {}, "Change ", h("select", { onchange: (event) => select(event.target.value) }, h("option", { value: "" }, "an input …"), ...options));
}

// The fields of one input, as rows of its last axis, and a slider for the number that was touched last.
function fieldsOf(i) {
  const { shape, data } = currentState().inputs[i];
  const name = fullName(app.graph.nodes[i].id);
  const slider = h("input", { type: "range", step: "any", "data-node": i, "data-at": 0, class: "drag" });
  aim(slider, i, 0, name);
  let go = 0; // one drag is one state
  slider.addEventListener("input", () => tryChange(slider, i, Number(slider.dataset.at), Number(slider.value), `drag ${go}`));
  slider.addEventListener("change", () => {
    go = performance.now();
    aim(slider, i, Number(slider.dataset.at), name);
  });
  const width = shape.at(-1) ?? 1;
  const rows = Array.from({ length: data.length <= SHOWN ? data.length / (width || 1) : 0 }, (_, row) =>
    h("div", {}, ...Array.from({ length: width }, (_, k) => numberField(i, row * width + k, name, slider))),
  );
  const position = data.length > SHOWN && positionField(i, name, slider);
  return h("div", { class: "input" }, h("span", { class: "letter" }, name), h("div", { class: "numbers-grid" }, ...rows, position), slider);
}

// Let the slider change an element, around its present value.
function aim(slider, i, at, name) {
  const x = currentState().inputs[i].data[at];
  const span = Math.max(2, 2 * Math.abs(x)) || 2;
  slider.dataset.at = at;
  [slider.min, slider.max, slider.value] = [x - span, x + span, x];
  slider.setAttribute("aria-label", `Drag ${elementName(i, at, name)}`);
}

function elementName(i, at, name) {
  const { shape } = app.graph.nodes[i];
  const index = shape.map((n, axis) => Math.floor(at / np.count(shape.slice(axis + 1))) % n);
  return index.length ? `${name}[${index.join(", ")}]` : name;
}

function numberField(i, at, name, slider) {
  const field = h("input", {
    type: "text", class: "number", "data-node": i, "data-at": at, "aria-label": elementName(i, at, name), autocomplete: "off", spellcheck: "false",
  });
  let go = 0; // one visit of the field is one state
  field.addEventListener("focus", () => {
    go = performance.now();
    aim(slider, i, Number(field.dataset.at), name);
    const x = currentState().inputs[i].data[field.dataset.at];
    if (Number.isFinite(x)) field.value = String(Number(x.toPrecision(12))).replace("-", "−"); // with all digits
  });
  field.addEventListener("input", () => {
    const x = typedNumber(field.value);
    field.setAttribute("aria-invalid", String(x === undefined));
    if (x !== undefined) tryChange(field, i, Number(field.dataset.at), x, go);
  });
  field.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const x = currentState().inputs[i].data[field.dataset.at];
    const unit = 10 ** Math.floor(Math.log10(Math.abs(x) || 1) - 1) * (event.shiftKey ? 10 : 1);
    tryChange(field, i, Number(field.dataset.at), Number((x + by * unit).toPrecision(12)), go);
    field.value = String(currentState().inputs[i].data[field.dataset.at]).replace("-", "−");
  });
  field.addEventListener("blur", () => {
    field.removeAttribute("aria-invalid");
    refreshSandbox();
  });
  return field;
}

// For a large array, one field, and the position that it changes.
function positionField(i, name, slider) {
  const { shape } = app.graph.nodes[i];
  const field = numberField(i, 0, name, slider);
  const move = (event) => {
    const index = event.target.value.split(",").map(Number);
    const at = index.reduce((sum, k, axis) => sum * shape[axis] + k, 0);
    const valid = index.length === shape.length && index.every((k, axis) => Number.isInteger(k) && k >= 0 && k < shape[axis]);
    event.target.setAttribute("aria-invalid", String(!valid));
    if (!valid) return;
    field.dataset.at = at;
    field.setAttribute("aria-label", elementName(i, at, name));
    aim(slider, i, at, name);
    refreshSandbox();
  };
  return h("div", {}, h("input", { type: "text", class: "number", value: shape.map(() => 0).join(", "), "aria-label": `Position in ${name}`, oninput: move }), " = ", field);
}

// Change a number as a field asks; what cannot be computed is told, and changes nothing.
function tryChange(field, i, at, x, go) {
  try {
    changeNumber(i, at, x, go);
  } catch (error) {
    field.setAttribute("aria-invalid", "true");
    $("sandbox-error").textContent = error.message;
  }
}

// Draw the loss of every state: filled dots are steps, rings are changes.
function lossCurve() {
  const losses = sandbox.states.map(({ loss }) => loss);
  const finite = losses.filter(Number.isFinite);
  if (losses.length < 2 || !finite.length) return [];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const [width, height] = [260, 56];
  const x = (k) => 5 + (k * (width - 10)) / (losses.length - 1);
  const y = (loss) => (high > low ? height - 5 - ((loss - low) / (high - low)) * (height - 10) : height / 2);
  const known = losses.flatMap((loss, k) => (Number.isFinite(loss) ? [k] : []));
  const dots = losses.length > 60 ? [] : known.map((k) => svg("circle", { cx: x(k), cy: y(losses[k]), r: 2.5, class: sandbox.states[k].kind }));
  const about = `Loss after each of ${counted(losses.length - 1, "change")}: from ${anyNumber(losses[0])} to ${anyNumber(losses.at(-1))}`;
  return [
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": about },
      svg("polyline", { points: known.map((k) => `${x(k)},${y(losses[k])}`).join(" ") }), ...dots),
    h("figcaption", {}, h("span", {}, anyNumber(losses[0])), h("span", {}, counted(losses.length - 1, "change")), h("span", {}, anyNumber(losses.at(-1)))),
  ];
}
