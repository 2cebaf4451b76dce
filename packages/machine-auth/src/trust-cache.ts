import { createHash, randomBytes } from "node:crypto";
import { constants, closeSync, fstatSync, lstatSync, mkdirSync, openSync, promises, unlinkSync } from "node:fs";
import { join } from "node:path";

/** A document about trust that was kept on disk. */
export interface CachedDocument {
  readonly document: Uint8Array;
  /** When it was fetched, in Unix milliseconds. */
  readonly fetchedAt: number;
}

/** Where one source keeps the last good document that it got. */
export interface TrustCache {
  /** What was kept; undefined if there is nothing. Rejects with an Error if it cannot be believed. */
  read(): Promise<CachedDocument | undefined>;
  /** Replaces it, whole or not at all, on disk before this resolves. */
  write(cached: CachedDocument): Promise<void>;
}

// One module of Node's less than with node:fs/promises: an eighth of a mebibyte in every backend.
const { open, rename, unlink } = promises;

const FORMAT = 1;
/** Nobody but the owner may write here: whoever can decides who is trusted. */
const WRITABLE_BY_OTHERS = 0o022;
const FOR_OTHERS = 0o077;

/**
 * Opens a folder for documents of a source, and makes it if it is not there. Throws an Error that says what to do if it is
 * not a folder that belongs to this user alone.
 */
export function openTrustCache(folder: string, source: string): TrustCache {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const owner = requirePrivate(folder);
  const path = join(folder, `trust-${createHash("sha256").update(source).digest("hex").slice(0, 16)}`);
  return {
    read: async () => {
      const bytes = await readOwn(path, owner);
      return bytes && parse(bytes, source);
    },
    write: (cached) => replace(path, folder, format(cached, source)),
  };
}

/** The folder's owner is whoever owns the files that this process makes. */
function requirePrivate(folder: string): number {
  const stats = lstatSync(folder);
  if (!stats.isDirectory()) throw new Error(`the trust cache ${folder} is not a folder; name another one`);
  const probe = join(folder, temporaryName());
  const file = openSync(probe, "wx", 0o600);
  const { uid } = fstatSync(file);
  closeSync(file);
  unlinkSync(probe);
  if (stats.uid !== uid) throw new Error(`the trust cache ${folder} belongs to another user; name another folder`);
  if ((stats.mode & FOR_OTHERS) !== 0) {
    throw new Error(`the trust cache ${folder} is open to other users; run: chmod 700 ${folder}`);
  }
  return uid;
}

const temporaryName = () => `.${randomBytes(8).toString("hex")}.tmp`;

async function readOwn(path: string, owner: number): Promise<Buffer | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { uid, mode } = await file.stat();
      if (uid !== owner || (mode & WRITABLE_BY_OTHERS) !== 0) throw new Error(`${path} could be written by others`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A line with the checksum of the rest, a line of JSON, the document. */
function format({ document, fetchedAt }: CachedDocument, source: string): Buffer {
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify({ format: FORMAT, source, fetchedAt })}\n`), document]);
  return Buffer.concat([Buffer.from(`${checksum(rest)}\n`), rest]);
}

function parse(bytes: Buffer, source: string): CachedDocument {
  const [sum, rest] = splitLine(bytes);
  if (sum !== checksum(rest)) throw new Error("the trust on disk is damaged");
  const [line, document] = splitLine(rest);
  const { format: version, source: from, fetchedAt } = JSON.parse(line) as Record<string, unknown>;
  if (version !== FORMAT || from !== source || typeof fetchedAt !== "number") {
    throw new Error("the trust on disk is of another version or of another source");
  }
  return { document, fetchedAt };
}

function splitLine(bytes: Buffer): [line: string, rest: Buffer] {
  const end = bytes.indexOf("\n");
  return [bytes.toString("utf8", 0, end), bytes.subarray(end + 1)];
}

function checksum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A link that waits in the file's place is replaced, not followed. */
async function replace(path: string, folder: string, bytes: Buffer): Promise<void> {
  const temporary = join(folder, temporaryName());
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close();
    await unlink(temporary);
    throw error;
  }
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
