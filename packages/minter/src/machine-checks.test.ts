import { CertificateError, parseCertificate } from "@tokens/pki";
import { createCertificateAuthority, issueMachineCertificate } from "@tokens/pki/x509";
import { expect, it } from "vitest";
import { CA_NAME, policyOf } from "../test/fleet.js";
import { machineChecks } from "./machine-checks.js";

it("checks a machine by its CA, then by what was revoked, under the names that its tokens have", async () => {
  const ca = await createCertificateAuthority({ commonName: CA_NAME });
  const { certificate: der } = await issueMachineCertificate(ca, { commonName: "Host-1.fleet.example.com" });
  const certificate = parseCertificate(der);
  const now = Date.now() / 1000;
  const asked: unknown[] = [];
  let reason: string | undefined;
  const { policy } = await policyOf(ca);
  const checks = machineChecks({
    policy: () => policy,
    revocations: { find: () => undefined },
    feed: {
      whyRevoked: (machine) => {
        asked.push(machine);
        return reason;
      },
    },
  });
  checks.complete(certificate, now);
  const certSn = Buffer.from(certificate.serialMagnitude).toString("hex");
  expect(asked).toEqual([{ machineFqdn: "host-1.fleet.example.com", caId: 7n, certSn }]);
  expect(checks.whyRevoked(checks.byCa(certificate, now), now)).toBeUndefined();
  reason = "stolen";
  expect(() => checks.complete(certificate, now)).toThrow(CertificateError);
  expect(checks.whyRevoked(checks.byCa(certificate, now), now)).toBe("stolen");
});

it("leaves machines without a usable name to whoever grants tokens", async () => {
  const ca = await createCertificateAuthority({ commonName: CA_NAME });
  const { certificate } = await issueMachineCertificate(ca, { commonName: "no-domain" });
  const { policy } = await policyOf(ca);
  const names: string[] = [];
  const feed = { whyRevoked: ({ machineFqdn }: { machineFqdn: string }) => void names.push(machineFqdn) };
  machineChecks({ policy: () => policy, revocations: { find: () => undefined }, feed }).complete(
    parseCertificate(certificate),
    Date.now() / 1000,
  );
  expect(names).toEqual([""]);
});
