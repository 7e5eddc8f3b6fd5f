// What is known at a step: nothing is shown before it is computed.

const isComputed = (i) => !app.graph.events.length || app.graph.forwardAt[i] < app.state.step;

// True once the rules of a node have run: at the first gradient that it sent.
function hasSent(i) {
  const { graph, state } = app;
  if (!graph.events.length) return true;
  graph.sentAt ??= firstSent(graph);
  return graph.sentAt[i] < state.step;
}

function firstSent({ events, nodes, index }) {
  const sent = nodes.map(() => Infinity);
  events.forEach((event, k) => {
    if (event.type !== "backward") return;
    const from = index.get(event.node);
    sent[from] = Math.min(sent[from], k);
  });
  return sent;
}

const ofValue = new Set(["first", "nonfinite", "dead", "units", "saturated"]);
const ofAll = new Set(["unused", "vanishing"]); // which compare with all other gradients

function isKnownTrouble(i, kind) {
  const { graph, state } = app;
  if (!graph.events.length || state.step >= graph.events.length) return true;
  if (ofValue.has(kind)) return isComputed(i);
  if (kind === "firstgradient") return hasSent(i);
  if (kind === "nonfinitegradient") return isBad(gradientAt(graph, i, state.step));
  graph.backwardEnd ??= graph.events.findLastIndex((event) => event.type === "backward");
  return (ofAll.has(kind) ? graph.backwardEnd : (graph.arrivals[i].at(-1) ?? graph.backwardEnd)) < state.step;
}

const troublesNow = () => app.health.list.filter(({ node, kind }) => isKnownTrouble(node, kind));
const marksOf = (i) => (app.health.byNode.get(i) ?? []).filter((kind) => isKnownTrouble(i, kind));
