// Search for words and `field:word` terms, all of which must match.

const FIELDS = {
  op: (node, word) => (node.op ?? "").toLowerCase().includes(word),
  name: (node, word) => (node.name ?? "").toLowerCase().includes(word),
  kind: (node, word) =>
    node.kind.startsWith(word) ||
    (word === "result" && app.graph.isRoot.has(app.graph.index.get(node.id))),
  dtype: (node, word) => node.dtype.includes(word),
  shape: (node, word) => {
    const asked = word
      .split(/[x×,()\s]+/)
      .filter(Boolean)
      .map(Number);
    return asked.length === 1 ? node.shape.includes(asked[0]) : node.shape.join() === asked.join();
  },
  module: (node, word) => {
    const m = app.graph.moduleIndex.get(node.module);
    const path = m === undefined ? [] : modulePath(app.graph, app.graph.index.get(node.id));
    return path.some((at) =>
      `${app.graph.tree.path[at]} ${app.graph.modules[at].kind}`.toLowerCase().includes(word),
    );
  },
  value: (node, word) => holds(node.value, word),
  grad: (node, word) => holds(node.grad, word),
  source: (node, word) => (node.source ?? "").toLowerCase().includes(word),
  is: (node, word) =>
    (app.health.byNode.get(app.graph.index.get(node.id)) ?? []).some((kind) => kind.includes(word)),
};

function holds(stats, word) {
  if (word === "none") return !stats;
  if (!stats) return false;
  if (word === "any") return true;
  if (word === "nan") return stats.nan > 0;
  if (word === "inf") return stats.inf > 0;
  if (word === "zero") return stats.zeros === stats.size;
  return statsText(stats, [stats.size], 64).includes(word);
}

function matches(query) {
  const terms = query.toLowerCase().match(/[a-z]+:"[^"]*"|[a-z]+:\S+|"[^"]*"|\S+/g) ?? [];
  const tests = terms.map((term) => {
    const at = term.indexOf(":");
    const field = at > 0 ? FIELDS[term.slice(0, at)] : undefined;
    const word = (field ? term.slice(at + 1) : term).replaceAll('"', "");
    if (field) return (node) => field(node, word);
    return (node) =>
      node.id === word || ["op", "name", "module"].some((name) => FIELDS[name](node, word));
  });
  if (!tests.length) return [];
  return app.graph.nodes.flatMap((node, i) => (tests.every((test) => test(node)) ? [i] : []));
}

function findHits() {
  app.hits = matches(app.state.query);
  app.hitSet = new Set(app.hits);
  app.state.hit = -1;
}

function search(query) {
  set({ query });
  announce(app.hits.length ? counted(app.hits.length, "hit") : "no hits");
  return app.hits.map((i) => app.graph.nodes[i].id);
}

// Go to the next or the previous hit, opening the modules that hide it.
function goToHit(step) {
  const { length } = app.hits;
  if (!length) return;
  const hit = app.state.hit < 0 && step < 0 ? length - 1 : (app.state.hit + step + length) % length;
  uncover(app.hits[hit]);
  app.state.hit = hit;
  select(app.graph.nodes[app.hits[hit]].id);
}
