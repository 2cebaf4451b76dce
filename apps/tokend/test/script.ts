import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Bundles a TypeScript script that may import the agent's sources (`./atomic-write.js`) into a file that Node can run. */
export async function bundleScript(code: string, outfile: string): Promise<string> {
  const resolveDir = fileURLToPath(new URL("../src", import.meta.url));
  await build({
    stdin: { contents: code, resolveDir, loader: "ts" },
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    conditions: ["@tokens/source"],
  });
  return outfile;
}

/** Starts a script in a process of its own; what it prints on stdout comes line by line. */
export function startScript(file: string, args: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}
