// The text of an item, and the size that it needs.

const FONT = 'system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif';
const FONTS = {
  title: `600 13px ${FONT}`,
  name: `500 12px ${FONT}`,
  small: `11px ${FONT}`,
  number: '11px ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace',
};
const ROW = 15;
const HEAD = 27;

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
  const title = node.op ?? node.name ?? node.kind;
  const texts = node.inputs.flatMap((input) => shortText(input.text)).join(", ");
  const name = node.op ? [texts, node.name].filter(Boolean).join("  ") : "";
  return { title: clipText(title, 28), name: clipText(name, 24), detail: shapeText(node.shape) };
}

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
    return { w: Math.ceil(Math.max(120, head + 62, textWidth(detail, "small") + 30)), h: 50 };
  }
  const node = graph.nodes[item.of];
  const { title, name, detail } = nodeLabel(node);
  const head = textWidth(title, "title") + textWidth(name, "name") + textWidth(detail, "small");
  const rows = hasValueRow(node) + hasGradRow(graph, item.of);
  const many = rows && node.shape.length;
  const least = many ? 158 : rows ? 96 : 56;
  return {
    w: Math.ceil(Math.max(least, head + (name ? 40 : 32))),
    h: HEAD + rows * ROW + (rows ? 6 : 0),
  };
}
