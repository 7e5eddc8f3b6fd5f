// Export of the current view as SVG or PNG, or of the graph as JSON.

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
  fillText(text, x, y) {
    const [, weight = "400", size, family] = this.font.match(/^(?:(\d+) )?(\d+)px (.*)$/);
    const anchor = TO_SVG.textAlign[this.textAlign];
    this.put(
      "text",
      {
        x,
        y,
        fill: this.fillStyle,
        "font-family": family,
        "font-size": size,
        "font-weight": weight,
        "text-anchor": anchor,
      },
      text,
    );
  }
}

function svgText() {
  const pen = new SvgPen();
  const [left, top, right, bottom] = seenWindow();
  pen.fillStyle = colours.page;
  pen.fillRect(left, top, right - left, bottom - top);
  drawScene(pen, app, view.scale, seenWindow());
  const picture = svg(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width: Math.round(view.width),
      height: Math.round(view.height),
      viewBox: [left, top, right - left, bottom - top].join(" "),
    },
    svg("title", {}, app.graph.doc.title),
    pen.parts,
  );
  return new XMLSerializer().serializeToString(picture);
}

function pngBlob() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * view.width, 2 * view.height];
  const pen = canvas.getContext("2d");
  pen.fillStyle = colours.page;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(2 * view.scale, 0, 0, 2 * view.scale, 2 * view.x, 2 * view.y);
  drawScene(pen, app, view.scale, seenWindow());
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function exportAs(format) {
  const blob = {
    svg: () => new Blob([svgText()], { type: "image/svg+xml" }),
    png: pngBlob,
    json: () => new Blob([$("graph").textContent], { type: "application/json" }),
  }[format];
  const anchor = h("a", { href: URL.createObjectURL(await blob()), download: `graph.${format}` });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  announce(`saved graph.${format}`);
}
