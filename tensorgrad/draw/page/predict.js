// Predict first: the number of the next event is hidden until the reader has typed it. Right and wrong are counted.

const quiz = { on: false, right: 0, wrong: 0, question: null };

function togglePredict() {
  quiz.on = !quiz.on;
  Object.assign(quiz, { right: 0, wrong: 0 });
  $("predict").setAttribute("aria-pressed", String(quiz.on));
  closeQuestion();
  refreshScore();
  if (quiz.on && app.state.step >= app.graph.events.length) stepTo(0);
  announce(quiz.on ? "predict each number before it is shown" : "numbers are shown");
}

function closeQuestion() {
  quiz.question = null;
  $("question").hidden = true;
}

// Evaluate a function as at another step.
function atStep(step, f) {
  const before = app.state.step;
  app.state.step = step;
  try {
    return f();
  } finally {
    app.state.step = before;
  }
}

// Return the question about an event: its formula, the numbers of its letters, and one number of the result.
function questionAt(step) {
  const event = app.graph.events[step - 1];
  if (!event || (event.type !== "forward" && event.type !== "backward")) return null;
  const i = app.graph.index.get(event.node);
  const node = app.graph.nodes[i];
  const isForward = event.type === "forward";
  const target = app.graph.nodes[app.graph.index.get(event.to ?? event.node)];
  const stats = isForward ? node.value : event.contribution;
  const text = node.formula && (isForward ? node.formula.text : node.formula.rules[event.slot]);
  if (!stats?.numbers || !stats.size || stats.size > SMALL || !text?.includes(" = ")) return null;
  const at = step % stats.size;
  const answer = stats.numbers[at];
  if (typeof answer === "boolean" || /j$/.test(answer)) return null;
  const known = atStep(step, () => lettersOf(i, node));
  const right = text.slice(text.indexOf(" = ") + 3);
  const letters = [...new Set(right.match(/[A-Za-z_]\w*/g))].filter((letter) => letter === "g" || letter === "out" || node.formula.operands.includes(letter));
  if (letters.some((letter) => !known.has(letter))) return null;
  const given = letters.map((letter) => `${letter} = ${known.get(letter).map((part) => part.text ?? part).join("")}`);
  const index = target.shape.map((n, axis) => Math.floor(at / target.shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % n);
  const where = index.length ? `, at [${index.join(", ")}]` : "";
  const what = isForward ? labelOf(event.node) : `${labelOf(event.node)} → ${labelOf(event.to)}`;
  return { step, answer, text: `${what}: ${text}${where}`, given: given.length ? `with ${given.join(", ")}` : "" };
}

// Ask for the number of an event, if the reader predicts and it can be computed by hand; return true if so.
function ask(step) {
  const question = quiz.on ? questionAt(step) : null;
  if (!question) return false;
  quiz.question = question;
  const event = app.graph.events[step - 1];
  const ends = [...new Set([event.to ?? event.node, event.node])].map((id) => app.graph.index.get(id));
  leadTo(ends, {}, true);
  $("question-text").textContent = question.text;
  $("question-given").textContent = question.given;
  $("verdict").textContent = "";
  $("answer").value = "";
  $("answer").disabled = $("check").disabled = $("give-up").disabled = $("sign").disabled = false;
  $("next-question").hidden = true;
  $("question").hidden = false;
  $("answer").focus();
  announce(`Predict ${question.text} ${question.given}`);
  return true;
}

// True if a number was typed that is right in as many digits as it has.
function isRight(text, answer) {
  const plain = text.trim().replaceAll("−", "-").replace("∞", "inf").replace(",", ".").toLowerCase();
  if (typeof answer === "string") return plain === answer;
  const parts = plain.match(/^[+-]?(\d*)\.?(\d*)(?:e([+-]?\d+))?$/);
  if (!parts || !/\d/.test(plain)) return false;
  const typed = Number(plain);
  const unit = 10 ** (Number(parts[3] ?? 0) - parts[2].length);
  if (typed === 0 && Math.abs(answer) > 1e-12) return false;
  return Math.abs(typed - answer) <= unit * (0.5 + 1e-9);
}

function checkAnswer(event) {
  event.preventDefault();
  const { question } = quiz;
  if (!question || $("check").disabled) return;
  const text = $("answer").value;
  if (!text.trim()) return $("answer").focus();
  const right = isRight(text, question.answer);
  quiz[right ? "right" : "wrong"]++;
  showAnswer(right ? `✓ right: ${short(question.answer, 7)}` : `✗ you typed ${text.trim()}, it is ${short(question.answer, 7)}`, right);
}

function giveUp() {
  quiz.wrong++;
  showAnswer(`it is ${short(quiz.question.answer, 7)}`, false);
}

// Show the event, with the verdict; the question stays, so that one can compare.
function showAnswer(verdict, right) {
  lead(quiz.question.step);
  $("verdict").textContent = verdict;
  $("verdict").className = right ? "added" : "bad";
  $("answer").disabled = $("check").disabled = $("give-up").disabled = $("sign").disabled = true;
  $("next-question").hidden = false;
  $("next-question").focus();
  refreshScore();
  announce(`${verdict}. ${quiz.right} right, ${quiz.wrong} wrong`);
}

const refreshScore = () => {
  $("score").textContent = quiz.on ? `${quiz.right} right · ${quiz.wrong} wrong` : "";
};

// The keyboards of some phones have no minus beside the digits.
function changeSign() {
  const { value } = $("answer");
  $("answer").value = /^[-−]/.test(value) ? value.slice(1) : `-${value}`;
  $("answer").focus();
}
