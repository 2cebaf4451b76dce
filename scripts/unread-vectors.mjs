// Which files of the golden vectors did no test read? Each test notes what it reads in a file that all of them share.
import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../shared/vectors/", import.meta.url));

/** What no test reads, and why. Whatever is read after all has to go from this list. */
const UNREAD = {
  "README.md": "for people",
  "pki/fleet.crl": "revocation lists are not fetched yet",
  "delegation/delegation.cfg": "MintDelegationToken is not served yet",
  "delegation/mint.json": "MintDelegationToken is not served yet",
};

/** Starts to note what is read, before any test runs. Returns the file in which it is noted. */
export function noteReadVectors() {
  const log = join(tmpdir(), `vectors-read-${process.pid}`);
  writeFileSync(log, "");
  process.env.VECTORS_READ_LOG = log;
  return log;
}

/** Ends a run, and says what is wrong with the list above if all tests were in it: a line for each file. */
export function endOfRun(log, isWhole) {
  const read = readFileSync(log, "utf8").split("\n");
  unlinkSync(log);
  return isWhole && existsSync(folder) ? complaints(filesIn(folder), read, Object.keys(UNREAD)) : [];
}

function filesIn(top) {
  const entries = readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(top.length));
}

/** What nobody reads and nobody lists, and what is listed for nothing. */
export function complaints(files, read, listed) {
  const unread = files.filter((file) => !read.includes(file));
  return [
    ...unread.filter((file) => !listed.includes(file)).map((file) => `${file}: no test reads it`),
    ...listed
      .filter((file) => !unread.includes(file))
      .map((file) => `${file}: take it off the list in scripts/unread-vectors.mjs, it is read, or is gone`),
  ];
}
