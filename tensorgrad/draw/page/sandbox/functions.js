// More functions that formulas call: orders, products, linear systems, windows.

Object.assign(np, (() => {
  const { array, count, positions, selected } = np;
  const like = (x, data) => array(x.shape, Float64Array.from(data));

  // Apply a function of a row of numbers along an axis (null: to all numbers in their order).
  function along(x, axis, f) {
    if (axis === null) return array([x.data.length], Float64Array.from(f([...x.data], 0)));
    const inner = count(x.shape.slice(axis + 1));
    const n = x.shape[axis];
    const out = new Float64Array(x.data.length);
    for (let start = 0; start < out.length; start += n * inner)
      for (let k = start; k < start + inner; k++) {
        const places = Array.from({ length: n }, (_, i) => k + i * inner);
        f(places.map((at) => x.data[at]), places).forEach((value, i) => (out[places[i]] = value));
      }
    return like(x, out);
  }

  function cumsum(x, axis = x.shape.length === 1 ? 0 : null) {
    return along(x, axis, (row) => {
      let sum = 0;
      return row.map((value) => (sum += value));
    });
  }

  const axesOf = (x, axes) => [axes ?? [...x.shape.keys()]].flat().map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  function flip(x, axes) {
    const turned = axesOf(x, axes);
    return np.take(x, x.shape.map((_, axis) => [null, null, turned.includes(axis) ? -1 : null]));
  }

  function roll(x, shifts, axes) {
    const moved = (row, shift) => row.map((_, k) => row[(((k - shift) % row.length) + row.length) % row.length]);
    const all = [shifts].flat();
    if (axes === undefined) return np.reshape(along(x, null, (row) => moved(row, all.reduce((a, b) => a + b))), x.shape);
    const given = [axes].flat();
    const most = Math.max(all.length, given.length); // one shift can stand for several axes, and one axis for several
    return Array.from({ length: most }).reduce((rolled, _, k) => {
      const [axis] = axesOf(x, given[given.length > 1 ? k : 0]);
      return along(rolled, axis, (row) => moved(row, all[all.length > 1 ? k : 0]));
    }, x);
  }

  const ascending = (a, b) => Number.isNaN(a) - Number.isNaN(b) || a - b || 0; // NaN last
  const sorted = (x, axis) => along(x, axis, (row) => row.sort(ascending));

  // Return the gradient of numbers, given that of the sorted ones; equal numbers share theirs.
  function unsorted(g, x, axis) {
    if (axis === null) return np.reshape(unsorted(g, array([x.data.length], x.data), 0), x.shape);
    return along(x, axis, (row, places) => {
      const order = [...row.keys()].sort((i, k) => ascending(row[i], row[k]));
      const out = new Array(row.length);
      for (let from = 0, to; from < order.length; from = to) {
        for (to = from + 1; to < order.length && row[order[to]] === row[order[from]]; ) to++;
        const sum = places.slice(from, to).reduce((part, at) => part + g.data[at], 0);
        for (let k = from; k < to; k++) out[order[k]] = sum / (to - from);
      }
      return out;
    });
  }

  // Return the product over some axes, and for each number the product of the others.
  const keptShape = (x, axes) => x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  function product(x, axes) {
    const out = array(keptShape(x, axes), new Float64Array(count(keptShape(x, axes))).fill(1));
    positions(out.shape, x.shape).forEach((at, k) => (out.data[at] *= x.data[k]));
    return out;
  }
  function others(x, axes) {
    const at = positions(keptShape(x, axes), x.shape);
    const out = new Float64Array(x.data.length).fill(1);
    const all = [...out.keys()];
    for (const way of [all, all.toReversed()]) {
      const before = new Float64Array(count(keptShape(x, axes))).fill(1);
      for (const k of way) {
        out[k] *= before[at[k]];
        before[at[k]] *= x.data[k];
      }
    }
    return like(x, out);
  }

  // Solve a linear system by elimination, with the largest number of each column as its pivot.
  function solve(a, b) {
    const n = a.shape[0];
    const m = b.data.length / n;
    const rows = Array.from({ length: n }, (_, i) => [...a.data.subarray(i * n, (i + 1) * n), ...b.data.subarray(i * m, (i + 1) * m)]);
    for (let k = 0; k < n; k++) {
      const pivot = rows.reduce((best, row, i) => (i >= k && Math.abs(row[k]) > Math.abs(rows[best][k]) ? i : best), k);
      [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
      if (!rows[k][k]) throw new RangeError("the matrix is singular");
      rows[k] = rows[k].map((x) => x / rows[k][k]);
      rows.forEach((row, i) => i !== k && (rows[i] = row.map((x, j) => x - row[k] * rows[k][j])));
    }
    return array(b.shape, Float64Array.from(rows.flatMap((row) => row.slice(n))));
  }
  function inv(a) {
    const n = a.shape.at(-1);
    const one = array([n, n], Float64Array.from({ length: n * n }, (_, k) => Number(k % (n + 1) === 0)));
    const parts = Array.from({ length: a.data.length / (n * n) }, (_, k) => array([n, n], a.data.subarray(k * n * n, (k + 1) * n * n)));
    return like(a, parts.flatMap((part) => [...solve(part, one).data]));
  }

  // Return a copy with a value at an index, and a gradient without the axes along which a value was repeated.
  function assigned(x, value, index) {
    const { shape, places } = selected(x.shape, index);
    const [out, given] = [x.data.slice(), np.real(value)];
    const at = positions(given.shape, shape);
    places.forEach((k, n) => (out[k] = given.data[at[n]]));
    return like(x, out);
  }
  function fitted(g, shape) {
    const out = array(shape, new Float64Array(count(shape)));
    positions(shape, g.shape).forEach((at, k) => (out.data[at] += g.data[k]));
    return out;
  }

  // Return for every place in every window the position of its pixel in an array (N, L…, C), -1 outside of it.
  function pixels(shape, size, stride, dilation, before, counts) {
    const [lengths, channels] = [shape.slice(1, -1), shape.at(-1)];
    let at = Array.from({ length: shape[0] }, (_, n) => n);
    const spread = (n, f) => (at = at.flatMap((place) => Array.from({ length: n }, (_, k) => f(place, k))));
    counts.forEach((n) => spread(n, (place, k) => [place, k].flat()));
    spread(channels, (place, c) => [place, c].flat());
    size.forEach((n) => spread(n, (place, k) => [place, k].flat()));
    const d = lengths.length;
    return at.map((parts) => {
      let place = parts[0];
      for (let axis = 0; axis < d; axis++) {
        const pixel = stride[axis] * parts[1 + axis] + dilation[axis] * parts[2 + d + axis] - before[axis];
        if (pixel < 0 || pixel >= lengths[axis]) return -1;
        place = place * lengths[axis] + pixel;
      }
      return place * channels + parts[1 + d];
    });
  }
  const [seen, MOST_SEEN] = [new Map(), 50]; // the positions of pixels, which stay the same at each change
  function pixelsOf(...how) {
    const key = JSON.stringify(how);
    if (seen.size > MOST_SEEN) seen.clear();
    if (!seen.has(key)) seen.set(key, pixels(...how));
    return seen.get(key);
  }
  function windows(x, size, stride, dilation, before, counts, outside) {
    const at = pixelsOf(x.shape, size, stride, dilation, before, counts);
    const shape = [x.shape[0], ...counts, x.shape.at(-1), ...size];
    return array(shape, Float64Array.from(at, (k) => (k < 0 ? outside : x.data[k])));
  }
  function folded(w, shape, size, stride, dilation, before, counts) {
    const out = new Float64Array(count(shape));
    pixelsOf(shape, size, stride, dilation, before, counts).forEach((at, k) => at >= 0 && (out[at] += w.data[k]));
    return array(shape, out);
  }

  return { cumsum, flip, roll, sorted, unsorted, product, others, solve, inv, assigned, fitted, windows, folded };
})());
