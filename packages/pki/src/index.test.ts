import { expect, it } from "vitest";
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
    "whyKeyMayNotSign",
  ]);
  expect(Object.keys(x509).toSorted()).toEqual([
    "createCertificateAuthority",
    "createSelfSignedCertificate",
    "issueMachineCertificate",
    "toPem",
  ]);
});
