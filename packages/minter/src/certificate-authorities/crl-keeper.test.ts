import { parseCertificate } from "@tokens/pki";
import { TestCa } from "@tokens/pki/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compilePolicy, policyOfFiles } from "../policy.js";
import { silent } from "../../test/reports.js";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import type { ListSource, TrustedCa } from "./ca-policy.js";
import { type CaTokens, CrlKeeper } from "./crl-keeper.js";

const NOW_MS = Date.parse("2026-06-01T12:00:00Z");
const CA = "Fleet CA";
const testCa = TestCa.create(CA);
const below = testCa.intermediate("Sub CA");

let storage: Storage;
let ca: TrustedCa;
let list: ListSource;
let errors: string[];
beforeEach(async () => {
  storage = await openSqliteStorage(":memory:");
  errors = [];
  ca = await trustedCa();
  const [source] = ca.lists;
  if (!source) throw new Error("the policy names no list");
  list = source;
});
afterEach(() => storage.close());

const pem = (der: Buffer) =>
  `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}(?!$)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;

async function trustedCa(): Promise<TrustedCa> {
  const lines = `crl_url: "https://crl.example.com/a.crl" intermediate_authority { cert_path: "sub.pem" }`;
  const text = `certificate_authority { cn: "${CA}" cert_path: "ca.pem" unique_id: 7 ${lines} }`;
  const files = { "tokenserver.cfg": text, "ca.pem": pem(testCa.certificate), "sub.pem": pem(below.certificate) };
  const { policy } = await compilePolicy(policyOfFiles(files));
  const found = policy.cas.get(CA);
  if (!found) throw new Error("the policy has no CA");
  return found;
}

function keeper(tokens: CaTokens = { caIds: [7n, 8n], mayPrecedeLists: false }): CrlKeeper {
  return new CrlKeeper({
    store: storage.crls,
    terms: {},
    maxBytes: 1 << 20,
    tokensOf: () => Promise.resolve(tokens),
    log: { ...silent, error: (_, message) => void errors.push(message) },
    metrics: noMetrics,
    clock: () => NOW_MS,
  });
}

/** Takes the CA's list with this number, which revokes these serials. */
async function take(into: CrlKeeper, number: number, ...revoked: (number | bigint)[]): Promise<string> {
  const thread = into.read(list);
  thread.write(testCa.crl({ number, revoked, thisUpdate: new Date(NOW_MS - 100_000 + number * 1000) }));
  try {
    return await into.take(ca, list, thread, "");
  } finally {
    await thread.stop();
  }
}
async function inFeed(): Promise<string[]> {
  const { entries } = await storage.feed.read();
  return entries.map(({ subject }) => (subject.kind === "certificate" ? `${subject.caId}:${subject.certSn}` : "?"));
}

describe("CrlKeeper and the revocation feed", () => {
  it("feeds what a new list revokes, under every id of the CA, until the last token has died", async () => {
    const lists = keeper();
    expect(await take(lists, 1, 0x11)).toBe("taken");
    expect(await inFeed()).toEqual([]);
    expect(await take(lists, 2, 0x11, 0x22, 2n ** 100n)).toBe("taken");
    const serials = ["22", `10${"00".repeat(12)}`];
    expect(await inFeed()).toEqual(["7", "8"].flatMap((id) => serials.map((serial) => `${id}:${serial}`)));
    const [entry] = (await storage.feed.read()).entries;
    expect([entry?.until, entry?.revokedBy]).toEqual([NOW_MS / 1000 + 90_000, "crl Fleet CA"]);
  });

  it("keeps in the feed what a later list lets go, and says nothing twice", async () => {
    const lists = keeper({ caIds: [7n], mayPrecedeLists: false });
    for (const [number, serials] of [
      [1, []],
      [2, [0x22]],
      [3, []],
      [4, [0x33]],
    ] as const) {
      await take(lists, number, ...serials);
    }
    expect(await inFeed()).toEqual(["7:22", "7:33"]);
  });

  it("feeds a first list too, where tokens may be older than it", async () => {
    await take(keeper({ caIds: [7n], mayPrecedeLists: true }), 1, 0x11);
    expect(await inFeed()).toEqual(["7:11"]);
  });

  it("compares with the list in place, also when another server took it meanwhile", async () => {
    const tokens = { caIds: [7n], mayPrecedeLists: false };
    const [late, early] = [keeper(tokens), keeper(tokens)];
    await take(early, 1, 0x11);
    await take(early, 2, 0x11, 0x22);
    await take(late, 3, 0x11, 0x22, 0x33);
    expect(await inFeed()).toEqual(["7:22", "7:33"]);
  });

  it("calls for an operator when a CA below is revoked: its machines cannot be told", async () => {
    const lists = keeper();
    await take(lists, 1);
    expect(errors).toEqual([]);
    const serial = BigInt(`0x${Buffer.from(parseCertificate(below.certificate).serialMagnitude).toString("hex")}`);
    await take(lists, 2, serial);
    expect(errors).toEqual([expect.stringContaining("a CA below was revoked")]);
  });
});
