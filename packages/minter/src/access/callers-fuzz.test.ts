import { generateKeyPairSync } from "node:crypto";
import { damagedText, fuzz, fuzzAsync, orRefusedAsync } from "fuzz";
import { base64url, exportJWK, SignJWT } from "jose";
import { beforeAll, expect, it } from "vitest";
import { Refusal } from "../errors.js";
import { bearerCredential } from "./bearer-credential.js";
import { identityProblem } from "./canonical-identity.js";
import { globProblem, matchesGlob } from "./identity-glob.js";
import { IssuerKeys } from "./issuer-keys.js";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const issuer = "https://id.example.com";
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const claims = { email: "alice@example.com", email_verified: true };

let token: string;
let identify: (authorization: string) => Promise<string | undefined>;
beforeAll(async () => {
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "k" }).setIssuer(issuer);
  token = await jwt
    .setAudience("tokens")
    .setExpirationTime(new Date(nowMs + 60_000))
    .sign(privateKey);
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "k" }] };
  const trusted = {
    entries: [{ issuer, audience: "tokens", domains: undefined }],
    keys: new IssuerKeys({ issuer, fetchKeys: () => Promise.resolve(keys), clock: () => 0 }),
  };
  const credential = bearerCredential(new Map([[issuer, trusted]]));
  identify = async (authorization) =>
    credential.identify({ headers: new Headers({ authorization }), clientCertificate: undefined, nowMs });
});

/** Of a JWT's text other letters may mean the same bytes in its last letter of each part; what is signed is the text. */
const signedText = (text: string) => text.slice(0, text.lastIndexOf("."));

it("takes no JWT for good but the one that was signed", async () => {
  const words = [".", "..", "eyJ", "=", "Bearer ", "bearer", " "];
  await fuzzAsync(damagedText([`Bearer ${token}`], words), async (text) => {
    if (/[^\x20-\x7e]/.test(text)) return;
    const caller = await orRefusedAsync(() => identify(text), Refusal);
    if (caller !== undefined)
      expect([caller, signedText(text.trim()).replace(/^bearer +/i, "")]).toEqual([
        "user:alice@example.com",
        signedText(token),
      ]);
  });
});

it("refuses any header and any claims that nobody signed", async () => {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const texts = [header, payload].map((part) => Buffer.from(base64url.decode(part)).toString());
  const words = [
    '"alg"',
    '"none"',
    '"HS256"',
    '"ES256"',
    '"kid"',
    '"k"',
    '"crit"',
    '["b64"]',
    "null",
    "{",
    "}",
    '"iss"',
    "[]",
    ":",
  ];
  await fuzzAsync(damagedText(texts, words), async (text) => {
    const part = base64url.encode(text);
    for (const forged of [`${part}.${payload}.${signature}`, `${header}.${part}.${signature}`]) {
      if (forged !== token) expect(await orRefusedAsync(() => identify(`Bearer ${forged}`), Refusal)).toBeUndefined();
    }
  });
});

it("finds only identities canonical that are written in the one way", () => {
  const good = [
    "user:alice@example.com",
    "bot:host-1.fleet.example.com",
    "service:Files",
    "project:p",
    "anonymous:anonymous",
  ];
  fuzz(damagedText(good, [":", "@", ".", "*", "A", "\u212a", "xn--", "..", " "]), (text) => {
    if (identityProblem(text) !== undefined) return;
    expect(text).toMatch(/^(user|bot|service|project|anonymous):[\x21-\x7e]+$/);
    if (!text.startsWith("service:") && !text.startsWith("project:")) expect(text).toBe(text.toLowerCase());
  });
});

it("matches any pattern against anything, in the time of a glance", () => {
  const parts = ["*", "**", "bot:", "user:", ".", "a", "@"];
  fuzz(damagedText(["bot:*.example.com", "user:*@example.com"], parts), (glob) => {
    globProblem(glob);
    const matches = matchesGlob("bot:host.example.com", glob);
    if (!glob.includes("*")) expect(matches).toBe(glob === "bot:host.example.com");
    matchesGlob("a".repeat(5000), glob);
  });
});
