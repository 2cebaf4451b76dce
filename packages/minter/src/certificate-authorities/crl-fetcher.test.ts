import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { CertificateAuthorityConfigSchema } from "@tokens/api/config";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fleet, fleetCa, hangingThread, KeptLog, keeperOf, minutes, onlyList, sourceOf } from "../../test/crl-lists.js";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import type { ListSource, TrustedCa } from "./ca-policy.js";
import { CrlForbidden, CrlRefused, CrlUnreachable } from "./crl-errors.js";
import { CrlFetcher, type CrlFetcherParts } from "./crl-fetcher.js";
import type { CrlKeeper } from "./crl-keeper.js";

let storage: Storage;
let server: Server;
let host: string;
let answer: RequestListener;
let asked: (string | undefined)[];
beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  server = createServer((request, response) => {
    asked.push(request.headers.authorization ?? request.headers["if-none-match"]);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await storage.close();
});

let log: KeptLog;
let keeper: CrlKeeper;
let listId: string;
let counted: string[];
let tests = 0;
beforeEach(() => {
  [log, asked, counted] = [new KeptLog(), [], []];
  listId = `CA ${++tests}`;
  keeper = keeperOf(onlyList(storage.crls, listId), log);
});

const serve = (list: Uint8Array, etag: string) => {
  answer = (request, response) => {
    if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag }).end(list);
  };
};
const list = (number: number) => fleetCa.crl({ number, thisUpdate: minutes(number - 10), revoked: [number] });

function fetcherWith(changes: Partial<CrlFetcherParts> = {}): CrlFetcher {
  const metrics = {
    ...noMetrics,
    count: (_name: string, labels: Record<string, string> = {}) => void counted.push(labels["outcome"] ?? ""),
  };
  const limits = { maxBytes: 100_000, timeoutMs: 60_000 };
  return new CrlFetcher({ keeper, crlHosts: new Set([host]), bearer: undefined, log, metrics, ...limits, ...changes });
}

const source = (url = `http://${host}/list.crl`): ListSource => sourceOf(listId, url);

const caOf = (lists: readonly ListSource[], entry: { useOauth?: boolean; oauthScopes?: string[] } = {}): TrustedCa => ({
  ...fleet,
  lists,
  config: create(CertificateAuthorityConfigSchema, entry),
});

const renew = (fetcher: CrlFetcher, when: "if changed" | "in any case" = "if changed") =>
  fetcher.renew(caOf([source()]), source(), when);

describe("a fetch", () => {
  it("takes a list, asks for it by its name from then on, and in any case on demand", async () => {
    serve(list(1), '"1"');
    expect(await renew(fetcherWith())).toBe("taken");
    expect(await renew(fetcherWith())).toBe("same");
    expect(await renew(fetcherWith(), "in any case")).toBe("same");
    serve(list(2), '"2"');
    expect(await renew(fetcherWith())).toBe("taken");
    expect(asked).toEqual([undefined, '"1"', undefined, '"1"']);
    expect(counted).toEqual(["taken", "same", "same", "taken"]);
    expect(keeper.checkOf(listId)).toMatchObject({ failure: "" });
    expect(keeper.find(listId)?.head).toMatchObject({ version: 2, number: 2n, etag: '"2"' });
  });

  it.each<[string, string, RequestListener]>([
    ["unreachable", "HTTP 500", (_, response) => void response.writeHead(500).end("secret words")],
    ["unreachable", "redirects", (_, response) => void response.writeHead(302, { location: "/" }).end("secret words")],
    ["refused", "neither DER nor PEM", (_, response) => void response.end("secret words")],
    ["refused", "more than 100000 bytes", (_, response) => void response.end(Buffer.alloc(100_001))],
    ["refused", "thisUpdate is before", (_, response) => void response.end(list(1))],
  ])("is %s, keeps the list in force, and says why: %s", async (outcome, words, listener) => {
    serve(list(2), '"2"');
    await renew(fetcherWith());
    answer = listener;
    await expect(renew(fetcherWith())).rejects.toThrow(words);
    expect(counted).toEqual(["taken", outcome]);
    expect(keeper.find(listId)?.has(Buffer.of(2))).toBe(true);
    expect(keeper.checkOf(listId)?.failure).toContain(words);
    const inForceUntil = "2049-01-01T00:00:00.000Z";
    expect(log.lines.filter(({ level }) => level === "warn")).toMatchObject([{ list: listId, outcome, inForceUntil }]);
    expect(log.text).not.toContain("secret words");
  });

  it("connects, from its thread, to the address that was looked at", async () => {
    serve(list(1), '"1"');
    const named = `crl.example.com:${host.split(":")[1]}`;
    const lookups: string[] = [];
    const resolve = (name: string) => {
      lookups.push(name);
      return Promise.resolve([{ address: lookups.length === 1 ? "127.0.0.1" : "192.0.2.1", family: 4 }]);
    };
    const from = source(`http://${named}/list.crl`);
    const fetcher = fetcherWith({ crlHosts: new Set([named]), resolve });
    expect(await fetcher.renew(caOf([from]), from, "if changed")).toBe("taken");
    expect(lookups).toEqual(["crl.example.com"]);
  });

  it("that never ends is given up when the time is over, and its connection closed", async () => {
    let open = 0;
    answer = (request, response) => {
      open++;
      request.socket.on("close", () => open--);
      response.writeHead(200).write("secret words");
    };
    // The thread has to start in this time, so that there is a connection.
    const error = await renew(fetcherWith({ timeoutMs: 3000 })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CrlUnreachable);
    expect(error).toMatchObject({ message: "no whole answer within 3 s" });
    await expect.poll(() => open).toBe(0);
    expect([counted, log.text]).toEqual([["unreachable"], expect.not.stringContaining("secret words")]);
  });

  it("is given up when the time is over, also when its thread hangs", async () => {
    const thread = hangingThread();
    const fetcher = fetcherWith({ keeper: Object.assign(keeper, { read: () => thread }), timeoutMs: 300 });
    await expect(renew(fetcher)).rejects.toThrow("no whole answer within 0.3 s");
    await expect(thread.finish()).rejects.toThrow("has gone");
  });

  it.each<[string, new (...args: never[]) => Error, RequestListener]>([
    ["unreachable", CrlUnreachable, (_, response) => void response.writeHead(500).end()],
    ["refused when it is too large", CrlRefused, (_, response) => void response.end(Buffer.alloc(100_001))],
    ["refused when it is no list", CrlRefused, (_, response) => void response.end("<html>")],
  ])("ends with the same class of error in this thread as in its own: %s", async (_what, type, listener) => {
    answer = listener;
    expect(await renew(fetcherWith()).catch((error: unknown) => error)).toBeInstanceOf(type);
  });

  it("from where no list may come is forbidden, and nobody is asked", async () => {
    const fetcher = fetcherWith({ crlHosts: new Set() });
    expect(await renew(fetcher).catch((error: unknown) => error)).toBeInstanceOf(CrlForbidden);
    expect([asked, counted]).toEqual([[], ["refused"]]);
  });

  it("of one list that fails holds up no other", async () => {
    serve(list(1), '"1"');
    const lost = { ...source("http://127.0.0.1:1/"), listId: "lost" };
    await fetcherWith().renewAll([caOf([lost]), caOf([source()])]);
    expect(counted.toSorted()).toEqual(["refused", "taken"]);
  });
});

describe("a list that wants an OAuth token", () => {
  const scopes: (readonly string[])[] = [];
  const bearer = (wanted: readonly string[]) => {
    scopes.push(wanted);
    return Promise.resolve("t.o.k");
  };

  it("gets one, of the scopes that the policy names or LUCI's", async () => {
    serve(list(1), '"1"');
    const fetcher = fetcherWith({ bearer });
    await fetcher.renew(caOf([source()], { useOauth: true }), source(), "if changed");
    await fetcher.renew(caOf([source()], { oauthScopes: ["a", "b"] }), source(), "in any case");
    expect(asked).toEqual(["Bearer t.o.k", "Bearer t.o.k"]);
    expect(scopes).toEqual([["https://www.googleapis.com/auth/userinfo.email"], ["a", "b"]]);
    expect(log.text).not.toContain("t.o.k");
  });

  it("is the only one that gets it, and gets it nowhere else", async () => {
    answer = (_, response) => void response.writeHead(302, { location: `http://${host}/other.crl` }).end();
    const fetcher = fetcherWith({ bearer });
    await expect(fetcher.renew(caOf([source()], { useOauth: true }), source(), "if changed")).rejects.toThrow(
      "redirects",
    );
    serve(list(1), '"1"');
    await renew(fetcher);
    expect(asked).toEqual(["Bearer t.o.k", undefined]);
  });

  it("is fetched by a thread that says nothing of the token, whatever is wrong with it", async () => {
    const fetcher = fetcherWith({ bearer: () => Promise.resolve("t.o.k\n") });
    const fetching = fetcher.renew(caOf([source()], { useOauth: true }), source(), "if changed");
    await expect(fetching).rejects.toThrow("the fetch failed: ERR_INVALID_CHAR");
    expect([asked, log.text]).toEqual([[], expect.not.stringContaining("t.o.k")]);
  });

  it("is not fetched where the server has none, or anybody could read it on the way", async () => {
    const ca = caOf([source()], { useOauth: true });
    await expect(fetcherWith().renew(ca, source(), "if changed")).rejects.toThrow("has none to send");
    const elsewhere = source("http://crl.example.com/list.crl");
    const resolve = async () => [{ address: "192.0.2.1", family: 4 }];
    const fetcher = fetcherWith({ bearer, resolve });
    await expect(fetcher.renew(ca, elsewhere, "if changed")).rejects.toThrow("without https");
    expect([asked, counted]).toEqual([[], ["refused", "refused"]]);
  });
});
