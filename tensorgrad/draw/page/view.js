// The view of the scene: pan, zoom, fit, the item under the pointer, and the scheduling of drawing.

const view = { x: 0, y: 0, scale: 1, width: 0, height: 0, queued: false, pulse: 0 };

function draw() {
  if (!view.queued) requestAnimationFrame(drawNow);
  view.queued = true;
}

function drawNow(time) {
  view.queued = false;
  const canvas = $("canvas");
  const pen = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  const { width, height, scale } = view;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * view.x, ratio * view.y);
  drawScene(pen, app, scale, seenWindow());
  if (view.pulse) {
    const share = (time - view.pulse) / PULSE;
    if (share < 1) drawPulse(pen, app, Math.max(0, share));
    else view.pulse = 0;
    draw();
  }
  drawMinimap();
}

// Return the visible part of the scene: left, top, right, bottom.
function seenWindow() {
  const { x, y, scale, width, height } = view;
  return [-x / scale, -y / scale, (width - x) / scale, (height - y) / scale];
}

function resize() {
  const box = $("stage").getBoundingClientRect();
  [view.width, view.height] = [box.width, box.height];
  draw();
}

function fit() {
  const { width, height } = app.scene;
  const margin = 40;
  const scale = Math.min(
    (view.width - 2 * margin) / width,
    (view.height - 2 * margin) / height,
    1.25,
  );
  view.scale = Math.max(scale, 0.002);
  view.x = (view.width - width * view.scale) / 2;
  view.y = (view.height - height * view.scale) / 2;
  draw();
}

function zoomBy(factor, cx = view.width / 2, cy = view.height / 2) {
  const scale = Math.min(4, Math.max(0.002, view.scale * factor));
  const real = scale / view.scale;
  view.x = cx - (cx - view.x) * real;
  view.y = cy - (cy - view.y) * real;
  view.scale = scale;
  draw();
}

function panBy(dx, dy) {
  view.x += dx;
  view.y += dy;
  draw();
}

// Bring an item into view, at a readable scale.
function reveal(item) {
  const [left, top, right, bottom] = seenWindow();
  const inside =
    item.x > left && item.y > top && item.x + item.w < right && item.y + item.h < bottom;
  if (inside && view.scale > 0.5) return draw();
  view.scale = Math.max(view.scale, 0.8);
  view.x = view.width / 2 - (item.x + item.w / 2) * view.scale;
  view.y = view.height / 2 - (item.y + Math.min(item.h, view.height) / 2) * view.scale;
  return draw();
}

function itemAt(px, py) {
  const x = (px - view.x) / view.scale;
  const y = (py - view.y) / view.scale;
  const { items } = app.scene;
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i];
    const h = item.kind === BOX ? HEADER : item.h;
    if (x >= item.x && x <= item.x + item.w && y >= item.y && y <= item.y + h) return item;
  }
  return null;
}

function drawMinimap() {
  const canvas = $("minimap");
  const pen = canvas.getContext("2d");
  const { scene } = app;
  const scale = Math.min(canvas.width / scene.width, canvas.height / scene.height) * 0.94;
  const [ox, oy] = [
    (canvas.width - scene.width * scale) / 2,
    (canvas.height - scene.height * scale) / 2,
  ];
  if (app.miniature?.looks !== app.looks)
    app.miniature = { looks: app.looks, image: miniature(canvas, scale, ox, oy) };
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(app.miniature.image, 0, 0);
  const [left, top, right, bottom] = seenWindow();
  pen.strokeStyle = colours.select;
  pen.lineWidth = 2;
  pen.strokeRect(
    ox + left * scale,
    oy + top * scale,
    (right - left) * scale,
    (bottom - top) * scale,
  );
  view.mini = { scale, ox, oy };
}

function miniature(canvas, scale, ox, oy) {
  const image = document.createElement("canvas");
  [image.width, image.height] = [canvas.width, canvas.height];
  const pen = image.getContext("2d");
  app.scene.items.forEach((item, i) => {
    pen.fillStyle = item.kind === BOX ? colours.box : dotColour(app, item, app.looks[i]);
    pen.globalAlpha = item.kind === BOX ? 1 : 0.8 * app.looks[i].alpha;
    pen.fillRect(
      ox + item.x * scale,
      oy + item.y * scale,
      Math.max(1, item.w * scale),
      Math.max(1, item.h * scale),
    );
  });
  return image;
}
