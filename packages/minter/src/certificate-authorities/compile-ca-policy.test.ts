import { TestCa } from "@tokens/pki/testing";
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
    "other.pem": toPem("CERTIFICATE", TestCa.create("Other CA").certificate),
    "next.pem": toPem("CERTIFICATE", TestCa.create(CA_NAME).certificate),
  };
});

const read = async (text: string) => {
  const { policy, warnings } = await compilePolicy(policyOfFiles({ ...files, "tokenserver.cfg": text }));
  return { policy: policy.cas, warnings: warnings.map(describeProblem) };
};
/** What each CA has in its last place: a domain with tokens, or it would be called unused. */
const USED = 'known_domains { domain: "used.example.com" machine_token_lifetime: 60 }';
const entry = (lines: string, file = "ca.pem") =>
  `certificate_authority { cn: "${CA_NAME}" cert_path: "${file}" ${lines} ${USED} }`;

describe("compileCaPolicy", () => {
  it("reads CAs, domains and lifetimes", async () => {
    const domains =
      'known_domains { domain: "a.b" domain: "c.d" machine_token_lifetime: 60 } known_domains { domain: "e.f" }';
    const { policy, warnings } = await read(`# note\n${entry(`unique_id: -7 crl_url: "http://crl" ${domains}`)}`);
    expect(policy.get(CA_NAME)).toMatchObject({
      commonName: CA_NAME,
      uniqueId: -7n,
      lists: [{ listId: CA_NAME, url: "http://crl" }],
      domains: [
        { domain: "a.b", lifetimeSeconds: 60 },
        { domain: "c.d", lifetimeSeconds: 60 },
        { domain: "e.f", lifetimeSeconds: undefined },
        { domain: "used.example.com", lifetimeSeconds: 60 },
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
    ["a second certificate of another name", () => entry('next_cert_path: "other.pem"'), /common name is "Other CA"/],
    ["a second certificate that is none", () => entry('next_cert_path: "garbage.pem"'), /cannot be read/],
    [
      "an intermediate that is not one of a CA",
      () => entry('intermediate_authority { cert_path: "leaf.pem" }'),
      /^tokenserver\.cfg:1:\d+: the certificate is not one of a CA/,
    ],
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
    expect(policy.get(CA_NAME)?.domains).toMatchObject([{ lifetimeSeconds: undefined }, { lifetimeSeconds: 60 }]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(warning);
  });

  it("reads a second certificate, intermediates with their lists, and states of checks", async () => {
    const below = 'intermediate_authority { cert_path: "other.pem" crl_url: "https://b.example.com/x.crl" }';
    const lines = `crl_url: "https://a.example.com/x.crl" next_cert_path: "next.pem" certificate_policy { key_usage: OFF } ${below}`;
    const { policy, warnings } = await read(entry(lines));
    const ca = policy.get(CA_NAME);
    expect(ca?.anchors).toHaveLength(2);
    expect(ca?.intermediates.map(({ subject }) => subject.commonNames)).toEqual([["Other CA"]]);
    expect(ca?.lists.map(({ url, issuers }) => [url, issuers.length])).toEqual([
      ["https://a.example.com/x.crl", 2],
      ["https://b.example.com/x.crl", 1],
    ]);
    expect(ca?.checks).toMatchObject({ key_usage: "off", leaf_key: "enforce" });
    expect(warnings).toEqual([]);
  });

  it.each([
    ["not a url", /is no URL/],
    ["ftp://crl.example.com/x", /neither http nor https/],
    ["file:///etc/passwd", /neither http nor https/],
    ["http://user:word@crl.example.com/x", /user name/],
    ["http://127.0.0.1:8200/x", /private address; --allow-crl-host 127\.0\.0\.1:8200/],
    ["http://2130706433/x", /private address/],
    ["http://[::ffff:127.0.0.1]/x", /private address/],
    ["http://localhost/x", /private address/],
    ["http://169.254.169.254/latest", /private address/],
  ])("warns that a list at %s is never fetched", async (url, warning) => {
    const { policy, warnings } = await read(entry(`crl_url: "${url}"`));
    expect(policy.size).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(/^warning: tokenserver\.cfg:1:\d+: crl_url /)]);
    expect(warnings[0]).toMatch(warning);
  });

  it("warns of an intermediate whose machines could not be revoked", async () => {
    const { warnings } = await read(
      entry('crl_url: "https://a.example.com/" intermediate_authority { cert_path: "other.pem" }'),
    );
    expect(warnings).toEqual([expect.stringContaining("is not checked")]);
  });

  it("gives an id that belongs to another CA to nobody else", async () => {
    const files_ = policyOfFiles({ ...files, "tokenserver.cfg": entry("unique_id: 7") });
    const owned = (owner: string) => compilePolicy(files_, { owners: new Map([[7n, owner]]) });
    await expect(owned("Gone CA")).rejects.toThrow(/unique_id 7 belongs to CA "Gone CA", for ever/);
    expect((await owned(CA_NAME)).policy.cas.size).toBe(1);
  });
});
