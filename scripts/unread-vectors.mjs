// Which files of the golden vectors did no test read? Each test notes what it reads in a file that all of them share.
import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../shared/vectors/", import.meta.url));

/** What no test reads, and why. Whatever is read after all may go from this list: a run of all tests says so. */
const UNREAD = {
  "README.md": "for people",
};

/** Starts to note what is read, before any test runs. Returns the file in which it is noted. */
export function noteReadVectors() {
  const log = join(tmpdir(), `vectors-read-${process.pid}`);
  writeFileSync(log, "");
  process.env.VECTORS_READ_LOG = log;
  return log;
}

/** Ends a run. If all tests were in it: a line for each file that none of them read, and for each that is listed in vain. */
export function endOfRun(log, isWhole) {
  const read = readFileSync(log, "utf8").split("\n");
  unlinkSync(log);
  if (!isWhole || !existsSync(folder)) return { unread: [], listedInVain: [] };
  return compare(filesIn(folder), read, Object.keys(UNREAD));
}

function filesIn(top) {
  const entries = readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(top.length));
}

/** What nobody reads and nobody lists, and what is listed though it is read, or is not there. */
export function compare(files, read, listed) {
  const unread = files.filter((file) => !read.includes(file));
  return {
    unread: unread.filter((file) => !listed.includes(file)),
    listedInVain: listed.filter((file) => !unread.includes(file)),
  };
}
