// The panel while nothing is selected: the whole graph, its possible problems, the keys.

function troubleList(list) {
  if (!list.length) return null;
  const rows = list.slice(0, 60).map(({ node, kind }) => {
    const show = () => {
      select(app.graph.nodes[node].id);
      if (kind.startsWith("first")) set({ trace: "loss" });
    };
    const name =
      app.state.node === app.graph.nodes[node].id
        ? null
        : h("button", { class: "link", onclick: show }, nodeTitle(app.graph.nodes[node]));
    const path = homeOf(app.graph, node);
    const where = name && path ? h("small", {}, ` in ${path}`) : null;
    return h("li", {}, glyph("warn", "bad"), name, where, name ? ": " : null, TROUBLES[kind]);
  });
  if (list.length > 60) rows.push(h("li", {}, `and ${list.length - 60} more`));
  return h("ul", { class: "troubles" }, ...rows);
}

function healthPanel() {
  const list = troublesNow();
  if (list.length) return troubleList(list);
  const known = app.graph.nodes.some((node) => node.value || node.grad);
  const text = known ? `✓ no problems found${app.state.step < app.graph.events.length ? " so far" : ""}` : "values and gradients were not recorded";
  return h("p", { class: "kind" }, text);
}

// Where the graph cannot be computed again, say why.
function sandboxNote() {
  const { sandbox: own } = app.graph.doc;
  const reason = own?.rows ? sandbox.reason : own?.reason;
  return reason ? section("Sandbox", h("p", { class: "kind" }, `Numbers cannot be changed here: ${reason}.`)) : null;
}

// Return a note about what the document lacks, if it lacks anything.
function noteOfNone({ nodes, events }) {
  if (events.length) return null;
  const untraced = "Drawn without a trace: there are no events, times or source lines.";
  return h("p", { class: "note" }, nodes.length ? untraced : NOTHING);
}

function overview() {
  const { graph } = app;
  const count = (kind) => grouped(graph.nodes.reduce((n, node) => n + (node.kind === kind), 0));
  const traced = graph.events.length;
  return [
    h("h2", {}, graph.doc.title || "Graph"),
    facts([
      ["Operations", count("op")],
      ["Parameters", count("parameter")],
      ["Inputs", count("leaf")],
      ["Constants", count("constant")],
      ["Modules", grouped(graph.modules.filter(({ repeat }) => !repeat).length)],
      ["Events", traced ? grouped(traced) : null],
    ]),
    noteOfNone(graph),
    ...graph.doc.notes.map((note) => h("p", { class: "note" }, note)),
    section("Health", healthPanel()),
    sandboxNote(),
    diffPanel(),
    section("Keys", keyTable()),
  ];
}
