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
  return { items, itemOfNode, itemOfModule, ...foldEdges(graph, items, itemOfNode) };
}

// Return one edge per operand slot between nodes, and one edge with a count between items if one is a closed module.
function foldEdges(graph, items, itemOfNode) {
  const edges = [];
  const bundles = new Map();
  const slotEdge = graph.inputs.map((sources) => new Int32Array(sources.length).fill(-1));
  let inside = 0;
  graph.inputs.forEach((sources, target) =>
    sources.forEach((source, slot) => {
      if (source < 0) return;
      const from = itemOfNode[source];
      const to = itemOfNode[target];
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

// Return the modules that are open at the start: as many levels as fit a readable picture, or the requested depth.
function openAtFirst(graph) {
  const { depth, members, children, order } = graph.tree;
  let deepest = graph.doc.depth ?? 0;
  let shown = graph.moduleOf.filter((m) => m < 0).length + depth.filter((d) => d === 0).length;
  const levels = depth.reduce((most, d) => Math.max(most, d + 1), 0);
  while (graph.doc.depth === null && deepest < levels) {
    const level = order.filter((m) => depth[m] === deepest);
    shown += level.reduce((sum, m) => sum + members[m].length + children[m].length - 1, 0);
    if (shown > 80 && !(deepest === 0 && level.length < 8 && shown < 400)) break;
    deepest++;
  }
  return new Set(order.filter((m) => depth[m] < deepest));
}
