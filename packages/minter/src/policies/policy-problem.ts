import type { TextPlace } from "./text-places.js";

/** Something that is wrong with the policy files, or may not do what its author thinks, and where. */
export interface PolicyProblem extends TextPlace {
  /** An error keeps all files out; a warning does not. */
  readonly severity: "error" | "warning";
  /** Path in the config folder. */
  readonly file: string;
  readonly message: string;
}

/** A problem in one line, as compilers write them: `file:line:column: message`; warnings begin with `warning:`. */
export function describeProblem({ severity, file, line, column, message }: PolicyProblem): string {
  return `${severity === "warning" ? "warning: " : ""}${file}:${line}:${column}: ${message}`;
}

/** Policy files that cannot be used; the message has a line for each error. */
export class PolicyError extends Error {
  override name = "PolicyError";
  readonly problems: readonly PolicyProblem[];

  constructor(message: string, problems: readonly PolicyProblem[] = [], cause?: unknown) {
    super(message, { cause });
    this.problems = problems;
  }
}
