// The pointer: drag to pan, wheel or two fingers to zoom, click to select, open and close. Before the first click the
// wheel belongs to the document around the page, unless Ctrl is held.

function addPointer() {
  const stage = $("canvas");
  const held = new Map(); // the position of each finger or of the mouse
  let moved = 0;
  const apart = () => {
    const [a, b] = [...held.values()];
    return { span: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  stage.addEventListener("pointerdown", (event) => {
    view.active = true;
    if (!held.size) moved = 0;
    held.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    const now = { x: event.offsetX, y: event.offsetY };
    if (!before) {
      const item = itemAt(now.x, now.y);
      stage.style.cursor = item ? "pointer" : "grab";
      return hover(item, now.x, now.y);
    }
    hover(null);
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    const pinch = held.size === 2 ? apart() : null;
    held.set(event.pointerId, now);
    if (pinch) {
      const { span, x, y } = apart();
      panBy(x - pinch.x, y - pinch.y);
      zoomBy(span / pinch.span, x, y);
    } else panBy(now.x - before.x, now.y - before.y);
    return undefined;
  });
  stage.addEventListener("pointerleave", () => hover(null));
  stage.addEventListener("pointerup", (event) => {
    if (held.size === 1 && moved < 5) click(itemAt(event.offsetX, event.offsetY), event);
    held.delete(event.pointerId);
  });
  stage.addEventListener("pointercancel", (event) => held.delete(event.pointerId));
  stage.addEventListener("dblclick", (event) => {
    const item = itemAt(event.offsetX, event.offsetY);
    if (!item) zoomBy(1.6, event.offsetX, event.offsetY);
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!view.active && !event.ctrlKey) return; // the wheel scrolls the document around the page
      event.preventDefault();
      hover(null);
      if (event.ctrlKey || !event.shiftKey)
        zoomBy(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
      else panBy(-event.deltaX - event.deltaY, 0);
    },
    { passive: false },
  );
  window.addEventListener("blur", () => (view.active = false));
  const mini = $("minimap");
  const go = (event) => {
    if (!event.buttons) return;
    const ratio = mini.width / mini.clientWidth;
    const { scale, ox, oy } = view.mini;
    view.x = view.width / 2 - ((event.offsetX * ratio - ox) / scale) * view.scale;
    view.y = view.height / 2 - ((event.offsetY * ratio - oy) / scale) * view.scale;
    draw();
  };
  mini.addEventListener("pointerdown", go);
  mini.addEventListener("pointermove", go);
}

// Open or close a module for a click on its sign or header; select any other item.
function click(item, event) {
  if (!item) return set({ node: null });
  if (item.kind === NODE) return set({ node: app.graph.nodes[item.of].id });
  const onHeader = (event.offsetY - view.y) / view.scale < item.y + HEADER;
  if (onHeader) return toggle(item.of);
  return set({ node: app.graph.modules[item.of].id });
}
