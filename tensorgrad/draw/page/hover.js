// The item under the pointer: its facts in a box beside it, and its edges in the colour of the selection.

function hover(item, x, y) {
  if (app.hover !== item) {
    app.hover = item;
    draw();
  }
  const tip = $("tip");
  tip.hidden = !item || item.kind === BOX;
  if (tip.hidden) return;
  tip.replaceChildren(...(item.kind === NODE ? nodeFacts(item.of) : moduleFacts(item.of)).map((line, k) => h("p", k ? {} : { class: "name" }, line)));
  const [w, height] = [tip.offsetWidth, tip.offsetHeight];
  tip.style.left = `${Math.max(4, Math.min(x + 14, view.width - w - 4))}px`;
  tip.style.top = `${y + 18 + height > view.height ? Math.max(4, y - height - 10) : y + 18}px`;
}

function nodeFacts(i) {
  const { graph, state } = app;
  const node = graph.nodes[i];
  const value = graph.forwardAt[i] < state.step ? valueAt(graph, i, state.step) : null;
  const grad = gradientAt(graph, i, state.step);
  return [
    [nodeTitle(node), plainArguments(node)].filter(Boolean).join("  "),
    `${shapeText(node.shape)} ${node.dtype}`,
    value && `value ${statsText(value, node.shape, 16)}`,
    grad && `∂ ${statsText(grad, node.shape, 16)}`,
    node.source,
  ].filter(Boolean);
}

const moduleFacts = (m) => [moduleTitle(m), app.graph.tree.path[m], moduleLabel(app.graph, m).detail];

// Draw the edges of the item under the pointer again, so that they can be followed through a dense picture.
function drawHovered(pen, app, zoom) {
  const { scene, hover: item } = app;
  if (!item || item.kind === BOX) return;
  pen.strokeStyle = pen.fillStyle = colours.select;
  pen.lineWidth = Math.max(2, 1.4 / zoom);
  for (const kind of ["stroke", "fill"]) {
    pen.beginPath();
    scene.edges.forEach((edge, e) => {
      if (scene.items[edge.from] !== item && scene.items[edge.to] !== item) return;
      if (kind === "stroke") traceCurve(pen, edge.path, false);
      else arrow(pen, edge.path, [FLOWED, NOW].includes(app.edgeKinds[e]));
    });
    pen[kind]();
  }
}
