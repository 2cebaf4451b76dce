import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const esbuild = createRequire(import.meta.url).resolve("esbuild/bin/esbuild");

/** Bundles a TypeScript script that may import the agent's sources (`./atomic-write.js`) into a file that Node can run. */
export async function bundleScript(code: string, outfile: string): Promise<string> {
  const flags = ["--bundle", "--loader=ts", "--platform=node", "--format=cjs", "--conditions=@tokens/source"];
  // The program, not the library: that one keeps a process for as long as the test runner lives.
  const run = promisify(execFile)(esbuild, [...flags, `--outfile=${outfile}`], {
    cwd: fileURLToPath(new URL("../src", import.meta.url)),
  });
  run.child.stdin?.end(code);
  await run;
  return outfile;
}

/** Starts a script in a process of its own; what it prints on stdout comes line by line. */
export function startScript(file: string, args: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}
