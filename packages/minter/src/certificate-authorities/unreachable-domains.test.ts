import { create } from "@bufbuild/protobuf";
import { CertificateAuthorityConfigSchema } from "@tokens/api/config";
import { toPem } from "@tokens/pki/x509";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CA_NAME, makeFleet } from "../../test/fleet.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { PolicyFindings } from "../policies/policy-findings.js";
import { describeProblem } from "../policies/policy-problem.js";
import { policyOfFiles } from "../policies/policy-reader.js";
import { checkReach } from "./unreachable-domains.js";

/** Entries of known_domains: their domains, and whether machines in them get tokens. */
type Entries = readonly (readonly [domains: readonly string[], lifetime: number | undefined])[];

function warningsFor(entries: Entries) {
  const knownDomains = entries.map(([domain, lifetime]) => ({
    domain: [...domain],
    machineTokenLifetime: BigInt(lifetime ?? 0),
  }));
  const rules = entries.flatMap(([domains, lifetimeSeconds]) => domains.map((domain) => ({ domain, lifetimeSeconds })));
  const findings = new PolicyFindings();
  checkReach(create(CertificateAuthorityConfigSchema, { cn: "A", knownDomains }), rules, [], findings);
  return findings.list.map(({ path, message }) => [path.join("."), message] as const);
}

const unreached = (entries: Entries) =>
  warningsFor(entries).flatMap(([path, message]) => (message.includes("never reached") ? [path] : []));
const isUnused = (entries: Entries) => warningsFor(entries).some(([, message]) => message.startsWith("unused CA"));

describe("checkReach", () => {
  it.each<[string, Entries]>([
    [
      "different domains",
      [
        [["a.b", "c.d"], 60],
        [["e.f"], undefined],
      ],
    ],
    [
      "a domain before the one that covers it",
      [
        [["x.a.b"], 60],
        [["a.b"], 60],
      ],
    ],
    [
      "a domain that only ends in the same letters",
      [
        [["a.b"], 60],
        [["xa.b"], 60],
      ],
    ],
  ])("says nothing about %s", (_, entries) => {
    expect(warningsFor(entries)).toEqual([]);
  });

  it.each<[string, Entries, string]>([
    [
      "the same domain again",
      [
        [["a.b"], 60],
        [["a.b"], 90],
      ],
      "known_domains.1.domain.0",
    ],
    [
      "a domain within an earlier one",
      [
        [["c.d", "b"], 60],
        [["e.f", "x.a.b"], 60],
      ],
      "known_domains.1.domain.1",
    ],
    ["a domain within an earlier one of its entry", [[["a.b", "x.a.b"], 60]], "known_domains.0.domain.1"],
    [
      "a domain within one that is forbidden",
      [
        [["c.d"], 60],
        [["b"], undefined],
        [["a.b"], 60],
      ],
      "known_domains.2.domain.0",
    ],
  ])("warns of %s", (_, entries, place) => {
    expect(warningsFor(entries)).toEqual([[place, expect.stringMatching(/is never reached: ".+" before it decides/)]]);
  });

  it("agrees with the first match of a list, however it is made", () => {
    const label = fc.constantFrom("a", "b", "ab");
    const domain = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(fc.array(domain, { maxLength: 8 }), (domains) => {
        const covered = domains.flatMap((name, index) =>
          domains.findIndex((other) => name === other || name.endsWith(`.${other}`)) < index ? [index] : [],
        );
        const places = unreached(domains.map((name) => [[name], 60]));
        expect(places).toEqual(covered.map((index) => `known_domains.${index}.domain.0`));
      }),
    );
  });

  it.each<[string, Entries]>([
    ["no domains", []],
    ["only domains without a lifetime", [[["a.b"], undefined]]],
    [
      "only lifetimes that are never reached",
      [
        [["b"], undefined],
        [["a.b"], 60],
      ],
    ],
    ["an entry without domains", [[[], 60]]],
  ])("calls a CA unused with %s", (_, entries) => {
    expect(isUnused(entries)).toBe(true);
  });

  it("calls no CA unused that has one machine to mint for", () => {
    expect(
      isUnused([
        [["b"], undefined],
        [["c"], 60],
      ]),
    ).toBe(false);
  });

  it("is asked about each policy, and says where", async () => {
    const { ca } = await makeFleet();
    const text = `certificate_authority {
  cn: "${CA_NAME}" cert_path: "ca.pem"
  known_domains { domain: "b" }
  known_domains { domain: "a.b" machine_token_lifetime: 60 }
}`;
    const files = { "ca.pem": toPem("CERTIFICATE", ca.certificate), "tokenserver.cfg": text };
    const { warnings } = await compilePolicy(policyOfFiles(files));
    expect(warnings.map(describeProblem)).toEqual([
      'warning: tokenserver.cfg:4:19: "a.b" is never reached: "b" before it decides for its machines',
      `warning: tokenserver.cfg:1:1: unused CA "${CA_NAME}": none of its machines can get a token; ` +
        "give one of its known_domains a machine_token_lifetime",
    ]);
  });
});
