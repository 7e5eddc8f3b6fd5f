// The differences of two graphs: nodes added, removed, or changed in shape or value. `before` is the earlier one.

// The longest common subsequence of signatures, by Myers (1986), "An O(ND) Difference Algorithm and Its Variations".
// Beyond MOST differences, equal signatures are matched in order instead, so that no pair of graphs takes long.
const MOST = 400;

function compareGraphs(before, after) {
  const a = before.nodes.map((_, i) => signature(before, i));
  const b = after.nodes.map((_, i) => signature(after, i));
  const match = matchRuns(a, b);
  const taken = new Set(match.filter((j) => j >= 0));
  const status = after.nodes.map((node, i) => {
    if (match[i] < 0) return "added";
    return changesBetween(before.nodes[match[i]], node).length ? "changed" : "same";
  });
  const removed = before.nodes.flatMap((_, j) => (taken.has(j) ? [] : [j]));
  return { match, status, removed, before };
}

function signature(graph, i) {
  const { kind, op, name } = graph.nodes[i];
  const m = graph.moduleOf[i];
  return [m < 0 ? "" : graph.tree.path[m], kind, op, name].join("\n");
}

function matchRuns(a, b) {
  const match = new Int32Array(b.length).fill(-1);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) match[start] = start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) match[--endB] = --endA;
  const steps = shortestEdit(a.slice(start, endA), b.slice(start, endB));
  if (steps) for (const [i, j] of steps) match[start + j] = start + i;
  else matchByPlace(a, b, start, endA, endB, match);
  return Array.from(match);
}

function matchByPlace(a, b, start, endA, endB, match) {
  const places = new Map();
  for (let i = start; i < endA; i++) places.set(a[i], [...(places.get(a[i]) ?? []), i]);
  for (let j = start; j < endB; j++) match[j] = places.get(b[j])?.shift() ?? -1;
}

function shortestEdit(a, b) {
  const reach = new Map([[1, 0]]);
  const trail = [];
  for (let d = 0; d <= Math.min(MOST, a.length + b.length); d++) {
    const row = new Map();
    trail.push(row);
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reach.get(k - 1) < reach.get(k + 1));
      let x = down ? reach.get(k + 1) : reach.get(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      row.set(k, x);
      if (x >= a.length && x - k >= b.length) return trackBack(trail, a.length, b.length);
    }
  }
  return null;
}

function trackBack(trail, endA, endB) {
  const pairs = [];
  let [x, y] = [endA, endB];
  for (let d = trail.length - 1; d >= 0; d--) {
    const before = d ? trail[d - 1] : new Map([[1, 0]]);
    const k = x - y;
    const down = k === -d || (k !== d && (before.get(k - 1) ?? -1) < (before.get(k + 1) ?? -1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = d ? before.get(fromK) : 0;
    const fromY = d ? fromX - fromK : 0;
    while (x > fromX && y > fromY && x > 0 && y > 0) pairs.push([--x, --y]);
    [x, y] = [fromX, fromY];
  }
  return pairs;
}

function changesBetween(old, now) {
  const changes = [];
  if (shapeText(old.shape) !== shapeText(now.shape))
    changes.push(["shape", shapeText(old.shape), shapeText(now.shape)]);
  if (old.dtype !== now.dtype) changes.push(["type", old.dtype, now.dtype]);
  for (const kind of ["value", "grad"]) {
    if (old[kind] && now[kind] && !sameStats(old[kind], now[kind])) {
      changes.push([kind, statsText(old[kind], old.shape), statsText(now[kind], now.shape)]);
    }
  }
  return changes;
}

function sameStats(a, b) {
  const keys = ["size", "min", "max", "mean", "std", "zeros", "nan", "inf"];
  return keys.every((key) => near(a[key], b[key])) && String(a.numbers) === String(b.numbers);
}

const near = (a, b) =>
  a === b ||
  (typeof a === "number" &&
    typeof b === "number" &&
    Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)));

function compareWith(raw) {
  endComparison();
  if (app.graph.doc.sandbox?.rows) refuseSandbox("two graphs are compared");
  const diff = compareGraphs(makeGraph(readDocument(raw)), app.graph);
  app.diff = { ...diff, after: app.graph };
  showGraph(withRemoved(app.graph, diff));
  diff.status.push(...diff.removed.map(() => "removed"));
  set({ node: null, open: app.state.open });
  announce(diffSummary());
}

function endComparison() {
  if (!app.diff) return;
  showGraph(app.diff.after);
  app.diff = null;
}

// Add the removed nodes to the graph, each after its inputs, so that they are shown in their old places.
function withRemoved(graph, { match, removed, before }) {
  const { doc } = graph;
  const now = new Map(
    match.flatMap((j, i) => (j < 0 ? [] : [[before.nodes[j].id, doc.nodes[i].id]])),
  );
  const id = (old) => now.get(old) ?? `−${old}`;
  const moduleAt = new Map(graph.tree.path.map((path, m) => [path, doc.modules[m].id]));
  const gone = removed.map((j) => {
    const node = before.nodes[j];
    const path = before.tree.path[before.moduleOf[j]];
    const inputs = node.inputs.map((input) =>
      input.node ? { ...input, node: id(input.node) } : input,
    );
    return { ...node, id: id(node.id), module: moduleAt.get(path) ?? null, inputs };
  });
  return makeGraph({ ...doc, nodes: [...doc.nodes, ...gone] });
}

const diffCount = (kind) => app.diff.status.filter((status) => status === kind).length;
const diffSummary = () =>
  `${diffCount("added")} added, ${app.diff.removed.length} removed, ${diffCount("changed")} changed`;

function diffNote(i) {
  const status = app.diff?.status[i];
  if (!status || status === "same") return null;
  if (status === "added") return h("p", { class: "note added" }, "+ added");
  if (status === "removed")
    return h("p", { class: "note removed" }, "− removed: only in the earlier graph");
  const rows = changesBetween(app.diff.before.nodes[app.diff.match[i]], app.graph.nodes[i]);
  return h(
    "div",
    { class: "note changed" },
    "≠ changed",
    ...rows.map(([what, from, to]) => h("p", {}, `${what}: ${from} → ${to}`)),
  );
}

function diffPanel() {
  if (!app.diff) return null;
  const names = (nodes, entry) =>
    h(
      "ul",
      {},
      ...nodes.slice(0, 40).map((node) => h("li", {}, entry(node), h("small", {}, ` ${app.graph.tree.path[app.graph.moduleOf[node]] ?? ""}`))),
      nodes.length > 40 ? h("li", {}, `and ${nodes.length - 40} more`) : null,
    );
  const of = (kind) => app.graph.nodes.flatMap((_, i) => (app.diff.status[i] === kind ? [i] : []));
  return section(
    "Difference",
    h("p", { class: "kind" }, diffSummary()),
    h("h4", { class: "added" }, "+ added"),
    names(of("added"), nodeLink),
    h("h4", { class: "removed" }, "− removed"),
    names(of("removed"), nodeLink),
    h("h4", { class: "changed" }, "≠ changed"),
    names(of("changed"), nodeLink),
    h(
      "div",
      { class: "row" },
      h(
        "button",
        {
          onclick: () => {
            endComparison();
            set({ open: app.state.open });
          },
        },
        "End comparison",
      ),
    ),
  );
}
