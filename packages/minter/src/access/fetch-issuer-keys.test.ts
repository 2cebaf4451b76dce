import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fetchIssuerKeys } from "./fetch-issuer-keys.js";

let server: Server;
let issuer: string;
let answer: RequestListener;
const asked: string[] = [];
beforeEach(async () => {
  asked.length = 0;
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(
  () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
);

/** Answers discovery and keys by JSON. */
function serve(discovery: object, keySet: unknown = { keys: [{ kty: "EC" }] }): void {
  answer = (request, response) => {
    response.end(JSON.stringify(request.url?.includes("/.well-known/") ? discovery : keySet));
  };
}

const fetched = () => fetchIssuerKeys(issuer).catch((error: unknown) => (error as Error).message);

it("fetches the discovery document and the keys that it names", async () => {
  serve({ issuer, jwks_uri: `${issuer}/keys` });
  expect(await fetched()).toEqual({ keys: [{ kty: "EC" }] });
  expect(asked).toEqual(["/.well-known/openid-configuration", "/keys"]);
});

it("knows issuers with a path, and with a slash at the end", async () => {
  const withPath = `${issuer}/realms/a/`;
  serve({ issuer: withPath, jwks_uri: `${issuer}/keys` });
  await fetchIssuerKeys(withPath);
  expect(asked[0]).toBe("/realms/a/.well-known/openid-configuration");
});

it("leaves out what is no key", async () => {
  serve({ issuer, jwks_uri: `${issuer}/keys` }, { keys: [null, 1, "a", { kty: "EC" }] });
  expect(await fetched()).toEqual({ keys: [{ kty: "EC" }] });
});

it("refuses a discovery document of another issuer, also if only a slash differs", async () => {
  serve({ issuer: `${issuer}/`, jwks_uri: `${issuer}/keys` });
  expect(await fetched()).toContain("of another issuer");
});

it.each(["http://issuer.example.com/keys", "file:///etc/passwd", "", 7, undefined])(
  "refuses keys at %j",
  async (jwks) => {
    serve({ issuer, jwks_uri: jwks });
    expect(await fetched()).toContain("not an https URL");
    expect(asked).toHaveLength(1);
  },
);

it.each([[[]], ["text"], [null], [{}], [{ keys: {} }]])("refuses the key set %j", async (keySet) => {
  serve({ issuer, jwks_uri: `${issuer}/keys` }, keySet);
  expect(await fetched()).toEqual(expect.any(String));
});

it("does not follow redirects", async () => {
  answer = (_, response) => response.writeHead(302, { location: `${issuer}/elsewhere` }).end();
  expect(await fetched()).toEqual(expect.any(String));
  expect(asked).toHaveLength(1);
});

it("takes status 200 alone, and does not repeat what came", async () => {
  answer = (_, response) => response.writeHead(500).end("a secret");
  expect(await fetched()).toMatch(/^status 500 from http/);
});

it("stops reading what is too large", async () => {
  answer = (_, response) => {
    const more = () => response.write(Buffer.alloc(64 * 1024, "["), () => setImmediate(more));
    response.on("error", () => undefined);
    more();
  };
  expect(await fetched()).toContain("more than 262144 bytes");
});

it("takes no document that was compressed to become large", async () => {
  answer = (_, response) => {
    response.setHeader("content-encoding", "gzip").end(gzipSync(Buffer.alloc(10_000_000, " ")));
  };
  expect(await fetched()).toContain("more than 262144 bytes");
});

it("gives up on an issuer that does not answer", async () => {
  answer = () => undefined;
  await expect(fetchIssuerKeys(issuer, 50)).rejects.toThrow(/timeout|aborted/i);
});
