// The narration: what happens at an event, with its equation in numbers.

const LONG_TEXT = 90; // the longest equation that is told with its numbers

const labelOf = (id) => nodeTitle(app.graph.nodes[app.graph.index.get(id)]);

// Return the name of a leaf with that of its module, as in 0.weights.
function fullName(id) {
  const { graph } = app;
  const i = graph.index.get(id);
  return [homeOf(graph, i), graph.nodes[i].name ?? graph.nodes[i].kind].filter(Boolean).join(".");
}

// Return the equation of an event at this step: its text, and its result if that is a line of numbers.
function equationAt(event) {
  const i = app.graph.index.get(event.node);
  const node = app.graph.nodes[i];
  const name = event.type === "forward" ? "out" : `∂${node.formula?.operands[event.slot]}`;
  const found = equationsOf(i, node).find((entry) => entry.name === name);
  if (!found?.formula.startsWith(`${name} = `)) return null;
  const lines = found.lines.map((line) => line.map((part) => part.text ?? part).join(""));
  const formula = found.formula.slice(name.length + 3);
  const whole = [...new Set([`= ${formula}`, ...lines])].join(" ");
  if (found.known && whole.length <= LONG_TEXT) return { text: whole, complete: true };
  return formula.length <= LONG_TEXT ? { text: `= ${formula}`, complete: false } : null;
}

function eventText(step) {
  const { events, nodes, index } = app.graph;
  if (!events.length) return "";
  const event = events[step - 1];
  if (!event) return "Before the first operation";
  const { shape } = nodes[index.get(event.to ?? event.node)];
  const name = fullName(event.node);
  if (event.type === "seed") return `Backward starts at ${labelOf(event.node)} with ${statsText(event.contribution, shape)}`;
  if (event.type === "leaf") return `${name}.grad is written: ${statsText(event.grad, shape)}`;
  if (event.type === "update") return `Update: ${name} gets new values${event.value ? `: ${statsText(event.value, shape)}` : ""}`;
  if (event.type === "zero") return `zero_grad: ${name}.grad is cleared`;
  const equation = equationAt(event);
  const stats = event.type === "forward" ? nodes[index.get(event.node)].value : event.contribution;
  const told = [equation?.text, stats && !equation?.complete && `${equation ? "→" : "="} ${statsText(stats, shape)}`].filter(Boolean).join(" ");
  if (event.type === "forward") return `Forward: ${labelOf(event.node)} ${told || "is computed"}`;
  const sum = stats && event.accumulated !== event.contribution ? `; the sum is now ${statsText(event.accumulated, shape)}` : "";
  const slot = nodes[index.get(event.node)].formula?.operands[event.slot];
  return `Backward: ${labelOf(event.node)} sends ${slot && equation ? `∂${slot} ` : ""}${told || "a gradient"} to ${labelOf(event.to)}${sum}`;
}
