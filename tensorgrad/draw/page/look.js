// The appearance of every item and edge in the current state, computed here so that drawing needs no decisions.

const COLOURS = [
  "page",
  "panel",
  "ink",
  "muted",
  "faint",
  "line",
  "card",
  "edge",
  "parameter",
  "parameter-card",
  "leaf",
  "leaf-card",
  "result",
  "gradient",
  "gradient-card",
  "select",
  "bad",
  "added",
  "removed",
  "changed",
  "module",
  "box",
  "heat-low",
  "heat-high",
];
const HUES = [212, 28, 160, 280, 48, 340, 95, 190]; // of operations in an overview, by name
const PLAIN = 0;
const FLOWED = 1;
const NOW = 2;
const DIM = 3;
const LIT = 4;

let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = Object.fromEntries(
    COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
}

function mix(a, b, share) {
  const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [from, to] = [parse(a), parse(b)];
  return `rgb(${from.map((x, k) => Math.round(x + (to[k] - x) * share)).join(",")})`;
}

function lookAt(app) {
  const { graph, scene, state } = app;
  const ahead = graph.events.length && state.step < graph.events.length;
  const mask = app.highlight;
  const present = presentNode(app);
  const looks = scene.items.map((item) => {
    const members = item.kind === NODE ? [item.of] : null;
    const look = baseLook(graph, item);
    const shares = state.colour === "kind" ? null : app.heat.share(item);
    if (shares !== null && item.kind !== BOX)
      look.fill = mix(colours["heat-low"], colours["heat-high"], shares);
    if (shares !== null) look.heat = shares;
    if (members) {
      const i = item.of;
      look.gradient = gradientAt(graph, i, state.step);
      look.ghost = ahead && graph.forwardAt[i] >= state.step;
      look.marks = marksOf(i);
      look.diff = app.diff?.status[i];
      look.now = i === present;
      look.copy = item.copy;
      if (look.diff === "removed") Object.assign(look, { stroke: colours.removed, dash: true });
    } else if (item.kind === CLOSED) {
      const all = app.membersOf(item.of);
      look.gradient = all.some((i) => gradientAt(graph, i, state.step));
      look.now = all.includes(present);
      look.root = graph.roots.some((i) => scene.items[scene.itemOfNode[i]] === item);
      look.ghost = ahead && all.every((i) => graph.forwardAt[i] >= state.step);
      look.marks = all.flatMap(marksOf);
      look.diff =
        app.diff && all.some((i) => app.diff.status[i] !== "same") ? "changed" : undefined;
    }
    const dim =
      mask &&
      item.kind !== BOX &&
      !(members ? mask[item.of] : app.membersOf(item.of).some((i) => mask[i]));
    look.alpha = dim ? 0.22 : look.ghost ? 0.38 : 1;
    return look;
  });
  app.looks = looks;
  lookAtEdges(app, mask);
}

// Return the node of the current event: the one computed, or the one that a gradient reached.
function presentNode({ graph, state }) {
  const event = state.step < graph.events.length ? graph.events[state.step - 1] : null;
  return event ? graph.index.get(event.to ?? event.node) : -1;
}

function baseLook(graph, item) {
  if (item.kind === BOX) return { shape: "box", fill: colours.box, stroke: colours.module };
  if (item.kind === CLOSED) return { shape: "stack", fill: colours.card, stroke: colours.module };
  const { kind } = graph.nodes[item.of];
  const root = graph.isRoot.has(item.of);
  if (kind === "parameter")
    return { shape: "tag", fill: colours["parameter-card"], stroke: colours.parameter, root };
  if (kind === "leaf")
    return { shape: "pill", fill: colours["leaf-card"], stroke: colours.leaf, root };
  if (kind === "constant")
    return { shape: "cut", fill: colours.page, stroke: colours.muted, dash: true, root };
  const fill = graph.nodes[item.of].in_backward ? colours["gradient-card"] : colours.card;
  return { shape: "round", fill, stroke: root ? colours.result : colours.line, root };
}

// Colour the edges over which a gradient has flowed back, and highlight that of the current event.
function lookAtEdges(app, mask) {
  const { graph, scene, state } = app;
  const kinds = new Uint8Array(scene.edges.length);
  const event = graph.events[state.step - 1];
  app.nowEdge = -1;
  for (let k = graph.backwardAt; k < state.step; k++) {
    const e = graph.events[k].type === "backward" ? app.edgeOfEvent(k) : -1;
    if (e >= 0) kinds[e] = FLOWED;
  }
  if (event?.type === "backward") app.nowEdge = app.edgeOfEvent(state.step - 1);
  if (mask) {
    scene.edges.forEach((edge, e) => {
      const lit = edge.slots.some(({ source, target }) => mask[source] && mask[target]);
      kinds[e] = lit ? (kinds[e] === FLOWED ? FLOWED : LIT) : DIM;
    });
  }
  if (app.nowEdge >= 0) kinds[app.nowEdge] = NOW;
  app.edgeKinds = kinds;
}
