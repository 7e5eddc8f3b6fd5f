// Probable problems in values and gradients, found by fixed thresholds. A healthy network has none.

const DEAD = 0.95; // fraction of a ReLU's outputs that are 0
const DEAD_UNITS = 0.25; // fraction of a ReLU's units that are 0 for every input
const SATURATED = 0.9; // fraction of a sigmoid's or tanh's outputs within 1 % of its bounds
const VANISHING = 1e-5; // relative to the largest root mean square among the gradients of parameters and inputs
const EXPLODING = 1e3; // root mean square of the gradient of a parameter or input

const TROUBLES = {
  first: "NaN or ∞ first appears here",
  nonfinite: "NaN or ∞ in the value",
  firstgradient: "NaN or ∞ first appears in a gradient here",
  nonfinitegradient: "NaN or ∞ in the gradient",
  dead: "dead ReLU: nearly all outputs are 0",
  units: "dead units: 0 for every input",
  saturated: "saturated: nearly all outputs are at the bounds",
  unused: "unused: no gradient reaches it",
  zero: "zero gradient: every element is 0",
  vanishing: "vanishing gradient: much smaller than the others",
  exploding: "exploding gradient: very large",
};

const isBad = (stats) => Boolean(stats) && stats.nan + stats.inf > 0;
const size = (stats) => (stats && stats.mean !== null ? Math.hypot(stats.mean, stats.std) : null);

function findTrouble(graph) {
  const byNode = new Map();
  const list = [];
  const mark = (i, kind) => {
    if (!byNode.has(i)) byNode.set(i, []);
    byNode.get(i).push(kind);
    list.push({ node: i, kind });
  };
  const { nodes } = graph;
  const backwardRan = nodes.some((node) => node.grad);
  const uses = (i) => graph.consumers[i].map((use) => nodes[use.node]);
  // A leaf that only the operations of a backward pass use is a variable of one of its rules.
  const isInner = (i) => uses(i).length && uses(i).every((node) => node.in_backward);
  const isLearned = ({ kind }, i) => kind === "parameter" || (kind === "leaf" && !isInner(i));
  const learned = nodes.flatMap((node, i) => (isLearned(node, i) ? [i] : []));
  const largest = learned.reduce((most, i) => Math.max(most, size(nodes[i].grad) ?? 0), 0);
  nodes.forEach((node, i) => {
    markValue(graph, i, node, mark);
    if (!isLearned(node, i)) return;
    const { grad } = node;
    if ((backwardRan && !grad) || !(uses(i).length || graph.isRoot.has(i))) mark(i, "unused");
    else if (grad?.size && !isBad(grad)) {
      if (grad.zeros === grad.size) mark(i, "zero");
      else if (size(grad) < VANISHING * largest) mark(i, "vanishing");
      else if (size(grad) > EXPLODING) mark(i, "exploding");
    }
  });
  markGradients(graph, mark);
  const worth = Object.keys(TROUBLES);
  list.sort((a, b) => worth.indexOf(a.kind) - worth.indexOf(b.kind) || a.node - b.node);
  return { byNode, list };
}

function markValue(graph, i, node, mark) {
  const { value } = node;
  if (!value || !value.size) return;
  if (isBad(value)) {
    const inherited = graph.inputs[i].some((j) => j >= 0 && isBad(graph.nodes[j].value));
    mark(i, inherited ? "nonfinite" : "first");
  }
  const clips = node.op === "maximum" && node.inputs.some((input) => Number(input.text) === 0);
  if ((node.op === "relu" || clips) && value.size > 1 && value.zeros >= DEAD * value.size)
    mark(i, "dead");
  else if ((node.op === "relu" || clips) && value.dead > DEAD_UNITS * node.shape.at(-1)) mark(i, "units");
  const range = { sigmoid: [0, 1], tanh: [-1, 1] }[node.op];
  if (range && value.size > 1 && shareAtBounds(value, range) >= SATURATED) mark(i, "saturated");
}

function shareAtBounds(value, [low, high]) {
  const near = 0.01 * (high - low);
  const outside = (from, to) => to <= low + near || from >= high - near;
  if (value.numbers) return value.numbers.filter((x) => outside(x, x)).length / value.size;
  if (!value.histogram) return value.min !== null && outside(value.min, value.max) ? 1 : 0;
  const { low: start, high: end, counts } = value.histogram;
  const step = (end - start) / counts.length;
  const count = counts.reduce(
    (sum, n, k) => sum + (outside(start + k * step, start + (k + 1) * step) ? n : 0),
    0,
  );
  return count / value.size;
}

// Mark gradients that are not finite, and the first: from a node whose own gradient and value are finite.
function markGradients(graph, mark) {
  let found = false;
  for (const event of graph.events) {
    if (event.type !== "backward" || !isBad(event.contribution)) continue;
    const from = graph.index.get(event.node);
    if (!found && !isBad(graph.nodes[from].grad) && !isBad(graph.nodes[from].value))
      mark(from, "firstgradient");
    found = true;
  }
  graph.nodes.forEach((node, i) => isBad(node.grad) && mark(i, "nonfinitegradient"));
}
