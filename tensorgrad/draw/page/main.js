// The start of the page, and its public interface `window.tg`.

function refreshTools() {
  const { state, graph } = app;
  $("colour").value = state.colour;
  if (document.activeElement !== $("search")) $("search").value = state.query;
  const { length } = app.hits;
  $("hits").textContent = !state.query
    ? ""
    : length
      ? state.hit < 0
        ? counted(length, "hit")
        : `${state.hit + 1} of ${length}`
      : "no hits";
  $("next").disabled = $("previous").disabled = !length;
  $("next").hidden = $("previous").hidden = !state.query;
  const troubles = troublesNow().length;
  $("health").hidden = !troubles;
  $("health").textContent = `▲ ${counted(troubles, "warning")}`;
  $("open-all").hidden = !graph.modules.length;
  $("legend").replaceChildren(...legend());
}

function addTools() {
  for (const kind of Object.keys(HEATS)) {
    if (hasHeat(app.graph, kind))
      $("colour").append(h("option", { value: kind }, HEATS[kind].name));
  }
  const on = (id, event, action) => $(id).addEventListener(event, action);
  on("colour", "change", () => set({ colour: $("colour").value }));
  on("search", "input", () => search($("search").value));
  on("next", "click", () => goToHit(1));
  on("previous", "click", () => goToHit(-1));
  on("fit", "click", fit);
  on("zoom-in", "click", () => zoomBy(1.3));
  on("zoom-out", "click", () => zoomBy(1 / 1.3));
  on("open-all", "click", () => openAll(app.state.open.size < app.graph.modules.length));
  on("health", "click", () => set({ node: null }));
  on("theme", "click", toggleTheme);
  on("show-outline", "click", toggleOutline);
  on("show-panel", "click", togglePanel);
  on("close-panel", "click", togglePanel);
  on("export", "change", () => {
    exportAs($("export").value);
    $("export").value = "";
  });
  on("compare", "change", async () => {
    const [file] = $("compare").files;
    try {
      if (file) compareWith(JSON.parse(await file.text()));
    } catch (error) {
      showError(`Comparing requires a graph saved as .json: ${error.message}`);
    }
    $("compare").value = "";
  });
  on("slider", "input", () => stepTo(Number($("slider").value)));
  on("play", "click", play);
  on("back", "click", () => stepTo(app.state.step - 1));
  on("forward", "click", stepForward);
  on("speed", "change", () => setSpeed(Number($("speed").value)));
  on("predict", "click", togglePredict);
  on("question", "submit", checkAnswer);
  on("give-up", "click", giveUp);
  on("sign", "click", changeSign);
  on("next-question", "click", stepForward);
  document.addEventListener("keydown", handleKey);
  window.addEventListener("hashchange", followLink);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    set({ theme: app.state.theme }),
  );
  new ResizeObserver(() => {
    resize();
    if (app.graph.events.length) drawMemory();
  }).observe($("stage"));
}

const NOTHING = "This graph is empty: no operation was recorded. Operations are recorded if an input has requires_grad=True.";

function showError(text) {
  $("error").textContent = text;
  $("error").hidden = false;
}

function start() {
  try {
    openDocument(readDocument(JSON.parse($("graph").textContent)));
  } catch (error) {
    return showError(`This graph cannot be shown: ${error.message}`);
  }
  if (!app.graph.nodes.length) showError(NOTHING);
  if (app.graph.doc.sandbox?.rows) startSandbox(app.graph);
  document.title = app.graph.doc.title;
  $("title").textContent = app.graph.doc.title;
  addTools();
  addPointer();
  const asked = readLink(location.hash);
  set({ theme: null, query: "", open: app.state.open, ...asked });
  if ($("other")) compareWith(JSON.parse($("other").textContent));
  if (window.innerHeight < 480) togglePanel(); // the graph needs all the room
  fit({ legible: true });
  if (asked.node) {
    const item = selectedItem();
    if (item) reveal(item);
  } else if ("step" in asked) lead(app.state.step);
  drawNow(performance.now());
  tg.ready = true;
  performance.mark("ready");
  return undefined;
}

const idOf = (item) =>
  item.kind === NODE ? app.graph.nodes[item.of].id : app.graph.modules[item.of].id;
const onScreen = (item) => ({
  x: item.x * view.scale + view.x,
  y: item.y * view.scale + view.y,
  width: item.w * view.scale,
  height: item.h * view.scale,
});

window.tg = {
  ready: false,
  state() {
    const { open, ...rest } = app.state;
    return {
      ...rest,
      steps: app.graph.events.length,
      open: [...open].sort((a, b) => a - b).map((m) => app.graph.modules[m].id),
      hits: app.hits.map((i) => app.graph.nodes[i].id),
      lit: app.highlight
        ? app.graph.nodes.flatMap((node, i) => (app.highlight[i] ? [node.id] : []))
        : null,
      troubles: troublesNow().map(({ node, kind }) => ({ node: app.graph.nodes[node].id, kind })),
      memory: {
        peak: liveMemory().peak,
        at: liveMemory().at,
        now: app.state.step ? liveMemory().live[app.state.step - 1] : 0,
      },
      difference: app.diff && {
        added: app.graph.nodes.flatMap((node, i) =>
          app.diff.status[i] === "added" ? [node.id] : [],
        ),
        changed: app.graph.nodes.flatMap((node, i) =>
          app.diff.status[i] === "changed" ? [node.id] : [],
        ),
        removed: app.diff.removed.map((j) => app.diff.before.nodes[j].id),
      },
      view: { x: view.x, y: view.y, scale: view.scale },
    };
  },
  node(id) {
    const i = app.graph.index.get(id);
    if (i === undefined) return null;
    const { step } = app.state;
    return {
      ...app.graph.nodes[i],
      consumers: app.graph.consumers[i].map((use) => ({
        node: app.graph.nodes[use.node].id,
        slot: use.slot,
      })),
      modules: modulePath(app.graph, i).map((m) => app.graph.modules[m].id),
      gradient: gradientAt(app.graph, i, step),
      value: valueAt(app.graph, i, step),
      written: isWritten(app.graph, i, step),
      contributions: contributionsAt(app.graph, i, step).rows,
      visible: app.scene.items[app.scene.itemOfNode[i]].kind === NODE,
      troubles: marksOf(i),
    };
  },
  // The equations of a node's local rule, each as its lines of text: the formula, and what it is equal to.
  equations(id) {
    const i = app.graph.index.get(id);
    return equationsOf(i, app.graph.nodes[i]).map(({ name, formula, lines }) => ({
      name,
      formula,
      lines: lines.map((parts) => parts.map((part) => part.text ?? part).join("")),
      exact: lines.map((parts) => parts.map((part) => part.title ?? part).join("")),
    }));
  },
  step(k) {
    stepTo(k);
    return tg.state().step;
  },
  chapters: () => chapters().map(({ step, title }) => ({ step, title })),
  expand(path) {
    const found = findModules(path);
    for (const m of found)
      for (const around of outerModules(app.graph, m))
        if (!app.state.open.has(around)) toggle(around);
    return found.length > 0;
  },
  collapse(path) {
    const found = findModules(path);
    for (const m of found) if (app.state.open.has(m)) toggle(m);
    return found.length > 0;
  },
  search,
  select,
  visible() {
    const { scene } = app;
    return {
      items: scene.items.map((item) => ({
        id: idOf(item),
        kind: ["node", "closed", "open"][item.kind],
        heat: app.heat.value(item),
        ...onScreen(item),
      })),
      edges: scene.edges.map((edge, e) => ({
        from: idOf(scene.items[edge.from]),
        to: idOf(scene.items[edge.to]),
        count: edge.slots.length,
        now: e === app.nowEdge,
        flowed: app.edgeKinds[e] === FLOWED || e === app.nowEdge,
      })),
      inside: scene.inside,
    };
  },
};

start();
