import fc from "fast-check";

/** How many inputs a fuzz test tries in the usual run: always the same ones, so that no run fails by chance. */
const RUNS = { numRuns: 200, seed: 1 };

/** How long each goes on in `pnpm soak fuzz`, with other inputs each time, in milliseconds. */
const SOAK_MS = 45_000;

const settings = (): fc.Parameters<[unknown]> =>
  process.env["TOKENS_SOAK"] === "1"
    ? { numRuns: 1_000_000_000, interruptAfterTimeLimit: SOAK_MS, markInterruptAsFailure: false }
    : RUNS;

/** Tries inputs until one makes `check` throw. */
export function fuzz<T>(inputs: fc.Arbitrary<T>, check: (input: T) => void): void {
  fc.assert(
    fc.property(inputs, (input) => check(input)),
    settings(),
  );
}

/** As {@link fuzz}, for what takes time. */
export async function fuzzAsync<T>(inputs: fc.Arbitrary<T>, check: (input: T) => Promise<void>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(inputs, (input) => check(input)),
    settings(),
  );
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** Reads: undefined if that fails in one of the ways that readers must fail in. Throws whatever else is thrown. */
export function orRefused<T>(read: () => T, ...classes: readonly ErrorClass[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (classes.some((each) => error instanceof each)) return undefined;
    throw error;
  }
}

/** As {@link orRefused}, for what takes time. */
export async function orRefusedAsync<T>(
  read: () => Promise<T>,
  ...classes: readonly ErrorClass[]
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (classes.some((each) => error instanceof each)) return undefined;
    throw error;
  }
}

/** One change: at a place, some units go and others come. */
interface Edit<Unit> {
  readonly at: number;
  readonly gone: number;
  readonly come: readonly Unit[];
}

function edits<Unit>(units: fc.Arbitrary<Unit[]>): fc.Arbitrary<Edit<Unit>[]> {
  const gone = fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 2 }) }, fc.nat({ max: 400 }));
  return fc.array(fc.record({ at: fc.nat(), gone, come: units }), { minLength: 1, maxLength: 4 });
}

function edited<Unit>(original: readonly Unit[], changes: readonly Edit<Unit>[]): Unit[] {
  const units = [...original];
  for (const { at, gone, come } of changes) units.splice(at % (units.length + 1), gone, ...come);
  return units;
}

/** Bytes that were good once, with a few changes; and, rarely, any bytes. */
export function damaged(...originals: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  const telling = fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0x81, 0xff, 0x30, 0x02, 0x0a, 0x12);
  const bytes = fc.array(fc.oneof(telling, fc.nat({ max: 255 })), { maxLength: 3 });
  const changed = fc
    .tuple(fc.constantFrom(...originals), edits(bytes))
    .map(([original, changes]) => Buffer.from(edited([...original], changes)));
  const any = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
  return fc.oneof({ weight: 9, arbitrary: changed }, any);
}

/** A text that was good once, with a few changes, some of them words that mean something; and, rarely, any text. */
export function damagedText(originals: readonly string[], words: readonly string[]): fc.Arbitrary<string> {
  const word = fc.constantFrom(...words, "__proto__", "constructor", "\0", "\ufeff", "\ud800", "\u00e9", "1e400", "-1");
  const come = fc.array(fc.oneof(word, fc.string({ maxLength: 3 })), { maxLength: 3 });
  const changed = fc
    .tuple(fc.constantFrom(...originals), edits(come))
    .map(([original, changes]) => edited(Array.from(original), changes).join(""));
  return fc.oneof({ weight: 9, arbitrary: changed }, fc.string({ unit: "binary", maxLength: 100 }));
}
