import type { Job } from "../jobs/leased-jobs.js";
import type { Logger } from "../log.js";
import type { PoliciesInForce } from "./policies-in-force.js";

/** How often the policy files are looked at, as LUCI's cron does, in milliseconds. */
const IMPORT_MS = 60_000;

/** How often a replica looks whether another has imported something, in milliseconds. */
const FOLLOW_MS = 10_000;

/** Imports new policy files, on one of all replicas. */
export function policyImportJob(policies: PoliciesInForce): Job {
  return { name: "policy-import", everyMs: IMPORT_MS, run: () => policies.importNew() };
}

/** Takes over what other replicas import, until it is stopped. What cannot be reached now is tried again. */
export function followPolicies(policies: Pick<PoliciesInForce, "follow">, log: Logger): { stop(): void } {
  const follow = () => {
    policies.follow().catch((error: unknown) => {
      log.warn({ err: error }, "cannot look whether another policy is in force");
    });
  };
  const timer = setInterval(follow, FOLLOW_MS).unref();
  return { stop: () => clearInterval(timer) };
}
