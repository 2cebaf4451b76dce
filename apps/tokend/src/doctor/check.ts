/** What one check found. */
export interface Finding {
  readonly check: string;
  /** null: it could not be looked at. */
  readonly ok: boolean | null;
  readonly detail: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** A check that is passed. */
export function pass(check: string, detail: string): Finding {
  return { check, ok: true, detail };
}

/** A check that is not. */
export function fail(check: string, detail: string, fix: string): Finding {
  return { check, ok: false, detail, fix };
}

/** A check that cannot be made, and why. */
export function skip(check: string, detail: string): Finding {
  return { check, ok: null, detail };
}

/** The text for a terminal: one line, and what to do in a second one. */
export function findingText({ check, ok, detail, fix }: Finding): string {
  const mark = ok === null ? "-   " : ok ? "ok  " : "FAIL";
  return `${mark}  ${check.padEnd(24)}${detail}\n${fix === undefined ? "" : `      fix: ${fix}\n`}`;
}

/** What an error says, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
