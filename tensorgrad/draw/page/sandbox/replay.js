// The run again, from other numbers: every value, then every contribution and gradient in the order that was recorded.

const wordNumbers = { nan: NaN, inf: Infinity, "-inf": -Infinity, True: 1, False: 0 };
const numberOf = (x) => wordNumbers[x] ?? Number(x);

function inputArray(numbers, { shape, dtype }) {
  const { data } = np.list(numbers.map(numberOf));
  return { shape, data, truths: dtype === "bool" };
}

// Give a result the shape that was recorded: reductions keep their axes, and broadcast axes were added up.
function shaped(result, { shape, id }) {
  if (result.data.length !== np.count(shape)) throw new RangeError(`${id} has ${result.data.length} numbers in place of ${np.count(shape)}`);
  return np.reshape(result, shape);
}

// Compute the run from a list of arrays, which has one for each input and constant.
function replay(graph, inputs) {
  const { calls, seeds } = graph.doc.sandbox;
  const rule = (i) => RULES[calls[graph.nodes[i].id]];
  const values = [...inputs];
  const scalar = (text) => np.array([], Float64Array.of(numberOf(text)));
  const operands = (i) => graph.inputs[i].map((j, slot) => (j >= 0 ? values[j] : scalar(graph.nodes[i].inputs[slot].text)));
  graph.nodes.forEach((node, i) => {
    if (node.op) values[i] = shaped(rule(i)[0](operands(i)), node);
  });
  const sums = new Map();
  let seed = 0;
  const events = graph.events.map((event, k) => {
    const i = graph.index.get(event.node);
    if (event.type === "leaf") return { grad: sums.get(i) };
    if (event.type !== "seed" && event.type !== "backward") return {};
    const to = event.type === "seed" ? i : graph.index.get(event.to);
    const contribution =
      event.type === "seed"
        ? inputArray(seeds[seed++], graph.nodes[i])
        : shaped(rule(i)[1 + event.slot](sums.get(i), values[i], operands(i)), graph.nodes[to]);
    const total = graph.beginsSum[k] ? contribution : np.add(sums.get(to), contribution);
    sums.set(to, total);
    return { contribution, accumulated: total };
  });
  return { values, events, grads: sums };
}

// What backward differentiates: the results that it started from, weighted by what it started with.
function lossOf(graph, { values, events }) {
  let loss = 0;
  graph.events.forEach((event, k) => {
    if (event.type === "seed") loss += np.total(np.multiply(values[graph.index.get(event.node)], events[k].contribution)).data[0];
  });
  return loss;
}

// Describe an array as the document does (see stats.py).
function statsOf({ shape, data }, withHistogram = true) {
  const plain = (x) => (Number.isNaN(x) ? "nan" : Number.isFinite(x) ? Number(x.toPrecision(9)) : x > 0 ? "inf" : "-inf");
  const stats = { size: data.length };
  if (data.length <= 64) stats.numbers = Array.from(data, plain);
  if (data.length > 1) Object.assign(stats, summaryOf(data, withHistogram));
  const units = shape.at(-1);
  if (shape.length > 1 && shape[0] > 1) stats.dead = Array.from({ length: units }, (_, u) => data.every((x, k) => k % units !== u || x === 0)).filter(Boolean).length;
  return wholeStats(stats);
}

function summaryOf(data, withHistogram) {
  const finite = data.filter(Number.isFinite);
  const counts = { zeros: data.filter((x) => x === 0).length, nan: data.filter(Number.isNaN).length };
  counts.inf = data.length - finite.length - counts.nan;
  if (!finite.length) return counts;
  const mean = finite.reduce((sum, x) => sum + x, 0) / finite.length;
  const std = Math.sqrt(finite.reduce((sum, x) => sum + (x - mean) ** 2, 0) / finite.length);
  const [min, max] = [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
  const histogram = withHistogram && max > min && max - min < Infinity ? new Array(32).fill(0) : undefined;
  if (histogram) for (const x of finite) histogram[Math.min(31, Math.floor((32 * (x - min)) / (max - min)))]++;
  return { ...counts, mean, std, min, max, histogram };
}

// Write a run into the graph, so that the page shows it.
function showRun(graph, run) {
  graph.nodes.forEach((node, i) => {
    if (node.value) node.value = statsOf(run.values[i]);
    if (node.grad && run.grads.has(i)) node.grad = statsOf(run.grads.get(i));
  });
  graph.events.forEach((event, k) => {
    const { contribution, accumulated, grad } = run.events[k];
    if (grad) event.grad = statsOf(grad);
    if (!contribution) return;
    event.contribution = statsOf(contribution, false);
    event.accumulated = accumulated === contribution ? event.contribution : statsOf(accumulated, false);
  });
}

// Return the name of the first node whose value or gradient a run computes otherwise than it was recorded. Where larger
// numbers cancelled before, single precision leaves less than a hundredth of their digits.
function firstDifference(graph, run) {
  const names = (i) => nodeTitle(graph.nodes[i]);
  const finder = () => {
    let largest = 0;
    return (recorded, now, dtype) => {
      const own = now.data.reduce((most, x) => Math.max(most, Number.isFinite(x) ? Math.abs(x) : 0), 0);
      largest = Math.max(largest, own);
      return differs(recorded, now, dtype, own + largest / 100);
    };
  };
  const [isOther, isOtherGradient] = [finder(), finder()];
  for (const [i, node] of graph.nodes.entries())
    if (node.value && run.values[i] && isOther(node.value, run.values[i], node.dtype)) return `the value of ${names(i)}`;
  for (const [k, event] of graph.events.entries()) {
    const to = graph.index.get(event.to ?? event.node);
    for (const key of ["contribution", "accumulated", "grad"])
      if (run.events[k][key] && event[key] && isOtherGradient(event[key], run.events[k][key], graph.nodes[to].dtype)) return `the gradient of ${names(to)}`;
  }
  return null;
}

const DIGITS = { float16: 3e-2, float32: 1e-3 }; // what results of other precision may differ by

function differs(recorded, array, dtype, around) {
  const room = (DIGITS[dtype] ?? 1e-6) * around + 1e-300;
  const apart = (a, b) => !(Object.is(a, b) || Math.abs(a - b) <= room || (Number.isNaN(a) && Number.isNaN(b)));
  if (recorded.numbers) return recorded.numbers.some((x, k) => apart(numberOf(x), array.data[k]));
  const now = statsOf(array, false);
  return now.nan !== recorded.nan || now.inf !== recorded.inf || ["min", "max", "mean"].some((key) => apart(recorded[key] ?? 0, now[key] ?? 0));
}
