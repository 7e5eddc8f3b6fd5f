// The side pane: lines of text that belong to nodes, such as those of the program that the graph stands for. The document
// gives them as `lines`: [{ "text": "h = np.tanh(z)", "node": "n5" }, …]; a line without a node is only text.

function fillSide() {
  const { lines } = app.graph.doc;
  $("side").hidden = !lines;
  if (!lines) return $("side").replaceChildren();
  $("side").replaceChildren(
    h("div", { class: "side-tools" },
      h("button", { id: "copy-line", disabled: true, onclick: copyLine }, "Copy line"),
      h("button", { id: "save-lines", onclick: saveLines }, "Save text"),
    ),
    ...lines.map(({ text, node }) =>
      h("button", { class: "line", "data-node": node, disabled: !node, onclick: () => select(node) }, h("code", {}, text || " ")),
    ),
  );
}

// Mark the lines of the chosen node and, while one steps through the graph, of the step.
function refreshSide() {
  const { step, node } = app.state;
  const stepped = step < app.graph.events.length ? app.graph.events[step - 1]?.node : undefined;
  for (const line of $("side").querySelectorAll(".line")) {
    const chosen = Boolean(line.dataset.node) && [node, stepped].includes(line.dataset.node);
    if (chosen && line.getAttribute("aria-current") !== "true") line.scrollIntoView({ block: "nearest" });
    line.setAttribute("aria-current", String(chosen));
  }
  if ($("copy-line")) $("copy-line").disabled = !chosenLine();
}

const chosenLine = () => $("side").querySelector('.line[aria-current="true"]');

async function copyLine() {
  const text = chosenLine().textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // as in a frame that may not use it
    const area = h("textarea", {}, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  announce("copied the line");
}

function saveLines() {
  const text = app.graph.doc.lines.map((line) => `${line.text}\n`).join("");
  const blob = new Blob([text], { type: "text/x-python" });
  const anchor = h("a", { href: URL.createObjectURL(blob), download: "program.py" });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  announce("saved program.py");
}
