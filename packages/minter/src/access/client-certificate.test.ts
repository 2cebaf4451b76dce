import { parseCertificate } from "@tokens/pki";
import { createCertificateAuthority, issueMachineCertificate } from "@tokens/pki/x509";
import { beforeAll, expect, it } from "vitest";
import { checkClientCertificate } from "./client-certificate.js";

const nowSeconds = Date.now() / 1000;
let cas: Awaited<ReturnType<typeof createCertificateAuthority>>[];
beforeAll(async () => {
  cas = await Promise.all(["Fleet", "Fleet", "Other"].map((commonName) => createCertificateAuthority({ commonName })));
});

const read = (ca: { certificate: Uint8Array } | undefined) => parseCertificate(ca?.certificate ?? new Uint8Array());
const leafOf = async (index: number) => {
  const ca = cas[index] ?? expect.unreachable();
  return read(await issueMachineCertificate(ca, { commonName: "host-1.example.com" }));
};

it("finds the CA that made a certificate, also among CAs of one name", async () => {
  const known = cas.map(read);
  for (const index of [0, 1, 2]) {
    expect(checkClientCertificate(await leafOf(index), known, nowSeconds)).toBe(known[index]);
  }
});

it("refuses certificates of other CAs, whatever they are called", async () => {
  const check = (leaf: Awaited<ReturnType<typeof leafOf>>, ...known: number[]) =>
    checkClientCertificate(
      leaf,
      known.map((index) => read(cas[index])),
      nowSeconds,
    );
  const unknown = { code: "UNKNOWN_CA" };
  expect(() => check(read(cas[0]))).toThrow(expect.objectContaining(unknown));
  const leaf = await leafOf(0);
  expect(() => check(leaf)).toThrow(expect.objectContaining(unknown));
  expect(() => check(leaf, 2)).toThrow(expect.objectContaining(unknown));
  expect(() => check(leaf, 1, 2)).toThrow(expect.objectContaining({ code: "BAD_SIGNATURE" }));
});
