const UNITS_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

// By their numbers: with a letter beyond Latin-1 in it, Node holds all of the agent's text in twice the space.
const PART = /(\d+\.?\d*|\.\d+)(ns|[u\u00b5\u03bc]s|ms|s|m|h)/y;

/** Reads a duration as Go writes it (`60s`, `1m30s`, `1.5h`, `-2s`), in milliseconds; undefined when it is none. */
export function parseGoDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const unsigned = text.replace(/^[+-]/, "");
  if (unsigned === "0") return 0;
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < unsigned.length) {
    const match = PART.exec(unsigned);
    if (!match) return undefined;
    total += Number(match[1]) * (UNITS_MS[match[2] ?? ""] ?? Number.NaN);
  }
  return unsigned === "" ? undefined : sign * total;
}
