/** One import of the policy files: what was in force from then on. */
export interface PolicyRevision {
  /** Id of the import: a digest of its content, or a commit. */
  readonly revision: string;
  /** The files by their path in the config folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  readonly importedAtMs: number;
}

/** Where policy revisions are kept. */
export interface PolicyStore {
  /** The revision in force: the newest; undefined before the first import. */
  current(): Promise<PolicyRevision | undefined>;
  /** Puts a revision in force, unless it is already. */
  put(revision: PolicyRevision): Promise<void>;
}
