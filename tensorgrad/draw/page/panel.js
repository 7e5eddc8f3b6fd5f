// The panel beside the graph: the selected item, with its numbers at the current step.

function refreshPanel() {
  const { graph, state } = app;
  const i = graph.index.get(state.node);
  const m = graph.moduleIndex.get(state.node);
  const content = i !== undefined ? nodePanel(i) : m !== undefined ? modulePanel(m) : overview();
  const panel = $("panel");
  const at = panel.dataset.of === String(state.node) ? panel.scrollTop : 0;
  panel.dataset.of = state.node;
  panel.replaceChildren(...content.filter(Boolean));
  panel.scrollTop = at;
}

const section = (title, ...content) => h("section", {}, h("h3", {}, title), ...content);
const linkTo = (id, text) => h("button", { class: "link", onclick: () => select(id) }, text);
const nodeLink = (i) => linkTo(app.graph.nodes[i].id, nodeTitle(app.graph.nodes[i]));

function facts(pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h(
    "dl",
    {},
    ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

function nodePanel(i) {
  const { graph } = app;
  const node = graph.nodes[i];
  const kinds = { op: "Operation", parameter: "Parameter", leaf: "Input", constant: "Constant" };
  const kind = kinds[node.kind] + (graph.isRoot.has(i) ? " · result" : "");
  return [
    h("h2", {}, nodeTitle(node)),
    h("p", { class: "kind" }, `${kind} · ${node.id}`),
    node.freed &&
      h("p", { class: "note" }, "backward has freed the inputs of this operation."),
    troubleList(marksOf(i).map((mark) => ({ node: i, kind: mark }))),
    diffNote(i),
    facts([
      ["Shape", shapeText(node.shape)],
      ["Type", node.dtype],
      ["Bytes", bytesText(node.bytes)],
      ["Module", moduleLinks(i)],
      ["Source", node.source && h("code", {}, node.source)],
      [
        "Keywords",
        Object.entries(node.keywords ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .join(", "),
      ],
      ["Saved", savedText(node)],
      ["Dead units", node.op && isComputed(i) && node.value?.dead ? `${node.value.dead} of ${node.shape.at(-1)}` : null],
      ["Forward", isComputed(i) && node.forward_seconds != null ? secondsText(node.forward_seconds) : null],
      ["Backward", hasSent(i) && node.backward_seconds != null ? secondsText(node.backward_seconds) : null],
    ]),
    node.formula && section("Local rule", ...rulePanel(i, node)),
    valuePanel(i, node),
    gradientPanel(i, node),
    node.inputs.length ? section(`Inputs (${node.inputs.length})`, inputList(i, node)) : null,
    section(
      `Used by (${graph.consumers[i].length})`,
      linkList(
        graph.consumers[i].map((use) => use.node),
        "nothing",
      ),
    ),
    lightButtons(),
  ];
}

function moduleLinks(i) {
  const path = modulePath(app.graph, i);
  return path.length
    ? path.flatMap((m, k) => [k ? " › " : null, linkTo(app.graph.modules[m].id, moduleTitle(m))])
    : null;
}

function savedText(node) {
  const saved = node.inputs.flatMap((input, slot) => (input.saved ? [`input ${slot}`] : []));
  if (node.out_saved) saved.push("output");
  if (node.residuals_saved) saved.push("intermediate results");
  return node.kind === "op" ? saved.join(", ") || "nothing" : null;
}

// List every operand with its letter: a node, or a number, index or shape as text.
function inputList(i, node) {
  const rows = node.inputs.slice(0, 40).map((input, slot) => {
    const j = app.graph.inputs[i][slot];
    const letter = node.formula?.operands[slot];
    return h(
      "li",
      {},
      letter ? h("code", {}, `${letter} `) : null,
      ...(j < 0 ? [input.text ?? ""] : [nodeLink(j), ` ${shapeText(app.graph.nodes[j].shape)}`]),
    );
  });
  if (node.inputs.length > 40) rows.push(h("li", {}, `and ${node.inputs.length - 40} more`));
  return h("ul", {}, ...rows);
}

function linkList(nodes, none) {
  if (!nodes.length) return h("p", { class: "kind" }, none);
  const shown = nodes
    .slice(0, 40)
    .map((j) => h("li", {}, nodeLink(j), ` ${shapeText(app.graph.nodes[j].shape)}`));
  if (nodes.length > 40) shown.push(h("li", {}, `and ${nodes.length - 40} more`));
  return h("ul", {}, ...shown);
}

function valuePanel(i, node) {
  const { graph, state } = app;
  if (!node.value || graph.forwardAt[i] >= state.step) return null;
  return section("Value", ...statsPanel(valueAt(graph, i, state.step), node.shape, "value"));
}

function statsPanel(stats, shape, kind) {
  const small = stats.numbers && stats.size > 0;
  return [
    h("p", { class: `value ${kind}` }, ...(small ? valueParts(stats, shape).map(shown) : [statsText(stats)])),
    stats.size > 1 || !stats.numbers ? statsTable(stats) : null,
    stats.histogram && stats.size > 1 ? histogram(stats, kind) : null,
  ];
}

// Show the gradient accumulated so far, and each contribution with the edge that it arrived by.
function gradientPanel(i, node) {
  const { graph, state } = app;
  if (!hasGradRow(graph, i)) return null;
  const now = gradientAt(graph, i, state.step);
  const { rows: arrived, all } = contributionsAt(graph, i, state.step);
  const rows = arrived.map((event) =>
    h(
      "tr",
      { class: event.k === state.step - 1 ? "now" : null },
      h(
        "td",
        {},
        event.type === "seed" ? "start" : linkTo(event.node, labelOf(event.node)),
        event.type === "seed" ? "" : ` slot ${event.slot}`,
      ),
      h("td", {}, statsText(event.contribution ?? event.accumulated, node.shape)),
    ),
  );
  return section(
    isWritten(graph, i, state.step) ? "Gradient (.grad)" : "Gradient",
    now ? null : h("p", { class: "kind" }, "no contribution has arrived yet"),
    ...(now ? statsPanel(now, node.shape, "gradient") : []),
    rows.length
      ? h(
          "table",
          { class: "contributions" },
          h("caption", {}, `${arrived.length} of ${counted(all, "contribution")}`),
          h("tbody", {}, ...rows),
          rows.length > 1
            ? h(
                "tfoot",
                {},
                h("tr", {}, h("th", { scope: "row" }, "sum"), h("td", {}, statsText(now, node.shape))),
              )
            : null,
        )
      : null,
  );
}

function lightButtons() {
  const names = { ancestors: "Ancestors", descendants: "Descendants", loss: "Path to the loss" };
  const buttons = Object.entries(names).map(([kind, text]) =>
    h(
      "button",
      { "aria-pressed": String(app.state.trace === kind), onclick: () => light(kind) },
      text,
    ),
  );
  return section("Highlight", h("div", { class: "row" }, ...buttons));
}

const light = (kind) => set({ trace: app.state.trace === kind ? null : kind });

// Link to the module in the page of a training, which nn.Dashboard writes.
function historyLink(path) {
  const { history } = app.graph.doc;
  return history && h("a", { href: `${history}#layer=${encodeURIComponent(path)}` }, "its training");
}

function modulePanel(m) {
  const { graph, state } = app;
  const total = graph.tree.total[m];
  const all = app.membersOf(m);
  const sum = (of, isKnown) => all.reduce((bytes, i) => bytes + ((isKnown(i) && of(graph.nodes[i])) || 0), 0);
  const open = state.open.has(m);
  return [
    h("h2", {}, moduleTitle(m)),
    h("p", { class: "kind" }, `Module · ${graph.tree.path[m]}`),
    facts([
      ["Operations", String(total.op)],
      ["Parameters", String(total.parameter)],
      ["History", historyLink(graph.tree.path[m])],
      ["Bytes", bytesText(sum(HEATS.bytes.of, isComputed))],
      ["Forward", hasHeat(graph, "forward") ? secondsText(sum(HEATS.forward.of, isComputed)) : null],
      ["Backward", hasHeat(graph, "backward") ? secondsText(sum(HEATS.backward.of, hasSent)) : null],
    ]),
    h("div", { class: "row" }, h("button", { onclick: () => toggle(m) }, open ? "Close" : "Open")),
    troubleList(troublesNow().filter(({ node }) => all.includes(node))),
    section("Inside", linkList(graph.tree.members[m], "only modules")),
    lightButtons(),
  ];
}
