// Coordinates along the layers: their distances, and the breaks of a long graph into rows, like lines of text.

const TURN = 32; // space beside the rows for edges to turn

function placeAlong(level, layers, vertices, shape) {
  const width = layers.map((layer) => layer.reduce((most, i) => Math.max(most, level.du[i]), 0));
  const lines = layers.map((layer) => layer.reduce((sum, i) => sum + linksOf(level.down, i), 0));
  const space = layers.map(
    (layer, l) =>
      Math.max(LAYER_GAP, tailOf(vertices, layer) + 22) + Math.min(60, 5 * Math.sqrt(lines[l])) + Math.min(2000, 0.2 * rise(level, layer)),
  );
  const height = layers.map((layer) => {
    const [low, high] = extent(level, layer);
    return high - low;
  });
  level.row = chooseRows(width, space, lines, height, shape);
  const inset = level.row.at(-1) ? TURN : 0;
  const indent = Math.max(inset, width[0] ? 0 : space[0]);
  level.start = new Float64Array(layers.length);
  level.width = width;
  const rows = [];
  layers.forEach((layer, l) => {
    const row = (rows[level.row[l]] ??= {
      u: l ? indent : width[0] && inset,
      low: Infinity,
      high: -Infinity,
    });
    level.start[l] = row.u;
    row.u += width[l] + (level.row[l + 1] === level.row[l] ? space[l] : 0);
    const [low, high] = extent(level, layer);
    row.low = Math.min(row.low, low);
    row.high = Math.max(row.high, high);
  });
  level.length = rows.reduce((most, row) => Math.max(most, row.u + inset), 0);
  let top = 0;
  for (const row of rows) {
    row.shift = top - row.low;
    row.top = top;
    top += row.high - row.low + ROW_GAP;
  }
  level.height = Math.max(0, top - ROW_GAP);
  level.rows = rows;
  const ending = vertices.some((vertex) => vertex.pin === 1) ? layers.length - 1 : -1;
  if (ending >= 0) level.start[ending] = level.length;
  level.u = new Float64Array(level.layer.length);
  level.layer.forEach((l, i) => {
    level.u[i] = level.start[l] + width[l] / 2;
    level.v[i] += rows[level.row[l]].shift;
  });
}

// Return the width of the widest shape that stands on an edge from a layer.
const tailOf = (vertices, layer) =>
  layer.reduce((most, i) => Math.max(most, vertices[i]?.tail ?? 0), 0);
const linksOf = ({ first }, i) => first[i + 1] - first[i];

// Return the mean distance that edges from a layer go across; more space keeps long ones from being steep.
function rise(level, layer) {
  const { first, other } = level.down;
  let [sum, count] = [0, 0];
  for (const i of layer) {
    for (let at = first[i]; at < first[i + 1]; at++)
      sum += Math.abs(level.v[other[at]] - level.v[i]);
    count += linksOf(level.down, i);
  }
  return count ? sum / count : 0;
}

function extent(level, layer) {
  let low = Infinity;
  let high = -Infinity;
  for (const i of layer) {
    low = Math.min(low, level.v[i] - level.dv[i] / 2);
    high = Math.max(high, level.v[i] + level.dv[i] / 2);
  }
  return layer.length ? [low, high] : [0, 0];
}

// Choose the row of each layer, with the number of rows that shows the graph largest on a screen.
function chooseRows(width, space, lines, height, { longest, aspect }) {
  const total = width.reduce((sum, w, l) => sum + w + space[l], 0);
  let best = new Int32Array(width.length);
  if (total < longest || width.length < 3) return best;
  const typical = height.reduce((sum, h) => sum + h, 0) / height.length + ROW_GAP;
  const likely = Math.round(Math.sqrt(total / typical / aspect));
  const counts = new Set([1, 2, 3, 4, 5, 6, 7, 8, likely - 1, likely, likely + 1]);
  let most = 0;
  for (const count of [...counts].filter((n) => n > 0).sort((a, b) => a - b)) {
    const row = breakRows(width, space, lines, total / count);
    const scale = shownAt(width, space, height, row, aspect);
    if (scale <= 1.03 * most) continue;
    most = scale;
    best = row;
  }
  return best;
}

// Break the layers into rows of about the given length, where few edges cross.
function breakRows(width, space, lines, aim) {
  const row = new Int32Array(width.length);
  let at = 0;
  let used = 0;
  for (let l = 0; l < width.length; l++) {
    row[l] = at;
    used += width[l] + space[l];
    if (used < 0.85 * aim) continue;
    let best = l;
    let ahead = used;
    for (let k = l; k + 1 < width.length && ahead < 1.15 * aim; k++) {
      if (lines[k] < lines[best]) best = k;
      ahead += width[k + 1] + space[k + 1];
    }
    if (best + 1 >= width.length || ahead < 1.15 * aim) best = width.length - 1;
    while (l < best) row[++l] = at;
    at++;
    used = 0;
  }
  return row;
}

function shownAt(width, space, height, row, aspect) {
  const rows = [];
  row.forEach((at, l) => {
    rows[at] ??= [0, 0];
    rows[at][0] += width[l] + space[l];
    rows[at][1] = Math.max(rows[at][1], height[l]);
  });
  const length = rows.reduce((most, [along]) => Math.max(most, along), 0);
  const across = rows.reduce((sum, [, high]) => sum + high + ROW_GAP, 0);
  return Math.min(aspect / length, 1 / across);
}

const MARK_STEP = 26; // between the marks of neighbouring lanes

// Return the lanes between rows, by the row below and the vertex that an edge leaves: each source has its own, and the
// turns lie inside each other, so that no two cross.
function lanesOf(level, edges, chains) {
  const { row, layer, v } = level;
  const lanes = new Map();
  edges.forEach((edge, e) => {
    let from = edge.a;
    for (const to of [...(chains[e] ?? []), edge.b]) {
      const below = row[layer[to]];
      if (below > row[layer[from]]) {
        if (!lanes.has(below)) lanes.set(below, new Map());
        lanes.get(below).set(from, null);
      }
      from = to;
    }
  });
  for (const lane of lanes.values()) {
    const leaving = [...lane.keys()].sort((a, b) => v[b] - v[a]);
    const count = leaving.length;
    leaving.forEach((from, rank) => {
      const share = count > 1 ? rank / (count - 1) : 0.5;
      const spread = Math.min(24, 7 * (count - 1)); // so that a mark on the first stays clear of the row above
      lane.set(from, { rank, count, shift: (share - 0.5) * spread - ROW_GAP / 2, reach: 16 + 18 * share, ends: null });
    });
  }
  return lanes;
}

// Return the places of the marks at both ends of the lanes between two rows, each beside that of its neighbour.
function laneMarks(lanes) {
  const marked = [...lanes.values()].filter(({ ends }) => ends).sort((p, q) => p.rank - q.rank);
  const left = Math.max(...marked.map(({ ends }) => ends.left));
  const right = Math.min(...marked.map(({ ends }) => ends.right));
  const step = Math.min(MARK_STEP, (right - left) / (2 * marked.length));
  return marked.map(({ rank, ends: { between } }) => [
    [right - step * rank, between],
    [left + step * (rank + 0.5), between],
  ]);
}

// Return an edge as cubic curves in a flat array: u, v, then two control points and an end per curve. Between rows it
// turns at the right border, runs back between the rows, and turns at the left border.
function pathOf(level, edge, chain) {
  const { u, v, du, layer, row, start, width, rows } = level;
  const path = [u[edge.a] + du[edge.a] / 2, v[edge.a] + edge.oa];
  let l = layer[edge.a];
  let last = edge.a;
  const go = (to, toLayer, toU, toV) => {
    const pu = path[path.length - 2];
    const pv = path[path.length - 1];
    if (row[toLayer] === row[l] && toU > pu) curve(path, toU, toV);
    else {
      const lane = row[toLayer] > row[l] && level.lanes.get(row[toLayer]).get(last);
      const between = lane
        ? rows[row[toLayer]].top + lane.shift
        : Math.max(v[edge.a] + level.dv[edge.a] / 2, v[edge.b] + level.dv[edge.b] / 2) + 14;
      const right = lane ? Math.max(pu, start[l] + width[l]) : pu;
      if (right > pu) line(path, right, pv);
      turn(path, right, between, lane ? lane.reach : 26);
      line(path, toU, between);
      turn(path, toU, toV, lane ? -lane.reach : -26);
      if (lane?.count > 1) lane.ends = { left: Math.max(toU, lane.ends?.left ?? toU), right, between };
    }
    [l, last] = [toLayer, to];
  };
  for (const dummy of chain || []) {
    const at = layer[dummy];
    go(dummy, at, start[at], v[dummy]);
    if (width[at]) line(path, start[at] + width[at], v[dummy]);
  }
  const at = layer[edge.b];
  go(edge.b, at, u[edge.b] - du[edge.b] / 2, v[edge.b] + edge.ob);
  return path;
}

function curve(path, u, v) {
  const pu = path[path.length - 2];
  const pv = path[path.length - 1];
  const reach = Math.min(Math.max(18, (u - pu) / 2), 90);
  path.push(pu + reach, pv, u - reach, v, u, v);
}

function line(path, u, v) {
  const pu = path[path.length - 2];
  const pv = path[path.length - 1];
  path.push(pu + (u - pu) / 3, pv + (v - pv) / 3, u - (u - pu) / 3, v - (v - pv) / 3, u, v);
}

function turn(path, u, v, reach) {
  const pu = path[path.length - 2];
  const pv = path[path.length - 1];
  path.push(pu + reach, pv, u + reach, v, u, v);
}
