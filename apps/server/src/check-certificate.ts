import {
  type Certificate,
  CertificateError,
  type CertificatePolicy,
  type CertificateTrust,
  checkCertificate,
  type CheckReport,
  MalformedInput,
} from "@tokens/pki";
import type { CrlTerms, IndexedCrl } from "@tokens/pki/crl";
import { readCertificate, readCertificates, readInput } from "./certificate-files.js";
import { parseDuration } from "./duration.js";
import { EXIT, UsageError } from "./exit-code.js";
import { parseTime } from "./rfc3339.js";

/** What `tokens check-certificate` was asked. */
export interface CheckCertificatesOptions {
  readonly ca: string;
  readonly intermediates?: string;
  readonly crl: readonly string[];
  readonly maxAge?: string;
  readonly at?: string;
  readonly policy?: string;
  readonly json?: true;
}

/** The answer for one certificate. */
interface Row {
  readonly file: string;
  readonly ok: boolean;
  readonly code: string | null;
  readonly message: string | null;
  /** The check that LUCI's server does not make and that the certificate fails. */
  readonly policy?: string;
  /** Common names from the certificate up to the trusted CA. */
  readonly path?: readonly string[];
  /** Checks that failed and that the policy only reports. */
  readonly reports?: readonly CheckReport[];
}

/** Checks certificates one by one; the exit code. */
export async function checkCertificates(files: readonly string[], options: CheckCertificatesOptions): Promise<number> {
  // Certificates count whole seconds: a fraction of one is neither before its first nor after its last.
  const nowSeconds = Math.floor((options.at === undefined ? Date.now() : parseTime(options.at, "at")) / 1000);
  const trust = await trustOf(options, nowSeconds);
  const inputs = files.map((file) => ({ file, bytes: readInput(file, "certificate") }));
  const print = options.json !== true && process.stdout.isTTY ? sentence : JSON.stringify;
  let exitCode: number = EXIT.ok;
  for (const { file, bytes } of inputs) {
    const row = rowFor(file, bytes, trust, nowSeconds);
    process.stdout.write(`${print(row)}\n`);
    if (!row.ok) exitCode = EXIT.no;
  }
  return exitCode;
}

async function trustOf(options: CheckCertificatesOptions, nowSeconds: number): Promise<CertificateTrust> {
  const { ca, intermediates: between, crl, maxAge } = options;
  const anchors = readCertificates(ca, "--ca");
  const intermediates = between === undefined ? [] : readCertificates(between, "--intermediates");
  const policy = options.policy === undefined ? {} : await policyIn(options.policy);
  const maxAgeSeconds = maxAge === undefined ? undefined : parseDuration(maxAge, "--max-age") / 1000;
  const trust = { anchors, intermediates, policy };
  if (crl.length === 0) return trust;
  return { ...trust, revocation: await revocationOf(crl, trust, nowSeconds, { maxAgeSeconds }) };
}

async function policyIn(file: string): Promise<CertificatePolicy> {
  const { PolicyError, readCertificatePolicy } = await import("@tokens/minter/policy");
  try {
    return readCertificatePolicy(Buffer.from(readInput(file, "--policy")).toString("utf8"), file);
  } catch (error) {
    if (error instanceof PolicyError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

async function revocationOf(files: readonly string[], trust: CertificateTrust, nowSeconds: number, terms: CrlTerms) {
  const { revocationByLists } = await import("@tokens/pki/crl");
  const lists = await Promise.all(files.map(readList));
  return revocationByLists(lists.flat(), trust, nowSeconds, terms);
}

/** A list that cannot be read covers nobody: it is left out, and said on stderr. */
async function readList(file: string): Promise<IndexedCrl[]> {
  const { CrlError, decodeCrl, indexEntries, parseCrl } = await import("@tokens/pki/crl");
  const bytes = readInput(file, "--crl");
  try {
    const crl = parseCrl(decodeCrl(bytes));
    return [{ crl, serials: indexEntries(crl) }];
  } catch (error) {
    if (!(error instanceof MalformedInput || error instanceof CrlError)) throw error;
    console.error(`tokens: --crl ${file} is left out: ${error.message}`);
    return [];
  }
}

function rowFor(file: string, bytes: Uint8Array, trust: CertificateTrust, nowSeconds: number): Row {
  try {
    const { path, reports } = checkCertificate(requireSerial(readCertificate(bytes)), trust, nowSeconds);
    const names = path.map(({ subject }) => subject.commonNames.join(", "));
    return { file, ok: true, code: null, message: null, path: names, ...(reports.length > 0 ? { reports } : {}) };
  } catch (error) {
    const refused = { file, ok: false, message: (error as Error).message };
    if (error instanceof MalformedInput) return { ...refused, code: "MALFORMED" };
    if (!(error instanceof CertificateError)) throw error;
    return { ...refused, code: error.code, ...(error.policy === undefined ? {} : { policy: error.policy }) };
  }
}

/** Minting refuses the serial number 0 when it comes to the token, in which the number has to stand. */
function requireSerial(certificate: Certificate): Certificate {
  if (certificate.serial === 0n) throw new MalformedInput("the serial number is 0");
  return certificate;
}

function sentence({ file, ok, code, message, policy, path, reports = [] }: Row): string {
  if (!ok) return `refused  ${file}: ${policy === undefined ? code : `${code} (${policy})`}: ${message}`;
  const notes = reports.map((report) => `\n         ${report.policy}: ${report.message}`);
  return `good     ${file}: ${path?.join(" < ")}${notes.join("")}`;
}
