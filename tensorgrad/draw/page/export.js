// Export of the whole graph, with its legend, as SVG, PNG or PDF (see pdf.js), or as JSON.

const TO_SVG = { textAlign: { left: "start", center: "middle", right: "end" } };

// A pen that writes SVG, with the canvas methods that draw.js uses.
class SvgPen {
  constructor() {
    Object.assign(this, {
      parts: [],
      d: "",
      dash: "",
      globalAlpha: 1,
      lineWidth: 1,
      textAlign: "left",
    });
  }
  beginPath() {
    this.d = "";
  }
  add(letter, ...numbers) {
    this.d += letter + numbers.map((x) => Math.round(x * 100) / 100).join(" ");
  }
  moveTo(x, y) {
    this.add("M", x, y);
  }
  lineTo(x, y) {
    this.add("L", x, y);
  }
  bezierCurveTo(...points) {
    this.add("C", ...points);
  }
  quadraticCurveTo(...points) {
    this.add("Q", ...points);
  }
  closePath() {
    this.d += "Z";
  }
  arc(x, y, r) {
    this.add("M", x - r, y);
    this.d += `a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
  }
  setLineDash(dash) {
    this.dash = dash.join(" ");
  }
  put(tag, attributes, text) {
    const all = this.globalAlpha < 1 ? { ...attributes, opacity: this.globalAlpha } : attributes;
    this.parts.push(svg(tag, all, text ?? null));
  }
  fill() {
    this.put("path", { d: this.d, fill: this.fillStyle });
  }
  stroke() {
    const dash = this.dash ? { "stroke-dasharray": this.dash } : {};
    this.put("path", {
      d: this.d,
      fill: "none",
      stroke: this.strokeStyle,
      "stroke-width": this.lineWidth,
      ...dash,
    });
  }
  fillRect(x, y, width, height) {
    this.put("rect", { x, y, width, height, fill: this.fillStyle });
  }
  strokeText(text, x, y) {
    this.text(text, x, y, { fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth, "stroke-linejoin": "round" });
  }
  fillText(text, x, y) {
    this.text(text, x, y, { fill: this.fillStyle });
  }
  text(text, x, y, paint) {
    const [, weight = "400", size, family] = this.font.match(/^(?:(\d+) )?(\d+)px (.*)$/);
    const anchor = TO_SVG.textAlign[this.textAlign];
    this.put(
      "text",
      {
        x,
        y,
        ...paint,
        "font-family": family,
        "font-size": size,
        "font-weight": weight,
        "text-anchor": anchor,
      },
      text,
    );
  }
}

const FRAME = 24; // around the saved picture
const LEGEND_ROW = 22;

// Return the whole picture's size with its legend, and a function that draws it with a pen.
function picture(ground) {
  const { width, height } = app.scene;
  const rows = app.state.colour === "kind" ? legendRows() : [];
  const most = Math.max(width, 420) + 2 * FRAME;
  const places = [];
  let [x, y] = [FRAME, height + 3 * FRAME];
  for (const row of rows) {
    const wide = 36 + textWidth(row[2], "small") + 18;
    if (x + wide > most && x > FRAME) [x, y] = [FRAME, y + LEGEND_ROW];
    places.push([row, x, y]);
    x += wide;
  }
  const size = [most, rows.length ? y + FRAME : height + 2 * FRAME];
  const paint = (pen, shift) => {
    if (ground) {
      pen.fillStyle = colours.page;
      pen.fillRect(0, 0, ...size);
    }
    shift(FRAME, FRAME);
    drawScene(pen, app, 1, [-FRAME, -FRAME, ...size]);
    shift(-FRAME, -FRAME);
    for (const [[kind, shape, text], left, top] of places) {
      drawMark(pen, kind, shape, left, top);
      label(pen, text, left + 36, top + 4, "small", colours.muted);
    }
  };
  return { size, paint };
}

// Draw the sign of a legend's row.
function drawMark(pen, kind, shape, x, y) {
  const colour = { gradient: colours.gradient, bad: colours.bad, result: colours.result, parameter: colours.parameter, leaf: colours.leaf, added: colours.added, removed: colours.removed, changed: colours.changed }[kind] ?? colours.line;
  pen.lineWidth = 1.4;
  pen.strokeStyle = colour;
  if (LETTERS[shape]) return label(pen, LETTERS[shape], x, y + 4, "small", kind === "gradient" ? colour : colours.ink);
  if (shape === "diamond") return diamond(pen, x + 12, y, 4, colours.ink);
  if (shape === "back") {
    pen.beginPath();
    pen.moveTo(x + 24, y);
    pen.lineTo(x + 2, y);
    pen.stroke();
    pen.beginPath();
    pen.fillStyle = colour;
    arrow(pen, [x + 9, y, x + 8, y, x + 5, y, x + 2, y], false);
    pen.fill();
    return undefined;
  }
  if (["plus", "minus", "unequal", "warn"].includes(shape))
    return badge(pen, x + 12, y, { plus: "+", minus: "−", unequal: "≠", warn: "!" }[shape], colour);
  const card = { parameter: "parameter-card", leaf: "leaf-card", backward: "gradient-card" }[kind] ?? "card";
  if (kind === "constant" || kind === "copy") pen.setLineDash(kind === "copy" ? [2, 3] : [4, 3]);
  const cards = { double: [[0, 0, 24, 14], [3, 3, 18, 8]], stack: [[5, 4, 19, 10], [2.5, 2, 19, 10], [0, 0, 19, 10]] };
  for (const [left, top, w, h] of cards[shape] ?? [[0, 0, 24, 14]]) {
    outline(pen, cards[shape] ? "round" : shape, x + left, y - 7 + top, w, h, Math.min(4, h / 4));
    pen.fillStyle = colours[card];
    pen.fill();
    pen.stroke();
  }
  pen.setLineDash([]);
  return undefined;
}

function svgText(ground = true) {
  const { size, paint } = picture(ground);
  const pen = new SvgPen();
  const groups = [];
  paint(pen, (dx, dy) => {
    groups.push(svg("g", groups.length === 1 ? { transform: `translate(${FRAME} ${FRAME})` } : {}, pen.parts));
    pen.parts = [];
    return [dx, dy];
  });
  const whole = svg(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width: Math.round(size[0]),
      height: Math.round(size[1]),
      viewBox: [0, 0, ...size].join(" "),
    },
    svg("title", {}, app.graph.doc.title),
    groups,
    svg("g", {}, pen.parts),
  );
  return new XMLSerializer().serializeToString(whole);
}

// Draw the whole graph on a canvas, twice as large as on the screen unless browsers would refuse that size.
function pictureCanvas(ground) {
  const { size, paint } = picture(ground);
  const scale = Math.min(2, 8000 / Math.max(...size));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = size.map((n) => Math.ceil(n * scale));
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  paint(pen, (dx, dy) => pen.translate(dx, dy));
  return { canvas, size };
}

const pngBlob = (ground) =>
  new Promise((resolve) => pictureCanvas(ground).canvas.toBlob(resolve, "image/png"));

async function exportAs(choice) {
  const [format, clear] = choice.split(" ");
  const blob = {
    svg: () => new Blob([svgText(!clear)], { type: "image/svg+xml" }),
    png: () => pngBlob(!clear),
    pdf: pdfBlob,
    json: () => new Blob([$("graph").textContent], { type: "application/json" }),
  }[format];
  const anchor = h("a", { href: URL.createObjectURL(await blob()), download: `graph.${format}` });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  announce(`saved graph.${format}`);
}
