import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../../test/google/answer.js";
import { GoogleServer } from "../../test/google/google-server.js";
import { ACCOUNT, DELEGATE } from "../../test/google/iam-endpoint.js";
import { Unavailable } from "../errors.js";
import { googleTokens } from "../google/google-tokens.js";
import { credentialContract } from "./contract/credential-contract.js";
import { type CredentialBackend, CredentialRefused } from "./credential-backend.js";
import { googleIam } from "./google-iam.js";

let google: GoogleServer;
beforeEach(async () => void (google = await GoogleServer.start()));
afterEach(() => google.close());

const base = {
  account: ACCOUNT,
  delegates: [] as string[],
  caller: "user:a@x.y",
  minValiditySeconds: 300,
  notAfterMs: undefined as number | undefined,
};
const access = { ...base, scopes: ["https://example.com/a", "https://example.com/b"] };
const id = { ...base, audience: "https://audience.example.com" };

/** The two calls. */
const both: readonly ((backend: CredentialBackend) => Promise<unknown>)[] = [
  (backend) => backend.accessToken(access),
  (backend) => backend.idToken(id),
];

function open(identity: object = { metadataHost: google.host }, clock = Date.now) {
  return googleIam({ endpoint: `http://${google.host}`, tokens: googleTokens(identity, clock), clock });
}

/** The server answers calls of the API so. */
function bend(answer: Answer | (() => Answer | Promise<Answer>)) {
  google.bend = (call, right) => {
    if (!google.iam.handles(call.path)) return right();
    return typeof answer === "function" ? answer() : answer;
  };
}

/** A token that says when it ends, in the words of JSON. */
const jwt = (exp: string) => `e30.${Buffer.from(`{"exp":${exp}}`).toString("base64url")}.x`;

const thrown = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable("it was made"),
    (error: unknown) => error,
  );
const error = (code: number, status: string): Answer => [code, { error: { code, status, message: "because" } }];

describe("googleIam", () => {
  it.each(credentialContract)("$name", async ({ run }) => {
    const shortens = { access: true, id: false };
    const breakDown = () => bend(error(503, "UNAVAILABLE"));
    await run({
      backend: open(),
      account: ACCOUNT,
      delegates: [DELEGATE],
      shortens,
      breakDown,
      Unavailable,
      clock: Date.now,
    });
  });

  it("sends exactly the requests that the API's reference has", async () => {
    await open().accessToken(access);
    await open().accessToken({ ...access, delegates: [DELEGATE] });
    await open().idToken(id);
    await open().idToken({ ...id, delegates: [DELEGATE] });
    const calls = google.calls.filter(({ path }) => google.iam.handles(path));
    const name = "/v1/projects/-/serviceAccounts/robot%2B1%40p.iam.gserviceaccount.com";
    const delegates = [`projects/-/serviceAccounts/${DELEGATE}`];
    const method = "POST";
    const { scopes: scope } = access;
    const { audience } = id;
    expect(calls).toEqual([
      { method, path: `${name}:generateAccessToken?alt=json`, body: { scope } },
      { method, path: `${name}:generateAccessToken?alt=json`, body: { delegates, scope } },
      { method, path: `${name}:generateIdToken?alt=json`, body: { audience, includeEmail: true } },
      { method, path: `${name}:generateIdToken?alt=json`, body: { delegates, audience, includeEmail: true } },
    ]);
  });

  it("asks for a shorter life than usual only where it must", async () => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const backend = open(undefined, () => nowMs);
    const { expiryMs } = await backend.accessToken({ ...access, notAfterMs: nowMs + 610_900 });
    expect(google.calls.at(-1)?.body["lifetime"]).toBe("600s");
    expect(expiryMs).toBeGreaterThan(nowMs);
    await backend.accessToken({ ...access, notAfterMs: nowMs + 7200_000 });
    expect(google.calls.at(-1)?.body).not.toHaveProperty("lifetime");
    const late = thrown(backend.accessToken({ ...access, notAfterMs: nowMs + 10_999 }));
    expect(await late).toMatchObject({ code: "TOO_SHORT" });
  });

  it("calls as the service account of a key file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "iam-"));
    const keyFile = join(folder, "key.json");
    writeFileSync(keyFile, google.tokens.keyFile(google.tokenUri));
    expect((await open({ keyFile }).accessToken(access)).token).toMatch(/^ya29\.c\./);
    rmSync(folder, { recursive: true });
  });

  it("gets itself another token when its own was withdrawn", async () => {
    const backend = open();
    await backend.accessToken(access);
    google.tokens.revoke();
    expect((await backend.accessToken(access)).token).toMatch(/^ya29\.c\./);
    expect(google.tokens.given).toBe(2);
  });

  it.each([
    [400, "INVALID_ARGUMENT"],
    [403, "PERMISSION_DENIED"],
    [404, "NOT_FOUND"],
    [409, "ABORTED"],
  ])("takes status %d for a no, in Google's words", async (code, status) => {
    bend(error(code, status));
    for (const call of both) {
      const refused = await thrown(call(open()));
      expect(refused).toBeInstanceOf(CredentialRefused);
      expect((refused as Error).message).toBe(`Google: status ${code}: ${status}: because`);
    }
  });

  it.each<[string, Answer]>([
    ["status 401 again and again", error(401, "UNAUTHENTICATED")],
    ["a call that came too slowly", error(408, "UNKNOWN")],
    ["too many requests", error(429, "RESOURCE_EXHAUSTED")],
    ["status 500", error(500, "INTERNAL")],
    ["status 503", error(503, "UNAVAILABLE")],
    ["status 504", error(504, "DEADLINE_EXCEEDED")],
    ["a broken connection", [0, {}]],
    ["an answer without a token", [200, {}]],
    ["an answer without an end", [200, { accessToken: "x", token: "x.e30.x" }]],
    ["an end that is no time", [200, { accessToken: "x", expireTime: "soon", token: "a.b" }]],
    ["an end without a zone", [200, { accessToken: "x", expireTime: "2100-01-01T00:00:00", token: jwt("0") }]],
    [
      "an end that no clock reaches",
      [200, { accessToken: "x", expireTime: "2100-13-01T00:00:00Z", token: jwt("9e15") }],
    ],
    ["a token that is no JWT", [200, { accessToken: "x", expireTime: "3600", token: "a.b.c" }]],
    ["an end of the wrong kind", [200, { accessToken: 1, expireTime: 2, token: 3 }]],
  ])("does not know after %s", async (_, answer) => {
    bend(answer);
    for (const call of both) {
      const unavailable = await thrown(call(open()));
      expect(unavailable).toBeInstanceOf(Unavailable);
      expect((unavailable as Error).message).toBe("cannot get tokens from Google now");
    }
  });

  it("does not wait for ever", async () => {
    bend(() => new Promise(() => undefined));
    const tokens = googleTokens({ metadataHost: google.host });
    const slow = googleIam({ endpoint: `http://${google.host}`, tokens, clock: Date.now, timeoutMs: 200 });
    const unavailable = await thrown(slow.accessToken(access));
    expect(unavailable).toBeInstanceOf(Unavailable);
    expect((unavailable as Unavailable).detail).toBe("IAM: no answer within 200 ms");
  });

  it("does not know whether there is a token while it gets none for itself", async () => {
    google.bend = () => [403, { error: "access_denied" }];
    const unavailable = await thrown(open().accessToken(access));
    expect(unavailable).toBeInstanceOf(Unavailable);
    expect((unavailable as Unavailable).detail).toMatch(/no token for Google's API: status 403: access_denied/);
  });
});
