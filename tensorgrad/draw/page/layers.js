// A layered layout of one level, after Sugiyama, Tagawa & Toda (1981): layers along u, order within them along v.
// Vertices are `{ du, dv, pin }` (pin -1: in the first layer, 1: in the last), edges `{ a, b, oa, ob, weight }` with
// the offsets along v of their ends. Without recursion, for graphs of any depth.

const LAYER_GAP = 40;
const DUMMY_HEIGHT = 7;
const ROW_GAP = 44;

function layered(vertices, edges, shape) {
  const level = { n: vertices.length, du: [], dv: [], layer: [] };
  level.links = { a: [], b: [], oa: [], ob: [], weight: [] };
  for (const vertex of vertices) addVertex(level, vertex.du, vertex.dv);
  assignLayers(level, vertices, edges);
  const chains = addDummies(level, edges);
  const { a, b, oa, ob } = level.links;
  level.down = neighbours(level, a, b, oa, ob);
  level.up = neighbours(level, b, a, ob, oa);
  const layers = orderLayers(level);
  placeAcross(level, layers);
  placeAlong(level, layers, vertices, shape);
  level.lanes = lanesOf(level, edges, chains);
  const paths = edges.map((edge, e) => pathOf(level, edge, chains[e]));
  return { ...level, layers, paths, marks: [...level.lanes.values()].flatMap(laneMarks) };
}

function addVertex(level, du, dv, layer = 0) {
  level.du.push(du);
  level.dv.push(dv);
  return level.layer.push(layer) - 1;
}

// Return the links of each vertex in one direction as flat arrays: those of vertex i are at first[i] to first[i + 1],
// each with the vertex at its other end, the desired offset from that vertex along v, and a weight.
function neighbours(level, own, far, ownShift, farShift) {
  const first = new Int32Array(level.layer.length + 1);
  for (const i of own) first[i + 1]++;
  for (let i = 0; i < level.layer.length; i++) first[i + 1] += first[i];
  const next = first.slice();
  const other = new Int32Array(own.length);
  const shift = new Float64Array(own.length);
  const weight = new Float64Array(own.length);
  own.forEach((i, link) => {
    const at = next[i]++;
    other[at] = far[link];
    shift[at] = farShift[link] - ownShift[link];
    weight[at] = level.links.weight[link];
  });
  return { first, other, shift, weight };
}

// Place each vertex after all its inputs. A cycle, which folding can create, is cut at its earliest vertex.
function assignLayers(level, vertices, edges) {
  const { n, layer } = level;
  const out = vertices.map(() => []);
  const into = vertices.map(() => []);
  edges.forEach((edge) => {
    out[edge.a].push(edge);
    into[edge.b].push(edge);
  });
  const waiting = into.map((list) => list.length);
  const done = new Uint8Array(n);
  const order = [];
  const ports = vertices.some((vertex) => vertex.pin === -1) ? 1 : 0;
  for (let i = 0; i < n; i++) if (!waiting[i]) order.push(i);
  for (let next = 0, earliest = 0; order.length < n || next < n; next++) {
    if (next === order.length) {
      while (done[earliest] || waiting[earliest] < 0) earliest++;
      order.push(earliest);
    }
    const i = order[next];
    done[i] = 1;
    waiting[i] = -1;
    layer[i] = vertices[i].pin === -1 ? 0 : ports;
    for (const edge of into[i]) {
      edge.back = edge.back || !done[edge.a] || edge.a === i;
      if (!edge.back) layer[i] = Math.max(layer[i], layer[edge.a] + 1);
    }
    for (const edge of out[i]) {
      if (waiting[edge.b] > 0 && --waiting[edge.b] === 0) order.push(edge.b);
    }
  }
  const last = layer.reduce((most, l) => Math.max(most, l), 0);
  const end = vertices.some((vertex, i) => vertex.pin !== 1 && layer[i] === last) ? last + 1 : last;
  vertices.forEach((vertex, i) => vertex.pin === 1 && (layer[i] = end));
  // A vertex with fewer inputs than uses, such as a parameter, is next to its use.
  for (let k = n - 1; k >= 0; k--) {
    const i = order[k];
    if (vertices[i].pin || !out[i].length || into[i].length > out[i].length) continue;
    let latest = Infinity;
    for (const edge of out[i]) if (!edge.back) latest = Math.min(latest, layer[edge.b] - 1);
    if (latest < Infinity) layer[i] = latest;
  }
}

// Lead long edges through a dummy vertex in each layer that they cross; edges from one vertex share dummies. A budget
// keeps the work linear for graphs with many long edges, the longest of which then have no dummies.
function addDummies(level, edges) {
  const { n, layer } = level;
  const bySource = Array.from({ length: n }, () => []);
  const chains = edges.map(() => null);
  edges.forEach((edge, e) => !edge.back && bySource[edge.a].push(e));
  const reach = bySource.map((list, i) =>
    list.reduce((far, e) => Math.max(far, layer[edges[e].b] - layer[i] - 1), 0),
  );
  const cheapFirst = reach.map((_, i) => i).sort((i, j) => reach[i] - reach[j] || i - j);
  let budget = 2 * n + 1000;
  for (const i of cheapFirst) {
    budget -= reach[i];
    if (budget < 0) break;
    const shared = [];
    for (const e of bySource[i]) {
      const edge = edges[e];
      const chain = layer[edge.b] > layer[i] + 1 ? [] : null;
      let from = i;
      let leaving = edge.oa;
      for (let l = layer[i] + 1; l < layer[edge.b]; l++) {
        const step = l - layer[i] - 1;
        if (shared[step] === undefined) {
          shared[step] = addVertex(level, 0, DUMMY_HEIGHT, l);
          link(level, from, shared[step], leaving, 0, from < n ? 2 : 8);
        }
        from = shared[step];
        leaving = 0;
        chain.push(from);
      }
      link(level, from, edge.b, leaving, edge.ob, from < n ? edge.weight : 2);
      chains[e] = chain;
    }
  }
  return chains;
}

function link({ links }, a, b, oa, ob, weight) {
  links.a.push(a);
  links.b.push(b);
  links.oa.push(oa);
  links.ob.push(ob);
  links.weight.push(weight);
}
