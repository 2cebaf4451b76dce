import { Code } from "@connectrpc/connect";
import { CertificateError, checkCertificate, parseCertificate } from "@tokens/pki";
import { createCertificateAuthority, issueMachineCertificate } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { makeFleet } from "../../test/fleet.js";
import { Unavailable } from "../errors.js";
import { machineNameOf } from "../machine-tokens/machine-name.js";
import { type ClientCertificateChecks, clientCertificateCredential } from "./client-certificate-credential.js";

const nowMs = Date.now();
let fleet: Awaited<ReturnType<typeof makeFleet>>;
let checks: ClientCertificateChecks;
beforeAll(async () => {
  fleet = await makeFleet();
  const ca = parseCertificate(fleet.ca.certificate);
  checks = {
    check: (certificate, nowSeconds) =>
      void checkCertificate(certificate, { anchors: [ca], intermediates: [], policy: {} }, nowSeconds),
    nameOf: (certificate) => machineNameOf(certificate).fqdn,
  };
});

const identify = (clientCertificate: Uint8Array | undefined, atMs = nowMs, with_ = checks) =>
  clientCertificateCredential(with_).identify({ headers: new Headers(), clientCertificate, nowMs: atMs });

describe("clientCertificateCredential", () => {
  it("takes a certificate of a trusted CA for its machine", async () => {
    expect(await identify(fleet.machine.certificate)).toBe("bot:host-1.fleet.example.com");
  });

  it("leaves calls without a certificate to others", async () => {
    expect(await identify(undefined)).toBeUndefined();
  });

  it("never makes a user of a machine, whatever the certificate is called", async () => {
    for (const commonName of ["user:root@example.com", "root@example.com", "bot:a.b", "a b.c", "localhost"]) {
      const { certificate } = await issueMachineCertificate(fleet.ca, { commonName });
      await expect(identify(certificate)).rejects.toMatchObject({ code: Code.Unauthenticated });
    }
  });

  it("gives one public answer for everything that is wrong, and logs the reason", async () => {
    const impostor = await createCertificateAuthority({ commonName: "Test Fleet CA" });
    const stranger = await issueMachineCertificate(impostor, { commonName: "host-1.fleet.example.com" });
    const cases: [Uint8Array, number, string][] = [
      [stranger.certificate, nowMs, "BAD_SIGNATURE"],
      [fleet.machine.certificate, nowMs + 1000 * 365 * 86_400_000, "EXPIRED"],
      [fleet.machine.certificate.subarray(0, 100), nowMs, "not a certificate"],
      [new Uint8Array(), nowMs, "not a certificate"],
    ];
    for (const [certificate, atMs, reason] of cases) {
      const error = await identify(certificate, atMs).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: Code.Unauthenticated, message: "invalid or untrusted client certificate" });
      expect(error).toMatchObject({ detail: expect.stringContaining(reason) });
    }
  });

  it("passes a bug on as it is: it is no fault of the client", async () => {
    const bug = new TypeError("a bug");
    const broken = {
      ...checks,
      nameOf: () => {
        throw bug;
      },
    };
    await expect(identify(fleet.machine.certificate, nowMs, broken)).rejects.toBe(bug);
  });

  it("cannot tell while no revocation list is in force", async () => {
    const unsure = {
      ...checks,
      check: () => {
        throw new CertificateError("CRL_NOT_READY", "no CRL is in force");
      },
    };
    await expect(identify(fleet.machine.certificate, nowMs, unsure)).rejects.toThrow(Unavailable);
  });
});
