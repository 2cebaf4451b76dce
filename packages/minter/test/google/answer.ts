/** An answer of the API: a status, and what travels as JSON. Status 0 breaks the connection instead. */
export type Answer = readonly [status: number, body: object];

/** A request that the API refuses. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(code: number, status: string, message: string) {
    super(message);
    this.answer = [code, { error: { code, status, message } }];
  }
}

/** Refuses what is not as the API's reference says. */
export function demand(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Refused(400, "INVALID_ARGUMENT", `wrong: ${what}`);
}

/** Demands exactly these fields of a JSON object. */
export function demandFields(value: unknown, names: readonly string[]): Record<string, string> {
  demand(typeof value === "object" && value !== null, "not an object");
  demand(Object.keys(value).toSorted().join() === names.toSorted().join(), `the fields ${Object.keys(value).join()}`);
  return value as Record<string, string>;
}

/** Demands canonical base64. */
export function demandBytes(text: unknown, what: string): Buffer {
  const bytes = Buffer.from(typeof text === "string" ? text : "", "base64");
  demand(bytes.toString("base64") === text, `${what} is not base64`);
  return bytes;
}
