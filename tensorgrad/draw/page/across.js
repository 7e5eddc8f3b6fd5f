// Coordinates across the layers: the position of each vertex within its layer.

// Sweep over the layers, and move each vertex towards its neighbours as far as order and sizes allow.
function placeAcross(level, layers) {
  const v = (level.v = new Float64Array(level.layer.length));
  for (const layer of layers) {
    const height = layer.reduce((sum, i) => sum + level.dv[i] + gap(level, i), 0);
    let at = -height / 2;
    for (const i of layer) {
      v[i] = at + level.dv[i] / 2;
      at += level.dv[i] + gap(level, i);
    }
  }
  const most = layers.reduce((size, layer) => Math.max(size, layer.length), 0);
  const numbers = () => new Float64Array(most);
  level.pools = {
    offset: numbers(),
    from: new Int32Array(most),
    sum: numbers(),
    weight: numbers(),
  };
  const twice = level.layer.length < 8000 ? ["up", "down", "up", "down"] : ["up", "down"];
  for (const side of [...twice, "both", "both back", "both"]) {
    const backwards = side === "down" || side === "both back";
    for (let k = 0; k < layers.length; k++) {
      pullLayer(
        level,
        layers[backwards ? layers.length - 1 - k : k],
        side !== "down",
        side !== "up",
      );
    }
  }
}

const gap = (level, i) => (i < level.n ? 16 : 7);

// Find the positions nearest to the desired ones that preserve the order: isotonic regression by pooling adjacent
// violators. Blocks of equal shift are on a stack: their start in the layer, sum of desired positions, and weight.
function pullLayer(level, layer, up, down) {
  const { v, dv } = level;
  const { offset, from, sum, weight } = level.pools;
  let top = -1;
  for (let at = 0; at < layer.length; at++) {
    const i = layer[at];
    offset[at] = 0;
    if (at) {
      const before = layer[at - 1];
      offset[at] =
        offset[at - 1] + (dv[before] + dv[i]) / 2 + Math.max(gap(level, before), gap(level, i));
    }
    top++;
    from[top] = at;
    sum[top] = weight[top] = 0;
    if (up) wish(level.up, i, v, sum, weight, top);
    if (down) wish(level.down, i, v, sum, weight, top);
    if (!weight[top]) {
      weight[top] = 0.01;
      sum[top] = 0.01 * v[i];
    }
    sum[top] -= offset[at] * weight[top];
    for (; top && sum[top - 1] / weight[top - 1] > sum[top] / weight[top]; top--) {
      sum[top - 1] += sum[top];
      weight[top - 1] += weight[top];
    }
  }
  for (let block = 0; block <= top; block++) {
    const end = block < top ? from[block + 1] : layer.length;
    for (let at = from[block]; at < end; at++)
      v[layer[at]] = sum[block] / weight[block] + offset[at];
  }
}

function wish(beside, i, v, sum, weight, top) {
  for (let at = beside.first[i]; at < beside.first[i + 1]; at++) {
    sum[top] += (v[beside.other[at]] + beside.shift[at]) * beside.weight[at];
    weight[top] += beside.weight[at];
  }
}
