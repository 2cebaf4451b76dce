import { createReadStream, readFileSync, statSync } from "node:fs";

/** Secrets that can be read only once: from stdin, from a descriptor, and from the environment. */
const taken = new Map<string, Buffer>();

/** Whether a source names a file, rather than `-` (stdin), `fd:N`, `env:NAME` or a key in a token (`pkcs11:…`). */
export function isFile(source: string): boolean {
  return source !== "-" && !/^(fd:\d+|env:\w+)$/.test(source) && !isInToken(source);
}

/** Whether a source is the PKCS#11 URI of a key that never leaves its token. */
export function isInToken(source: string): boolean {
  return source.startsWith("pkcs11:");
}

/**
 * Reads a secret from a file, `-` (stdin), `fd:N` (an open descriptor) or `env:NAME`. What is not a file is read once and
 * kept; a variable is removed from the environment, so that no child process inherits it. Rejects when there is nothing.
 */
export async function readSecret(source: string, environment: NodeJS.ProcessEnv = process.env): Promise<Buffer> {
  if (isFile(source)) return readFileSync(source);
  // The key cannot be read: its name stands for it.
  if (isInToken(source)) return Buffer.from(source, "utf8");
  const known = taken.get(source);
  if (known) return known;
  const secret = source.startsWith("env:")
    ? takeVariable(source.slice("env:".length), environment)
    : await readDescriptor(source === "-" ? 0 : Number(source.slice("fd:".length)));
  taken.set(source, secret);
  return secret;
}

function takeVariable(name: string, environment: NodeJS.ProcessEnv): Buffer {
  const value = environment[name];
  if (value === undefined) throw new Error(`the environment has no variable ${name}`);
  delete environment[name];
  return Buffer.from(value, "latin1");
}

async function readDescriptor(fd: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream("", { fd })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Whether every user of the machine can read a file. Throws the error of the file system. */
export function isReadableByAll(file: string): boolean {
  return (statSync(file).mode & 0o004) !== 0;
}
