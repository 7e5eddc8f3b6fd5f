// A layered layout of one level, after Sugiyama, Tagawa & Toda (1981): layers along u, order within them along v.
// Vertices are `{ du, dv, pin }` (pin -1: in the first layer, 1: in the last), edges `{ a, b, oa, ob, weight }` with
// the offsets along v at which they leave and arrive. Written with loops only, for graphs of any depth.

const LAYER_GAP = 42;
const DUMMY_HEIGHT = 7;
const ROW_GAP = 46;

function layered(vertices, edges, shape) {
  const level = { n: vertices.length, du: [], dv: [], layer: [], up: [], down: [] };
  for (const vertex of vertices) addVertex(level, vertex.du, vertex.dv);
  assignLayers(level, vertices, edges);
  const chains = addDummies(level, edges);
  const layers = orderLayers(level);
  placeAcross(level, layers);
  placeAlong(level, layers, vertices, shape);
  return { ...level, layers, paths: edges.map((edge, e) => pathOf(level, edge, chains[e])) };
}

function addVertex(level, du, dv, layer = 0) {
  level.up.push([]);
  level.down.push([]);
  level.du.push(du);
  level.dv.push(dv);
  return level.layer.push(layer) - 1;
}

// Each vertex after all that feed it. A cycle, which folding can make, is cut at its earliest vertex.
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
  // What has fewer inputs than uses, such as a parameter, stands next to its use.
  for (let k = n - 1; k >= 0; k--) {
    const i = order[k];
    const ahead = out[i].filter((edge) => !edge.back);
    if (vertices[i].pin || !ahead.length || into[i].length > ahead.length) continue;
    layer[i] = ahead.reduce((least, edge) => Math.min(least, layer[edge.b] - 1), Infinity);
  }
}

// Long edges bend through a dummy in each layer that they cross; those of one vertex share theirs. A budget keeps
// graphs with very many very long edges linear: the longest ones are then drawn without.
function addDummies(level, edges) {
  const { n, layer } = level;
  const bySource = Array.from({ length: n }, () => []);
  const chains = edges.map(() => null);
  edges.forEach((edge, e) => !edge.back && bySource[edge.a].push(e));
  const reach = bySource.map((list, i) =>
    list.reduce((far, e) => Math.max(far, layer[edges[e].b] - layer[i] - 1), 0),
  );
  const cheapFirst = reach.map((_, i) => i).sort((i, j) => reach[i] - reach[j] || i - j);
  let budget = 4 * n + 1000;
  for (const i of cheapFirst) {
    budget -= reach[i];
    if (budget < 0) break;
    const shared = [];
    for (const e of bySource[i]) {
      const edge = edges[e];
      const chain = [];
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

function link(level, a, b, oa, ob, weight) {
  level.down[a].push({ other: b, shift: ob - oa, weight });
  level.up[b].push({ other: a, shift: oa - ob, weight });
}

// Sweeps that put each vertex at the mean place of its neighbours in the layer before, then after.
function orderLayers(level) {
  const count = level.layer.reduce((most, l) => Math.max(most, l), 0) + 1;
  let layers = Array.from({ length: count }, () => []);
  const place = new Float64Array(level.layer.length);
  level.layer.forEach((l, i) => (place[i] = layers[l].push(i) - 1));
  const small = level.layer.length < 3000;
  let best = small ? crossings(level, layers, place) : Infinity;
  let kept = layers.map((layer) => [...layer]);
  for (let sweep = 0; sweep < (small ? 14 : 4) && best > 0; sweep++) {
    const forwards = sweep % 2 === 0;
    const beside = forwards ? level.up : level.down;
    for (let k = 0; k < count; k++) sortLayer(layers[forwards ? k : count - 1 - k], beside, place);
    if (!small) continue;
    const now = crossings(level, layers, place);
    if (now < best) {
      best = now;
      kept = layers.map((layer) => [...layer]);
    }
  }
  if (small) layers = kept;
  return layers;
}

function sortLayer(layer, beside, place) {
  if (layer.length < 2) return;
  const aim = new Map();
  for (const i of layer) {
    let sum = 0;
    let weight = 0;
    for (const { other, shift } of beside[i]) {
      sum += place[other] + Math.max(-0.4, Math.min(0.4, shift / 100));
      weight++;
    }
    aim.set(i, weight ? sum / weight : place[i]);
  }
  layer.sort((i, j) => aim.get(i) - aim.get(j) || place[i] - place[j]);
  layer.forEach((i, at) => (place[i] = at));
}

function crossings(level, layers, place) {
  layers.forEach((layer) => layer.forEach((i, at) => (place[i] = at)));
  let count = 0;
  for (const layer of layers) {
    const ends = [];
    for (const i of layer) {
      const targets = level.down[i].map((edge) => place[edge.other] + edge.shift / 1000);
      for (const at of targets.sort((p, q) => p - q)) ends.push(at);
    }
    if (ends.length > 400) return Infinity; // dense: counting pairs would cost more than it gives
    for (let i = 1; i < ends.length; i++) for (let j = 0; j < i; j++) count += ends[j] > ends[i];
  }
  return count;
}

// Sweeps that pull each vertex towards its neighbours, as near as the order and the sizes allow.
function placeAcross(level, layers) {
  const v = (level.v = new Float64Array(level.layer.length));
  for (const layer of layers) {
    const height = layer.reduce((sum, i) => sum + level.dv[i] + gap(level, i), 0);
    let at = -height / 2;
    for (const i of layer) {
      v[i] = at + level.dv[i] / 2;
      at += level.dv[i] + gap(level, i);
    }
  }
  const most = layers.reduce((size, layer) => Math.max(size, layer.length), 0);
  const numbers = () => new Float64Array(most);
  level.pools = {
    offset: numbers(),
    from: new Int32Array(most),
    sum: numbers(),
    weight: numbers(),
  };
  const sweeps = ["up", "down", "up", "down", "both", "both", "both"];
  sweeps.forEach((side, sweep) => {
    for (let k = 0; k < layers.length; k++) {
      const layer = layers[side === "down" || sweep === 5 ? layers.length - 1 - k : k];
      pullLayer(level, layer, side !== "down", side !== "up");
    }
  });
}

const gap = (level, i) => (i < level.n ? 16 : 7);

// The nearest places to the wished ones that keep the order: isotonic regression, by pooling adjacent violators.
// The blocks of equal shift lie on a stack: where each starts in the layer, the sum of its wishes, their weight.
function pullLayer(level, layer, up, down) {
  const { v, dv } = level;
  const { offset, from, sum, weight } = level.pools;
  let top = -1;
  for (let at = 0; at < layer.length; at++) {
    const i = layer[at];
    offset[at] = 0;
    if (at) {
      const before = layer[at - 1];
      offset[at] =
        offset[at - 1] + (dv[before] + dv[i]) / 2 + Math.max(gap(level, before), gap(level, i));
    }
    top++;
    from[top] = at;
    sum[top] = weight[top] = 0;
    if (up) wish(level.up[i], v, sum, weight, top);
    if (down) wish(level.down[i], v, sum, weight, top);
    if (!weight[top]) {
      weight[top] = 0.01;
      sum[top] = 0.01 * v[i];
    }
    sum[top] -= offset[at] * weight[top];
    for (; top && sum[top - 1] / weight[top - 1] > sum[top] / weight[top]; top--) {
      sum[top - 1] += sum[top];
      weight[top - 1] += weight[top];
    }
  }
  for (let block = 0; block <= top; block++) {
    const end = block < top ? from[block + 1] : layer.length;
    for (let at = from[block]; at < end; at++)
      v[layer[at]] = sum[block] / weight[block] + offset[at];
  }
}

function wish(beside, v, sum, weight, top) {
  for (const edge of beside) {
    sum[top] += (v[edge.other] + edge.shift) * edge.weight;
    weight[top] += edge.weight;
  }
}
