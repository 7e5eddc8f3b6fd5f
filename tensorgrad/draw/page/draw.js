// Draw the scene with a pen: a canvas, or the SVG writer with the same methods. `zoom` sets the level of detail.

function drawScene(pen, app, zoom, window) {
  const { scene, looks } = app;
  const seen = (x, y, w, h) =>
    x < window[2] && y < window[3] && x + w > window[0] && y + h > window[1];
  scene.items.forEach((item, i) => {
    if (item.kind === BOX && seen(item.x, item.y, item.w, item.h))
      drawBox(pen, app, item, looks[i], zoom);
  });
  drawEdges(pen, app, zoom, window);
  drawHovered(pen, app, zoom);
  if (zoom < FAR) return drawDots(pen, app, seen, zoom);
  scene.items.forEach((item, i) => {
    if (item.kind === BOX || !seen(item.x - 8, item.y - 8, item.w + 24, item.h + 24)) return;
    if (item.kind === NODE) drawNode(pen, app, item, looks[i], zoom);
    else drawClosed(pen, app, item, looks[i], zoom);
  });
  if (zoom >= DETAIL) drawShapes(pen, app, seen);
  if (zoom >= DETAIL) drawTurns(pen, app, seen);
  if (zoom > 0.4) drawEdgeLabels(pen, app, seen, zoom);
}

const FAR = 0.16; // the scale of an overview, in which nodes have no text

// At a small scale, an item is a rectangle in the colour of its kind.
function drawDots(pen, app, seen, zoom) {
  const { scene, looks } = app;
  let [alpha, last] = [1, null];
  const least = 1.6 / zoom;
  scene.items.forEach((item, i) => {
    if (item.kind === BOX || !seen(item.x, item.y, item.w, item.h)) return;
    const look = looks[i];
    const colour = dotColour(app, item, look);
    if (colour !== last) pen.fillStyle = last = colour;
    if (look.alpha !== alpha) pen.globalAlpha = alpha = look.alpha;
    pen.fillRect(item.x, item.y, Math.max(item.w, least), Math.max(item.h, least));
  });
  pen.globalAlpha = 1;
}

function dotColour(app, item, look) {
  if (app.isSelected(item)) return colours.select;
  if (look.marks?.length) return colours.bad;
  if (look.diff && look.diff !== "same") return colours[look.diff];
  if (look.heat !== undefined) return look.fill;
  const underway = app.state.step < app.graph.events.length;
  if (underway && look.gradient) return colours.gradient;
  const op = item.kind === NODE && app.graph.nodes[item.of].op;
  return op && !look.root ? hueOf(op) : look.stroke;
}

const hues = new Map();

// In an overview, operations of one name have one colour.
function hueOf(op) {
  if (!hues.has(op)) {
    let sum = 0;
    for (const letter of op) sum = (sum * 31 + letter.charCodeAt(0)) % 8191;
    hues.set(op, HUES[sum % HUES.length]);
  }
  return `hsl(${hues.get(op)} 45% ${document.documentElement.dataset.theme === "dark" ? 62 : 52}%)`;
}

function drawBox(pen, app, item, look, zoom) {
  outline(pen, "round", item.x, item.y, item.w, item.h, 10);
  pen.fillStyle = look.fill;
  pen.fill();
  pen.strokeStyle = app.isSelected(item) ? colours.select : look.stroke;
  pen.lineWidth = app.isSelected(item) ? 2 : 1;
  pen.stroke();
  if (HEADER * zoom >= 14) drawHeader(pen, app, item, "−", zoom);
}

// Draw the sign and the name of a module, at the same place open and closed, so that a click does not move them.
function drawHeader(pen, app, item, sign, zoom) {
  const { title, name } = moduleLabel(app.graph, item.of);
  if (zoom < DETAIL) return drawName(pen, `${sign} ${[name, title].filter(Boolean).join(" ")}`, item, zoom, HEADER);
  pen.strokeStyle = colours.muted;
  pen.lineWidth = 1;
  const [cx, cy] = [item.x + 16, item.y + 14];
  outline(pen, "round", cx - 7, cy - 7, 14, 14, 3);
  pen.moveTo(cx - 3.5, cy);
  pen.lineTo(cx + 3.5, cy);
  if (sign === "+") pen.moveTo(cx, cy - 3.5);
  if (sign === "+") pen.lineTo(cx, cy + 3.5);
  pen.stroke();
  pen.textAlign = "left";
  let x = item.x + 29;
  if (name) x += label(pen, name, x, item.y + 19, "name", colours.muted) + 6;
  label(pen, title, x, item.y + 19, "title", colours.ink);
}

function drawClosed(pen, app, item, look, zoom) {
  const { x, y } = item;
  const [w, h] = [item.w - STACK, item.h - STACK]; // the front card
  if (look.now) drawGlow(pen, app, item);
  pen.globalAlpha = look.alpha;
  pen.lineWidth = 1.2;
  pen.strokeStyle = look.stroke;
  pen.fillStyle = colours.box;
  if (look.root) drawRing(pen, "round", x - 4, y - 4, item.w + 8, item.h + 8);
  for (const off of [STACK, STACK / 2]) {
    outline(pen, "round", x + off, y + off, w, h, 9);
    pen.fill();
    pen.stroke();
  }
  outline(pen, "round", x, y, w, h, 9);
  pen.fillStyle = look.fill;
  pen.fill();
  pen.stroke();
  if (item.h * zoom >= 14) drawHeader(pen, app, item, "+", zoom);
  if (zoom >= DETAIL) {
    const { detail } = moduleLabel(app.graph, item.of);
    label(
      pen,
      app.heat.text(item) ?? detail,
      x + 12,
      y + 42,
      "small",
      look.heat === undefined ? colours.muted : colours.ink,
    );
  }
  drawMarks(pen, app, item, look);
  pen.globalAlpha = 1;
}

function drawNode(pen, app, item, look, zoom) {
  const { x, y, w, h } = item;
  const node = app.graph.nodes[item.of];
  if (look.now) drawGlow(pen, app, item);
  pen.globalAlpha = look.alpha;
  pen.lineWidth = 1.4;
  if (look.root) drawRing(pen, look.shape, x - 4, y - 4, w + 8, h + 8);
  outline(pen, look.shape, x, y, w, h, 7);
  pen.fillStyle = look.fill;
  pen.fill();
  pen.strokeStyle = look.stroke;
  pen.lineWidth = 1.4;
  if (look.dash || look.copy) pen.setLineDash(look.copy ? [2, 3] : [4, 3]);
  pen.stroke();
  if (look.dash || look.copy) pen.setLineDash([]);
  if (zoom >= DETAIL) drawNodeText(pen, app, item, look, node);
  else if (h * zoom >= 14) drawName(pen, nodeLabel(node).title, item, zoom, h);
  if ((node.out_saved || node.residuals_saved) && zoom > 0.4) diamond(pen, x + w, y + h / 2, 4, colours.ink);
  drawMarks(pen, app, item, look);
  pen.globalAlpha = 1;
}

// Draw a second outline around a result, or around a closed module that contains one.
function drawRing(pen, shape, x, y, w, h) {
  const before = pen.strokeStyle;
  outline(pen, shape, x, y, w, h, 10);
  pen.strokeStyle = colours.result;
  pen.stroke();
  pen.strokeStyle = before;
}

// Draw a glow around the item of the current event.
function drawGlow(pen, app, { x, y, w, h }) {
  pen.globalAlpha = 0.4;
  outline(pen, "round", x - 3, y - 3, w + 6, h + 6, 10);
  pen.strokeStyle = app.graph.events[app.state.step - 1]?.type !== "forward" ? colours.gradient : colours.leaf;
  pen.lineWidth = 7;
  pen.stroke();
}

// At a smaller scale, draw only the name of an item, as large as is legible, and cut it to the item's width.
function drawName(pen, text, { x, y, w }, zoom, height) {
  const size = Math.max(15, LEGIBLE / zoom);
  const room = ((w - 8) / size) * 15;
  let shown = text;
  while (shown.length > 1 && textWidth(shown, "title") > room) shown = shown.slice(0, -1);
  if (shown !== text) shown = `${shown.slice(0, -1)}…`;
  pen.font = FONTS.title.replace("15px", `${size}px`);
  pen.fillStyle = colours.ink;
  pen.fillText(shown, x + 4, y + height / 2 + size * 0.36);
  return undefined;
}

function drawNodeText(pen, app, item, look, node) {
  const { x, y, w } = item;
  const { title, name, detail } = nodeLabel(node);
  const inset = look.shape === "pill" ? 13 : 10;
  const used = label(pen, title, x + inset, y + 18, "title", colours.ink);
  if (name) label(pen, name, x + inset + used + 7, y + 18, "name", colours.muted);
  pen.textAlign = "right";
  const right = x + w - (look.shape === "tag" || look.shape === "pill" ? 14 : 9);
  if (!shapeOnEdge(app.graph, item.of))
    label(pen, detail, right, y + 18, "small", look.heat === undefined ? colours.muted : colours.ink);
  pen.textAlign = "left";
  let row = y + HEAD + 9;
  if (hasValueRow(node)) {
    const text = look.ghost ? "·" : (app.heat.text(item) ?? statsText(valueAt(app.graph, item.of, app.state.step), node.shape));
    label(pen, text, x + inset, row, "number", colours.ink);
    row += ROW;
  }
  if (!hasGradRow(app.graph, item.of)) return;
  const text = look.gradient ? statsText(look.gradient, node.shape) : "·";
  const colour = look.heat === undefined ? colours.gradient : colours.ink; // readable on any heat colour
  label(pen, "∂", x + inset, row, "number", colour);
  label(pen, text, x + inset + 14, row, "number", look.gradient ? colour : colours.muted);
}

function label(pen, text, x, y, font, colour) {
  pen.font = FONTS[font];
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
  return textWidth(text, font);
}

function diamond(pen, x, y, r, colour) {
  pen.beginPath();
  pen.moveTo(x - r, y);
  pen.lineTo(x, y - r);
  pen.lineTo(x + r, y);
  pen.lineTo(x, y + r);
  pen.closePath();
  pen.fillStyle = colour;
  pen.fill();
}

function outline(pen, shape, x, y, w, h, r) {
  pen.beginPath();
  if (shape === "cut" || shape === "tag") {
    const left = shape === "cut" ? 7 : 0;
    const middle = shape === "tag";
    pen.moveTo(x + left, y);
    pen.lineTo(x + w - 9, y);
    if (middle) pen.lineTo(x + w, y + h / 2);
    else pen.lineTo(x + w, y + 7);
    if (!middle) pen.lineTo(x + w, y + h - 7);
    pen.lineTo(x + w - 9, y + h);
    pen.lineTo(x + left, y + h);
    if (left) pen.lineTo(x, y + h - 7);
    if (left) pen.lineTo(x, y + 7);
    pen.closePath();
    return;
  }
  if (shape === "pill") r = Math.min(h / 2, 16);
  pen.moveTo(x + r, y);
  pen.lineTo(x + w - r, y);
  pen.quadraticCurveTo(x + w, y, x + w, y + r);
  pen.lineTo(x + w, y + h - r);
  pen.quadraticCurveTo(x + w, y + h, x + w - r, y + h);
  pen.lineTo(x + r, y + h);
  pen.quadraticCurveTo(x, y + h, x, y + h - r);
  pen.lineTo(x, y + r);
  pen.quadraticCurveTo(x, y, x + r, y);
  pen.closePath();
}
