// The saved picture as a PDF of one page: lines, shapes and texts, in the fonts that every reader of PDF has.

// Widths of the letters from space to ~ in thousandths of the size: Helvetica and Helvetica-Bold (Adobe's AFM files).
const HELVETICA =
  "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584";
const BOLD =
  "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 778 556 556 500 389 280 389 584";
const [PLAIN_WIDTHS, BOLD_WIDTHS] = [HELVETICA, BOLD].map((text) => text.split(" ").map(Number));
const LATIN = { "…": [0x85, 1000], "–": [0x96, 556], "’": [0x92, 222], "·": [0xb7, 278], "×": [0xd7, 584], "±": [0xb1, 584], "°": [0xb0, 400], "²": [0xb2, 333], "³": [0xb3, 333] };
const SYMBOL = { "∂": [0xb6, 494], "−": [0x2d, 549], "∞": [0xa5, 713], "≠": [0xb9, 549], "→": [0xae, 987] };
const SHARP = 8; // pixels of a letter that no font has, for each unit of the picture

const fixed = (...numbers) => numbers.map((x) => String(Math.round(x * 1000) / 1000)).join(" ");
const hexOf = (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Return the font, the code and the width of a letter; null if no font has it.
function letterOf(letter, bold) {
  const code = letter.codePointAt(0);
  if (code >= 32 && code < 127) return { font: bold ? "B" : "H", code, width: (bold ? BOLD_WIDTHS : PLAIN_WIDTHS)[code - 32] };
  const [latin, symbol] = [LATIN[letter], SYMBOL[letter]];
  if (symbol) return { font: "S", code: symbol[0], width: symbol[1] };
  if (latin) return { font: bold ? "B" : "H", code: latin[0], width: latin[1] };
  return code >= 0xa1 && code <= 0xff ? { font: bold ? "B" : "H", code, width: 556 } : null;
}

// A pen that writes PDF, with the canvas methods that draw.js uses.
class PdfPen {
  constructor() {
    Object.assign(this, { parts: [], d: [], dash: "", globalAlpha: 1, lineWidth: 1, textAlign: "left", alphas: new Map() });
    this.ruler = document.createElement("canvas").getContext("2d");
  }
  beginPath() {
    this.d = [];
  }
  moveTo(x, y) {
    this.d.push(`${fixed(x, y)} m`);
    this.at = [x, y];
  }
  lineTo(x, y) {
    this.d.push(`${fixed(x, y)} l`);
    this.at = [x, y];
  }
  bezierCurveTo(...points) {
    this.d.push(`${fixed(...points)} c`);
    this.at = points.slice(4);
  }
  quadraticCurveTo(u, v, x, y) {
    const [a, b] = this.at;
    this.bezierCurveTo(a + ((u - a) * 2) / 3, b + ((v - b) * 2) / 3, x + ((u - x) * 2) / 3, y + ((v - y) * 2) / 3, x, y);
  }
  closePath() {
    this.d.push("h");
  }
  arc(x, y, r) {
    const k = 0.5523 * r;
    this.moveTo(x + r, y);
    this.bezierCurveTo(x + r, y + k, x + k, y + r, x, y + r);
    this.bezierCurveTo(x - k, y + r, x - r, y + k, x - r, y);
    this.bezierCurveTo(x - r, y - k, x - k, y - r, x, y - r);
    this.bezierCurveTo(x + k, y - r, x + r, y - k, x + r, y);
  }
  setLineDash(dash) {
    this.dash = dash.length ? `[${fixed(...dash)}] 0 d ` : "";
  }
  translate(x, y) {
    this.parts.push(`1 0 0 1 ${fixed(x, y)} cm`);
  }
  // Return a colour as three numbers from 0 to 1; a canvas understands every notation of CSS.
  paint(colour) {
    this.ruler.fillStyle = colour;
    const parts = [1, 3, 5].map((k) => parseInt(this.ruler.fillStyle.slice(k, k + 2), 16) / 255);
    return fixed(...parts);
  }
  put(text) {
    if (this.globalAlpha >= 1) return this.parts.push(`q ${text} Q`);
    if (!this.alphas.has(this.globalAlpha)) this.alphas.set(this.globalAlpha, `A${this.alphas.size}`);
    return this.parts.push(`q /${this.alphas.get(this.globalAlpha)} gs ${text} Q`);
  }
  fill() {
    this.put(`${this.paint(this.fillStyle)} rg ${this.d.join(" ")} f`);
  }
  stroke() {
    this.put(`${this.paint(this.strokeStyle)} RG ${fixed(this.lineWidth)} w ${this.dash}${this.d.join(" ")} S`);
  }
  fillRect(x, y, width, height) {
    this.put(`${this.paint(this.fillStyle)} rg ${fixed(x, y, width, height)} re f`);
  }
  fillText(text, x, y) {
    this.write(text, x, y, `${this.paint(this.fillStyle)} rg 0 Tr`);
  }
  strokeText(text, x, y) {
    this.write(text, x, y, `${this.paint(this.strokeStyle)} RG ${fixed(this.lineWidth)} w 1 j 1 Tr`);
  }
  // Write a text, stretched to the width that the page measured, in runs of one font each.
  write(text, x, y, colour) {
    const [, weight = "400", size] = this.font.match(/^(?:(\d+) )?([\d.]+)px/);
    this.ruler.font = this.font;
    const whole = this.ruler.measureText(text).width;
    const letters = [...text].map((letter) => ({ letter, known: letterOf(letter, Number(weight) > 500) }));
    const widthOf = ({ letter, known }) => (known ? (known.width * size) / 1000 : this.ruler.measureText(letter).width);
    const stretch = whole / (letters.reduce((sum, part) => sum + widthOf(part), 0) || 1);
    let left = x - { left: 0, center: whole / 2, right: whole }[this.textAlign];
    for (let k = 0; k < letters.length; ) {
      const run = [letters[k++]];
      while (run[0].known && letters[k]?.known?.font === run[0].known.font) run.push(letters[k++]);
      const { known, letter } = run[0];
      const codes = hexOf(run.map((part) => part.known?.code ?? 0));
      if (known) this.put(`${colour} BT /${known.font} ${size} Tf ${fixed(100 * stretch)} Tz 1 0 0 -1 ${fixed(left, y)} Tm <${codes}> Tj ET`);
      else if (colour.includes("0 Tr")) this.stencil(letter, left, y, Number(size), colour);
      left += stretch * run.reduce((sum, part) => sum + widthOf(part), 0);
    }
  }
  // Draw a letter that no font has as a fine stencil, through which the colour is painted.
  stencil(letter, x, y, size, colour) {
    const [rows, columns] = [2, 1 + this.ruler.measureText(letter).width / size].map((n) => 8 * Math.ceil((n * size * SHARP) / 8));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [columns, rows];
    const pen = canvas.getContext("2d");
    pen.font = this.font.replace(/[\d.]+px/, `${size * SHARP}px`);
    pen.fillText(letter, 0, (rows * 3) / 4);
    const { data } = pen.getImageData(0, 0, columns, rows);
    const bytes = Array.from({ length: (rows * columns) / 8 }, () => 0);
    for (let k = 0; k < rows * columns; k++) if (data[4 * k + 3] > 127) bytes[k >> 3] |= 128 >> (k & 7);
    const [wide, high] = [columns / SHARP, rows / SHARP];
    const place = `${fixed(wide)} 0 0 ${fixed(-high)} ${fixed(x, y + high / 4)} cm`;
    this.put(`${colour} ${place} BI /W ${columns} /H ${rows} /IM true /D [1 0] /F /AHx ID ${hexOf(bytes)}> EI`);
  }
}

const deflated = async (text) => new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer());

async function pdfBlob() {
  const { size, paint } = picture(true);
  const pen = new PdfPen();
  const scale = Math.min(0.75, 14400 / Math.max(...size)); // points of 1/72 inch, of which a side has 14,400 at most
  const [w, height] = size.map((n) => fixed(scale * n));
  pen.parts.push(`${scale.toFixed(6)} 0 0 ${-scale.toFixed(6)} 0 ${height} cm`);
  paint(pen, (dx, dy) => pen.translate(dx, dy));
  const stream = await deflated(pen.parts.join("\n"));
  const alphas = [...pen.alphas].map(([alpha, name]) => `/${name}<</ca ${fixed(alpha)}/CA ${fixed(alpha)}>>`).join("");
  const latin = "/Encoding/WinAnsiEncoding";
  const fonts = { H: `Helvetica${latin}`, B: `Helvetica-Bold${latin}`, S: "Symbol" };
  const fontTable = Object.entries(fonts).map(([key, name]) => `/${key}<</Type/Font/Subtype/Type1/BaseFont/${name}>>`).join("");
  const title = [...`\ufeff${app.graph.doc.title}`].join("").split("").map((c) => c.charCodeAt(0).toString(16).padStart(4, "0")).join("");
  const bodies = [
    ["<</Type/Catalog/Pages 2 0 R>>"],
    ["<</Type/Pages/Kids[3 0 R]/Count 1>>"],
    [`<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${w} ${height}]/Contents 4 0 R/Resources<</Font<<${fontTable}>>/ExtGState<<${alphas}>>>>>>`],
    [`<</Filter/FlateDecode/Length ${stream.length}>>stream\n`, stream, "\nendstream"],
    [`<</Title<${title}>/Creator(tensorgrad)>>`],
  ];
  return new Blob(withTable(bodies), { type: "application/pdf" });
}

// Return the parts of the file: the objects, and the table of their positions.
function withTable(bodies) {
  const parts = ["%PDF-1.4\n"];
  const length = () => parts.reduce((sum, part) => sum + part.length, 0);
  const offsets = bodies.map((body, k) => {
    const at = length();
    parts.push(`${k + 1} 0 obj\n`, ...body, "\nendobj\n");
    return at;
  });
  const table = length();
  const rows = offsets.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  const trailer = `<</Size ${bodies.length + 1}/Root 1 0 R/Info ${bodies.length} 0 R>>`;
  return [...parts, `xref\n0 ${bodies.length + 1}\n0000000000 65535 f \n${rows}trailer\n${trailer}\nstartxref\n${table}\n%%EOF\n`];
}
