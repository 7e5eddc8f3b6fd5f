// The text of an item, and the size that it needs.

const FONT = 'system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif';
const FONTS = {
  title: `600 15px ${FONT}`,
  name: `500 14px ${FONT}`,
  small: `13px ${FONT}`,
  number: '13px ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace',
};
const ROW = 17;
const HEAD = 29;
const STACK = 6; // the cards that a closed module shows behind its front card
const LEGIBLE = 11; // the smallest text on the screen in pixels; smaller text is not drawn
const DETAIL = LEGIBLE / 13; // the smallest scale at which all text of a node is drawn

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

function textWidth(text, font) {
  const key = font + text;
  let width = widths.get(key);
  if (width === undefined) {
    ruler.font = FONTS[font];
    width = ruler.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

const clipText = (text, most) => {
  const flat = text.replace(/\s+/g, " ");
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
};

function nodeLabel(node) {
  const title = node.op ?? ([node.path, node.name].filter(Boolean).join(".") || node.kind);
  const name = node.op ? [plainArguments(node), node.name].filter(Boolean).join("  ") : "";
  return { title: clipText(title, 28), name: clipText(name, 24), detail: shapeText(node.shape) };
}

const SYMBOLS = { add: "+", subtract: "−", multiply: "×", divide: "/", power: "^", matmul: "@", remainder: "%" };

// Return the numbers and indices among the operands, in their order, as in 10 / · and · / 10.
function plainArguments(node) {
  const texts = node.inputs.map((input) => shortText(input.text)[0] ?? "·");
  if (texts.every((text) => text === "·")) return "";
  const bracketed = (text, k) => (text.startsWith("−") && (k || node.op === "power") ? `(${text})` : text);
  if (texts.length === 2 && SYMBOLS[node.op]) return texts.map(bracketed).join(` ${SYMBOLS[node.op]} `);
  if (node.op === "take") return `[${texts[1].replace(/^\((.*?),?\)$/, "$1")}]`;
  return texts.filter((text) => text !== "·" && text !== "None").join(", ");
}

// The shape of a result stands on the edges that leave it; that of anything else stands on the node.
const shapeOnEdge = (graph, i) => graph.nodes[i].kind === "op" && graph.consumers[i].length > 0;

// Return the text of a number, index or shape, which is part of the label and has no node.
function shortText(text) {
  if (!text) return [];
  return [Number.isNaN(Number(text)) ? text : short(Number(text))];
}

function moduleLabel(graph, m) {
  const module = graph.modules[m];
  const total = graph.tree.total[m];
  const parts = [counted(total.op, "op")];
  if (total.parameter) parts.push(counted(total.parameter, "parameter"));
  return {
    title: clipText(module.kind, 28),
    name: clipText(module.name || "", 24),
    detail: parts.join(" · "),
  };
}

const hasValueRow = (node) => Boolean(node.value);
const hasGradRow = (graph, i) => Boolean(graph.nodes[i].grad) || graph.arrivals[i].length > 0;

function itemSize(graph, item) {
  if (item.kind !== NODE) {
    const { title, name, detail } = moduleLabel(graph, item.of);
    const head = textWidth(title, "title") + textWidth(name, "name");
    if (item.kind === BOX) return { w: head + 70, h: HEADER };
    const width = Math.ceil(Math.max(120, head + 62, textWidth(detail, "small") + 30));
    return { w: width + STACK, h: 54 + STACK };
  }
  const node = graph.nodes[item.of];
  const { title, name, detail } = nodeLabel(node);
  const onEdge = shapeOnEdge(graph, item.of);
  const shape = textWidth(detail, "small");
  const head = textWidth(title, "title") + textWidth(name, "name") + (onEdge ? 0 : shape + 10);
  const rows = hasValueRow(node) + hasGradRow(graph, item.of);
  const values = Math.ceil(valueWidth(graph, item.of, node));
  return {
    w: Math.ceil(Math.max(rows ? 76 : 56, values, head + (name ? 32 : 24))),
    h: HEAD + rows * ROW + (rows ? 6 : 0),
    tail: onEdge ? shape : 0,
  };
}

// Return the width that a node's numbers need: exactly at the last event, and about as much at the others.
function valueWidth(graph, i, node) {
  if (!hasValueRow(node) && !hasGradRow(graph, i)) return 0;
  const size = node.shape.reduce((product, n) => product * n, 1);
  const value = textWidth(statsText(node.value, node.shape), "number");
  const grad = textWidth(statsText(node.grad, node.shape), "number") + 14;
  const typical = size === 1 ? 52 : size > 4 ? 128 : 0;
  return Math.max(value, grad, typical) + 24;
}
