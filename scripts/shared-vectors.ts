import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, it } from "vitest";

const folder = new URL("../../shared/vectors/", import.meta.url);
const suites = new URL("../../shared/suites/", import.meta.url);

/** Where a run notes what was read. */
const readLog = process.env["VECTORS_READ_LOG"];

/** Reads a file of the golden vectors that LUCI's own code made. */
export function readVector(path: string): Buffer {
  if (readLog !== undefined) appendFileSync(readLog, `${path}\n`);
  return readFileSync(new URL(path, folder));
}

/** Reads a JSON file of the golden vectors; the caller names its shape. */
export function readJsonVector<T>(path: string): T {
  return JSON.parse(readVector(path).toString("utf8")) as T;
}

/** The files in a folder of the golden vectors. */
export function vectorNames(path: string): string[] {
  return readdirSync(new URL(`${path}/`, folder)).toSorted();
}

/** The policy files that the vectors were made with, as if they were in one folder. */
export const vectorPolicy = {
  read: async (path: string): Promise<string | undefined> => {
    if (path === "tokenserver.cfg") return readVector(`mint-request/${path}`).toString("utf8");
    return path.endsWith(".pem") ? readVector(`pki/${path}`).toString("utf8") : undefined;
  },
};

/** Reads a file of the public test suites. */
export function readSuite(path: string): string {
  return readFileSync(new URL(path, suites), "utf8");
}

/** The files of one public test suite. */
export function filesOfSuite(name: string): string[] {
  return readdirSync(new URL(`${name}/`, suites)).toSorted();
}

/** A `describe` that is skipped, with a line that says so, where the golden vectors are not on this machine. */
export function describeWithVectors(name: string, body: () => void): void {
  describeWith(folder, "golden vectors in ../shared/vectors", name, body);
}

/** A `describe` that is skipped, with a line that says so, where the public test suites are not on this machine. */
export function describeWithSuites(name: string, body: () => void): void {
  describeWith(suites, "public test suites in ../shared/suites", name, body);
}

function describeWith(needed: URL, what: string, name: string, body: () => void): void {
  if (existsSync(needed)) describe(name, body);
  else describe(name, () => it.skip(`skipped: the ${what} are not here`, () => {}));
}
