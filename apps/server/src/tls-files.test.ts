import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { readClientCas } from "./tls-files.js";

let [first, second, leaf] = ["", "", ""];
beforeAll(async () => {
  const ca = await createCertificateAuthority({ commonName: "First" });
  first = toPem("CERTIFICATE", ca.certificate);
  second = toPem("CERTIFICATE", (await createCertificateAuthority({ commonName: "Second" })).certificate);
  leaf = toPem("CERTIFICATE", (await issueMachineCertificate(ca, { commonName: "a.b.c" })).certificate);
});

const read = (text: string) => readClientCas({ clientCa: Buffer.from(text) });

describe("readClientCas", () => {
  it("reads one CA, or several, with comments between them", () => {
    expect(read(first).map(({ subject }) => subject.commonNames)).toEqual([["First"]]);
    expect(read(`# one\n${first}\n# two\n${second}\n`)).toHaveLength(2);
    expect(readClientCas({})).toEqual([]);
  });

  it.each([
    ["an empty file", () => "", /CA certificates in PEM/],
    ["garbage", () => "garbage", /CA certificates in PEM/],
    ["a key", () => first.replaceAll("CERTIFICATE", "PRIVATE KEY"), /nothing else/],
    ["a key beside a certificate", () => first + first.replaceAll("CERTIFICATE", "PRIVATE KEY"), /nothing else/],
    ["half of a certificate", () => first + second.slice(0, 300), /nothing else/],
    ["a broken certificate", () => first + second.replace("MII", "AAA"), /certificate 2: /],
    ["a certificate of a machine", () => first + leaf, /certificate 2 is not one of a CA/],
  ])("refuses %s", (_, text, message) => {
    expect(() => read(text())).toThrow(UsageError);
    expect(() => read(text())).toThrow(message);
  });
});
