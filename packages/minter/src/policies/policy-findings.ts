/** A place in a policy file: names of fields and indexes of entries, from the outside in. Empty: the whole file. */
export type PolicyPath = readonly (string | number)[];

/** Something that is wrong with a policy file, or may not do what its author thinks. */
export interface PolicyFinding {
  /** An error keeps the policy out; a warning does not. */
  readonly severity: "error" | "warning";
  readonly path: PolicyPath;
  readonly message: string;
}

/** Collects all that is found in a file: an author wants to see every mistake at once. */
export class PolicyFindings {
  readonly list: PolicyFinding[] = [];

  error(path: PolicyPath, message: string): void {
    this.list.push({ severity: "error", path, message });
  }

  warning(path: PolicyPath, message: string): void {
    this.list.push({ severity: "warning", path, message });
  }
}
