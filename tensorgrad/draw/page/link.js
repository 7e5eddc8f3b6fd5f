// The state in the address, for sharing: #step=42&open=m0,m3&node=n17.

let written = null;

function writeLink() {
  const { state, graph } = app;
  const parts = [];
  if (graph.events.length) parts.push(["step", state.step]);
  parts.push([
    "open",
    [...state.open]
      .sort((a, b) => a - b)
      .map((m) => graph.modules[m].id)
      .join(),
  ]);
  for (const key of ["node", "query", "trace", "theme"])
    if (state[key]) parts.push([key, state[key]]);
  if (state.colour !== "kind") parts.push(["colour", state.colour]);
  const text = `#${parts.map(([key, value]) => `${key}=${encodeURIComponent(value).replaceAll("%2C", ",")}`).join("&")}`;
  if (text === written) return;
  written = text;
  clearTimeout(writeLink.timer); // browsers limit the number of changes per minute
  writeLink.timer = setTimeout(() => {
    try {
      history.replaceState(null, "", text);
    } catch {
      // a page inside a notebook has no address
    }
  }, 150);
}

// Return the changes that a link requests; unknown and missing parts change nothing.
function readLink(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const changes = {};
  if (asked.has("step")) changes.step = Number(asked.get("step"));
  if (asked.has("open")) changes.open = new Set(asked.get("open").split(",").flatMap(openedBy));
  for (const key of ["node", "query", "trace", "theme"])
    if (asked.has(key)) changes[key] = asked.get(key) || null;
  // A module can be named by its path, as another page knows it.
  const [named] = changes.node ? findModules(changes.node) : [];
  if (named !== undefined) changes.node = app.graph.modules[named].id;
  if (changes.query === null) changes.query = "";
  if (HEATS[asked.get("colour")]) changes.colour = asked.get("colour");
  if (!["ancestors", "descendants", "loss", undefined, null].includes(changes.trace))
    delete changes.trace;
  return changes;
}

// Return the modules that a name opens: only that module for an id; the enclosing ones too for a path.
function openedBy(name) {
  const found = findModules(name);
  return app.graph.moduleIndex.has(name) ? found : found.flatMap((m) => outerModules(app.graph, m));
}

// Find a module by its id, or all its calls by its path.
function findModules(name) {
  const m = app.graph.moduleIndex.get(name);
  if (m !== undefined) return [m];
  return app.graph.tree.path.flatMap((path, at) => (path === name ? [at] : []));
}

function followLink() {
  if (location.hash === written) return;
  const changes = readLink(location.hash);
  set(changes);
  if (changes.node) {
    const item = selectedItem();
    if (item) reveal(item);
  } else if ("step" in changes) stepTo(app.state.step);
}
