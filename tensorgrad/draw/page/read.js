// Reading of the document: restores omitted defaults, and replaces references to shared parts by the parts.

function readDocument(raw) {
  if (raw?.format !== "tensorgrad-graph" || raw.version !== 1) {
    throw new Error(
      `this is not a tensorgrad graph of version 1, but ${raw?.format ?? "something else"} ${raw?.version ?? ""}`,
    );
  }
  const stats = (raw.stats ?? []).map(wholeStats);
  const at = (index) => (index === undefined ? null : stats[index]);
  const { sources = [], formulas = {} } = raw;
  return withRepeats({
    title: raw.title ?? "Graph",
    direction: raw.direction ?? "LR",
    depth: raw.depth ?? null,
    roots: raw.roots ?? [],
    notes: raw.notes ?? [],
    modules: raw.modules ?? [],
    nodes: (raw.nodes ?? []).map((node) => ({
      ...node,
      op: node.op ?? null,
      name: node.name ?? null,
      module: node.module ?? null,
      inputs: node.inputs ?? [],
      keywords: node.keywords ?? {},
      formula: formulas[node.formula] ?? null,
      source: sources[node.source] ?? null,
      value: at(node.value),
      grad: at(node.grad),
    })),
    events: (raw.events ?? []).map((event) => ({
      ...event,
      contribution: at(event.contribution),
      accumulated: at(event.accumulated),
      grad: at(event.grad),
      value: at(event.value),
    })),
    lines: raw.lines ?? null,
    sandbox: raw.sandbox ?? null,
    history: raw.history ?? null,
  });
}

// Restore counts that are 0 and the statistics of a single number.
function wholeStats(stats) {
  const whole = {
    min: null,
    max: null,
    mean: null,
    std: null,
    zeros: 0,
    nan: 0,
    inf: 0,
    histogram: null,
    ...stats,
  };
  if (stats.histogram)
    whole.histogram = { low: stats.min, high: stats.max, counts: stats.histogram };
  if (stats.size === 1 && stats.numbers) {
    const [number] = stats.numbers;
    const x = typeof number === "boolean" ? Number(number) : number;
    if (typeof x === "number") Object.assign(whole, { min: x, max: x, mean: x, std: 0, zeros: Number(x === 0) });
    else if (x.includes("nan")) whole.nan = 1; // complex numbers are texts too
    else if (x.includes("inf")) whole.inf = 1;
  }
  return whole;
}
