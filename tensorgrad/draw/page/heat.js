// Hotspots: each item's fraction of the largest time or size in view. A closed module counts as the sum of its members.

const HEATS = {
  kind: { name: "Kind" },
  forward: { name: "Forward time", of: (node) => node.forward_seconds, text: secondsText },
  backward: { name: "Backward time", of: (node) => node.backward_seconds, text: secondsText },
  bytes: {
    name: "Bytes",
    of: (node) => (node.kind === "constant" ? null : node.bytes),
    text: bytesText,
  },
};

function makeHeat(graph) {
  const heat = { most: 0, total: 0, values: null };
  const sum = (item) => {
    if (!heat.values) return null;
    if (item.kind === NODE) return heat.values[item.of];
    return app.membersOf(item.of).reduce((all, i) => all + heat.values[i], 0);
  };
  heat.value = sum;
  heat.choose = (colour) => {
    const { of } = HEATS[colour];
    const isKnown = colour === "backward" ? hasSent : isComputed;
    heat.values = of ? graph.nodes.map((node, i) => (isKnown(i) && of(node)) || 0) : null;
    heat.total = heat.values ? heat.values.reduce((all, x) => all + x, 0) : 0;
    heat.most = 0;
    if (!heat.values) return;
    for (const item of app.scene.items)
      if (item.kind !== BOX) heat.most = Math.max(heat.most, sum(item));
  };
  heat.share = (item) => (heat.most ? sum(item) / heat.most : 0);
  heat.text = (item) => {
    const value = sum(item);
    if (value === null) return null;
    const share = heat.total ? ` · ${short((100 * value) / heat.total, 2)} %` : "";
    return HEATS[app.state.colour].text(value) + share;
  };
  return heat;
}

const hasHeat = (graph, colour) =>
  !HEATS[colour].of || graph.nodes.some((node) => HEATS[colour].of(node));

function legend() {
  const { colour } = app.state;
  if (colour !== "kind") return heatLegend(colour);
  const rows = legendRows().map(([kind, shape, text]) => h("li", {}, glyph(shape, kind), text));
  return app.scene && fittingScale(app.scene) < FAR ? [...hueLegend(), ...rows] : rows;
}

// In an overview, tell the colours of the operations that are most frequent.
function hueLegend() {
  const counts = new Map();
  for (const { op } of app.graph.nodes) if (op) counts.set(op, (counts.get(op) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 6);
  return most.map(([op, n]) => {
    const mark = svg("svg", { viewBox: "0 0 14 14", class: "glyph hue", "aria-hidden": "true" });
    mark.append(svg("path", { d: "M1 1h12v12H1z", fill: hueOf(op) }));
    return h("li", {}, mark, `${op} ×${n}`);
  });
}

// Return the marks that this graph has, with what each means: the class and shape of its glyph, and the words.
function legendRows() {
  const { graph } = app;
  const has = (test) => graph.nodes.some(test);
  const shownStats = (stats) => stats && !(stats.size <= 4) && stats.mean !== null && stats.min !== stats.max;
  const rows = [
    ["op", "round", "Operation", has((node) => node.kind === "op")],
    ["backward", "round", "Operation of a backward pass", has((node) => node.in_backward)],
    ["parameter", "tag", "Parameter", has((node) => node.kind === "parameter")],
    ["leaf", "pill", "Input that has a gradient", has((node) => node.kind === "leaf")],
    ["constant", "cut", "Constant", has((node) => node.kind === "constant")],
    ["result", "double", "Result", graph.roots.length],
    ["module", "stack", "Closed module; ×N: repeated", graph.modules.length],
    ["text", "turn", "Goes on in the next row at the same number", app.scene?.marks.length],
    ["copy", "round", "Drawn again beside its use", app.scene?.items.some((item) => item.copy)],
    ["saved", "diamond", "Value saved for backward", has((node) => node.out_saved || node.inputs.some((input) => input.saved))],
    ["gradient", "back", "Gradient, flowing back", graph.backwardAt < graph.events.length],
    ["gradient", "partial", "Gradient (the result's derivative)", has((node) => node.grad)],
    ["text", "pm", "Mean ± standard deviation", has((node) => shownStats(node.value) || shownStats(node.grad))],
    ["text", "dims", "Shape", has((node) => node.shape.length)],
    ["text", "inf", "Number of infinite or NaN elements", has((node) => isBad(node.value) || isBad(node.grad))],
    ["added", "plus", "Added", app.diff],
    ["removed", "minus", "Removed", app.diff],
    ["changed", "unequal", "Changed", app.diff],
    ["bad", "warn", "Possible problem", app.health.list.length],
  ];
  return rows.filter((row) => row[3]);
}

const GLYPHS = {
  round: "M4 1h14q3 0 3 3v6q0 3-3 3H4q-3 0-3-3V4q0-3 3-3z",
  tag: "M1 1h15l5 6-5 6H1z",
  pill: "M7 1h8q6 0 6 6t-6 6H7q-6 0-6-6t6-6z",
  cut: "M5 1h12l4 4v4l-4 4H5L1 9V5z",
  double: "M1 1h20v12H1zM4 4h14v6H4z",
  stack: "M3 1h12v8H3zM15 3h3v8H6V9M18 5h3v8H9v-2",
  diamond: "M11 2l5 5-5 5-5-5z",
  back: "M21 7H6M1 7l6-3v6z",
  plus: "M11 2v10M6 7h10",
  minus: "M6 7h10",
  unequal: "M6 5h10M6 9h10M13 2l-4 10",
  warn: "M11 1l8 12H3z",
};
const LETTERS = { turn: "①", partial: "∂", pm: "±", dims: "2×3", inf: "80 ∞" }; // marks that are text

const glyph = (shape, kind) =>
  LETTERS[shape]
    ? h("b", { class: `letters ${kind}` }, LETTERS[shape])
    : pathGlyph(shape, kind);
const pathGlyph = (shape, kind) =>
  svg(
    "svg",
    { viewBox: "0 0 22 14", class: `glyph ${kind}`, "aria-hidden": "true" },
    svg("path", { d: GLYPHS[shape] }),
  );

function heatLegend(colour) {
  const { heat, scene } = app;
  const items = scene.items.filter((item) => item.kind !== BOX && heat.value(item) > 0);
  items.sort((a, b) => heat.value(b) - heat.value(a));
  const top = items.slice(0, 5).map((item) => {
    const node = item.kind === NODE ? app.graph.nodes[item.of] : app.graph.modules[item.of];
    const name = item.kind === NODE ? nodeTitle(node) : moduleTitle(item.of);
    return h(
      "li",
      {},
      h("button", { class: "link", onclick: () => select(node.id) }, name),
      ` ${heat.text(item)}`,
    );
  });
  const ends = [HEATS[colour].text(0), HEATS[colour].text(heat.most)];
  return [
    h("li", { class: "ramp" }, h("span", {}, ends[0]), h("i", {}), h("span", {}, ends[1])),
    ...top,
  ];
}

const nodeTitle = (node) =>
  [node.op, node.path && node.name ? `${node.path}.${node.name}` : node.name].filter(Boolean).join(" ") || node.kind;
const moduleTitle = (m) =>
  [app.graph.modules[m].name, app.graph.modules[m].kind].filter(Boolean).join(" ");
