// The local rule of a node: its formula, and the same with the numbers of this call in place of the letters. Each line
// holds as printed: letters of larger arrays stay letters, negative numbers stand in brackets, words stay words.

const SMALL = 16; // the largest array whose numbers stand in an equation

// Return the equations as { name, formula, lines }: each line is the list of its texts and exact numbers.
function equationsOf(i, node) {
  const { formula } = node;
  if (!formula) return [];
  const { graph, state } = app;
  const letters = lettersOf(i, node);
  const computed = !graph.events.length || graph.forwardAt[i] < state.step;
  const equations = [equation("out", formula.text, letters, computed && node.value, node.shape)];
  const since = contributionsAt(graph, i, state.step).rows[0]?.k ?? -1;
  node.inputs.forEach((_, slot) => {
    const rule = formula.rules[slot];
    if (!rule || graphless(i, slot)) return;
    const sent = sentAt(i, slot, since);
    const source = graph.nodes[graph.inputs[i][slot]];
    equations.push(equation(`∂${formula.operands[slot]}`, rule, letters, sent, source.shape));
  });
  return equations;
}

// Return the contribution that left through a slot since the gradient began to arrive.
function sentAt(i, slot, since) {
  const { graph, state } = app;
  const to = graph.inputs[i][slot];
  const k = graph.arrivals[to].findLast(
    (at) =>
      at < state.step &&
      at > since &&
      graph.events[at].type === "backward" &&
      graph.index.get(graph.events[at].node) === i &&
      graph.events[at].slot === slot,
  );
  return k === undefined ? null : graph.events[k].contribution;
}

// True for constants, which receive no gradient.
const graphless = (i, slot) => {
  const j = app.graph.inputs[i][slot];
  return j < 0 || app.graph.nodes[j].kind === "constant";
};

// Return the values of the letters: of the operands at the time of the call, of `out`, and of `g` at this step.
function lettersOf(i, node) {
  const { graph, state } = app;
  const letters = new Map();
  const put = (letter, stats, shape) => {
    if (stats?.numbers && stats.size && stats.size <= SMALL)
      letters.set(letter, valueParts(stats, shape));
  };
  const called = graph.forwardAt[i];
  if (called >= state.step) return letters;
  node.formula.operands.forEach((letter, slot) => {
    const j = graph.inputs[i][slot];
    const text = node.inputs[slot]?.text;
    if (text) letters.set(letter, [Number.isNaN(Number(text)) ? text : exact(Number(text))]);
    else if (j >= 0) put(letter, valueAt(graph, j, Math.max(called, 0)), graph.nodes[j].shape);
  });
  put("out", node.value, node.shape);
  put("g", gradientAt(graph, i, state.step), node.shape);
  return letters;
}

function equation(name, formula, letters, result, shape) {
  const lines = [];
  const right = formula.startsWith(`${name} = `) ? formula.slice(name.length + 3) : null;
  const filled = right === null ? null : fillIn(right, letters);
  if (filled) lines.push(["= ", ...filled]);
  const terms = right && termsOf(right, letters, result);
  if (terms) lines.push(["= ", ...terms]);
  if (result && result.numbers && result.size && result.size <= SMALL) {
    const parts = valueParts(result, shape);
    const same = (line) => line.slice(1).map((p) => p.text ?? p).join("") === parts.map((p) => p.text ?? p).join("");
    if (!lines.length || !same(lines.at(-1)))
      lines.push([right === null ? `${name} = ` : "= ", ...parts]);
  }
  return { name, formula, lines, known: Boolean(result?.numbers && result.size <= SMALL) };
}

// Put numbers in place of the letters of a formula; null if it has none that are known.
function fillIn(text, letters) {
  const parts = [];
  let [at, found] = [0, 0];
  for (const match of text.matchAll(/'[^']*'|[A-Za-z_]\w*(?!\w*\()/g)) {
    const number = match[0].startsWith("'") ? null : letters.get(match[0]);
    if (!number || text[match.index + match[0].length] === "(") continue;
    const before = text.slice(at, match.index);
    at = match.index + match[0].length;
    const [first] = number;
    const words = number.map((part) => part.text ?? part).join("");
    const inner = /[([,] ?$/.test(text.slice(0, match.index)) && /^[)\],]/.test(text.slice(at));
    const alone = inner || (match.index === 0 && at === text.length);
    const signed = /^−|.[+−]/.test(words.replace(/e−/g, "e")) && !words.startsWith("[");
    const bracket = signed && !alone && (match.index > 0 || /^ \^|^\[|^ᵀ/.test(text.slice(at)) || !words.startsWith("−") || words.endsWith("j"));
    parts.push(before + (bracket ? "(" : ""), ...(first === undefined ? [] : number), bracket ? ")" : "");
    found++;
  }
  return found ? [...parts, text.slice(at)].filter((part) => part !== "") : null;
}

// Return the terms of a plain sum, such as 1 + 1 + 1, if they are few and their sum is one number.
function termsOf(text, letters, result) {
  const match = text.match(/^Σ (\w+)(?: over ax[ie]s [\d, ]+)?$/);
  const numbers = match && letters.get(match[1])?.filter((part) => part.text || /[\d∞N]/.test(part));
  if (!numbers || numbers.length < 2 || numbers.length > 6 || (result && result.size !== 1)) return null;
  return numbers.flatMap((part, k) => {
    const negative = (part.text ?? part).startsWith("−");
    return [k ? " + " : "", negative && k ? "(" : "", part, negative && k ? ")" : ""];
  });
}

function rulePanel(i, node) {
  return [
    h(
      "div",
      { class: "formula" },
      ...equationsOf(i, node).map(({ formula, lines, known }) =>
        h(
          "p",
          {},
          h("code", {}, formula),
          ...lines.map((parts, k) =>
            h("span", { class: `numbers${known && k === lines.length - 1 ? " result" : ""}` }, ...parts.map(shown)),
          ),
        ),
      ),
    ),
  ];
}
