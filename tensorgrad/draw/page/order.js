// The order of the vertices in each layer, chosen for few crossings.

// Sweep over the layers, and sort each by the mean position of its vertices' neighbours, on alternating sides.
function orderLayers(level) {
  const count = level.layer.reduce((most, l) => Math.max(most, l), 0) + 1;
  let layers = Array.from({ length: count }, () => []);
  const place = new Float64Array(level.layer.length);
  const aim = new Float64Array(level.layer.length);
  level.layer.forEach((l, i) => (place[i] = layers[l].push(i) - 1));
  const small = level.layer.length < 3000;
  let best = small ? crossings(level, layers, place) : Infinity;
  let kept = layers.map((layer) => [...layer]);
  for (let sweep = 0; sweep < (small ? 14 : 4) && best > 0; sweep++) {
    const forwards = sweep % 2 === 0;
    const beside = forwards ? level.up : level.down;
    for (let k = 0; k < count; k++)
      sortLayer(layers[forwards ? k : count - 1 - k], beside, place, aim);
    if (!small) continue;
    const now = crossings(level, layers, place);
    if (now < best) {
      best = now;
      kept = layers.map((layer) => [...layer]);
    }
  }
  if (small) layers = kept;
  return layers;
}

function sortLayer(layer, beside, place, aim) {
  if (layer.length < 2) return;
  for (const i of layer) {
    let sum = 0;
    let weight = 0;
    for (let at = beside.first[i]; at < beside.first[i + 1]; at++) {
      sum += place[beside.other[at]] + Math.max(-0.4, Math.min(0.4, beside.shift[at] / 100));
      weight++;
    }
    aim[i] = weight ? sum / weight : place[i];
  }
  layer.sort((i, j) => aim[i] - aim[j] || place[i] - place[j]);
  layer.forEach((i, at) => (place[i] = at));
}

function crossings(level, layers, place) {
  layers.forEach((layer) => layer.forEach((i, at) => (place[i] = at)));
  let count = 0;
  for (const layer of layers) {
    const ends = [];
    for (const i of layer) {
      const { first, other, shift } = level.down;
      const targets = [];
      for (let at = first[i]; at < first[i + 1]; at++)
        targets.push(place[other[at]] + shift[at] / 1000);
      for (const target of targets.sort((p, q) => p - q)) ends.push(target);
    }
    if (ends.length > 400) return Infinity; // too dense: counting pairs would take too long
    for (let i = 1; i < ends.length; i++) for (let j = 0; j < i; j++) count += ends[j] > ends[i];
  }
  return count;
}
