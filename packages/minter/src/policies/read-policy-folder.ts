import { readdir, readFile } from "node:fs/promises";
import { isAbsolute, join, normalize, sep } from "node:path";
import { type ImportedCaPolicy, PolicyError, readCaPolicy } from "../certificate-authorities/read-ca-policy.js";

/**
 * Reads the policy files of a folder. A missing file equals an empty one, but a missing folder does not. Throws a
 * PolicyError for anything that cannot be used.
 */
export async function readPolicyFolder(folder: string): Promise<ImportedCaPolicy> {
  await requireFolder(folder);
  return readCaPolicy(await readOptional(join(folder, "tokenserver.cfg")), (path) => readInside(folder, path));
}

async function requireFolder(folder: string): Promise<void> {
  try {
    await readdir(folder);
  } catch (error) {
    throw new PolicyError(`cannot read the config folder ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

async function readOptional(path: string): Promise<string> {
  try {
    return await readText(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw new PolicyError(`cannot read ${path}: ${error instanceof Error ? error.message : "unreadable"}`, {
      cause: error,
    });
  }
}

/** Reads a file that a policy names; a path that leaves the folder is refused. */
async function readInside(folder: string, path: string): Promise<string> {
  const inside = normalize(path);
  if (path === "" || isAbsolute(inside) || inside === ".." || inside.startsWith(`..${sep}`)) {
    throw new Error("the path must name a file inside of the config folder");
  }
  return readText(join(folder, inside));
}

/** Policy files are UTF-8; anything else is an error and not silently replaced. */
async function readText(path: string): Promise<string> {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(path));
}
