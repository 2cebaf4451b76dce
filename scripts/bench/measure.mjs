// How things are measured: in turns, round by round, so that whatever disturbs the machine disturbs both.

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Runs each of the named measurements once a round; name → values in the order of the rounds. */
export async function inTurns(measurements, rounds = 7) {
  const values = Object.fromEntries(Object.keys(measurements).map((name) => [name, []]));
  for (const measure of Object.values(measurements)) await measure();
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(measurements)) values[name].push(await measure());
  }
  return values;
}

/** A row whose goal is a ratio of two measurements of the same rounds: `goal` is the least that is good enough. */
export function ratioRow({ id, name, unit, goal, stretch = null }, values, base) {
  const samples = values.map((value, round) => value / base[round]);
  const ratio = median(samples);
  return {
    id,
    name,
    value: median(values),
    unit,
    base: median(base),
    ratio,
    goal,
    stretch,
    met: ratio >= goal,
    samples,
  };
}

/** A row whose goal is a ratio that is the better the less it is. */
export function costRatioRow(names, values, base) {
  const row = ratioRow(names, values, base);
  return { ...row, met: row.ratio <= names.goal };
}

/** A row whose goal is a value: `goal` is the most that is good enough. */
export function valueRow({ id, name, unit, goal, stretch = null }, samples) {
  const value = median(samples);
  return { id, name, value, unit, base: null, ratio: null, goal, stretch, met: value <= goal, samples };
}

/** How often something can be done in a second, with so many under way at a time. */
export async function ratePerSecond(doOne, { inFlight, seconds = 1 }) {
  const end = performance.now() + seconds * 1000;
  const begin = performance.now();
  let count = 0;
  const worker = async () => {
    while (performance.now() < end) {
      await doOne();
      count++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return count / ((performance.now() - begin) / 1000);
}
