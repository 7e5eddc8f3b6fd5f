// Marks beside nodes and on edges: shapes, numbers of turns, the selection, differences, possible problems.

// Write the shape of each result where its edges leave it.
function drawShapes(pen, app, seen) {
  const { scene, graph } = app;
  const done = new Set();
  for (const { from, slots, path } of scene.edges) {
    const item = scene.items[from];
    if (done.has(from) || item.kind !== NODE || !item.tail) continue;
    done.add(from);
    const { shape } = graph.nodes[slots[0].source];
    const [x, y] = scene.vertical ? [path[0] + 5, path[1] + 14] : [item.x + item.w + 6, path[1] - 5];
    if (shape.length && seen(x, y - 14, 90, 18)) haloed(pen, shapeText(shape), x, y);
  }
}

// Write a text that stays legible over an edge.
function haloed(pen, text, x, y) {
  pen.font = FONTS.small;
  pen.strokeStyle = colours.page;
  pen.lineWidth = 4;
  pen.lineJoin = "round";
  pen.strokeText(text, x, y);
  label(pen, text, x, y, "small", colours.muted);
}

// Number the edges that turn into the next row, at both ends of the turn, where there are several.
function drawTurns(pen, app, seen) {
  app.scene.marks.forEach((ends, k) =>
    ends.forEach(([x, y]) => {
      if (!seen(x - 12, y - 9, 24, 18)) return;
      const half = textWidth(String(k + 1), "small") / 2 + 5;
      outline(pen, "round", x - half, y - 8.5, 2 * half, 17, 8);
      pen.fillStyle = colours.page;
      pen.fill();
      pen.strokeStyle = colours.line;
      pen.lineWidth = 1;
      pen.stroke();
      pen.textAlign = "center";
      label(pen, String(k + 1), x, y + 4.5, "small", colours.muted);
      pen.textAlign = "left";
    }),
  );
}

// Mark the selection, search hits, differences and problems, each by its own shape.
function drawMarks(pen, app, item, look) {
  const { x, y, w, h } = item;
  const hit = app.hitKind(item);
  if (app.isSelected(item) || hit) {
    pen.globalAlpha = 1;
    outline(pen, "round", x - 7, y - 7, w + 14, h + 14, 12);
    pen.strokeStyle = colours.select;
    pen.lineWidth = hit === "hit" ? 1.5 : 2.5;
    if (!app.isSelected(item)) pen.setLineDash([6, 4]);
    pen.stroke();
    pen.setLineDash([]);
  }
  if (look.diff && look.diff !== "same") {
    badge(
      pen,
      x + 2,
      y - 3,
      { added: "+", removed: "−", changed: "≠" }[look.diff],
      colours[look.diff],
    );
  }
  if (look.marks?.length) {
    pen.globalAlpha = 1;
    pen.beginPath();
    pen.moveTo(x + w - 13, y + 7);
    pen.lineTo(x + w + 7, y + 7);
    pen.lineTo(x + w - 3, y - 11);
    pen.closePath();
    pen.fillStyle = colours.bad;
    pen.fill();
    pen.textAlign = "center";
    label(pen, "!", x + w - 3, y + 5, "title", colours.page);
    pen.textAlign = "left";
  }
}

function badge(pen, x, y, text, colour) {
  pen.beginPath();
  pen.arc(x, y, 8, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
  pen.textAlign = "center";
  label(pen, text, x, y + 4.5, "title", colours.page);
  pen.textAlign = "left";
}
