// The layers: a table of all of them at a step, and the distributions of the chosen one.

const LOW = 1e-8; // of a gradient that vanishes
const HIGH = 1e3; // and of one that explodes
const DEAD = 0.25; // of the units

function distributionOf(list) {
  if (!list || list[0] === null) return null;
  const [low, high, mean, deviation, zeros, bad, from, to, counts] = list;
  return { low, high, mean, deviation, zeros, bad, from, to, counts, rms: Math.hypot(mean, deviation) };
}

const nameOf = (layer) => (layer.path ? `${layer.path} ${layer.kind}` : layer.kind);

function chosenLayer() {
  const asked = state.layer;
  return (
    data.layers.find(({ path, kind }) => (path || kind) === asked) ??
    data.layers.find(({ path }) => asked && path.startsWith(`${asked}.`)) ??
    data.layers.find((layer) => layer.parameters.length) ??
    data.layers[0]
  );
}

function layerTable() {
  const { values, gradients, outputs } = record();
  const mainOf = (table, layer) => distributionOf(table[layer.parameters[0]]);
  const row = (layer) => {
    const chosen = layer === chosenLayer();
    const value = mainOf(values, layer);
    const gradient = mainOf(gradients, layer);
    const [out, dead, units] = outputs[layer.path] ?? [];
    const spread = distributionOf(out);
    const trouble = gradient && (gradient.rms < LOW ? " vanishes" : gradient.rms > HIGH ? " explodes" : "");
    const act = () => set({ layer: layer.path || layer.kind });
    return h(
      "tr",
      { class: chosen ? "chosen" : null },
      h("td", {}, h("button", { id: `layer ${layer.path}`, "aria-pressed": String(chosen), onclick: act }, nameOf(layer))),
      h("td", {}, value ? written(value.rms) : ""),
      h("td", { class: trouble ? "bad" : null }, gradient ? written(gradient.rms) + trouble : ""),
      h("td", {}, spread ? `${written(spread.mean)} ± ${written(spread.deviation)}` : ""),
      h("td", { class: dead > DEAD * units ? "bad" : null }, units ? `${written(dead)} of ${written(units)}` : ""),
    );
  };
  const heads = ["layer", "values (rms)", "gradient (rms)", "outputs", "dead units"];
  $("layers").replaceChildren(
    h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, data.layers.map(row)),
  );
}

function layerDetails() {
  const layer = chosenLayer();
  if (!layer) return;
  const parts = layer.parameters.flatMap((name) => {
    const short = name.slice(layer.path ? layer.path.length + 1 : 0);
    return [
      [`${short}: values`, "values", (r) => r.values[name]],
      [`${short}: gradient`, "gradient", (r) => r.gradients[name]],
    ];
  });
  parts.push(["outputs", "outputs", (r) => r.outputs[layer.path]?.[0]]);
  const link = data.graph ? h("a", { href: `${data.graph}#node=${encodeURIComponent(layer.path || layer.kind)}` }, "in the graph") : null;
  $("layer").replaceChildren(
    h("h3", { id: "chosen" }, nameOf(layer), " ", link),
    h("div", { class: "cards" }, parts.map(distributionCard)),
  );
}

function distributionCard([name, kind, read]) {
  const card = h("div", { class: "card" }, h("b", {}, name));
  const series = records.map((r) => [r.step, distributionOf(read(r))]).filter(([, d]) => d);
  const now = distributionOf(read(record()));
  if (!series.length) return fill(card, {}, [h("p", {}, "nothing recorded")]);
  const width = widthOf("layer");
  if (!now) card.append(h("p", {}, kind === "gradient" ? "no gradient was recorded at this step" : "nothing recorded at this step"));
  else {
    const zeros = now.zeros >= 0.005 ? `, ${share(now.zeros)} zero` : "";
    const bad = now.bad ? h("span", { class: "bad" }, `, ${written(now.bad)} not finite`) : "";
    const words = `${written(now.mean)} ± ${written(now.deviation)}, from ${written(now.low)} to ${written(now.high)}${zeros}`;
    card.append(histogram(width, now, kind, `Histogram of ${name}: ${words}`), h("p", {}, words, bad));
  }
  card.append(course(width, series, kind, record().step, last(), `${name} over the steps`));
  return card;
}
