// Numbers, shapes, sizes and statistics as text, and the histogram.

function short(x, digits = 4) {
  if (x === null || x === undefined) return "–";
  if (typeof x === "string") return { inf: "∞", "-inf": "−∞", nan: "NaN" }[x] ?? x;
  if (x === 0 || (Number.isInteger(x) && Math.abs(x) < 1e6)) return String(x).replace("-", "−");
  const size = Math.abs(x);
  const places = digits > 4 ? digits - 1 : digits - 2; // leaves room for the exponent in short labels
  const text = size >= 1e6 || size < 1e-3 ? x.toExponential(places) : x.toPrecision(digits);
  const [body, power] = text.split("e");
  const plain = body.includes(".") ? body.replace(/\.?0+$/, "") : body;
  return (plain + (power ? `e${power.replace("+", "")}` : "")).replaceAll("-", "−");
}

const shapeText = (shape) => (shape.length ? shape.join("×") : "scalar");

function bytesText(n) {
  if (n === null || n === undefined) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; n >= 1000 && unit < 4; unit++) n /= 1000;
  return `${unit ? n.toPrecision(3) : n} ${units[unit]}`;
}

function secondsText(s) {
  if (s === null || s === undefined) return "–";
  if (s < 1e-3) return `${short(s * 1e6, 3)} µs`;
  return s < 1 ? `${short(s * 1e3, 3)} ms` : `${short(s, 3)} s`;
}

const counted = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// Describe a value in one line: the number itself, or mean ± standard deviation, and the number of NaN and ∞.
function statsText(stats, digits = 4) {
  if (!stats) return "–";
  if (stats.size === 1 && stats.numbers) return short(stats.numbers[0], digits);
  const bad = [stats.nan && `${stats.nan} NaN`, stats.inf && `${stats.inf} ∞`].filter(Boolean);
  const body = stats.mean === null ? "" : `${short(stats.mean, 3)} ± ${short(stats.std, 3)}`;
  return [body, ...bad].filter(Boolean).join(", ") || "empty";
}

// Write the numbers of a small tensor in nested brackets, or the statistics of a larger one.
function valueText(stats, shape, limit = 16) {
  if (!stats || !stats.numbers || stats.size > limit) return statsText(stats);
  if (!shape.length) return short(stats.numbers[0]);
  let parts = stats.numbers.map((x) => short(x));
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const grouped = [];
    const size = shape[axis];
    for (let k = 0; k < parts.length; k += size)
      grouped.push(`[${parts.slice(k, k + size).join(", ")}]`);
    parts = grouped;
  }
  return parts.join(", ");
}

function statsTable(stats) {
  const row = (name, text) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, text));
  return h(
    "table",
    { class: "stats" },
    row("min", short(stats.min, 7)),
    row("max", short(stats.max, 7)),
    row("mean", short(stats.mean, 7)),
    row("std", short(stats.std, 7)),
    row("zeros", `${stats.zeros} of ${stats.size}`),
    row("NaN", String(stats.nan)),
    row("∞", String(stats.inf)),
  );
}

// Draw the bars of all bins as one SVG path; NaN and infinity are in no bin, but in the table above.
function histogram(stats, kind) {
  const { low, high, counts } = stats.histogram;
  const most = Math.max(...counts, 1);
  const bars = counts.map((n, k) => `M${k * 8 + 1} 48v${-(46 * n) / most}h6V48z`).join("");
  const zero = high > low && low < 0 && high > 0 ? (256 * -low) / (high - low) : null;
  const about = `Histogram of ${kind}: ${counts.length} bins from ${short(low)} to ${short(high)}, the fullest with ${most}`;
  return h(
    "figure",
    { class: `histogram ${kind}` },
    svg(
      "svg",
      { viewBox: "0 0 256 50", role: "img", "aria-label": about, preserveAspectRatio: "none" },
      svg("title", {}, counts.join(" ")),
      zero === null ? null : svg("path", { d: `M${zero} 0V50`, class: "zero" }),
      svg("path", { d: bars, class: "bars" }),
      svg("path", { d: "M0 48.5H256", class: "base" }),
    ),
    h("figcaption", {}, h("span", {}, short(low)), h("span", {}, short(high))),
  );
}
