import { parseCertificate } from "@tokens/pki";
import { toPem } from "@tokens/pki/x509";
import type { CrlTerms } from "@tokens/pki/crl";
import { type CrlSpec, TestCa } from "@tokens/pki/testing";
import type { ListSource, TrustedCa } from "../src/certificate-authorities/ca-policy.js";
import { CrlKeeper } from "../src/certificate-authorities/crl-keeper.js";
import type { CrlStore } from "../src/certificate-authorities/crl-store.js";
import { CrlThread, type ReadCrl } from "../src/certificate-authorities/crl-thread.js";
import { noMetrics } from "../src/metrics.js";
import type { Logger } from "../src/log.js";
import { compilePolicy, policyOfFiles } from "../src/policy.js";

export const NOW = new Date("2026-06-01T12:00:00Z");
const MAX_BYTES = 1_000_000;

/** A log that can be looked at. */
export class KeptLog implements Logger {
  readonly lines: { level: string; message: string; [field: string]: unknown }[] = [];
  readonly info = (fields: object, message: string) => void this.lines.push({ ...fields, level: "info", message });
  readonly warn = (fields: object, message: string) => void this.lines.push({ ...fields, level: "warn", message });
  readonly error = (fields: object, message: string) => void this.lines.push({ ...fields, level: "error", message });

  get text(): string {
    return this.lines.map((line) => JSON.stringify(line)).join("\n");
  }
}

/** A CA whose lists are kept. */
export const fleetCa: TestCa = TestCa.create("Fleet");

async function trust(): Promise<TrustedCa> {
  const text = 'certificate_authority { cn: "Fleet" cert_path: "ca.pem" unique_id: 7 }';
  const files = { "tokenserver.cfg": text, "ca.pem": toPem("CERTIFICATE", fleetCa.certificate) };
  const { policy } = await compilePolicy(policyOfFiles(files));
  const ca = policy.cas.get("Fleet");
  if (!ca) throw new Error("the policy has no CA");
  return ca;
}

/** The CA as a policy knows it. */
export const fleet: TrustedCa = await trust();

/** Where its lists come from. */
export function sourceOf(listId = "Fleet", url = ""): ListSource {
  return { listId, url, issuers: [parseCertificate(fleetCa.certificate)] };
}

/** What a storage has of one list, for tests that share a storage. */
export function onlyList(crls: CrlStore, listId: string): CrlStore {
  return { ...crls, heads: async () => (await crls.heads()).filter((head) => head.listId === listId) };
}

/** One server's lists. */
export function keeperOf(
  store: CrlStore,
  log: Logger = new KeptLog(),
  terms: CrlTerms = {},
  maxBytes: number = MAX_BYTES,
): CrlKeeper {
  const tokensOf = () => Promise.resolve({ caIds: [7n], mayPrecedeLists: false });
  const tools = { log, metrics: noMetrics, clock: () => NOW.getTime() };
  return new CrlKeeper({ store, terms, maxBytes, tokensOf, ...tools });
}

/** A list that was read, and its bytes. */
export interface GivenList extends ReadCrl {
  readonly pieces: readonly Uint8Array[];
}

/** Takes a list that was read. */
export function takeList(keeper: CrlKeeper, listId: string, list: GivenList, etag = ""): Promise<"taken" | "same"> {
  const parts = async function* () {
    yield* list.pieces;
  };
  return keeper.take(fleet, sourceOf(listId), { finish: () => Promise.resolve(list), parts }, etag);
}

/** A list of the CA, read as if it had just been fetched. */
export async function readList(keeper: CrlKeeper, spec: Partial<CrlSpec> | Uint8Array): Promise<GivenList> {
  const thread = keeper.read(sourceOf());
  thread.write(spec instanceof Uint8Array ? spec : fleetCa.crl(spec));
  try {
    const read = await thread.finish();
    const pieces = [];
    for await (const part of thread.parts()) pieces.push(part.slice());
    return { ...read, pieces };
  } finally {
    await thread.stop();
  }
}

/** A thread that never comes to an end: every place of the index that it looks into is taken. */
export function hangingThread(): CrlThread {
  const full = { count: 1, serials: Uint8Array.of(0), table: Uint32Array.of(1) };
  const issuers = [fleetCa.certificate];
  const before = { digest: "", parts: full };
  const thread = new CrlThread({ issuers, nowSeconds: NOW.getTime() / 1000, terms: {}, maxBytes: MAX_BYTES, before });
  thread.write(fleetCa.crl({ thisUpdate: minutes(-1), revoked: [1] }));
  // It never reads the message after this one.
  void thread.finish().catch(() => undefined);
  return thread;
}

/** A time so many minutes after the middle of the test's day. */
export const minutes = (count: number): Date => new Date(NOW.getTime() + count * 60_000);
