import {
  compilePolicy,
  describeProblem,
  type PolicyContext,
  PolicyError,
  policyFolder,
  type PolicyProblem,
} from "@tokens/minter/policy";
import { allowedHosts } from "./allowed-hosts.js";
import { EXIT, UsageError } from "./exit-code.js";

/** What `tokens policy check` was asked. */
export interface CheckPolicyOptions {
  readonly json?: true;
  readonly staging?: true;
  readonly allowCrlHost?: readonly string[];
}

/** Prints what is wrong with the policy files of a folder, a line for each problem; the exit code. */
export async function checkPolicy(
  folder: string,
  { json, staging, allowCrlHost = [] }: CheckPolicyOptions,
): Promise<number> {
  const crlHosts = allowedHosts("allow-crl-host", allowCrlHost);
  const problems = await problemsIn(folder, { isStaging: staging === true, crlHosts });
  const print = json === true ? (problem: PolicyProblem) => JSON.stringify(problem) : describeProblem;
  for (const problem of problems) process.stdout.write(`${print(problem)}\n`);
  return problems.some(({ severity }) => severity === "error") ? EXIT.no : EXIT.ok;
}

async function problemsIn(folder: string, context: Partial<PolicyContext>): Promise<readonly PolicyProblem[]> {
  const source = await policyFolder(folder).catch((error: Error) => {
    throw new UsageError(error.message, { cause: error });
  });
  try {
    return (await compilePolicy(source, context)).warnings;
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
}
