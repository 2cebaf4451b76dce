import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SignerUnavailable } from "../key-backend.js";
import type { Answer } from "../../../test/google/answer.js";
import { type Call, GoogleServer } from "../../../test/google/google-server.js";
import { SIGN_KEY } from "../../../test/google/kms-endpoint.js";
import { signerContract } from "../contract/signer-contract.js";
import { gcpKmsBackend } from "./gcp-kms-backend.js";

let google: GoogleServer;
beforeEach(async () => void (google = await GoogleServer.start()));
afterEach(() => google.close());

const open = () => gcpKmsBackend(google.kmsUri(SIGN_KEY), { metadataHost: google.host });
const body = Buffer.from("body");

/** What an outage says to the log. */
const outage = (detail: RegExp) =>
  expect.objectContaining({ detail: expect.stringMatching(detail) as string }) as Error;

/** A key and what signs with it, and then the server bends what it answers to calls of a kind. */
async function signerWhen(verb: string, bend: (right: Answer, call: Call) => Answer | Promise<Answer>) {
  const backend = open();
  const { handle } = await backend.create("test");
  google.bend = (call, right) => (call.path.endsWith(verb) ? bend(right(), call) : right());
  return backend.open(handle);
}

describe("gcpKmsBackend", () => {
  it.each(signerContract)("$name", ({ run }) => run(open()));

  it("asks for nothing before it has to", () => {
    open();
    expect(google.calls).toEqual([]);
  });

  it("sends exactly the calls that the API's reference has, with a token", async () => {
    const backend = open();
    const { handle } = await backend.create("test");
    await (
      await backend.open(handle)
    )(body);
    await backend.erase(handle);
    const version = `${SIGN_KEY}/cryptoKeyVersions/1`;
    expect(Buffer.from(handle).toString()).toBe(`gcp-kms:${version}`);
    expect(google.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /computeMetadata/v1/instance/service-accounts/default/token",
      `POST /v1/${SIGN_KEY}/cryptoKeyVersions`,
      `GET /v1/${version}`,
      `GET /v1/${version}/publicKey`,
      `POST /v1/${version}:asymmetricSign`,
      `GET /v1/${version}`,
      `POST /v1/${version}:destroy`,
    ]);
    // The SHA-256 of "body", and its CRC-32C.
    expect(google.calls[4]?.body).toEqual({
      digest: { sha256: "Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=" },
      digestCrc32c: "2439327168",
    });
  });

  it("waits until a new key is ready", async () => {
    google.kms.pollsUntilReady = 2;
    const { publicKey } = await open().create("test");
    expect(publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
  });

  it("refuses a KMS key that is for something else, and leaves no version of it", async () => {
    google.kms.algorithm = "EC_SIGN_P256_SHA256";
    await expect(open().create("test")).rejects.toThrow(/is a key for EC_SIGN_P256_SHA256; make the KMS key with RSA/);
    expect(google.calls.at(-1)?.path).toMatch(/cryptoKeyVersions\/1:destroy$/);
  });

  it.each<[string, (answer: Record<string, unknown>) => object]>([
    ["a damaged signature", (answer) => ({ ...answer, signature: Buffer.alloc(256).toString("base64") })],
    ["a signature without its checksum", (answer) => ({ ...answer, signatureCrc32c: undefined })],
    ["a digest that was damaged on the way", (answer) => ({ ...answer, verifiedDigestCrc32c: false })],
    ["an answer of another key", (answer) => ({ ...answer, name: `${SIGN_KEY}/cryptoKeyVersions/2` })],
    ["an empty answer", () => ({})],
  ])("refuses %s", async (_, change) => {
    const sign = await signerWhen(":asymmetricSign", ([status, answer]) => [status, change({ ...answer })]);
    await expect(sign(body)).rejects.toThrow(outage(/was damaged on the way, or is of another key/));
  });

  it("refuses a public key that was damaged", async () => {
    google.bend = (call, right) => {
      const [status, answer] = right();
      return [status, call.path.endsWith("/publicKey") ? { ...answer, pemCrc32c: "1" } : answer];
    };
    await expect(open().create("test")).rejects.toThrow(outage(/its public key .* was damaged/));
  });

  it.each([
    [403, "PERMISSION_DENIED"],
    [429, "RESOURCE_EXHAUSTED"],
    [500, "INTERNAL"],
    [503, "UNAVAILABLE"],
    [400, "FAILED_PRECONDITION"],
  ])("is unavailable when the API answers %i", async (status, code) => {
    const sign = await signerWhen(":asymmetricSign", () => [
      status,
      { error: { code: status, status: code, message: "m" } },
    ]);
    await expect(sign(body)).rejects.toThrow(SignerUnavailable);
    await expect(sign(body)).rejects.toThrow(outage(new RegExp(`status ${status}: ${code}: m`)));
  });

  it("tries once more after a broken connection, an overload or a withdrawn token", async () => {
    let broken = 0;
    const answers: Answer[] = [
      [0, {}],
      [503, {}],
    ];
    const sign = await signerWhen(":asymmetricSign", (right) => answers[broken++] ?? right);
    await expect(sign(body)).rejects.toThrow(outage(/status 503/));
    expect((await sign(body)).length).toBe(256);
    google.tokens.revoke();
    expect((await sign(body)).length).toBe(256);
    expect(google.tokens.given).toBe(2);
  });

  it("is unavailable when there is no token", async () => {
    google.bend = (call, right) => (call.path.startsWith("/computeMetadata") ? [404, {}] : right());
    await expect(open().create("test")).rejects.toThrow(SignerUnavailable);
  });
});
