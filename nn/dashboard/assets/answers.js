// The answers for the samples: the confusion matrix or points, and single predictions.

function confusion() {
  const r = record();
  const of = `${written(data.samples)} samples of the ${data.of}`;
  const target = $("confusion");
  if (r.confusion) target.replaceChildren(matrix(r.confusion, of));
  else if (r.pairs) target.replaceChildren(pairs(r, of));
  else if (r.points) target.replaceChildren(scatter(r.points, of));
  else target.replaceChildren();
}

function matrix(counts, of) {
  const names = counts.map((_, k) => data.classes?.[k] ?? String(k));
  const upright = names.every((name) => name.length < 4);
  const sums = counts.map((row) => row.reduce((a, b) => a + b, 0));
  const total = sums.reduce((a, b) => a + b, 0);
  const right = counts.reduce((sum, row, k) => sum + row[k], 0);
  const cell = (count, i, j) => {
    const part = count / (sums[i] || 1);
    const level = part > 0.6 ? 4 : part > 0.3 ? 3 : part > 0.1 ? 2 : part > 0 ? 1 : 0;
    return h("td", { class: level ? `${i === j ? "heat" : "off"}${level}` : null }, written(count));
  };
  const table = h(
    "table",
    { id: "matrix" },
    h("caption", {}, `${of}: ${written(right)} of ${written(total)} right (${share(right / (total || 1))}). Rows: the right class; columns: the predicted one.`),
    h("thead", {}, h("tr", {}, h("td"), names.map((name) => h("th", { scope: "col", class: upright ? null : "name", title: name }, name)))),
    h("tbody", {}, counts.map((row, i) => h("tr", {}, h("th", { scope: "row" }, names[i]), row.map((count, j) => cell(count, i, j))))),
  );
  return h("div", { class: "wide", role: "region", tabindex: 0, "aria-label": "Confusion matrix" }, table);
}

function pairs(r, of) {
  return h(
    "table",
    { id: "pairs" },
    h("caption", {}, `${of}: ${written(r.compared - r.wrong)} of ${written(r.compared)} right. Most often confused:`),
    h("thead", {}, h("tr", {}, ["right class", "predicted", "count"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, r.pairs.map((row) => h("tr", {}, row.map((value) => h("td", {}, typeof value === "number" ? written(value) : value))))),
  );
}

function scatter(points, of) {
  const range = interval(points.flat(), false);
  const p = plot(Math.min(460, widthOf("answers", 1)), 300, range, range, `Predicted over right numbers, ${of}`);
  p.root.append(svg("line", { class: "marker", x1: p.x(range[0]), y1: p.y(range[0]), x2: p.x(range[1]), y2: p.y(range[1]) }));
  for (const [a, b] of points)
    if (a !== null && b !== null) p.root.append(svg("circle", { class: "point", cx: p.x(a), cy: p.y(b), r: 3 }));
  return h("div", { class: "card" }, h("b", {}, "Predicted (up) over right numbers"), p.root, h("p", {}, of));
}

function predictions() {
  const rows = record().predictions;
  $("predictions").replaceChildren(
    h("h3", {}, "Samples"),
    data.inputs.pictures ? pictures(rows) : h("div", { class: "wide", role: "region", tabindex: 0, "aria-label": "Samples" }, words(rows)),
  );
}

const mark = (right) => (right === null ? "" : right ? "✓ " : "✗ ");
const colour = (right) => (right === null ? null : right ? "good" : "bad");

function pictures(rows) {
  return h(
    "div",
    { id: "pictures" },
    rows.map(([predicted, actual, probability, right], k) =>
      h(
        "figure",
        {},
        picture(data.inputs.pictures[k], data.inputs.shape, `Sample ${k + 1}: ${actual}`),
        h(
          "figcaption",
          {},
          h("span", { class: colour(right) }, mark(right), predicted, probability === null ? "" : ` ${share(probability)}`),
          right === true ? null : ` (is ${actual})`,
        ),
      ),
    ),
  );
}

function picture(coded, [height, width, channels], label) {
  const canvas = h("canvas", { width, height, role: "img", "aria-label": label });
  const bytes = Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
  const pixels = new ImageData(width, height);
  for (let k = 0; k < width * height; k++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * k + c] = bytes[channels * k + (channels === 3 ? c : 0)];
    pixels.data[4 * k + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

function words(rows) {
  const sure = rows.some((row) => row[2] !== null);
  const heads = ["inputs", "right", "predicted", ...(sure ? ["probability"] : [])];
  return h(
    "table",
    { id: "words" },
    h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      rows.map(([predicted, actual, probability, right], k) =>
        h("tr", {}, h("td", {}, data.inputs.words[k]), h("td", {}, actual), h("td", { class: colour(right) }, mark(right), predicted), sure ? h("td", {}, probability === null ? "" : share(probability)) : null),
      ),
    ),
  );
}
