// Plots as SVG: axes, curves over the steps, histograms and their course.

const PAD = { left: 54, right: 10, top: 8, bottom: 22 };

// Return about `count` round numbers in an interval.
function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
  return found;
}

// Make an empty plot of a width and height in pixels, with functions that map numbers to places.
function plot(width, height, [x0, x1], [y0, y1], label, { across = written } = {}) {
  if (!(x1 > x0)) x1 = x0 + 1;
  if (!(y1 > y0)) [y0, y1] = y0 ? [y0 - Math.abs(y0) * 0.1, y1 + Math.abs(y1) * 0.1] : [0, 1];
  const x = (v) => PAD.left + ((v - x0) / (x1 - x0)) * (width - PAD.left - PAD.right);
  const y = (v) => height - PAD.bottom - ((v - y0) / (y1 - y0)) * (height - PAD.top - PAD.bottom);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
  for (const v of ticks(y0, y1, height / 40))
    root.append(
      svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(v), y2: y(v) }),
      svg("text", { x: PAD.left - 6, y: y(v) + 4, "text-anchor": "end" }, written(Number(v.toPrecision(6)))),
    );
  for (const v of ticks(x0, x1, width / 110))
    root.append(svg("text", { x: x(v), y: height - 6, "text-anchor": "middle" }, across(Number(v.toPrecision(6)))));
  root.append(svg("line", { class: "axis", x1: PAD.left, x2: width - PAD.right, y1: y(y0), y2: y(y0) }));
  return { root, x, y, width, height, domain: [x0, x1], range: [y0, y1] };
}

// Draw points, given as [x, y] pairs, as a line that breaks where a number is missing or outside the plot.
function line(p, points, kind, dots = false) {
  let path = "";
  let pen = "M";
  for (const [a, b] of points) {
    if (b === null || b === undefined || b < p.range[0] || b > p.range[1]) pen = "M";
    else {
      path += `${pen}${p.x(a).toFixed(1)} ${p.y(b).toFixed(1)}`;
      pen = "L";
      if (dots) p.root.append(svg("circle", { class: kind, cx: p.x(a), cy: p.y(b), r: 2.5 }));
    }
  }
  p.root.append(svg("path", { class: `lines ${kind}`, d: path }));
}

function marker(p, step) {
  if (step < p.domain[0] || step > p.domain[1]) return;
  p.root.append(svg("line", { class: "marker", x1: p.x(step), x2: p.x(step), y1: PAD.top, y2: p.height - PAD.bottom }));
}

const known = (numbers) => numbers.filter((x) => x !== null && x !== undefined);

// Return an interval that holds the numbers; from 0 on if they are near it.
function interval(numbers, fromZero) {
  const found = known(numbers);
  if (!found.length) return [0, 1];
  let low = Math.min(...found);
  let high = Math.max(...found);
  const margin = 0.05 * (high - low);
  if (fromZero && low >= 0) low = Math.min(low, margin);
  return [fromZero && low >= 0 ? 0 : low - margin, high + margin];
}

// Draw the counts of a distribution as bars.
function histogram(width, d, kind, label) {
  const { from, to, counts } = d;
  const half = from === to ? Math.abs(from) * 0.05 || 0.5 : 0;
  const p = plot(width, 92, [from - half, to + half], [0, Math.max(1, ...counts)], label);
  const size = (to - from + 2 * half) / counts.length;
  counts.forEach((count, k) => {
    const left = p.x(from - half + k * size);
    const top = p.y(count);
    p.root.append(
      svg("rect", { class: kind, x: left, y: top, width: Math.max(0.5, p.x(from - half + (k + 1) * size) - left - 0.5), height: p.y(0) - top }),
    );
  });
  return p.root;
}

// Return the number below which a part of a distribution lies.
function quantile({ from, to, counts }, part) {
  let left = part * counts.reduce((a, b) => a + b, 0);
  for (let k = 0; k < counts.length; k++) {
    if (left <= counts[k]) return from + ((to - from) * (k + (counts[k] ? left / counts[k] : 0))) / counts.length;
    left -= counts[k];
  }
  return to;
}

// Draw how a distribution changes over the steps: the middle 96 %, the middle 68 %, and the median.
function course(width, series, kind, step, last, label) {
  const rows = series.map(([at, d]) => [at, ...[0.02, 0.16, 0.5, 0.84, 0.98].map((part) => quantile(d, part))]);
  const p = plot(width, 110, [0, last], interval(rows.flatMap((row) => row.slice(1)), false), label);
  const band = (a, b, name) =>
    p.root.append(
      svg("path", {
        class: `${kind} ${name}`,
        d: `M${[...rows.map((r) => [r[0], r[a]]), ...rows.map((r) => [r[0], r[b]]).reverse()].map(([u, v]) => `${p.x(u).toFixed(1)} ${p.y(v).toFixed(1)}`).join("L")}Z`,
      }),
    );
  band(1, 5, "outer");
  band(2, 4, "inner");
  line(p, rows.map((r) => [r[0], r[3]]), `median ${kind}`);
  marker(p, step);
  return p.root;
}
