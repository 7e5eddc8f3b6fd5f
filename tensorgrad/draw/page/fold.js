// The visible part of the graph for a set of open modules: items (nodes, closed modules, open boxes) and edges.

const NODE = 0;
const CLOSED = 1;
const BOX = 2;

// Return the module that hides each module's nodes: its outermost closed ancestor or itself, -1 if all are open.
function hiders(graph, open) {
  const { order, parent } = graph.tree;
  const hider = new Int32Array(graph.modules.length);
  for (const m of order) {
    const above = parent[m] < 0 ? -1 : hider[parent[m]];
    hider[m] = above >= 0 ? above : open.has(m) ? -1 : m;
  }
  return hider;
}

function foldGraph(graph, open) {
  const hider = hiders(graph, open);
  const items = [];
  const itemOfModule = new Int32Array(graph.modules.length).fill(-1);
  const itemOfNode = new Int32Array(graph.nodes.length);
  const add = (item) => items.push(item) - 1;
  const boxOf = (m) => (m < 0 ? -1 : itemOfModule[m]);
  for (const m of graph.tree.order) {
    const above = graph.tree.parent[m];
    if (hider[m] === -1 || hider[m] === m) {
      const kind = hider[m] === m ? CLOSED : BOX;
      itemOfModule[m] = add({ kind, of: m, box: boxOf(above), x: 0, y: 0, w: 0, h: 0 });
    }
  }
  graph.nodes.forEach((_, i) => {
    const m = graph.moduleOf[i];
    const closed = m < 0 ? -1 : hider[m];
    itemOfNode[i] =
      closed >= 0
        ? itemOfModule[closed]
        : add({ kind: NODE, of: i, box: boxOf(m), x: 0, y: 0, w: 0, h: 0 });
  });
  const copies = addCopies(graph, items, itemOfNode);
  return { items, itemOfNode, itemOfModule, ...foldEdges(graph, items, itemOfNode, copies) };
}

const NEAR = 4; // the largest distance between two uses of an input that share one drawing of it
const SPREAD = 12; // the distance between its first and last use from which an input is drawn several times

// Draw inputs, parameters and constants that are used far apart beside each use. Return the item of each copy by the
// node and the item that uses it.
function addCopies(graph, items, itemOfNode) {
  const copies = new Map();
  const place = new Map();
  graph.nodes.forEach((node, i) => {
    if (node.op && !place.has(itemOfNode[i])) place.set(itemOfNode[i], place.size);
  });
  graph.nodes.forEach((node, i) => {
    if (node.op || items[itemOfNode[i]].kind !== NODE) return;
    const users = [...new Set(graph.consumers[i].map((use) => itemOfNode[use.node]))].sort((a, b) => place.get(a) - place.get(b));
    if (!users.length || place.get(users.at(-1)) - place.get(users[0]) < SPREAD) return;
    let [own, since] = [itemOfNode[i], place.get(users[0])];
    for (const user of users) {
      if (place.get(user) - since >= NEAR) {
        since = place.get(user);
        own = items.push({ kind: NODE, of: i, box: items[user].box, copy: true, x: 0, y: 0, w: 0, h: 0 }) - 1;
      }
      copies.set(`${i} ${user}`, own);
    }
  });
  return copies;
}

// Return one edge per operand slot between nodes, and one edge with a count between items if one is a closed module.
function foldEdges(graph, items, itemOfNode, copies) {
  const edges = [];
  const bundles = new Map();
  const slotEdge = graph.inputs.map((sources) => new Int32Array(sources.length).fill(-1));
  let inside = 0;
  graph.inputs.forEach((sources, target) =>
    sources.forEach((source, slot) => {
      if (source < 0) return;
      const to = itemOfNode[target];
      const from = copies.get(`${source} ${to}`) ?? itemOfNode[source];
      if (from === to && items[from].kind === CLOSED) {
        inside++;
        return;
      }
      const single = items[from].kind === NODE && items[to].kind === NODE;
      const key = from * items.length + to;
      let e = single ? undefined : bundles.get(key);
      if (e === undefined) {
        e = edges.push({ from, to, slots: [] }) - 1;
        if (!single) bundles.set(key, e);
      }
      edges[e].slots.push({ source, target, slot });
      slotEdge[target][slot] = e;
    }),
  );
  return { edges, slotEdge, inside };
}

const TRIES = 24; // layouts to try at the opening
const MOST_AT_FIRST = 120; // items that may be visible at the opening

// Return the modules that are open at the start: as many as leave all text legible, outer ones first, or the requested
// depth.
function openAtFirst(graph) {
  const { depth, order } = graph.tree;
  if (graph.doc.depth !== null) return new Set(order.filter((m) => depth[m] < graph.doc.depth));
  let [open, tries] = [new Set(), TRIES];
  const legible = (modules) => {
    const items = foldGraph(graph, modules);
    if (items.items.length > MOST_AT_FIRST || !tries--) return false;
    layoutScene(graph, items, (item) => itemSize(graph, item), graph.doc.direction);
    return fittingScale(items) >= DETAIL;
  };
  const levels = depth.reduce((most, d) => Math.max(most, d + 1), 0);
  for (let level = 0; level < levels && tries > 0; level++) {
    const modules = order.filter((m) => depth[m] === level && (level === 0 || open.has(graph.tree.parent[m])));
    const all = new Set([...open, ...modules]);
    if (legible(all)) {
      open = all;
      continue;
    }
    if (level) break;
    for (const m of modules) if (tries > 0 && legible(new Set([...open, m]))) open.add(m);
  }
  return open;
}
