// The side pane: lines of text that belong to nodes, such as those of the program that the graph stands for. The document
// gives them as `lines`: [{ "text": "h = np.tanh(z)", "node": "n5" }, …]; a line without a node is only text.

function fillSide() {
  const { lines } = app.graph.doc;
  $("side").hidden = !lines;
  $("side").replaceChildren(
    ...(lines ?? []).map(({ text, node }) =>
      h("button", { "data-node": node, disabled: !node, onclick: () => select(node) }, h("code", {}, text || " ")),
    ),
  );
}

function refreshSide() {
  for (const line of $("side").children) {
    const chosen = Boolean(line.dataset.node) && line.dataset.node === app.state.node;
    if (chosen && line.getAttribute("aria-current") !== "true") line.scrollIntoView({ block: "nearest" });
    line.setAttribute("aria-current", String(chosen));
  }
}
