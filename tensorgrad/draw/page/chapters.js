// The chapters of a run: forward, loss, backward by module, .grad, update. Each is a link to its first event.

const MOST_CHAPTERS = 40;

function chapters() {
  if (app.chapters?.graph === app.graph) return app.chapters.list;
  let list = [];
  for (let level = 9; level >= 0; level--) {
    list = chaptersBy(level);
    if (list.length <= MOST_CHAPTERS * app.graph.steps) break;
  }
  app.chapters = { graph: app.graph, list };
  return list;
}

// Return the chapters with modules told apart down to a level: the step before the first event, and the title.
function chaptersBy(level) {
  const { graph } = app;
  const losses = lossStarts();
  const list = [];
  let last = null;
  graph.events.forEach((event, k) => {
    const part = partOf(event, level);
    const isLoss = losses.has(k);
    const inLoss = part === "Forward" && list.at(-1)?.isLoss;
    if (isLoss || (part !== last && !inLoss) || (k && graph.stepOf[k] !== graph.stepOf[k - 1])) {
      const title = isLoss ? `Loss: ${labelOf(graph.events[losses.get(k)].node)}` : part;
      list.push({ step: k + 1, title: graph.steps > 1 ? `Step ${graph.stepOf[k]} · ${title}` : title, isLoss });
    }
    last = part;
  });
  return list;
}

function partOf(event, level) {
  if (event.type === "forward") return "Forward";
  if (event.type === "leaf") return ".grad";
  if (event.type === "update" || event.type === "zero") return "Update";
  const path = modulePath(app.graph, app.graph.index.get(event.node));
  const m = path[level] ?? path.at(-1);
  return m === undefined ? "Backward" : `Backward · ${moduleTitle(m)}`;
}

// Return the event that each loss begins with, and its last: what the outermost module of the last result computes.
function lossStarts() {
  const { events, index } = app.graph;
  const outermost = (k) => modulePath(app.graph, index.get(events[k].node))[0] ?? -1;
  const found = new Map();
  events.forEach((event, end) => {
    if (event.type !== "forward" || events[end + 1]?.type !== "seed") return;
    let start = end;
    while (start > 0 && events[start - 1].type === "forward" && outermost(start - 1) === outermost(end)) start--;
    const all = start === 0 || events[start - 1].type !== "forward";
    found.set(all ? end : start, end);
  });
  return found;
}

// Return the number of the chapter that a step is in.
const chapterAt = (step) => chapters().findLastIndex((chapter) => chapter.step <= step);

function goToChapter(by) {
  const list = chapters();
  const next = list[Math.max(0, Math.min(list.length - 1, chapterAt(app.state.step) + by))];
  if (next) stepTo(next.step);
}

function fillChapters() {
  const links = chapters().map(({ step, title }) => h("li", {}, h("a", { href: `#step=${step}`, onclick: closeChapters }, title)));
  $("chapter-list").replaceChildren(...links);
}

function closeChapters() {
  $("chapters").open = false;
}

function refreshChapters() {
  if ($("chapter-list").children.length !== chapters().length) fillChapters();
  const now = chapterAt(app.state.step);
  [...$("chapter-list").children].forEach((item, k) => item.firstChild.setAttribute("aria-current", String(k === now)));
}
