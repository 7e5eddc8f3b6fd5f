// The pointer: drag to pan, wheel or two fingers to zoom, click to select, open and close.

function addPointer() {
  const stage = $("canvas");
  const held = new Map(); // the position of each finger or of the mouse
  let moved = 0;
  const apart = () => {
    const [a, b] = [...held.values()];
    return { span: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (!held.size) moved = 0;
    held.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    const now = { x: event.offsetX, y: event.offsetY };
    if (!before) {
      stage.style.cursor = itemAt(now.x, now.y) ? "pointer" : "grab";
      return;
    }
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    const pinch = held.size === 2 ? apart() : null;
    held.set(event.pointerId, now);
    if (pinch) {
      const { span, x, y } = apart();
      panBy(x - pinch.x, y - pinch.y);
      zoomBy(span / pinch.span, x, y);
    } else panBy(now.x - before.x, now.y - before.y);
  });
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
      event.preventDefault();
      if (event.ctrlKey || !event.shiftKey)
        zoomBy(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
      else panBy(-event.deltaX - event.deltaY, 0);
    },
    { passive: false },
  );
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
