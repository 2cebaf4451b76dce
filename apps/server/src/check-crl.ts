import { type Certificate, MalformedInput } from "@tokens/pki";
import { checkCrl, type Crl, CrlError, type CrlTerms, decodeCrl, indexEntries, parseCrl } from "@tokens/pki/crl";
import { readCertificates, readInput } from "./certificate-files.js";
import { parseDuration } from "./duration.js";
import { EXIT } from "./exit-code.js";
import { formatTime, parseTime } from "./rfc3339.js";

/** What `tokens check-crl` was asked. */
export interface CheckCrlsOptions {
  readonly ca: string;
  readonly maxAge?: string;
  readonly at?: string;
  readonly json?: true;
}

/** What a list says; null where it says nothing or cannot be read. */
interface Content {
  readonly number: string | null;
  readonly thisUpdate: string | null;
  readonly nextUpdate: string | null;
  readonly entries: number | null;
}

/** The answer for one list. */
interface Row extends Content {
  readonly file: string;
  readonly ok: boolean;
  readonly code: string | null;
  readonly message: string | null;
  /** The check that LUCI's server does not make and that the list fails. */
  readonly policy: string | null;
}

const UNREADABLE: Content = { number: null, thisUpdate: null, nextUpdate: null, entries: null };

/** Checks lists one by one; the exit code. */
export async function checkCrls(files: readonly string[], options: CheckCrlsOptions): Promise<number> {
  const nowSeconds = (options.at === undefined ? Date.now() : parseTime(options.at, "at")) / 1000;
  const cas = readCertificates(options.ca, "--ca");
  const maxAgeSeconds = options.maxAge === undefined ? undefined : parseDuration(options.maxAge, "--max-age") / 1000;
  const inputs = files.map((file) => ({ file, bytes: readInput(file, "revocation list") }));
  const print = options.json !== true && process.stdout.isTTY ? sentence : JSON.stringify;
  let exitCode: number = EXIT.ok;
  for (const { file, bytes } of inputs) {
    const row = { file, ...judge(bytes, cas, nowSeconds, { maxAgeSeconds }) };
    process.stdout.write(`${print(row)}\n`);
    if (!row.ok) exitCode = EXIT.no;
  }
  return exitCode;
}

function judge(bytes: Uint8Array, cas: readonly Certificate[], nowSeconds: number, terms: CrlTerms): Omit<Row, "file"> {
  let content = UNREADABLE;
  try {
    const crl = parseCrl(decodeCrl(bytes));
    const entries = countEntries(crl);
    content = contentOf(crl, entries);
    checkCrl(crl, cas, nowSeconds, terms);
    if (entries instanceof Error) throw entries;
    return { ok: true, code: null, message: null, policy: null, ...content };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const [code, policy] = error instanceof CrlError ? [error.code, error.policy ?? null] : ["MALFORMED", null];
    return { ok: false, code, message: error.message, policy, ...content };
  }
}

const isRefusal = (error: unknown): error is MalformedInput | CrlError =>
  error instanceof MalformedInput || error instanceof CrlError;

/** Entries that cannot be read are no reason not to say what else is wrong, and what the list says. */
function countEntries(crl: Crl): number | Error {
  try {
    return indexEntries(crl).count;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return error;
  }
}

function contentOf({ number, thisUpdateSeconds, nextUpdateSeconds }: Crl, entries: number | Error): Content {
  return {
    number: number === undefined ? null : String(number),
    thisUpdate: formatTime(thisUpdateSeconds * 1000),
    nextUpdate: nextUpdateSeconds === undefined ? null : formatTime(nextUpdateSeconds * 1000),
    entries: entries instanceof Error ? null : entries,
  };
}

function sentence({ file, ok, code, message, policy, number, nextUpdate, entries }: Row): string {
  if (!ok) return `refused  ${file}: ${policy === null ? code : `${code} (${policy})`}: ${message}`;
  return `good     ${file}: number ${number ?? "none"}, ${entries} entries, nextUpdate ${nextUpdate ?? "none"}`;
}
