import { compilePolicy, describeProblem, PolicyError, policyFolder, type PolicyProblem } from "@tokens/minter/policy";
import { EXIT, UsageError } from "./exit-code.js";

/** Prints what is wrong with the policy files of a folder, a line for each problem; the exit code. */
export async function checkPolicy(
  folder: string,
  { json, staging }: { readonly json?: true; readonly staging?: true },
): Promise<number> {
  const problems = await problemsIn(folder, { isStaging: staging === true });
  const print = json === true ? (problem: PolicyProblem) => JSON.stringify(problem) : describeProblem;
  for (const problem of problems) process.stdout.write(`${print(problem)}\n`);
  return problems.some(({ severity }) => severity === "error") ? EXIT.no : EXIT.ok;
}

async function problemsIn(folder: string, context: { readonly isStaging: boolean }): Promise<readonly PolicyProblem[]> {
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
