// Stepping leads the eye: the event's node is selected and brought into view, and the modules around it are opened. Those
// that only stepping has opened are closed when it leaves them.

const GLIDE = 260; // milliseconds in which the view moves

// Go to a step with its event in view.
function lead(step, unfold = true) {
  const { graph } = app;
  const event = graph.events[step - 1];
  if (!event) return set({ step });
  const ends = [...new Set([event.to ?? event.node, event.node])].map((id) => graph.index.get(id));
  return leadTo(ends, { step }, unfold);
}

// Change the state, with the first of these nodes selected, and all of them in view.
function leadTo(ends, changes, unfold) {
  const { graph, state } = app;
  const path = new Set(unfold ? ends.flatMap((i) => modulePath(graph, i)) : []);
  const open = unfold ? new Set([...state.open].filter((m) => path.has(m) || !app.led.has(m))) : state.open;
  for (const m of path) {
    if (!open.has(m)) app.led.add(m);
    open.add(m);
  }
  for (const m of app.led) if (!open.has(m)) app.led.delete(m);
  const moved = open.size !== state.open.size || [...open].some((m) => !state.open.has(m));
  const node = state.trace ? state.node : graph.nodes[ends[0]].id; // a highlighted path stays
  set({ ...changes, node, ...(moved ? { open } : {}) });
  bringIntoView(ends.map((i) => app.scene.items[app.scene.itemOfNode[i]]));
}

// Move the view so that items are inside it, at a readable scale; the first alone if there is no room for all.
function bringIntoView(items) {
  const [left, top, right, bottom] = seenWindow();
  const room = 24 / view.scale;
  const inside = items.every((item) => item.x - room > left && item.y - room > top && item.x + item.w + room < right && item.y + item.h + room < bottom);
  if (!view.width || (inside && view.scale >= DETAIL - 1e-9)) return;
  const box = boxAround(items);
  const scaleFor = ({ w, h }) => Math.min((view.width - 60) / w, (view.height - 60) / h);
  const whole = scaleFor(box) >= DETAIL ? box : boxAround(items.slice(0, 1));
  const scale = Math.max(DETAIL, Math.min(view.scale, scaleFor(whole)));
  glide({ scale, x: view.width / 2 - (whole.x + whole.w / 2) * scale, y: view.height / 2 - (whole.y + whole.h / 2) * scale });
}

function boxAround(items) {
  const x = Math.min(...items.map((item) => item.x));
  const y = Math.min(...items.map((item) => item.y));
  return { x, y, w: Math.max(...items.map((item) => item.x + item.w)) - x, h: Math.max(...items.map((item) => item.y + item.h)) - y };
}

function glide(to) {
  view.touched = true;
  cancelAnimationFrame(glide.frame);
  if (stillness()) {
    Object.assign(view, to);
    return draw();
  }
  const [from, start] = [{ scale: view.scale, x: view.x, y: view.y }, performance.now()];
  const move = (time) => {
    const share = Math.max(0, Math.min(1, (time - start) / GLIDE));
    const eased = share * share * (3 - 2 * share);
    for (const key of ["scale", "x", "y"]) view[key] = from[key] + (to[key] - from[key]) * eased;
    draw();
    if (share < 1) glide.frame = requestAnimationFrame(move);
  };
  glide.frame = requestAnimationFrame(move);
  return undefined;
}
