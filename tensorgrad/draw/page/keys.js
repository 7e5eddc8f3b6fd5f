// The keyboard, which can do everything that the pointer can.

const KEYS = [
  ["← →", "previous, next event"],
  ["Home End", "first, last event"],
  ["Space", "play, pause"],
  ["< >", "slower, faster"],
  ["[ ]", "previous, next chapter"],
  ["b", "next start of backward"],
  ["q", "predict each number first"],
  ["↑ ↓", "previous, next node"],
  ["i c", "go to an input, a consumer"],
  ["Enter", "open or close a module"],
  ["x", "close the enclosing module"],
  ["e E", "open, close all modules"],
  ["a d p", "ancestors, descendants, path to the loss"],
  ["/", "search; n N next, previous hit"],
  ["+ − 0", "zoom in, out, fit"],
  ["Shift+arrows", "pan"],
  ["h", "colour by kind, time, bytes"],
  ["o v", "outline; panel"],
  ["t", "dark or light"],
  ["u r", "in the sandbox: undo, reset"],
  ["Esc", "clear selection and search"],
];

const keyTable = () =>
  h(
    "table",
    { class: "keys" },
    h(
      "tbody",
      {},
      ...KEYS.map(([key, text]) =>
        h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, text)),
      ),
    ),
  );

function handleKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target } = event;
  if (target.matches("input[type=search]")) {
    if (event.key === "Enter") goToHit(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") $("canvas").focus();
    return;
  }
  if (target.matches("select, input[type=file], input[type=text], #sandbox input, summary")) {
    if (event.key === "Escape") $("canvas").focus();
    return;
  }
  if (target.id === "panel" && /^(Arrow|Page|Home|End| )/.test(event.key)) return; // it scrolls
  if (target.matches("button, summary") && (event.key === "Enter" || event.key === " ")) return;
  if (target.closest("#outline") && outlineKey(event)) {
    event.preventDefault();
    return;
  }
  if (event.key !== "Tab" && act(event.key, event.shiftKey)) event.preventDefault();
}

function act(key, shift) {
  const { step, node } = app.state;
  const m = app.graph.moduleIndex.get(node);
  if (shift && key.startsWith("Arrow")) {
    panBy(
      80 * ((key === "ArrowLeft") - (key === "ArrowRight")),
      80 * ((key === "ArrowUp") - (key === "ArrowDown")),
    );
    return true;
  }
  const action = {
    ArrowLeft: () => stepTo(step - 1),
    ArrowRight: stepForward,
    Home: () => stepTo(0),
    End: () => stepTo(app.graph.events.length),
    " ": play,
    b: toBackward,
    "[": () => goToChapter(-1),
    "]": () => goToChapter(1),
    "<": () => changeSpeed(-1),
    ">": () => changeSpeed(1),
    q: togglePredict,
    ArrowUp: () => walk(-1),
    ArrowDown: () => walk(1),
    i: () => follow((at) => app.graph.inputs[at].filter((j) => j >= 0)),
    c: () => follow((at) => app.graph.consumers[at].map((use) => use.node)),
    Enter: () => m !== undefined && toggle(m),
    x: closeAround,
    e: () => openAll(true),
    E: () => openAll(false),
    a: () => light("ancestors"),
    d: () => light("descendants"),
    p: () => light("loss"),
    "/": () => $("search").select(),
    n: () => goToHit(1),
    N: () => goToHit(-1),
    "+": () => zoomBy(1.3),
    "=": () => zoomBy(1.3),
    "-": () => zoomBy(1 / 1.3),
    0: fit,
    h: nextColour,
    o: toggleOutline,
    v: togglePanel,
    t: toggleTheme,
    u: () => tg.sandbox?.undo(),
    r: () => tg.sandbox?.undo(true),
    Escape: () => set({ node: null, trace: null, query: "" }),
  }[key];
  if (!action) return false;
  action();
  return true;
}

// Select the previous or next visible item in recording order.
function walk(step) {
  const { scene, graph } = app;
  const item = selectedItem();
  const first = ({ kind, of }) => (kind === NODE ? of : (app.membersOf(of)[0] ?? 0));
  const order = scene.items.filter(({ kind }) => kind !== BOX).sort((a, b) => first(a) - first(b));
  const start = item ? order.indexOf(item) : step > 0 ? -1 : 0;
  const next = order[(start + step + order.length) % order.length];
  if (!next) return;
  select(next.kind === NODE ? graph.nodes[next.of].id : graph.modules[next.of].id);
  announce(itemText(next));
}

function itemText(item) {
  const { graph } = app;
  if (item.kind !== NODE)
    return `module ${moduleTitle(item.of)}, ${moduleLabel(graph, item.of).detail}`;
  const node = graph.nodes[item.of];
  const marks = marksOf(item.of).map((kind) => TROUBLES[kind]);
  return [
    `${node.kind} ${nodeTitle(node)}`,
    shapeText(node.shape),
    counted(node.inputs.length, "input"),
    ...marks,
  ].join(", ");
}

// Go to the first neighbour or, if the last one came from here too, to the next neighbour.
function follow(neighbours) {
  const i = app.graph.index.get(app.state.node);
  const next = i === undefined ? [] : neighbours(i);
  if (!next.length) return;
  const turn = app.followed?.from === i ? (app.followed.turn + 1) % next.length : 0;
  app.followed = { from: i, turn };
  select(app.graph.nodes[next[turn]].id);
  const item = selectedItem();
  if (item) announce(itemText(item));
}

function closeAround() {
  const { graph, state } = app;
  const i = graph.index.get(state.node);
  const m =
    i !== undefined
      ? graph.moduleOf[i]
      : (graph.tree.parent[graph.moduleIndex.get(state.node)] ?? -1);
  if (m >= 0 && state.open.has(m)) toggle(m);
}

function openAll(open) {
  set({ open: new Set(open ? app.graph.modules.keys() : []) });
  fit();
}

function nextColour() {
  const kinds = Object.keys(HEATS).filter((kind) => hasHeat(app.graph, kind));
  set({ colour: kinds[(kinds.indexOf(app.state.colour) + 1) % kinds.length] });
}

function toggleTheme() {
  set({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" });
}

function togglePanel() {
  const panel = $("aside");
  panel.hidden = !panel.hidden;
  $("show-panel").setAttribute("aria-expanded", String(!panel.hidden));
  resize();
}

function toggleOutline() {
  const box = $("outline-box");
  box.hidden = !box.hidden;
  $("show-outline").setAttribute("aria-expanded", String(!box.hidden));
  resize();
  if (!box.hidden) $("outline").querySelector('[tabindex="0"]')?.focus();
}
