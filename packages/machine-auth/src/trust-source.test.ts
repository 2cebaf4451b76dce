import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as tick } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { fetchDocument } from "./fetch-document.js";
import { fixedTrust, refreshedTrust, trustFromServer, type TrustSource } from "./trust-source.js";
import { type Trust } from "./trust.js";

let issuer: TokenIssuer;
beforeAll(async () => void (issuer = await makeTokenIssuer()));

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function kept(source: TrustSource): TrustSource {
  closers.push(() => source.close());
  return source;
}

const HOUR = 3_600_000;

/** A source over a script of answers and a clock that stands still until it is moved. */
function scripted(answers: (Trust | Error)[]) {
  const state = { now: 1_000_000, fetches: 0 };
  const source = kept(
    refreshedTrust({
      fetch: () => {
        const answer = answers[Math.min(state.fetches++, answers.length - 1)] ?? new Error("no answer");
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      clock: () => state.now,
      random: () => 0,
    }),
  );
  return { source, state };
}

const down = new Error("connection refused");
const unavailable = (code: string) => expect.objectContaining({ name: "TrustUnavailable", code }) as unknown;

describe("refreshedTrust", () => {
  it("fetches once at the start, whoever waits", async () => {
    const { source, state } = scripted([issuer.trust]);
    const all = await Promise.all(Array.from({ length: 50 }, () => source.ready()));
    expect(new Set(all)).toEqual(new Set([issuer.trust]));
    expect(state.fetches).toBe(1);
    expect(source.current()).toBe(issuer.trust);
  });

  it("says that nothing was fetched yet, and tries again no more than once a second", async () => {
    const { source, state } = scripted([down, down, issuer.trust]);
    await expect(source.ready()).rejects.toEqual(unavailable("NEVER_FETCHED"));
    await expect(source.ready()).rejects.toEqual(unavailable("NEVER_FETCHED"));
    const after = state.fetches;
    await expect(source.ready()).rejects.toEqual(unavailable("NEVER_FETCHED"));
    expect(state.fetches).toBe(after);
    state.now += 1_000;
    expect(await source.ready()).toBe(issuer.trust);
  });

  it("fetches at most once in thirty seconds for key ids that nobody knows", async () => {
    const { source, state } = scripted([issuer.trust]);
    await source.ready();
    for (let i = 0; i < 1_000; i++) await source.refresh();
    expect(state.fetches).toBe(2);
    state.now += 30_000;
    await Promise.all(Array.from({ length: 100 }, () => source.refresh()));
    expect(state.fetches).toBe(3);
  });

  it("keeps what it has while fetches fail, for a day and not longer", async () => {
    const { source, state } = scripted([issuer.trust, down]);
    await source.ready();
    state.now += 24 * HOUR;
    await source.refresh();
    expect(source.current()).toBe(issuer.trust);
    state.now += 1;
    expect(() => source.current()).toThrow(unavailable("STALE"));
    await expect(source.ready()).rejects.toEqual(unavailable("STALE"));
    await expect(source.refresh()).rejects.toEqual(unavailable("STALE"));
  });

  it("keeps what it has when the server sends rubbish", async () => {
    const { source } = scripted([issuer.trust, new SyntaxError("rubbish")]);
    await source.ready();
    expect(await source.refresh()).toBe(issuer.trust);
  });
});

describe("trustFromServer", () => {
  it("reads the certificates that a server publishes", async () => {
    const paths: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      paths.push(request.url);
      response.end(issuer.document);
    });
    const trust = await kept(trustFromServer(url)).ready();
    expect([...trust.issuers.keys()]).toEqual(["minter@example.com"]);
    expect(paths).toEqual(["/auth/api/v1/server/certificates"]);
  });

  it("trusts no other account than the one it is told", async () => {
    const url = await serve((_request, response) => response.end(issuer.document));
    await expect(kept(trustFromServer(url, { issuer: "other@example.com" })).ready()).rejects.toEqual(
      unavailable("BAD_DOCUMENT"),
    );
  });

  it("refuses an address that anybody on the way could answer for", () => {
    expect(() => trustFromServer("http://tokens.example.com")).toThrow(TypeError);
  });

  it("does not keep a process alive", async () => {
    const url = await serve((_request, response) => response.end(issuer.document));
    const source = trustFromServer(url);
    await source.ready();
    await tick();
    const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout");
    source.close();
    await tick();
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout")).toHaveLength(timers.length);
  });
});

describe("fetchDocument", () => {
  const limits = { maxBytes: 1000, timeoutMs: 300 };
  const fetch = async (listener: RequestListener) => fetchDocument(new URL(await serve(listener)), limits);

  it("does not follow a redirect", async () => {
    let followed = false;
    const answer = fetch((request, response) => {
      followed ||= request.url === "/elsewhere";
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    await expect(answer).rejects.toThrow("status 302");
    expect(followed).toBe(false);
  });

  it.each([204, 304, 401, 500])("takes no other status than 200: %d", async (status) => {
    await expect(fetch((_request, response) => response.writeHead(status).end())).rejects.toThrow(`status ${status}`);
  });

  it("stops reading what is too large", async () => {
    await expect(fetch((_request, response) => response.end("x".repeat(1001)))).rejects.toThrow("more than 1000 bytes");
  });

  it("takes what is just not too large", async () => {
    expect(await fetch((_request, response) => response.end("x".repeat(1000)))).toHaveLength(1000);
  });

  it("gives up on a server that never ends its answer", async () => {
    const started = performance.now();
    const drip: RequestListener = (_request, response) => {
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
    };
    await expect(fetch(drip)).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(900);
  });

  it("gives up on a server that says nothing", async () => {
    await expect(fetch(() => undefined)).rejects.toThrow();
  });

  it("refuses a document that ends early", async () => {
    const cut: RequestListener = (_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("x");
      setTimeout(() => response.destroy(), 20);
    };
    await expect(fetch(cut)).rejects.toThrow();
  });

  it("refuses bytes that are not UTF-8", async () => {
    await expect(fetch((_request, response) => response.end(Buffer.of(0x22, 0xff, 0x22)))).rejects.toThrow();
  });
});

it("fixedTrust is what it was given", async () => {
  const source = fixedTrust(issuer.trust);
  expect([source.current(), await source.ready(), await source.refresh()]).toEqual([
    issuer.trust,
    issuer.trust,
    issuer.trust,
  ]);
  source.close();
});
