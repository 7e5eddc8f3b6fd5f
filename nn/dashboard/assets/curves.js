// The numbers of the whole training: tiles, curves, and the table of the epochs.

const HIDDEN = ["step", "learning_rate", "time", "data_loss", "regularization_loss"];
const FEW_EPOCHS = 60; // that are dots
const title = (name) => name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

function measured(name) {
  return known([...(data.curves[name] ?? []), ...(data.epochs[name] ?? [])]).length > 0;
}

// List the numbers that are drawn: the loss, its parts if there is a penalty, and the metrics.
function drawn() {
  const names = new Set([...Object.keys(data.curves), ...Object.keys(data.epochs)]);
  const own = [...names].filter((name) => !HIDDEN.includes(name) && !name.startsWith("val_") && measured(name));
  if (known(data.curves.regularization_loss ?? []).some((x) => x !== 0)) own.push("data_loss", "regularization_loss");
  return [...own, "learning_rate"].filter(measured);
}

function tiles() {
  const at = data.epochs.loss?.length - 1;
  const items = [["Epoch", `${data.done} of ${data.goal}`, data.seconds ? `${written(data.seconds)} s each` : ""]];
  for (const name of drawn()) {
    const value = at >= 0 ? data.epochs[name]?.[at] : data.curves[name]?.at(-1);
    const checked = at >= 0 ? data.epochs[`val_${name}`]?.[at] : null;
    items.push([title(name), written(value), checked === null || checked === undefined ? "" : `validation ${written(checked)}`]);
  }
  if (data.least) items.push(["Least validation loss", written(data.least[0]), `epoch ${written(data.least[1])}`]);
  $("tiles").replaceChildren(...items.map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, h("small", {}, more)))));
}

function drawCurves() {
  $("curves").replaceChildren(...drawn().map(curve));
}

function curve(name) {
  const { step } = data.curves;
  const own = data.curves[name] ?? [];
  const epochs = data.epochs[name] ?? [];
  const checked = data.epochs[`val_${name}`] ?? [];
  const at = (numbers) => numbers.map((x, k) => [data.ends[k], x]);
  const isRate = name === "learning_rate";
  // The first steps are far off; the interval follows the steps after them.
  const seen = [...own.slice(Math.floor(own.length / 50)), ...checked, ...(isRate ? [] : epochs)];
  const card = h("div", { class: "card" }, h("b", {}, title(name)));
  const p = plot(widthOf("curves"), 170, [0, last()], interval(seen, name.includes("loss") || isRate), `${title(name)} over the steps; last ${written(own.at(-1))}`);
  line(p, step.map((s, k) => [s, own[k] ?? null]), isRate ? "rate" : "train faint");
  const few = data.ends.length <= FEW_EPOCHS;
  if (!isRate) line(p, at(epochs), "train", few);
  if (known(checked).length) line(p, at(checked), "check", few);
  const now = record().step;
  marker(p, now);
  p.root.addEventListener("click", (event) => goNear(((event.offsetX - PAD.left) / (p.width - PAD.left - PAD.right)) * last()));
  const near = step.findIndex((s) => s >= now);
  const e = data.ends.findIndex((end) => end >= now);
  const key = (kind, text, value) => h("span", { class: `key ${kind}` }, text, value === undefined ? "" : ` ${written(value)}`);
  const about = isRate
    ? [`at step ${written(now)}: ${written(own[Math.max(near, 0)])}`]
    : [
        key("step", data.size > 1 ? `means of ${data.size} steps` : "steps", own[Math.max(near, 0)]),
        epochs.length ? key("", "epoch", epochs[e < 0 ? epochs.length - 1 : e]) : null,
        known(checked).length ? key("check", "validation", checked[e < 0 ? checked.length - 1 : e]) : null,
      ];
  return fill(card, {}, [p.root, h("p", {}, about)]);
}

function epochTable() {
  const names = Object.keys(data.epochs).filter((name) => known(data.epochs[name]).length);
  const rows = [...data.numbers.keys()].reverse();
  $("epochs").closest(".wide").hidden = $("epochs-title").hidden = !rows.length;
  $("epochs").replaceChildren(
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "epoch"), names.map((name) => h("th", { scope: "col" }, name.replaceAll("_", " "))))),
    h("tbody", {}, rows.map((k) => h("tr", {}, h("th", { scope: "row" }, written(data.numbers[k])), names.map((name) => h("td", {}, written(data.epochs[name][k])))))),
  );
}
