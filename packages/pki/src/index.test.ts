import { expect, it } from "vitest";
import * as crl from "./crl.js";
import * as pki from "./index.js";
import * as x509 from "./x509.js";

it("exports these names and no others", () => {
  expect(Object.keys(pki).toSorted()).toEqual([
    "CERTIFICATE_CHECKS",
    "CertificateError",
    "MAX_CERTIFICATE_BYTES",
    "MalformedInput",
    "checkCertificate",
    "generateRsaKey",
    "keyId",
    "parseCertificate",
    "parseCertificatePem",
    "publicKeyOf",
    "readPemBlocks",
    "whyKeyMayNotSign",
  ]);
  expect(Object.keys(crl).toSorted()).toEqual([
    "CrlError",
    "MAX_CRL_BYTES",
    "SerialIndex",
    "checkCrl",
    "crlInForceUntil",
    "decodeCrl",
    "indexEntries",
    "parseCrl",
    "revocationByLists",
  ]);
  expect(Object.keys(x509).toSorted()).toEqual([
    "createCertificateAuthority",
    "createSelfSignedCertificate",
    "createSigningAuthority",
    "issueMachineCertificate",
    "issueSigningCertificate",
    "toPem",
  ]);
});
