// Numbers, shapes, sizes and statistics as text, and the histogram.

// Write a number with 4 significant digits, or more on request. Every number on the page is rounded alike.
function short(x, digits = 4) {
  if (x === null || x === undefined) return "–";
  if (typeof x === "boolean") return x ? "True" : "False";
  if (typeof x === "string") return wordNumber(x);
  if (x === 0 || (Number.isInteger(x) && Math.abs(x) < 1e6)) return String(x).replace("-", "−");
  const size = Math.abs(x);
  const text = size >= 1e6 || size < 1e-3 ? x.toExponential(digits - 1) : x.toPrecision(digits);
  const [body, power] = text.split("e");
  const plain = body.includes(".") ? body.replace(/\.?0+$/, "") : body;
  return (plain + (power ? `e${power.replace("+", "")}` : "")).replaceAll("-", "−");
}

// Write what JSON has no number for: infinity, NaN, and complex numbers.
function wordNumber(text) {
  const known = { inf: "∞", "-inf": "−∞", nan: "NaN" }[text];
  if (known) return known;
  const parts = text.match(/^([+-]?[\d.e+-]*?\d)([+-][\d.e+-]*)j$/i);
  if (!parts) return text;
  const sign = parts[2].startsWith("-") ? "−" : "+";
  return `${short(Number(parts[1]))}${sign}${short(Math.abs(Number(parts[2])))}j`;
}

// Return a number as text and, if it was rounded, as an element that shows it in full under the pointer.
function exact(x) {
  const text = short(x);
  const full = /\d/.test(x) ? String(x).replaceAll("-", "−") : text;
  return text === full ? text : { text, title: full };
}

const shown = (part) => (part.title ? h("span", { class: "exact", title: part.title }, part.text) : part);

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

const grouped = (n) => n.toLocaleString("en");
const counted = (n, word) => `${grouped(n)} ${word}${n === 1 ? "" : "s"}`;

// Describe a value in one line: its numbers if they are at most `most`, else mean ± standard deviation, and the number
// of NaN and ∞.
function statsText(stats, shape = null, most = 4) {
  if (!stats) return "–";
  if (stats.numbers && stats.size && (stats.size === 1 || (shape && stats.size <= most)))
    return stats.size === 1 ? short(stats.numbers[0]) : valueText(stats, shape);
  const bad = [stats.nan && `${stats.nan} NaN`, stats.inf && `${stats.inf} ∞`].filter(Boolean);
  const body =
    stats.mean === null
      ? ""
      : stats.min === stats.max
        ? `all ${short(stats.min)}`
        : `${short(stats.mean)} ± ${short(stats.std)}`;
  return [body, ...bad].filter(Boolean).join(", ") || "empty";
}

const valueText = (stats, shape) =>
  valueParts(stats, shape)
    .map((part) => part.text ?? part)
    .join("");

// Write the numbers of a tensor in nested brackets, as texts and exact numbers.
function valueParts(stats, shape) {
  const { numbers } = stats;
  if (!shape.length) return [exact(numbers[0])];
  const parts = [];
  let size = 1;
  const steps = [...shape].reverse().map((n) => (size *= n)); // innermost first
  numbers.forEach((x, k) => {
    const opened = steps.filter((step) => k % step === 0).length;
    const closed = steps.filter((step) => k && k % step === 0).length;
    parts.push("]".repeat(closed) + (k ? ", " : "") + "[".repeat(opened), exact(x));
  });
  parts.push("]".repeat(steps.length));
  return parts;
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
