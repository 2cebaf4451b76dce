import { issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { type Authority, CA_NAME, makeFleet } from "../../test/fleet.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { describeProblem, PolicyError } from "../policies/policy-problem.js";
import { policyOfFiles } from "../policies/policy-reader.js";

let ca: Authority;
let files: Record<string, string>;
beforeAll(async () => {
  ({ ca } = await makeFleet());
  const leaf = await issueMachineCertificate(ca, { commonName: CA_NAME });
  const pem = toPem("CERTIFICATE", ca.certificate);
  files = {
    "ca.pem": pem,
    "text-before.pem": `subject=example\n${pem}`,
    "blank-line-after.pem": `${pem}\n`,
    "two.pem": pem + pem,
    "key.pem": pem.replaceAll("CERTIFICATE", "PRIVATE KEY"),
    "leaf.pem": toPem("CERTIFICATE", leaf.certificate),
    "garbage.pem": "garbage",
  };
});

const read = async (text: string) => {
  const { policy, warnings } = await compilePolicy(policyOfFiles({ ...files, "tokenserver.cfg": text }));
  return { policy: policy.cas, warnings: warnings.map(describeProblem) };
};
const entry = (lines: string, file = "ca.pem") =>
  `certificate_authority { cn: "${CA_NAME}" cert_path: "${file}" ${lines} }`;

describe("compileCaPolicy", () => {
  it("reads CAs, domains and lifetimes", async () => {
    const domains =
      'known_domains { domain: "a.b" domain: "c.d" machine_token_lifetime: 60 } known_domains { domain: "e.f" }';
    const { policy, warnings } = await read(`# note\n${entry(`unique_id: -7 crl_url: "http://crl" ${domains}`)}`);
    expect(policy.get(CA_NAME)).toMatchObject({
      commonName: CA_NAME,
      uniqueId: -7n,
      crlUrl: "http://crl",
      domains: [
        { domain: "a.b", lifetimeSeconds: 60 },
        { domain: "c.d", lifetimeSeconds: 60 },
        { domain: "e.f", lifetimeSeconds: undefined },
      ],
    });
    expect(warnings).toEqual([]);
  });

  it("reads an empty file as a policy without CAs", async () => {
    expect((await read("# nothing yet\n")).policy.size).toBe(0);
  });

  it("takes text before the certificate", async () => {
    expect((await read(entry("", "text-before.pem"))).policy.size).toBe(1);
  });

  it.each([
    ["what is not text format", () => "{", /^tokenserver\.cfg:1:1: /],
    ["an unknown field", () => entry('colour: "red"'), /colour/],
    ["a field that is there twice", () => entry(`cn: "${CA_NAME}"`), /cn/],
    ["an empty name", () => 'certificate_authority { cert_path: "ca.pem" }', /cn is empty/],
    [
      "the same name twice",
      () => entry("unique_id: 1") + entry("unique_id: 2"),
      /an entry for the CA "Test Fleet CA" already/,
    ],
    [
      "the same id twice",
      () => `${entry("")} certificate_authority { cn: "B" }`,
      /unique_id 0 belongs to CA "Test Fleet CA"/,
    ],
    [
      "a missing certificate",
      () => entry("", "none.pem"),
      /^tokenserver\.cfg:1:45: cannot read "none\.pem": no such file/,
    ],
    ["a file that is no certificate", () => entry("", "garbage.pem"), /the certificate cannot be read/],
    ["a blank line after the certificate", () => entry("", "blank-line-after.pem"), /cannot be read/],
    ["two certificates in a file", () => entry("", "two.pem"), /cannot be read/],
    ["another kind of PEM block", () => entry("", "key.pem"), /cannot be read/],
    ["a certificate that is not one of a CA", () => entry("", "leaf.pem"), /not one of a CA/],
    [
      "a name that is not the certificate's",
      () => entry("").replace(CA_NAME, "Other"),
      /common name is "Test Fleet CA"/,
    ],
    ["a switch that this version does not obey", () => entry("certificate_policy { key_usage: OFF }"), /not supported/],
    ["a second certificate", () => entry('next_cert_path: "ca.pem"'), /not supported/],
  ])("refuses %s, and says where", async (_, text, message) => {
    const error = await read(text()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PolicyError);
    expect((error as Error).message).toMatch(message);
  });

  it.each([
    ["a negative lifetime", 'domain: "a.b" machine_token_lifetime: -1', /-1 is not within 0 to 86400/],
    ["a lifetime of more than a day", 'domain: "a.b" machine_token_lifetime: 86401', /86401 is not within/],
    ["a lifetime that overflows", 'domain: "a.b" machine_token_lifetime: 4611686018427387904', /is not within/],
    ["an upper-case domain", 'domain: "A.b" machine_token_lifetime: 60', /"A\.b" is not a lower-case domain/],
    ["a leading dot", 'domain: ".a.b" machine_token_lifetime: 60', /not a lower-case domain/],
    ["an empty domain", 'domain: "" machine_token_lifetime: 60', /not a lower-case domain/],
  ])("warns of %s, keeps its place and mints nothing by it", async (_, domain, warning) => {
    const { policy, warnings } = await read(entry(`known_domains { ${domain} }`));
    expect(policy.get(CA_NAME)?.domains).toMatchObject([{ lifetimeSeconds: undefined }]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(warning);
  });
});
