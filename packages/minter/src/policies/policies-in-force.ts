import type { Logger } from "../log.js";
import { type CompiledPolicy, compilePolicy, type Policy } from "./compile-policy.js";
import { diffPolicies } from "./policy-diff.js";
import { describeProblem, PolicyError, type PolicyProblem } from "./policy-problem.js";
import { policyOfFiles, type PolicySource } from "./policy-reader.js";
import type { PolicyStore } from "./policy-store.js";

/** Makes a policy of all files. Rejects with a PolicyError. */
type Compile = (source: PolicySource) => Promise<CompiledPolicy>;

/** What policies are made of. */
export interface PoliciesParts {
  /** Where new policies come from. */
  readonly source: PolicySource;
  /** Where the policy in force is kept, for all replicas. */
  readonly store: PolicyStore;
  /** How files become a policy. Default: `compilePolicy`. */
  readonly compile?: Compile;
  /** Keeps what must be known of a policy for ever; a policy comes into force only when that has succeeded. */
  readonly remember?: (policy: Policy) => Promise<void>;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** What an import did. */
export interface PolicyImport {
  /** The revision that is in force now. */
  readonly revision: string;
  /** What it says that the one before did not, a line each; none if nothing changed. */
  readonly changes: readonly string[];
  readonly warnings: readonly PolicyProblem[];
}

/** The policy in force, and how another one comes into force: as a whole, or not at all. */
export class PoliciesInForce {
  readonly #parts: PoliciesParts;
  #inForce: CompiledPolicy;
  /** The revision that this process last read from its source. */
  #seen: string | undefined;

  private constructor(parts: PoliciesParts, inForce: CompiledPolicy) {
    this.#parts = parts;
    this.#inForce = inForce;
  }

  /**
   * Imports what the source says; if that is unusable, goes on with what was in force before, and says so. Rejects with a
   * PolicyError if there was nothing, with StorageUnavailable.
   */
  static async open(parts: PoliciesParts): Promise<PoliciesInForce> {
    const stored = await storedPolicy(parts);
    const policies = new PoliciesInForce(parts, stored ?? (await compilePolicy(policyOfFiles({}))));
    try {
      await policies.import();
    } catch (error) {
      if (!(error instanceof PolicyError) || !stored) throw error;
      logError(parts.log, error, "the policy files cannot be used; the policy before stays in force");
    }
    return policies;
  }

  current(): Policy {
    return this.#inForce.policy;
  }

  /**
   * Puts what the source says into force. Rejects with a PolicyError, with StorageUnavailable; then the policy before
   * stays in force.
   */
  async import(): Promise<PolicyImport> {
    const { source, compile = compilePolicy, remember, store, log, clock } = this.#parts;
    const compiled = await compileAtRest(source, compile);
    const { revision } = compiled.policy;
    this.#seen = revision;
    const changes = revision === this.current().revision ? [] : diffPolicies(this.#inForce, compiled);
    await remember?.(compiled.policy);
    await store.put({ revision, files: compiled.files, importedAtMs: clock() });
    if (revision !== this.current().revision) {
      for (const warning of compiled.warnings) log.warn({ revision }, describeProblem(warning));
      log.info({ revision, before: this.current().revision, changes }, "policy imported");
    }
    this.#inForce = compiled;
    return { revision, changes, warnings: compiled.warnings };
  }

  /**
   * Imports only what is new at the source since this process last looked: two replicas with different files must not
   * undo each other's imports again and again.
   */
  async importNew(): Promise<void> {
    const { source, compile = compilePolicy } = this.#parts;
    const { policy } = await compile(source);
    if (policy.revision !== this.#seen) await this.import();
  }

  /** Takes over what another replica has imported. A policy that this version cannot use is reported, and not taken. */
  async follow(): Promise<void> {
    const { store, compile = compilePolicy, log } = this.#parts;
    const stored = await store.current();
    if (!stored || stored.revision === this.current().revision) return;
    try {
      const compiled = await compile(policyOfFiles(stored.files));
      log.info({ revision: stored.revision, changes: diffPolicies(this.#inForce, compiled) }, "policy taken over");
      this.#inForce = compiled;
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      logError(log, error, "the policy that another replica imported cannot be used here");
    }
  }
}

/** How often files are read that change while they are read. */
const MAX_READS = 5;

/** Reads until two readings agree: whoever copies files into a folder must not have half of them imported. */
async function compileAtRest(source: PolicySource, compile: Compile): Promise<CompiledPolicy> {
  let before = await compile(source);
  for (let reads = 1; reads < MAX_READS; reads++) {
    const compiled = await compile(source);
    if (compiled.policy.revision === before.policy.revision) return compiled;
    before = compiled;
  }
  throw new PolicyError("the policy files change while they are read; try again when they are at rest");
}

async function storedPolicy({
  store,
  compile = compilePolicy,
  log,
}: PoliciesParts): Promise<CompiledPolicy | undefined> {
  const stored = await store.current();
  if (!stored) return undefined;
  try {
    return await compile(policyOfFiles(stored.files));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    logError(log, error, "the stored policy cannot be used any more");
    return undefined;
  }
}

function logError(log: Logger, error: PolicyError, message: string): void {
  log.error({ problems: error.message.split("\n") }, message);
}
