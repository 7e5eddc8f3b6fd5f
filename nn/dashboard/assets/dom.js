// Creation of elements. Text is always set as text, never as HTML, so that names can contain any characters.

function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value);
  }
  for (const child of children.flat())
    if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

const $ = (id) => document.getElementById(id);

// Write a number with 3 or 4 significant digits.
function written(x) {
  if (x === null || x === undefined) return "–";
  if (Number.isInteger(x) && Math.abs(x) < 1e9) return x.toLocaleString("en").replace("-", "−");
  const size = Math.abs(x);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e6)
      ? x.toExponential(2).replace(/\.?0+e/, "e")
      : String(Number(x.toPrecision(4)));
  return text.replaceAll("-", "−");
}

const share = (x) => (x > 0.999 && x < 1 ? ">\u00a099.9\u00a0%" : `${Number((100 * x).toPrecision(3))}\u00a0%`);
