// The graph as a tree of text, for screen readers and for finding nodes by name.

const OUTLINE_MOST = 400;

function refreshOutline(changed) {
  const tree = $("outline");
  if (changed || tree.graph !== app.graph) fillOutline(tree);
  tree.graph = app.graph;
  for (const row of tree.children) {
    const chosen = row.dataset.id === app.state.node;
    if (chosen !== (row.getAttribute("aria-selected") === "true"))
      row.setAttribute("aria-selected", String(chosen));
    row.tabIndex = chosen ? 0 : -1;
    if (chosen && !$("outline-box").hidden) row.scrollIntoView({ block: "nearest" });
  }
  if (tree.firstChild && !tree.querySelector('[tabindex="0"]')) tree.firstChild.tabIndex = 0;
}

// List modules and nodes in recording order, each module before its contents.
function fillOutline(tree) {
  const { graph, state } = app;
  const { parent, depth, members, children } = graph.tree;
  const first = (m) => members[m][0] ?? graph.nodes.length;
  const rows = [];
  const stack = [];
  const push = (modules, nodes, level) => {
    const entries = [
      ...modules.map((m) => ({
        m,
        at: app.membersOf(m).reduce((least, i) => Math.min(least, i), first(m)),
        level,
      })),
      ...nodes.map((i) => ({ i, at: i, level })),
    ];
    entries.sort((a, b) => b.at - a.at);
    for (const entry of entries) stack.push(entry);
  };
  const top = graph.moduleOf.flatMap((m, i) => (m < 0 ? [i] : []));
  push(
    parent.flatMap((up, m) => (up < 0 ? [m] : [])),
    top,
    1,
  );
  while (stack.length && rows.length < OUTLINE_MOST) {
    const entry = stack.pop();
    rows.push(outlineRow(entry));
    if (entry.m !== undefined && state.open.has(entry.m))
      push(children[entry.m], members[entry.m], depth[entry.m] + 2);
  }
  if (stack.length)
    rows.push(
      h("div", { role: "treeitem", class: "note", "aria-level": 1 }, "… more: use the search"),
    );
  tree.replaceChildren(...rows);
}

function outlineRow({ m, i, level }) {
  const { graph, state } = app;
  const common = { role: "treeitem", "aria-level": level, "aria-selected": "false", tabindex: -1 };
  const row =
    m === undefined
      ? h(
          "div",
          { ...common, "data-id": graph.nodes[i].id },
          glyph(...outlineGlyph(i)),
          `${nodeTitle(graph.nodes[i])} `,
          h("small", {}, shapeText(graph.nodes[i].shape)),
        )
      : h(
          "div",
          { ...common, "data-id": graph.modules[m].id, "aria-expanded": String(state.open.has(m)) },
          state.open.has(m) ? "− " : "+ ",
          h("b", {}, moduleTitle(m)),
        );
  row.style.paddingInlineStart = `${level * 14}px`;
  row.addEventListener("click", () => (m === undefined ? select(graph.nodes[i].id) : toggle(m)));
  return row;
}

function outlineGlyph(i) {
  const { kind } = app.graph.nodes[i];
  if (app.graph.isRoot.has(i)) return ["double", "result"];
  return [{ op: "round", parameter: "tag", leaf: "pill", constant: "cut" }[kind], kind];
}

function outlineKey(event) {
  const row = document.activeElement;
  if (!row?.dataset?.id) return false;
  const m = app.graph.moduleIndex.get(row.dataset.id);
  const move = (to) => {
    to?.focus();
    return true;
  };
  if (event.key === "ArrowDown") return move(row.nextElementSibling);
  if (event.key === "ArrowUp") return move(row.previousElementSibling);
  const opens = event.key === "ArrowRight" && m !== undefined && !app.state.open.has(m);
  const closes = event.key === "ArrowLeft" && m !== undefined && app.state.open.has(m);
  if (opens || closes || ((event.key === "Enter" || event.key === " ") && m !== undefined)) {
    const { id } = row.dataset;
    toggle(m);
    return move($("outline").querySelector(`[data-id="${CSS.escape(id)}"]`));
  }
  if (event.key === "Enter" || event.key === " ") {
    select(row.dataset.id);
    return true;
  }
  return event.key === "ArrowLeft" || event.key === "ArrowRight";
}
