// Arrays of float64 with NumPy's broadcasting, and the functions that formulas call. A reduction keeps its axes, with
// length 1: the caller gives every result the shape that it knows.

const np = (() => {
  const count = (shape) => shape.reduce((n, m) => n * m, 1);
  const array = (shape, data) => ({ shape, data });
  const from = (x) => (typeof x === "number" ? array([], Float64Array.of(x)) : x);
  const filled = (shape, x) => array(shape, new Float64Array(count(shape)).fill(x));

  function broadcast(shapes) {
    const out = [];
    for (const shape of shapes)
      shape.toReversed().forEach((n, k) => {
        const m = out[k] ?? 1;
        if (n !== m && n !== 1 && m !== 1) throw new RangeError(`shapes ${shapes.join(" and ")} do not fit`);
        out[k] = n === 1 ? m : n;
      });
    return out.reverse();
  }

  // Return the position in an array of one shape for each element of another, to which it is broadcast.
  function positions(small, large) {
    const extra = large.length - small.length;
    let [at, step] = [new Int32Array(1), count(small)];
    large.forEach((n, axis) => {
      const m = axis < extra ? 1 : small[axis - extra];
      if (axis >= extra) step /= m || 1;
      const next = new Int32Array(at.length * n);
      for (let i = 0; i < at.length; i++) for (let k = 0; k < n; k++) next[i * n + k] = at[i] + (m === 1 ? 0 : k * step);
      at = next;
    });
    return at;
  }

  const elementwise = (f) => (...operands) => {
    const parts = operands.map(from);
    const shape = broadcast(parts.map((part) => part.shape));
    const out = new Float64Array(count(shape));
    const [a, b, c] = parts.map(({ data }) => data);
    const [i, j, l] = parts.map((part) => (part.data.length === out.length ? null : positions(part.shape, shape)));
    for (let k = 0; k < out.length; k++) out[k] = f(a[i ? i[k] : k], b && b[j ? j[k] : k], c && c[l ? l[k] : k]);
    return array(shape, out);
  };

  // Reduce over some axes (null: all), which keep length 1.
  const reduction = (f, start) => (x, axes) => {
    x = from(x);
    const shape = x.shape.map((n, axis) => (!axes || axes.includes(axis) ? 1 : n));
    const out = filled(shape, start);
    const at = positions(shape, x.shape);
    for (let k = 0; k < at.length; k++) out.data[at[k]] = f(out.data[at[k]], x.data[k]);
    return out;
  };

  const add = elementwise((a, b) => a + b);
  const subtract = elementwise((a, b) => a - b);
  const multiply = elementwise((a, b) => a * b);
  const divide = elementwise((a, b) => a / b);
  const exp = elementwise(Math.exp);
  const log = elementwise(Math.log);
  const total = reduction((sum, x) => sum + x, 0);
  const largest = reduction((most, x) => Math.max(most, x), -Infinity);
  const remainder = (a, b) => {
    const rest = a % b;
    return rest && (rest < 0) !== (b < 0) ? rest + b : rest;
  };
  function floorDivide(a, b) {
    if (!b) return Math.floor(a / b);
    const down = (a - remainder(a, b)) / b;
    const floor = Math.floor(down);
    return down - floor > 0.5 ? floor + 1 : floor;
  }
  // The logarithm of the sum of two powers of a base, whose logarithm of 1 + base^x is `log1p`.
  const sumOfPowers = (log1p, two) => (a, b) => (a === b ? a + two : Math.max(a, b) + log1p(-Math.abs(a - b)));
  const power = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);
  // A series of positive terms, which does not cancel.
  function erf(x) {
    if (!(Math.abs(x) < 6)) return Math.sign(x);
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  const copysign = (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a));
  const either = (f) => (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : f(a, b));

  function logsumexp(x, axes) {
    const high = elementwise((m) => (Number.isFinite(m) ? m : 0))(largest(x, axes));
    return add(log(total(exp(subtract(x, high)), axes)), high);
  }

  function logSoftmax(x, axes = [1]) {
    const shifted = subtract(x, largest(x, axes));
    return subtract(shifted, log(total(exp(shifted), axes)));
  }

  function softmax(x, axes = [1]) {
    const powers = exp(subtract(x, largest(x, axes)));
    return divide(powers, total(powers, axes));
  }

  const row = (y, n, classes) => {
    const c = y.data[n];
    if (!(c >= -classes && c < classes)) throw new RangeError(`class ${c} is not one of the ${classes} classes`);
    return c < 0 ? c + classes : c;
  };
  function onehot(y, classes) {
    const out = filled([...y.shape, classes], 0);
    y.data.forEach((_, n) => (out.data[n * classes + row(y, n, classes)] = 1));
    return out;
  }
  function chosen(x, y) {
    const classes = x.shape[1];
    return array(y.shape, Float64Array.from(y.data, (_, n) => x.data[n * classes + row(y, n, classes)]));
  }

  const reshape = (x, shape) => array(shape, from(x).data);

  function transpose(x, order) {
    const steps = x.shape.map((_, axis) => count(x.shape.slice(axis + 1)));
    const shape = order.map((axis) => x.shape[axis]);
    let at = [0];
    for (const axis of order)
      at = at.flatMap((start) => Array.from({ length: x.shape[axis] }, (_, k) => start + k * steps[axis]));
    return array(shape, Float64Array.from(at, (k) => x.data[k]));
  }
  const axesOf = (x) => [...x.shape.keys()];
  function swapaxes(x, a, b) {
    const order = axesOf(x);
    const [i, j] = [order.at(a), order.at(b)];
    [order[i], order[j]] = [j, i];
    return transpose(x, order);
  }
  function moveaxis(x, source, destination) {
    const all = axesOf(x);
    const [froms, tos] = [source, destination].map((axes) => [axes].flat().map((axis) => all.at(axis)));
    const rest = all.filter((axis) => !froms.includes(axis));
    return transpose(x, all.map((axis) => (tos.includes(axis) ? froms[tos.indexOf(axis)] : rest.shift())));
  }

  function matmul(a, b) {
    const [p, q] = [a.shape.length === 1 ? [1, ...a.shape] : a.shape, b.shape.length === 1 ? [...b.shape, 1] : b.shape];
    const [n, m, l] = [p.at(-2), p.at(-1), q.at(-1)];
    const stack = broadcast([p.slice(0, -2), q.slice(0, -2)]);
    const [of, by] = [p, q].map((shape) => positions(shape.slice(0, -2), stack));
    const out = filled([...stack, n, l], 0);
    of.forEach((s, t) => {
      for (let i = 0; i < n; i++)
        for (let k = 0; k < m; k++) {
          const x = a.data[(s * n + i) * m + k];
          for (let j = 0; j < l; j++) out.data[(t * n + i) * l + j] += x * b.data[(by[t] * m + k) * l + j];
        }
    });
    const shape = [...stack, ...(a.shape.length === 1 ? [] : [n]), ...(b.shape.length === 1 ? [] : [l])];
    return reshape(out, shape);
  }

  function einsum(subscripts, ...operands) {
    const [inputs, output] = subscripts.split("->");
    const parts = inputs.split(",");
    const letters = [...new Set(output + parts.join(""))];
    const sizes = new Map(parts.flatMap((part, k) => [...part].map((letter, axis) => [letter, operands[k].shape[axis]])));
    const shape = letters.map((letter) => sizes.get(letter));
    const steps = (part, of) => letters.map((letter) => [...part].reduce((sum, own, axis) => sum + (own === letter ? count(of.slice(axis + 1)) : 0), 0));
    const of = (part) => [...part].map((letter) => sizes.get(letter));
    const places = [output, ...parts].map((part) => {
      let at = [0];
      steps(part, of(part)).forEach((step, axis) => (at = at.flatMap((start) => Array.from({ length: shape[axis] }, (_, k) => start + k * step))));
      return at;
    });
    const out = filled(of(output), 0);
    for (let k = 0; k < places[0].length; k++)
      out.data[places[0][k]] += operands.reduce((product, x, n) => product * x.data[places[n + 1][k]], 1);
    return out;
  }

  function concatenate(parts, axis) {
    const at = axis < 0 ? axis + parts[0].shape.length : axis;
    const shape = parts[0].shape.with(at, parts.reduce((n, part) => n + part.shape[at], 0));
    const rows = parts.map((part) => part.data.length / count(shape.slice(0, at)));
    const data = Array.from({ length: count(shape.slice(0, at)) }, (_, k) =>
      parts.flatMap((part, n) => [...part.data.subarray(k * rows[n], (k + 1) * rows[n])]),
    );
    return array(shape, Float64Array.from(data.flat()));
  }

  // Keep the elements of matrices for which a test of column minus row holds; a vector is every row of a matrix.
  const triangle = (test) => (x, k = 0) => {
    if (x.shape.length === 1) x = add(x, filled([x.shape[0], x.shape[0]], 0));
    const [n, m] = x.shape.slice(-2);
    return array(x.shape, x.data.map((value, at) => (test((at % m) - (Math.floor(at / m) % n), k) ? value : 0)));
  };

  // Return the shape that an index selects, and the position of each element. A part of the index is a number, a slice
  // as [start, stop, step], null for a new axis, "…", or an array of positions or of truth values.
  function selected(shape, index) {
    const parts = wholeIndex(shape, index);
    const axes = [];
    const fancy = parts.filter((part) => part.at);
    const together = broadcast(fancy.map((part) => part.shape));
    const first = parts.indexOf(fancy[0]);
    const adjacent = fancy.length && parts.slice(first, first + fancy.length).every((part) => part.at);
    const gathered = new Float64Array(count(together));
    for (const part of fancy) positions(part.shape, together).forEach((from, k) => (gathered[k] += part.at[from]));
    const joined = { shape: together, at: gathered };
    parts.forEach((part, k) => {
      if (adjacent && k === first) axes.push(joined);
      if (!part.at) axes.push(part);
    });
    if (fancy.length && !adjacent) axes.unshift(joined);
    let places = [0];
    for (const { list, at } of axes) places = places.flatMap((start) => Array.from(at ?? list, (k) => start + k));
    return { shape: axes.flatMap((axis) => (axis.at ? axis.shape : [axis.list.length])), places };
  }

  // Return the parts of an index with the offsets that they stand for: lists of slices, arrays of positions.
  function wholeIndex(shape, index) {
    const uses = (part) => (part === null || part === "…" ? 0 : part.truths ? part.shape.length : 1);
    const missing = shape.length - index.reduce((n, part) => n + uses(part), 0);
    const open = Array.from({ length: missing }, () => [null, null, null]);
    const full = index.includes("…") ? index.flatMap((part) => (part === "…" ? open : [part])) : [...index, ...open];
    let axis = 0;
    const steps = shape.map((_, k) => count(shape.slice(k + 1)));
    const place = (k, along) => {
      const n = shape[along];
      if (!(k >= -n && k < n)) throw new RangeError(`index ${k} is outside of ${n} elements`);
      return (k < 0 ? k + n : k) * steps[along];
    };
    return full.flatMap((part) => {
      if (part === null) return [{ list: [0] }];
      const along = axis;
      axis += uses(part);
      if (part.truths) return nonzero(part).map((at, k) => ({ shape: [at.length], at: at.map((n) => place(n, along + k)) }));
      if (Array.isArray(part)) return [{ list: sliced(part, shape[along]).map((k) => k * steps[along]) }];
      const { shape: own, data } = from(part);
      return [{ shape: own, at: Array.from(data, (k) => place(k, along)) }];
    });
  }

  function sliced([start, stop, step], n) {
    const by = step ?? 1;
    const bound = (k, missing) => (k === null ? missing : Math.max(by < 0 ? -1 : 0, Math.min(by < 0 ? n - 1 : n, k < 0 ? k + n : k)));
    const [low, high] = [bound(start, by < 0 ? n - 1 : 0), bound(stop, by < 0 ? -1 : n)];
    return Array.from({ length: Math.max(0, Math.ceil((high - low) / by)) }, (_, k) => low + k * by);
  }

  // Return the positions of true elements, one list for each axis.
  function nonzero(mask) {
    const found = [...mask.data.keys()].filter((k) => mask.data[k]);
    return mask.shape.map((n, axis) => found.map((k) => Math.floor(k / count(mask.shape.slice(axis + 1))) % n));
  }

  function take(x, index) {
    const { shape, places } = selected(x.shape, index);
    return array(shape, Float64Array.from(places, (k) => x.data[k]));
  }
  function added(shape, value, index) {
    const out = filled(shape, 0);
    const { shape: chosenShape, places } = selected(shape, index);
    const at = positions(from(value).shape, chosenShape);
    places.forEach((k, n) => (out.data[k] += from(value).data[at[n]]));
    return out;
  }

  const truth = (f) => elementwise((a, b) => Number(f(a, b)));
  const plain = ["cos", "sin", "tan", "cosh", "sinh", "tanh", "sqrt", "cbrt", "floor", "trunc", "abs", "sign", "log2", "log10", "log1p", "expm1"];
  const inverse = ["cos", "cosh", "sin", "sinh", "tan", "tanh"];
  return {
    array, broadcast, count, add, subtract, multiply, divide, exp, log, total, largest, logsumexp, softmax, onehot, chosen,
    reshape, positions, selected, transpose, swapaxes, moveaxis, matmul, einsum, concatenate, take, added,
    ...Object.fromEntries(plain.map((name) => [name, elementwise(Math[name])])),
    ...Object.fromEntries(inverse.map((name) => [`arc${name}`, elementwise(Math[`a${name}`])])),
    negative: elementwise((x) => -x),
    real: from,
    conj: from,
    exp2: elementwise((x) => 2 ** x),
    isnan: truth(Number.isNaN),
    isfinite: truth(Number.isFinite),
    equal: truth((a, b) => a === b),
    less: truth((a, b) => a < b),
    greater: truth((a, b) => a > b),
    less_equal: truth((a, b) => a <= b),
    greater_equal: truth((a, b) => a >= b),
    // A quotient in a gradient: zero times an infinite slope is 0.
    ratio: elementwise((a, b) => (a === 0 && b === 0 ? 0 : a / b)),
    power: elementwise(power),
    maximum: elementwise((a, b) => Math.max(a, b)),
    minimum: elementwise((a, b) => Math.min(a, b)),
    fmax: elementwise(either((a, b) => Math.max(a, b))),
    fmin: elementwise(either((a, b) => Math.min(a, b))),
    where: elementwise((c, a, b) => (c ? a : b)),
    hypot: elementwise((a, b) => Math.hypot(a, b)),
    arctan2: elementwise((a, b) => Math.atan2(a, b)),
    remainder: elementwise(remainder),
    fmod: elementwise((a, b) => a % b),
    floor_divide: elementwise(floorDivide),
    copysign: elementwise(copysign),
    erf: elementwise(erf),
    heaviside: elementwise((a, b) => (Number.isNaN(a) ? a : a === 0 ? b : Number(a > 0))),
    logaddexp: elementwise(sumOfPowers((x) => Math.log1p(Math.exp(x)), Math.LN2)),
    logaddexp2: elementwise(sumOfPowers((x) => Math.log1p(2 ** x) / Math.LN2, 1)),
    smallest: reduction((least, x) => Math.min(least, x), Infinity),
    average: (x, axes) => divide(total(x, axes), from(x).data.length / count(total(x, axes).shape)),
    log_softmax: logSoftmax,
    matrixTranspose: (x) => swapaxes(x, -2, -1),
    ones: (...shape) => filled(shape, 1),
    tril: triangle((d, k) => d <= k),
    triu: triangle((d, k) => d >= k),
    list: (numbers) => array([numbers.length], Float64Array.from(numbers)),
  };
})();
