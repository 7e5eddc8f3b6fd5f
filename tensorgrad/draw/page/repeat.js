// Blocks that are repeated, such as the steps of an unrolled loop or the layers of a deep network, are put into a module
// "×N" around them, which opens and closes as all modules do.

const LEAST = 4; // repetitions
const PERIOD = 40; // the longest block, in calls and modules

function withRepeats(doc) {
  const graph = { modules: [...doc.modules], moduleOf: new Map(doc.nodes.map((node) => [node.id, node.module])) };
  const tokens = tokensByParent(doc);
  for (const [parent, list] of tokens) for (const run of runsOf(list)) addRun(doc, graph, parent, list, run);
  if (graph.modules.length === doc.modules.length) return doc;
  const nodes = doc.nodes.map((node) => ({ ...node, module: graph.moduleOf.get(node.id) }));
  settleLeaves(doc, nodes, graph);
  return { ...doc, modules: parentsFirst(graph.modules), nodes };
}

// Return the sequence of calls and modules directly inside each module (null: at the top), with what they compute.
function tokensByParent(doc) {
  const parents = new Map(doc.modules.map((module) => [module.id, module.parent ?? null]));
  const kinds = new Map(doc.modules.map((module) => [module.id, module.kind]));
  const lists = new Map();
  const open = new Map(); // the module that is being run inside each
  for (const node of doc.nodes) {
    if (!node.op) continue;
    const own = `${node.op} ${node.shape} ${node.inputs.length}`;
    let [id, isModule] = [node.id, false];
    for (let parent = node.module ?? null; ; id = parent, parent = parents.get(parent) ?? null, isModule = true) {
      if (!lists.has(parent)) lists.set(parent, []);
      const list = lists.get(parent);
      const last = list.at(-1);
      if (isModule && last?.id === id && open.get(parent) === id) last.text += `; ${own}`;
      else list.push({ id, isModule, text: isModule ? `${kinds.get(id)}: ${own}` : own });
      open.set(parent, id);
      if (parent === null) break;
    }
  }
  return lists;
}

// Return the runs of equal blocks as { start, period, count }, none of which overlap.
function runsOf(list) {
  const runs = [];
  for (let start = 0; start < list.length; start++) {
    for (let period = 1; period <= Math.min(PERIOD, list.length / LEAST); period++) {
      let end = start + period;
      while (end < list.length && list[end].text === list[end - period].text) end++;
      const count = Math.floor((end - start) / period);
      if (count < LEAST) continue;
      if (period > 1 || list[start].isModule) {
        runs.push({ start, period, count });
        start += period * count - 1;
      } else start = end - 1;
      break;
    }
  }
  return runs;
}

function addRun(doc, graph, parent, list, { start, period, count }) {
  const id = `r${graph.modules.length}`;
  const inside = (entry, module) => {
    if (!entry.isModule) graph.moduleOf.set(entry.id, module);
    else graph.modules = graph.modules.map((m) => (m.id === entry.id ? { ...m, parent: module } : m));
  };
  const above = parent === null ? {} : { parent };
  const blocks = list.slice(start, start + period * count);
  if (period === 1) {
    const named = (entry) => doc.modules.find((module) => module.id === entry.id);
    const [first, last] = [named(blocks[0]), named(blocks.at(-1))];
    const name = first.name && last.name ? `${first.name} … ${last.name}` : "";
    graph.modules.push({ id, ...above, name, kind: `${first.kind} ×${count}`, repeat: true });
    for (const entry of blocks) inside(entry, id);
    return;
  }
  graph.modules.push({ id, ...above, name: "", kind: `steps ×${count}`, repeat: true });
  blocks.forEach((entry, k) => {
    const step = `${id}.${Math.floor(k / period)}`;
    if (k % period === 0) graph.modules.push({ id: step, parent: id, name: String(k / period), kind: "step", repeat: true });
    inside(entry, step);
  });
}

// Put inputs and constants that only one block uses into it.
function settleLeaves(doc, nodes, graph) {
  const made = new Set(graph.modules.slice(doc.modules.length).map((module) => module.id));
  const users = new Map();
  for (const node of nodes)
    for (const { node: source } of node.inputs) {
      if (!users.has(source)) users.set(source, new Set());
      users.get(source).add(node.module ?? null);
    }
  for (const node of nodes) {
    const used = users.get(node.id);
    if (node.op || used?.size !== 1) continue;
    const [module] = used;
    if (made.has(module)) node.module = module;
  }
}

function parentsFirst(modules) {
  const done = new Set();
  const order = [];
  let rest = modules;
  while (rest.length) {
    const ready = rest.filter((module) => !module.parent || done.has(module.parent));
    for (const module of ready) {
      done.add(module.id);
      order.push(module);
    }
    rest = rest.filter((module) => !done.has(module.id));
  }
  return order;
}
