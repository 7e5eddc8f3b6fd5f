// Numbers and shares as text.

// Write a number with 3 or 4 significant digits.
function written(x) {
  if (x === null || x === undefined) return "–";
  if (Number.isInteger(x) && Math.abs(x) < 1e9) return x.toLocaleString("en").replace("-", "−");
  const size = Math.abs(x);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e6)
      ? x.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e")
      : String(Number(x.toPrecision(4)));
  return text.replaceAll("-", "−");
}

const share = (x) => (x > 0.999 && x < 1 ? ">\u00a099.9\u00a0%" : `${Number((100 * x).toPrecision(3))}\u00a0%`);
