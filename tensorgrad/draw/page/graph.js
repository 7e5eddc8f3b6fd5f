// Indexes over the document: inputs and consumers, the tree of modules, the events of each node.
// Nodes and modules are numbers from here on; only the document and the public interface use ids.

function makeGraph(doc) {
  const nodes = doc.nodes;
  const index = new Map(nodes.map((node, i) => [node.id, i]));
  const inputs = nodes.map((node) => node.inputs.map((input) => index.get(input.node) ?? -1));
  const consumers = nodes.map(() => []);
  inputs.forEach((sources, i) =>
    sources.forEach((source, slot) => source >= 0 && consumers[source].push({ node: i, slot })),
  );
  const roots = doc.roots.map((id) => index.get(id)).filter((i) => i !== undefined);
  const graph = { doc, nodes, index, inputs, consumers, roots, isRoot: new Set(roots) };
  addModules(graph, doc.modules || []);
  addEvents(graph, doc.events || []);
  return graph;
}

function addModules(graph, modules) {
  const index = new Map(modules.map((module, m) => [module.id, m]));
  const parent = modules.map((module) => index.get(module.parent) ?? -1);
  const depth = modules.map((_, m) => {
    let steps = 0;
    for (let up = parent[m]; up >= 0; up = parent[up]) steps++;
    return steps;
  });
  const order = modules.map((_, m) => m).sort((a, b) => depth[a] - depth[b] || a - b);
  const path = [];
  for (const m of order) {
    const name = modules[m].name || modules[m].kind;
    let above = parent[m];
    while (above >= 0 && modules[above].repeat) above = parent[above];
    path[m] = above >= 0 && modules[above].name ? `${path[above]}.${name}` : name;
  }
  const children = modules.map(() => []);
  parent.forEach((up, m) => up >= 0 && children[up].push(m));
  const moduleOf = graph.nodes.map((node) => index.get(node.module) ?? -1);
  const members = modules.map(() => []);
  moduleOf.forEach((m, i) => m >= 0 && members[m].push(i));
  const total = modules.map(() => ({ op: 0, parameter: 0, leaf: 0, constant: 0 }));
  graph.nodes.forEach((node, i) => {
    for (let m = moduleOf[i]; m >= 0; m = parent[m]) total[m][node.kind]++;
  });
  Object.assign(graph, { modules, moduleIndex: index, moduleOf });
  Object.assign(graph, { tree: { parent, depth, order, path, children, members, total } });
}

// Add the positions of each node's events: its forward event, its gradient's contributions, all that its gradient is
// after them (also writes to `.grad`), and the writes of new values. A step is a forward pass with all that follows it.
function addEvents(graph, events) {
  const forwardAt = new Int32Array(graph.nodes.length).fill(-1);
  const stepOf = new Int32Array(events.length);
  const [arrivals, grads, updates] = [0, 1, 2].map(() => graph.nodes.map(() => []));
  let [backwardAt, steps, used] = [events.length, 1, false];
  events.forEach((event, k) => {
    const node = graph.index.get(event.node);
    if (event.type === "forward") {
      forwardAt[node] = k;
      if (used) steps++;
      used = false;
    } else {
      used = used || event.type === "leaf" || event.type === "update";
      backwardAt = Math.min(backwardAt, k);
      const at = event.type === "backward" ? graph.index.get(event.to) : node;
      if (event.type === "update") updates[at]?.push(k);
      else grads[at]?.push(k);
      if (event.type === "seed" || event.type === "backward") arrivals[at]?.push(k);
    }
    stepOf[k] = steps;
  });
  Object.assign(graph, { events, forwardAt, arrivals, grads, updates, backwardAt, stepOf, steps });
}

// Count the numbers of a sorted array that are below a bound.
function countBelow(numbers, bound) {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Return the gradient accumulated in a node after the first `step` events; without a trace, the document's.
function gradientAt(graph, i, step) {
  const k = lastBefore(graph.grads[i], step);
  if (k >= 0) return graph.events[k].grad ?? graph.events[k].accumulated;
  const traced = graph.grads[i].length > 0;
  const started = graph.isRoot.has(i) && step > graph.backwardAt;
  return !traced && (step >= graph.events.length || started) ? graph.nodes[i].grad : null;
}

// Return a node's value after the first `step` events: optimizers give parameters new ones.
function valueAt(graph, i, step) {
  const k = lastBefore(graph.updates[i], step);
  return k < 0 ? graph.nodes[i].value : graph.events[k].value;
}

const lastBefore = (numbers, bound) => numbers[countBelow(numbers, bound) - 1] ?? -1;
const isWritten = (graph, i, step) =>
  graph.events[lastBefore(graph.grads[i], step)]?.type === "leaf";

// Return the contributions of one sum: those from its first to the step, and the number of all.
function contributionsAt(graph, i, step) {
  const arrived = graph.arrivals[i];
  const begins = (k) => {
    const { contribution, accumulated } = graph.events[k];
    return !contribution || contribution === accumulated;
  };
  const end = countBelow(arrived, step);
  if (graph.events[lastBefore(graph.grads[i], step)]?.type === "zero") return { rows: [], all: 0 };
  const values = arrived.length && graph.events[arrived[0]].contribution;
  let start = Math.max(0, end - 1);
  while (start > 0 && !(values && begins(arrived[start]))) start--;
  let last = Math.max(end, Math.min(1, arrived.length));
  while (last < arrived.length && !(values && begins(arrived[last]))) last++;
  return {
    rows: arrived.slice(start, end).map((k) => ({ k, ...graph.events[k] })),
    all: last - start,
  };
}

// Return a mask of all nodes that can be reached from the starting nodes in one direction.
function reachable(graph, starts, neighbours) {
  const seen = new Uint8Array(graph.nodes.length);
  const stack = [...starts];
  for (const i of starts) seen[i] = 1;
  while (stack.length) {
    for (const next of neighbours(stack.pop())) {
      if (next >= 0 && !seen[next]) {
        seen[next] = 1;
        stack.push(next);
      }
    }
  }
  return seen;
}

const ancestors = (graph, starts) => reachable(graph, starts, (i) => graph.inputs[i]);
const descendants = (graph, starts) =>
  reachable(graph, starts, (i) => graph.consumers[i].map((use) => use.node));

// Return a mask of the nodes between the given ones and the results.
function pathToLoss(graph, starts) {
  const below = descendants(graph, starts);
  const above = ancestors(graph, graph.roots);
  return below.map((seen, i) => seen & above[i]);
}

// Return the nodes in a module and in all modules inside it.
function membersOf(graph, module) {
  const found = [];
  const stack = [module];
  while (stack.length) {
    const m = stack.pop();
    for (const i of graph.tree.members[m]) found.push(i);
    for (const child of graph.tree.children[m]) stack.push(child);
  }
  return found;
}

// Return the modules around a module, outermost first, and the module itself.
function outerModules(graph, module) {
  const path = [];
  for (let m = module; m >= 0; m = graph.tree.parent[m]) path.unshift(m);
  return path;
}

const modulePath = (graph, i) => outerModules(graph, graph.moduleOf[i]);

// Return the dotted path of the module that a node belongs to, "" at the top; modules for repeats are none of the program.
function homeOf(graph, i) {
  let m = graph.moduleOf[i];
  while (m >= 0 && graph.modules[m].repeat) m = graph.tree.parent[m];
  return graph.nodes[i].path || (graph.tree.path[m] ?? "");
}
