// The layout of a folded graph: each open box is laid out separately, innermost first, then placed as one vertex in
// the enclosing box. An edge that crosses a box passes through a port on its border.

const PAD = 18;
const HEADER = 26;
const SLOT_STEP = 9;

function layoutScene(graph, scene, sizes, direction) {
  const vertical = direction === "TB";
  const depth = scene.items.map((item) => (item.box < 0 ? 0 : -1));
  scene.items.forEach((item, i) => item.box >= 0 && (depth[i] = depth[item.box] + 1)); // boxes come first
  const levels = new Map([[-1, newLevel()]]);
  scene.items.forEach((item, i) => item.kind === BOX && levels.set(i, newLevel()));
  scene.items.forEach((item, i) => {
    if (item.kind !== BOX) Object.assign(item, sizes(item));
    vertexOf(levels.get(item.box), i, 0);
  });
  const hops = scene.edges.map((edge) => route(graph, scene, levels, depth, edge));
  const boxes = [...levels.keys()].sort((a, b) => (depth[b] ?? -1) - (depth[a] ?? -1));
  for (const box of boxes)
    arrange(scene, levels, box, vertical, sizes, stageShape(vertical));
  placeInside(scene, levels, boxes.reverse(), vertical);
  joinPaths(scene, levels, hops, vertical);
  const root = levels.get(-1);
  scene.width = vertical ? root.box.dv : root.box.du;
  scene.height = vertical ? root.box.du : root.box.dv;
  scene.vertical = vertical;
}

// Return the shape that a picture is to fill: rows are made from the length on at which text would become too small.
function stageShape(vertical) {
  const [width, height] = stageSize();
  const [u, v] = vertical ? [height, width] : [width, height];
  return { longest: u, aspect: u / v };
}

const newLevel = () => ({ vertices: [], byKey: new Map(), edges: [], byEnds: new Map() });

// Return the vertex of an item, or of the port (pin ∓1) through which an outside item's edges enter or leave.
function vertexOf(level, item, pin) {
  const key = 3 * item + pin;
  let at = level.byKey.get(key);
  if (at === undefined) {
    at = level.vertices.push({ item, pin, du: 0, dv: pin ? 6 : 0 }) - 1;
    level.byKey.set(key, at);
  }
  return at;
}

// Return the route of an edge through the boxes, from source to target: pairs of a box and an edge of its level.
function route(graph, scene, levels, depth, edge) {
  const { items } = scene;
  const [from, to] = [items[edge.from], items[edge.to]];
  const { source, slot } = edge.slots[0];
  const weight = graph.nodes[source].kind === "op" || from.kind !== NODE ? 3 : 1;
  const arrives = to.kind === NODE ? slotShift(graph.inputs[to.of], slot) : 0;
  const add = (box, a, b, oa, ob) => {
    const level = levels.get(box);
    return [box, level.edges.push({ a, b, oa, ob, weight, back: false }) - 1];
  };
  if (from.box === to.box) {
    const level = levels.get(from.box);
    return [add(from.box, vertexOf(level, edge.from, 0), vertexOf(level, edge.to, 0), 0, arrives)];
  }
  // All edges from the same source share the parts that pass through a port.
  const share = (box, a, b, oa, ob) => {
    const { byEnds } = levels.get(box);
    const key = `${a},${b},${oa.port},${ob.port ?? ob}`;
    if (!byEnds.has(key)) byEnds.set(key, add(box, a, b, oa, ob));
    return byEnds.get(key);
  };
  let [a, b] = [edge.from, edge.to];
  let [leaves, enters] = [0, arrives];
  const [before, after] = [[], []];
  const leave = () => {
    const { box } = items[a];
    const level = levels.get(box);
    before.push(share(box, vertexOf(level, a, 0), vertexOf(level, edge.from, 1), leaves, 0));
    a = box;
    leaves = { port: edge.from, box, pin: 1 };
  };
  const enter = () => {
    const { box } = items[b];
    const level = levels.get(box);
    after.push(share(box, vertexOf(level, edge.from, -1), vertexOf(level, b, 0), 0, enters));
    b = box;
    enters = { port: edge.from, box, pin: -1 };
  };
  while (depth[a] > depth[b]) leave();
  while (depth[b] > depth[a]) enter();
  while (items[a].box !== items[b].box) {
    leave();
    enter();
  }
  const { box } = items[a];
  const level = levels.get(box);
  const across = share(box, vertexOf(level, a, 0), vertexOf(level, b, 0), leaves, enters);
  return [...before, across, ...after.reverse()];
}

// Return the offset at which a slot's edge meets its target's border: slots with edges are evenly spaced, in order.
function slotShift(sources, slot) {
  let [at, drawn] = [0, 0];
  for (let k = 0; k < sources.length; k++) {
    if (sources[k] < 0) continue;
    drawn++;
    if (k < slot) at++;
  }
  return (at - (drawn - 1) / 2) * Math.min(SLOT_STEP, 30 / drawn);
}

// Lay out one box, in rows if it is too long to be readable, and set its size and the positions of its items and
// ports.
function arrange(scene, levels, box, vertical, sizes, shape) {
  const level = levels.get(box);
  for (const vertex of level.vertices) {
    if (vertex.pin) continue;
    const item = scene.items[vertex.item];
    [vertex.du, vertex.dv] = vertical ? [item.h, item.w] : [item.w, item.h];
    vertex.tail = vertical ? 0 : (item.tail ?? 0);
  }
  const shift = (end) => (typeof end === "object" ? portShift(levels.get(end.box), end) : end);
  const edges = level.edges.map(({ a, b, oa, ob, weight }) => {
    return { a, b, oa: shift(oa), ob: shift(ob), weight, back: false };
  });
  level.plan = layered(level.vertices, edges, shape);
  const has = (pin) => level.vertices.some((vertex) => vertex.pin === pin);
  const inset = box < 0 ? 0 : PAD;
  level.u = has(-1) ? 0 : inset;
  level.v = inset;
  let du = level.plan.length + level.u + (has(1) ? 0 : inset);
  let dv = level.plan.height + 2 * inset;
  if (box >= 0) {
    if (vertical) [level.u, du] = [level.u + HEADER, du + HEADER];
    else [level.v, dv] = [level.v + HEADER - PAD / 2, dv + HEADER - PAD / 2];
    const least = sizes(scene.items[box]).w;
    if (vertical) [level.v, dv] = [level.v + Math.max(0, least - dv) / 2, Math.max(dv, least)];
    else du = Math.max(du, least);
    const item = scene.items[box];
    [item.w, item.h] = vertical ? [dv, du] : [du, dv];
  }
  level.box = { du, dv };
}

function portShift(level, { port, pin }) {
  const at = level.byKey.get(3 * port + pin);
  return level.plan.v[at] + level.v - level.box.dv / 2;
}

// Set every item's position in the whole picture, outermost boxes first.
function placeInside(scene, levels, boxes, vertical) {
  for (const box of boxes) {
    const level = levels.get(box);
    const around = box < 0 ? { x: 0, y: 0 } : scene.items[box];
    const origin = vertical ? [around.y, around.x] : [around.x, around.y];
    level.origin = [origin[0] + level.u, origin[1] + level.v];
    level.vertices.forEach((vertex, i) => {
      if (vertex.pin) return;
      const item = scene.items[vertex.item];
      const u = level.origin[0] + level.plan.u[i] - vertex.du / 2;
      const v = level.origin[1] + level.plan.v[i] - vertex.dv / 2;
      [item.x, item.y] = vertical ? [v, u] : [u, v];
      item.column = level.plan.layer[i];
    });
  }
}

// Join the curves of every edge, and set its bounding box.
function joinPaths(scene, levels, hops, vertical) {
  const placed = ({ plan, origin }) =>
    plan.marks.map((ends) => ends.map(([u, v]) => (vertical ? [v + origin[1], u + origin[0]] : [u + origin[0], v + origin[1]])));
  scene.marks = [...levels.values()].flatMap(placed);
  scene.edges.forEach((edge, e) => {
    const path = [];
    for (const [box, at] of hops[e]) {
      const level = levels.get(box);
      const [u, v] = level.origin;
      const piece = level.plan.paths[at];
      if (path.length) bridge(path, piece[0] + u, piece[1] + v);
      for (let k = path.length ? 2 : 0; k < piece.length; k += 2)
        path.push(piece[k] + u, piece[k + 1] + v);
    }
    if (vertical)
      for (let k = 0; k < path.length; k += 2) [path[k], path[k + 1]] = [path[k + 1], path[k]];
    edge.path = Float32Array.from(path);
    edge.bounds = bounds(edge.path);
  });
}

// Bridge the distance between a port and the border of a box that is wider than its contents.
function bridge(path, u, v) {
  const [pu, pv] = path.slice(-2);
  if (Math.abs(pu - u) > 0.01 || Math.abs(pv - v) > 0.01) line(path, u, v);
}

function bounds(path) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let k = 0; k < path.length; k += 2) {
    box[0] = Math.min(box[0], path[k]);
    box[1] = Math.min(box[1], path[k + 1]);
    box[2] = Math.max(box[2], path[k]);
    box[3] = Math.max(box[3], path[k + 1]);
  }
  return box;
}
