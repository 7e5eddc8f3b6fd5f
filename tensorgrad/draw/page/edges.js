// Edges: smooth curves, arrowheads in the direction of the flow, counts, marks of saved values, contributions.

function drawEdges(pen, app, zoom, window) {
  const { scene, edgeKinds } = app;
  const groups = [[], [], [], [], []];
  scene.edges.forEach((edge, e) => {
    const [left, top, right, bottom] = edge.bounds;
    if (left < window[2] && top < window[3] && right > window[0] && bottom > window[1])
      groups[edgeKinds[e]].push(edge);
  });
  const shown = groups.reduce((sum, group) => sum + group.length, 0);
  const coarse = shown > 2500;
  const far = coarse && zoom < 0.08; // an overview, in which the edges are a ground for the nodes
  const thin = Math.max(1.3, (far ? 0.35 : 0.7) / zoom);
  for (const kind of [DIM, PLAIN, LIT, FLOWED, NOW]) {
    if (!groups[kind].length) continue;
    pen.strokeStyle =
      { [PLAIN]: colours.edge, [DIM]: colours.faint, [LIT]: colours.select }[kind] ??
      colours.gradient;
    pen.lineWidth = kind === NOW ? 2.4 * thin : kind === FLOWED || kind === LIT ? 1.4 * thin : thin;
    pen.beginPath();
    for (const edge of groups[kind]) traceCurve(pen, edge.path, coarse);
    pen.stroke();
    if (zoom < 0.25 || kind === DIM) continue;
    pen.fillStyle = pen.strokeStyle;
    pen.beginPath();
    for (const edge of groups[kind]) arrow(pen, edge.path, kind === FLOWED || kind === NOW);
    pen.fill();
  }
  if (zoom <= 0.4) return;
  groups[DIM] = [];
  for (const group of groups) for (const edge of group) drawSaved(pen, app, edge);
}

function traceCurve(pen, path, coarse) {
  pen.moveTo(path[0], path[1]);
  for (let k = 2; k < path.length; k += 6) {
    if (coarse) pen.lineTo(path[k + 4], path[k + 5]);
    else
      pen.bezierCurveTo(path[k], path[k + 1], path[k + 2], path[k + 3], path[k + 4], path[k + 5]);
  }
}

// Add an arrowhead at the end where the value arrives or, after a gradient has flowed back, where the gradient does.
function arrow(pen, path, back) {
  const end = path.length;
  const [x, y] = back ? [path[0], path[1]] : [path[end - 2], path[end - 1]];
  const [fx, fy] = back ? [path[2], path[3]] : [path[end - 4], path[end - 3]];
  const size = Math.hypot(x - fx, y - fy) || 1;
  const [dx, dy] = [(7 * (x - fx)) / size, (7 * (y - fy)) / size];
  pen.moveTo(x, y);
  pen.lineTo(x - dx - dy * 0.55, y - dy + dx * 0.55);
  pen.lineTo(x - dx + dy * 0.55, y - dy - dx * 0.55);
  pen.closePath();
}

// Draw a diamond at a slot whose value is saved because the rules read it.
function drawSaved(pen, app, edge) {
  if (edge.slots.length > 1 || app.scene.items[edge.to].kind !== NODE) return;
  const { target, slot } = edge.slots[0];
  if (!app.graph.nodes[target].inputs[slot].saved) return;
  const end = edge.path.length;
  const [x, y] = [edge.path[end - 2], edge.path[end - 1]];
  if (app.scene.vertical) diamond(pen, x, y - 12, 3.4, colours.ink);
  else diamond(pen, x - 12, y, 3.4, colours.ink);
}

// Return the point at a fraction of a path's curves.
function pointOn(path, share) {
  const curves = (path.length - 2) / 6;
  const at = Math.min(curves - 1, Math.floor(share * curves));
  const t = share * curves - at;
  const k = 6 * at;
  const point = (o) =>
    (1 - t) ** 3 * path[k + o] +
    3 * (1 - t) ** 2 * t * path[k + 2 + o] +
    3 * (1 - t) * t * t * path[k + 4 + o] +
    t ** 3 * path[k + 6 + o];
  return [point(0), point(1)];
}

// Return a point of the longest curve of a path, by default its middle, where a label is far from turns and ends.
function middleOf(path, share = 0.5) {
  let [best, most] = [0, -1];
  for (let k = 0; k + 7 < path.length; k += 6) {
    const long = Math.hypot(path[k + 6] - path[k], path[k + 7] - path[k + 1]);
    if (long > most) [best, most] = [k, long];
  }
  return pointOn(path.subarray(best, best + 8), share);
}

// Write the number of the operands that an edge stands for; labels of neighbouring edges move along them.
function drawCounts(pen, edges, seen) {
  const taken = [];
  for (const { path, slots } of edges) {
    if (slots.length < 2) continue;
    const free = ([x, y]) => taken.every(([u, v]) => Math.abs(x - u) > 38 || Math.abs(y - v) > 19);
    const places = [0.5, 0.4, 0.6, 0.3, 0.7].map((share) => middleOf(path, share));
    const [x, y] = places.find(free) ?? places[0];
    taken.push([x, y]);
    if (seen(x - 20, y - 10, 40, 20)) tagText(pen, `×${slots.length}`, x, y, colours.muted);
  }
}

function drawEdgeLabels(pen, app, seen, zoom) {
  if (zoom < DETAIL) return;
  const { scene, graph, state } = app;
  drawCounts(pen, scene.edges, seen);
  const i = graph.index.get(state.node);
  const present = state.step - 1;
  const labelled = i === undefined ? [] : graph.arrivals[i].filter((k) => k < present);
  if ((app.nowEdge >= 0 || graph.arrivals[i]?.includes(present)) && !view.pulse)
    labelled.push(present);
  const taken = [];
  for (const k of labelled) {
    const e = app.edgeOfEvent(k);
    if (e < 0) continue;
    const edge = scene.edges[e];
    const [x, middle] = middleOf(edge.path);
    const text = `∂ ${statsText(graph.events[k].contribution, graph.nodes[graph.index.get(graph.events[k].to)].shape)}`;
    const half = textWidth(text, "number") / 2 + 8;
    const ends = [scene.items[edge.from], scene.items[edge.to]];
    const hides = (y) =>
      [...ends, ...taken].some(
        (box) =>
          x + half > box.x && x - half < box.x + box.w && y + 10 > box.y && y - 10 < box.y + box.h,
      );
    const y = BESIDE.map((shift) => middle + shift).find((at) => !hides(at)) ?? middle;
    taken.push({ x: x - half, y: y - 9, w: 2 * half, h: 18 });
    if (y !== middle) leader(pen, x, y, middle);
    tagText(pen, text, x, y, colours.gradient);
  }
}

// Shifts, up and down, to try for a label that does not fit on its edge.
const BESIDE = [0, -22, 22, -40, 40, -58, 58, -76, 76, -94, 94];

function leader(pen, x, from, to) {
  pen.beginPath();
  pen.moveTo(x, from);
  pen.lineTo(x, to);
  pen.strokeStyle = colours.gradient;
  pen.lineWidth = 0.8;
  pen.stroke();
}

function tagText(pen, text, x, y, colour) {
  const width = textWidth(text, "number") + 10;
  outline(pen, "round", x - width / 2, y - 9, width, 17, 5);
  pen.fillStyle = colours.page;
  pen.fill();
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.stroke();
  pen.textAlign = "center";
  label(pen, text, x, y + 3.5, "number", colour);
  pen.textAlign = "left";
}

// Draw the moving gradient: a bright drop that runs back along the edge of the current event.
function drawPulse(pen, app, share) {
  if (app.nowEdge < 0) return;
  const { path } = app.scene.edges[app.nowEdge];
  for (let tail = 6; tail >= 0; tail--) {
    const [x, y] = pointOn(path, Math.min(1, 1 - share + tail * 0.025));
    pen.globalAlpha = tail ? 0.35 - tail * 0.05 : 1;
    pen.beginPath();
    pen.arc(x, y, 6 - tail * 0.5, 0, 2 * Math.PI);
    pen.fillStyle = colours.gradient;
    pen.fill();
  }
  pen.globalAlpha = 1;
}
