// The state of the page, and `set`, the only way to change it.

const app = {
  graph: null,
  scene: null,
  state: {
    step: 0,
    open: new Set(),
    node: null,
    query: "",
    hit: -1,
    colour: "kind",
    trace: null,
    theme: null,
  },
  looks: [],
  led: new Set(), // the modules that stepping has opened
  highlight: null,
  hits: [],

  isSelected(item) {
    const id = item.kind === NODE ? app.graph.nodes[item.of].id : app.graph.modules[item.of].id;
    return id === app.state.node;
  },
  hitKind(item) {
    if (!app.hits.length || item.kind === BOX) return null;
    const hit = app.state.hit >= 0 ? app.hits[app.state.hit] : -1;
    if (item.kind === NODE) return item.of === hit ? "now" : app.hitSet.has(item.of) ? "hit" : null;
    return app.membersOf(item.of).some((i) => app.hitSet.has(i)) ? "hit" : null;
  },
  membersOf(m) {
    app.memberLists[m] ??= membersOf(app.graph, m);
    return app.memberLists[m];
  },
  // Return the edge of a backward event's contribution, -1 if it is hidden in a closed module.
  edgeOfEvent(k) {
    const event = app.graph.events[k];
    if (event.type !== "backward") return -1;
    return app.scene.slotEdge[app.graph.index.get(event.node)]?.[event.slot] ?? -1;
  },
};

function openDocument(doc) {
  const graph = makeGraph(doc);
  app.health = findTrouble(graph);
  showGraph(graph);
  $("stepper").hidden = !graph.events.length;
  fillSide();
  $("legend").replaceChildren(...legend());
  const stage = $("stage").getBoundingClientRect();
  [view.width, view.height] = [stage.width, stage.height];
  app.state.step = app.graph.events.length;
  app.state.open = openAtFirst(app.graph);
}

function showGraph(graph) {
  app.graph = graph;
  app.memberLists = [];
  app.heat = makeHeat(graph);
}

function arrangeScene() {
  app.scene = foldGraph(app.graph, app.state.open);
  layoutScene(app.graph, app.scene, (item) => itemSize(app.graph, item), app.graph.doc.direction);
}

// Change the state, then compute, draw and write to the link everything that depends on it.
function set(changes, { keep = null } = {}) {
  const before = { ...app.state };
  Object.assign(app.state, changes);
  const { state } = app;
  state.step = Math.max(0, Math.min(app.graph.events.length, Math.round(state.step) || 0));
  if ("open" in changes) {
    const anchor = keep === null ? null : placeOf(keep);
    arrangeScene();
    if (anchor) stayAt(keep, anchor);
  }
  if ("query" in changes) findHits();
  if ("theme" in changes) applyTheme();
  if ("colour" in changes || (state.colour !== "kind" && state.step !== before.step)) app.heat.choose(state.colour);
  app.highlight = highlighted();
  lookAt(app);
  const one = state.step - before.step === 1;
  if (one && app.nowEdge >= 0 && !stillness()) view.pulse = performance.now();
  refreshPanel();
  if (app.graph.doc.sandbox?.rows) refreshSandbox();
  refreshSide();
  refreshStepper();
  refreshOutline("open" in changes);
  refreshTools();
  writeLink();
  draw();
}

const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const placeOf = (m) => {
  const item = app.scene.items[app.scene.itemOfModule[m]];
  return item && { x: item.x * view.scale + view.x, y: item.y * view.scale + view.y };
};

// Move the view so that a module's header stays at its position on the screen.
function stayAt(m, { x, y }) {
  const now = placeOf(m);
  if (!now) return;
  view.x += x - now.x;
  view.y += y - now.y;
}

function toggle(m) {
  const open = new Set(app.state.open);
  if (!open.delete(m)) open.add(m);
  set({ open, node: app.graph.modules[m].id }, { keep: m });
  announce(`${app.graph.tree.path[m]} ${open.has(m) ? "opened" : "closed"}`);
}

// Open all modules around a node, so that it is visible.
function uncover(i) {
  const path = modulePath(app.graph, i);
  if (path.some((m) => !app.state.open.has(m))) {
    set({ open: new Set([...app.state.open, ...path]) }, { keep: path[0] });
  }
}

function select(id, { show = true } = {}) {
  const i = app.graph.index.get(id);
  if (i !== undefined && show) uncover(i);
  set({ node: id });
  const item = selectedItem();
  if (item && show) reveal(item);
}

function selectedItem() {
  const { graph, scene, state } = app;
  const i = graph.index.get(state.node);
  if (i !== undefined) return scene.items[scene.itemOfNode[i]];
  const m = graph.moduleIndex.get(state.node);
  return m === undefined ? null : (scene.items[scene.itemOfModule[m]] ?? null);
}

// Return a mask of the nodes to highlight: the selection's ancestors, descendants or path to the loss.
function highlighted() {
  const { graph, state } = app;
  if (!state.trace) return null;
  const i = graph.index.get(state.node);
  const m = graph.moduleIndex.get(state.node);
  const starts = i !== undefined ? [i] : m !== undefined ? app.membersOf(m) : [];
  if (!starts.length) return null;
  return { ancestors, descendants, loss: pathToLoss }[state.trace](graph, starts);
}

function applyTheme() {
  const { theme } = app.state;
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  readColours();
}
