import { generateKeyPairSync, verify } from "node:crypto";
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { guardedSigner, type SigningKey } from "./guarded-signer.js";
import { type SignBytes, SignerUnavailable } from "./key-backend.js";
import { localBackend } from "./local-backend.js";
import { SignGate } from "./sign-gate.js";

const bytes = Buffer.from("body");

/** A signer over a real key, whose answers are bent as given. */
async function signerThat(bend: (sign: SignBytes) => SignBytes, isRemote = true, gate = new SignGate()) {
  const { publicKey, handle } = await localBackend.create("test");
  const sign = bend(await localBackend.open(handle));
  const key: SigningKey = { keyId: "k1", certificatePem: "PEM", publicKey, sign, isRemote };
  return { signer: guardedSigner(key, gate), publicKey };
}

/** An outage whose detail says so. */
const outage = (detail: RegExp) =>
  expect.objectContaining({ detail: expect.stringMatching(detail) as string }) as Error;

/** A promise and what settles it. */
function held<T>() {
  let release: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (release = resolve));
  return { promise, release };
}

describe("guardedSigner", () => {
  it("passes right signatures on", async () => {
    const { signer, publicKey } = await signerThat((sign) => sign);
    expect(verify("sha256", bytes, publicKey, await signer.sign(bytes))).toBe(true);
    expect(signer).toMatchObject({ keyId: "k1", certificatePem: "PEM" });
  });

  it.each([
    ["of other bytes", (sign: SignBytes) => () => sign(Buffer.from("other"))],
    ["of nothing", () => () => Promise.resolve(new Uint8Array())],
    [
      "with one bit wrong",
      (sign: SignBytes) => async (message: Uint8Array) => {
        const signature = await sign(message);
        return signature.map((byte, index) => (index === 100 ? byte ^ 1 : byte));
      },
    ],
  ])("never hands out a signature %s that came from outside", async (_, bend) => {
    const { signer } = await signerThat(bend);
    await expect(signer.sign(bytes)).rejects.toThrow(SignerUnavailable);
    await expect(signer.sign(bytes)).rejects.toThrow(outage(/k1 answered with a wrong signature/));
  });

  it("never hands out a signature by another key", async () => {
    const other = await localBackend.create("test");
    const { signer } = await signerThat(() => async (message) => (await localBackend.open(other.handle))(message));
    await expect(signer.sign(bytes)).rejects.toThrow(outage(/wrong signature/));
  });

  it("refuses more than its share at once, and takes more when some are done", async () => {
    const gate = new SignGate({ maxInFlight: 3 });
    const { promise, release } = held<void>();
    const waiting: SignBytes = async () => {
      await promise;
      return new Uint8Array();
    };
    const { signer } = await signerThat(() => waiting, false, gate);
    const others = await signerThat((sign) => sign, true, gate);
    const first = [1, 2, 3].map(() => signer.sign(bytes));
    await expect(signer.sign(bytes)).rejects.toThrow(SignerUnavailable);
    await expect(others.signer.sign(bytes)).rejects.toThrow(outage(/too many signatures/));
    release();
    await Promise.all(first);
    await expect(signer.sign(bytes)).resolves.toBeDefined();
    await expect(others.signer.sign(bytes)).resolves.toBeDefined();
  });

  it("gives a place back when signing fails", async () => {
    const failing: SignBytes = () => Promise.reject(new SignerUnavailable("down"));
    const { signer } = await signerThat(() => failing, true, new SignGate({ maxInFlight: 1 }));
    for (let round = 0; round < 3; round++) await expect(signer.sign(bytes)).rejects.toThrow(outage(/^down$/));
  });

  it("does not wait for ever, and ignores what comes too late", async () => {
    const late = held<Uint8Array>();
    const { signer } = await signerThat(
      () => () => late.promise,
      true,
      new SignGate({ maxInFlight: 1, timeoutMs: 20 }),
    );
    await expect(signer.sign(bytes)).rejects.toThrow(outage(/no signature within 20 ms/));
    await expect(signer.sign(bytes)).rejects.toThrow(outage(/no signature within 20 ms/));
    late.release(new Uint8Array());
    await expect(signer.sign(bytes)).rejects.toThrow(outage(/wrong signature/));
  });

  it("allows 64 signatures a core where nothing else is said", async () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const { promise, release } = held<Uint8Array>();
    const key: SigningKey = { keyId: "k1", certificatePem: "", publicKey, sign: () => promise, isRemote: false };
    const signer = guardedSigner(key, new SignGate());
    let refused = 0;
    const calls = Array.from({ length: 64 * (availableParallelism() + 1) }, () =>
      signer.sign(bytes).catch(() => refused++),
    );
    await new Promise((resolve) => void setImmediate(resolve));
    release(new Uint8Array());
    await Promise.all(calls);
    expect(refused).toBe(64);
  });
});
