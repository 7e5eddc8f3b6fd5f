// The view of the scene: pan, zoom, fit, the item under the pointer, and the scheduling of drawing.

const view = { x: 0, y: 0, scale: 1, width: 0, height: 0, queued: false, pulse: 0, touched: false };

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
  const shown = overviewImage(ratio);
  if (shown) pen.drawImage(shown, view.x - PAD, view.y - PAD, shown.width / ratio, shown.height / ratio);
  pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * view.x, ratio * view.y);
  if (!shown) drawScene(pen, app, scale, seenWindow());
  if (view.pulse) {
    const share = (time - view.pulse) / PULSE;
    if (share < 1) drawPulse(pen, app, Math.max(0, share));
    else view.pulse = 0;
    draw();
  }
  drawMinimap();
}

// Return an image of a large scene that is shown small, so that moving it draws nothing again; null for other scenes.
function overviewImage(ratio) {
  const { looks, scene, hover } = app;
  const { scale, overview: last } = view;
  const size = [scene.width, scene.height].map((n) => Math.ceil(ratio * (n * scale + 2 * PAD)));
  if (scale >= FAR || scene.items.length < 1500 || size[0] * size[1] > 2e7) return null;
  if (last?.looks === looks && last.scale === scale && last.ratio === ratio && last.hover === hover)
    return last.image;
  const image = document.createElement("canvas");
  [image.width, image.height] = size;
  const pen = image.getContext("2d");
  pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * PAD, ratio * PAD);
  drawScene(pen, app, scale, [-Infinity, -Infinity, Infinity, Infinity]);
  view.overview = { looks, scale, ratio, hover, image };
  return image;
}

// Return the visible part of the scene: left, top, right, bottom.
function seenWindow() {
  const { x, y, scale, width, height } = view;
  return [-x / scale, -y / scale, (width - x) / scale, (height - y) / scale];
}

const MARGIN = 26; // around a picture that is fitted into the view

// Return the width and height for a picture; a page that is not shown yet has none, and assumes a usual window.
const stageSize = () => [
  Math.max(120, (view.width || 960) - 2 * MARGIN),
  Math.max(120, (view.height || 620) - 2 * MARGIN),
];

// Follow the size of the stage: lay out again for another shape, and fit again unless the reader has moved the picture.
function resize() {
  const box = $("stage").getBoundingClientRect();
  if (box.width === view.width && box.height === view.height) return;
  const first = !view.width && box.width > 0;
  [view.width, view.height] = [box.width, box.height];
  if (!app.scene || !box.width) return;
  if (view.touched) return draw();
  if (first) app.state.open = openAtFirst(app.graph);
  if (first || app.scene.items.length < 600) set({ open: app.state.open });
  fit({ legible: first || view.legible });
}

const fittingScale = ({ width, height }) => {
  const [w, h] = stageSize();
  return Math.min(w / width, h / height, 1.5);
};

// Show all of the picture or, at the opening of a small one, its first part at a legible scale.
function fit({ legible = false } = {}) {
  const { width, height } = app.scene;
  const small = legible && app.scene.items.length <= 40;
  view.scale = Math.max(fittingScale(app.scene), small ? DETAIL : 0.002);
  const place = (room, size) => (size * view.scale > room ? MARGIN : (room - size * view.scale) / 2);
  view.x = place(view.width, width);
  view.y = place(view.height, height);
  view.touched = false;
  view.legible = legible; // and so again when the stage changes its size, as with the lines of the legend
  draw();
}

function zoomBy(factor, cx = view.width / 2, cy = view.height / 2) {
  view.touched = true;
  const scale = Math.min(4, Math.max(0.002, view.scale * factor));
  const real = scale / view.scale;
  view.x = cx - (cx - view.x) * real;
  view.y = cy - (cy - view.y) * real;
  view.scale = scale;
  draw();
}

function panBy(dx, dy) {
  view.touched = true;
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
  view.touched = true;
  view.scale = Math.max(view.scale, DETAIL);
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
