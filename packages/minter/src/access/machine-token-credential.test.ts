import { generateKeyPairSync } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { type Trust, trustFromCertificates, TrustUnavailable } from "@tokens/machine-auth";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { localSigner } from "../keys/local-signer.js";
import type { Signer } from "../keys/signer.js";
import { signMachineToken } from "../machine-tokens/sign-machine-token.js";
import { publicDocuments } from "../trust/public-documents.js";
import { machineTokenCredential } from "./machine-token-credential.js";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const server = { appId: "tokens", serviceAccount: "minter@example.com", serviceVersion: "tokens/1" };
const grant = { fqdn: "host-1.example.com", lifetimeSeconds: 60, caId: 7n, certSn: Uint8Array.of(1) };

async function makeSigner(): Promise<Signer> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [notBefore, notAfter] = [new Date("2026-01-01T00:00:00Z"), new Date("2036-01-01T00:00:00Z")];
  const der = await createSelfSignedCertificate({ privateKey, commonName: "Signer", notBefore, notAfter });
  return localSigner(privateKey, toPem("CERTIFICATE", der));
}

let signer: Signer;
let stranger: Signer;
let trust: Trust;
beforeAll(async () => {
  [signer, stranger] = await Promise.all([makeSigner(), makeSigner()]);
  const documents = publicDocuments(server, signer, () => nowMs);
  trust = trustFromCertificates(documents.get("/auth/api/v1/server/certificates")?.() ?? "");
});

const tokenBy = async (who: Signer, account = server.serviceAccount) =>
  (await signMachineToken(grant, account, who, nowMs)).token;
const credential = (source: () => Trust = () => trust) => machineTokenCredential(source, "service:tokens");
const callWith = (token: string | undefined, atMs = nowMs) => ({
  headers: new Headers(token === undefined ? {} : { "x-luci-machine-token": token }),
  clientCertificate: undefined,
  nowMs: atMs,
});

describe("machineTokenCredential", () => {
  it("takes a token that this server made for its machine", async () => {
    expect(await credential().identify(callWith(await tokenBy(signer)))).toBe("bot:host-1.example.com");
  });

  it("leaves calls without a token to others", async () => {
    expect(await credential().identify(callWith(undefined))).toBeUndefined();
  });

  it.each<[string, () => Promise<ReturnType<typeof callWith>>, string]>([
    ["garbage", async () => callWith("garbage"), "MALFORMED"],
    ["an empty token", async () => callWith(""), "UNKNOWN_ISSUER"],
    ["two tokens", async () => callWith(`${await tokenBy(signer)}, ${await tokenBy(signer)}`), "MALFORMED"],
    ["one of another server", async () => callWith(await tokenBy(signer, "other@example.com")), "UNKNOWN_ISSUER"],
    ["one by a stranger's key", async () => callWith(await tokenBy(stranger)), "UNKNOWN_KEY"],
    ["one that has expired", async () => callWith(await tokenBy(signer), nowMs + 71_000), "EXPIRED"],
  ])("refuses %s", async (_, call, code) => {
    const error = await credential()
      .identify(await call())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: Code.Unauthenticated, message: "invalid machine token" });
    expect(error).toMatchObject({ detail: expect.stringContaining(code) });
  });

  it("cannot tell while there is no trust", async () => {
    const none = () => {
      throw new TrustUnavailable("NEVER_FETCHED", "nothing yet");
    };
    await expect(credential(none).identify(callWith("token"))).rejects.toThrow(Unavailable);
  });
});
