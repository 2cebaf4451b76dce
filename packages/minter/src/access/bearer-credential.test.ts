import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { base64url, decodeJwt, decodeProtectedHeader, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenIdProvider, startOpenIdProvider } from "openid-provider";
import { Refusal, Unavailable } from "../errors.js";
import { bearerCredential } from "./bearer-credential.js";
import { fetchIssuerKeys } from "./fetch-issuer-keys.js";
import { IssuerKeys } from "./issuer-keys.js";
import type { OidcIssuer } from "./oidc-issuer.js";

const alice = "alice@example.com";

let main: OpenIdProvider;
let other: OpenIdProvider;
beforeAll(async () => {
  [main, other] = await Promise.all([startOpenIdProvider(["tokens", "billing"]), startOpenIdProvider()]);
});
afterAll(() => Promise.all([main.stop(), other.stop()]));

/** Asks a server that trusts some issuers who sends a header. The clock of its keys can be moved. */
function serverFor(...issuers: OidcIssuer[]) {
  let elapsed = 0;
  const trusted = new Map(
    issuers.map(({ issuer }) => {
      const keys = new IssuerKeys({ issuer, fetchKeys: () => fetchIssuerKeys(issuer), clock: () => elapsed });
      return [issuer, { keys, entries: issuers.filter((entry) => entry.issuer === issuer) }];
    }),
  );
  const credential = bearerCredential(trusted);
  return {
    wait: (ms: number) => void (elapsed += ms),
    identify: (authorization: string, nowMs = Date.now()) =>
      credential.identify({ headers: new Headers({ authorization }), clientCertificate: undefined, nowMs }),
  };
}

const trust = (issuer: string, domains?: string[], audience = "tokens") => ({ issuer, audience, domains });

async function refusalOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    (identity) => expect.unreachable(`it is ${String(identity)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Refusal)) throw error;
  expect(error.code).toBe(Code.Unauthenticated);
  expect(error.message).toBe("invalid bearer token");
  return error.detail;
}

/** A token with the header and claims of another, changed, and any signature. */
function forge(token: string, header: object, claims: object, sign: (text: string) => string): string {
  const part = (value: object) => base64url.encode(JSON.stringify(value));
  const text = `${part({ ...decodeProtectedHeader(token), ...header })}.${part({ ...decodeJwt(token), ...claims })}`;
  return `${text}.${sign(text)}`;
}

describe("tokens of a real OpenID provider", () => {
  it("are their users, in lower case", async () => {
    const server = serverFor(trust(main.issuer));
    expect(await server.identify(`Bearer ${await main.login(alice)}`)).toBe("user:alice@example.com");
    expect(await server.identify(`Bearer   ${await main.login(alice)}`)).toBe("user:alice@example.com");
    expect(await server.identify(`bearer ${await main.login("Alice.Smith@Example.COM")}`)).toBe(
      "user:alice.smith@example.com",
    );
  });

  it("are refused when they are meant for somebody else", async () => {
    const token = await main.login(alice, { client: "billing" });
    expect(await refusalOf(serverFor(trust(main.issuer)).identify(`Bearer ${token}`))).toContain("aud");
  });

  it("are refused when their issuer is not configured", async () => {
    const token = await other.login(alice);
    expect(await refusalOf(serverFor(trust(main.issuer)).identify(`Bearer ${token}`))).toContain("is not configured");
  });

  it("are refused once they have expired", async () => {
    const server = serverFor(trust(main.issuer));
    const token = await main.login(alice);
    const { exp = 0 } = decodeJwt(token);
    expect(await server.identify(`Bearer ${token}`, (exp + 9) * 1000)).toBe("user:alice@example.com");
    expect(await refusalOf(server.identify(`Bearer ${token}`, (exp + 11) * 1000))).toContain("EXPIRED");
  });

  it.each([["false"], [""], ["TRUE"], ["1"]])("are refused when email_verified is %j", async (verified) => {
    const token = await main.login(alice, { verified });
    expect(await refusalOf(serverFor(trust(main.issuer)).identify(`Bearer ${token}`))).toContain("not verified");
  });

  it.each(["alice", "al ice@example.com", "alice@example.com.", "\u212Aelvin@example.com", "a@b@example.com"])(
    "are refused for the e-mail address %j, which is no identity",
    async (email) => {
      // The provider's stand-in for an account splits at blanks.
      const server = serverFor(trust(main.issuer));
      expect(await refusalOf(server.identify(`Bearer ${await main.login(email)}`))).toBeDefined();
    },
  );
});

describe("forged tokens", () => {
  const forgeries: [string, (token: string) => Promise<string>][] = [
    ["alg none without a signature", async (token) => forge(token, { alg: "none" }, {}, () => "")],
    ["alg none in other letters", async (token) => forge(token, { alg: "nOnE" }, {}, () => "")],
    [
      "HS256 with the public key as secret",
      async (token) => {
        const [jwk] = await main.publicKeys();
        const key = createPublicKey({ key: jwk ?? {}, format: "jwk" });
        const pem = key.export({ type: "spki", format: "pem" });
        return forge(token, { alg: "HS256" }, {}, (text) => createHmac("sha256", pem).update(text).digest("base64url"));
      },
    ],
    [
      "other claims under the old signature",
      async (token) => forge(token, {}, { email: "root@example.com" }, () => signatureOf(token)),
    ],
    ["no signature", async (token) => forge(token, {}, {}, () => "")],
    ["a signature of somebody else's key", async (token) => signedByStranger(token, decodeProtectedHeader(token).kid)],
    ["an unknown key id", async (token) => signedByStranger(token, "nobody's")],
    ["a key that the token brings along", async (token) => signedByStranger(token, undefined)],
    ["half a token", async (token) => token.slice(0, token.length / 2)],
    ["nothing but dots", async () => ".."],
  ];
  const signatureOf = (token: string) => token.split(".")[2] ?? "";
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });

  function signedByStranger(token: string, kid: string | undefined): Promise<string> {
    const jwk = stranger.publicKey.export({ format: "jwk" });
    const header = kid === undefined ? { alg: "RS256", jwk, jku: `${other.issuer}/jwks` } : { alg: "RS256", kid };
    return new SignJWT(decodeJwt(token)).setProtectedHeader(header).sign(stranger.privateKey);
  }

  it.each(forgeries)("are refused: %s", async (_, make) => {
    const server = serverFor(trust(main.issuer));
    const token = await main.login(alice);
    expect(await server.identify(`Bearer ${token}`)).toBe("user:alice@example.com");
    await refusalOf(server.identify(`Bearer ${await make(token)}`));
  });

  it.each(["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a, Bearer b", "Bearer \u00e4"])(
    "are refused: the header %j",
    async (header) => {
      expect(await refusalOf(serverFor(trust(main.issuer)).identify(header))).toContain("not one bearer token");
    },
  );

  it.each(["a.b.c", "....", "-"])("are refused when they are no JWTs: %s", async (token) => {
    expect(await refusalOf(serverFor(trust(main.issuer)).identify(`Bearer ${token}`))).toContain("not a JWT");
  });

  it("say nothing of the token in what is logged", async () => {
    const token = await main.login(alice);
    const detail = await refusalOf(serverFor().identify(`Bearer ${token}`));
    for (const part of token.split(".")) expect(detail).not.toContain(part);
  });
});

describe("keys of an issuer", () => {
  it("are found when the issuer rotates them, and those that it withdrew are not believed any more", async () => {
    const provider = await startOpenIdProvider();
    const server = serverFor(trust(provider.issuer));
    const before = await provider.login(alice);
    await server.identify(`Bearer ${before}`);
    await provider.rotate();
    const after = await provider.login(alice);
    await refusalOf(server.identify(`Bearer ${after}`)); // somebody fetched a moment ago
    server.wait(30_000);
    expect(await server.identify(`Bearer ${after}`)).toBe("user:alice@example.com");
    await refusalOf(server.identify(`Bearer ${before}`));
    await provider.stop();
  });

  it("are fetched again for a key id that nobody knows, and not for a signature that is wrong", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const issuer = "https://issuer.example.com";
    let fetched = 0;
    const fetchKeys = async () => {
      fetched++;
      return { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] };
    };
    // The last fetch is always long ago.
    let elapsed = 0;
    const keys = new IssuerKeys({ issuer, fetchKeys, clock: () => (elapsed += 60_000) });
    const credential = bearerCredential(new Map([[issuer, { keys, entries: [trust(issuer)] }]]));
    const claims = { iss: issuer, aud: "tokens", email: alice, email_verified: true, exp: 60 };
    const identify = async (kid: string, key = privateKey) => {
      const token = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid }).sign(key);
      const headers = new Headers({ authorization: `Bearer ${token}` });
      return credential.identify({ headers, clientCertificate: undefined, nowMs: 0 });
    };
    expect(await identify("k")).toBe("user:alice@example.com");
    expect(fetched).toBe(1);
    const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    expect(await refusalOf(identify("k", stranger))).toContain("SIGNATURE");
    expect(fetched).toBe(1);
    expect(await refusalOf(identify("other"))).toContain("NO_MATCHING_KEY");
    expect(fetched).toBe(2);
  });

  it("are used for a day while the issuer is down; then its callers are told to come again", async () => {
    const provider = await startOpenIdProvider();
    const server = serverFor(trust(provider.issuer));
    const token = await provider.login(alice);
    await server.identify(`Bearer ${token}`);
    await provider.stop();
    server.wait(24 * 3_600_000);
    expect(await server.identify(`Bearer ${token}`)).toBe("user:alice@example.com");
    server.wait(1);
    await expect(server.identify(`Bearer ${token}`)).rejects.toThrow(Unavailable);
    await provider.start();
    server.wait(1_000);
    expect(await server.identify(`Bearer ${token}`)).toBe("user:alice@example.com");
    await provider.stop();
  });

  it("may be new while the issuer is down: an unknown key id is then no refusal", async () => {
    const provider = await startOpenIdProvider();
    const server = serverFor(trust(provider.issuer));
    await server.identify(`Bearer ${await provider.login(alice)}`);
    await provider.rotate();
    const token = await provider.login(alice);
    await provider.stop();
    server.wait(30_000);
    await expect(server.identify(`Bearer ${token}`)).rejects.toThrow(Unavailable);
  });
});

describe("two issuers", () => {
  it("cannot vouch for the other's domains, nor for subdomains of their own", async () => {
    const server = serverFor(trust(main.issuer, ["example.com"]), trust(other.issuer, ["example.org", "example.net"]));
    expect(await server.identify(`Bearer ${await main.login(alice)}`)).toBe("user:alice@example.com");
    expect(await server.identify(`Bearer ${await other.login("bob@example.net")}`)).toBe("user:bob@example.net");
    for (const email of ["bob@example.org", "bob@sub.example.com", "bob@evilexample.com"]) {
      expect(await refusalOf(server.identify(`Bearer ${await main.login(email)}`))).toContain("does not vouch");
    }
    expect(await refusalOf(server.identify(`Bearer ${await other.login(alice)}`))).toContain("does not vouch");
  });

  it("do not hurt each other: one that is down makes its own callers wait and nobody else", async () => {
    const down = await startOpenIdProvider();
    const token = await down.login("bob@example.org");
    await down.stop();
    const server = serverFor(trust(main.issuer, ["example.com"]), trust(down.issuer, ["example.org"]));
    await expect(server.identify(`Bearer ${token}`)).rejects.toThrow(Unavailable);
    expect(await server.identify(`Bearer ${await main.login(alice)}`)).toBe("user:alice@example.com");
  });

  it("keep audience and domains of one entry together", async () => {
    const server = serverFor(trust(main.issuer, ["example.com"]), trust(main.issuer, ["example.org"], "billing"));
    const bob = "bob@example.org";
    expect(await server.identify(`Bearer ${await main.login(bob, { client: "billing" })}`)).toBe(`user:${bob}`);
    expect(await refusalOf(server.identify(`Bearer ${await main.login(bob)}`))).toContain("does not vouch");
  });
});

it("leaves calls without an Authorization header to others", async () => {
  const credential = bearerCredential(new Map());
  const call = { headers: new Headers(), clientCertificate: undefined, nowMs: 0 };
  expect(await credential.identify(call)).toBeUndefined();
});

it("wants a token that ends", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const issuer = "https://issuer.example.com";
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k" };
  const keys = new IssuerKeys({ issuer, fetchKeys: async () => ({ keys: [jwk] }), clock: () => 0 });
  const claims: JWTPayload = { iss: issuer, aud: "tokens", email: alice, email_verified: true };
  const sign = (payload: JWTPayload) =>
    new SignJWT(payload).setProtectedHeader({ alg: "RS256", kid: "k" }).sign(privateKey);
  const identify = async (payload: JWTPayload) => {
    const headers = new Headers({ authorization: `Bearer ${await sign(payload)}` });
    const trusted = new Map([[issuer, { keys, entries: [trust(issuer)] }]]);
    return bearerCredential(trusted).identify({ headers, clientCertificate: undefined, nowMs: 0 });
  };
  expect(await identify({ ...claims, exp: 60 })).toBe("user:alice@example.com");
  expect(await refusalOf(identify(claims))).toContain("exp");
  expect(await refusalOf(identify({ ...claims, exp: 60, nbf: 11 }))).toContain("nbf");
  expect(await refusalOf(identify({ ...claims, exp: 60, email: undefined }))).toContain("no e-mail");
  expect(await refusalOf(identify({ ...claims, exp: 60, email: [alice] }))).toContain("no e-mail");
});
