import { readdir, readFile } from "node:fs/promises";
import { isAbsolute, join, normalize, sep } from "node:path";
import { PolicyError } from "./policy-problem.js";
import type { PolicySource } from "./policy-reader.js";

/**
 * The policy files of a folder. A missing file equals an empty one, but a missing folder does not: a wrong path would
 * drop every rule. Rejects with a PolicyError.
 */
export async function policyFolder(folder: string): Promise<PolicySource> {
  try {
    await readdir(folder);
  } catch (error) {
    throw new PolicyError(`cannot read the config folder ${folder}: ${(error as Error).message}`, [], error);
  }
  return { read: (path) => readInside(folder, path) };
}

/** Reads a file; a path that leaves the folder is refused. Policy files are UTF-8, and nothing is silently replaced. */
async function readInside(folder: string, path: string): Promise<string | undefined> {
  const inside = normalize(path);
  if (path === "" || isAbsolute(inside) || inside === ".." || inside.startsWith(`..${sep}`)) {
    throw new Error("the path must name a file inside of the config folder");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(join(folder, inside)));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
