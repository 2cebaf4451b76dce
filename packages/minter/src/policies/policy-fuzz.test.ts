import { damagedText, fuzzAsync, orRefusedAsync } from "fuzz";
import { createCertificateAuthority, toPem } from "@tokens/pki/x509";
import { beforeAll, expect, it } from "vitest";
import { compilePolicy } from "./compile-policy.js";
import { PolicyError } from "./policy-problem.js";
import { policyOfFiles } from "./policy-reader.js";

let pem: string;
beforeAll(async () => {
  pem = toPem("CERTIFICATE", (await createCertificateAuthority({ commonName: "Fleet" })).certificate);
});

const tokenserver = `certificate_authority {
  cn: "Fleet" cert_path: "fleet.pem" crl_url: "http://crl.example.com/a" unique_id: 42
  known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }
  certificate_policy { encoding: REPORT name_constraints: ENFORCE }
}`;
const groups = `groups { name: "g" members: "user:a@example.com" globs: "bot:*.example.com" nested: "h" }
groups { name: "h" members: "service:files" }
cases { group: "g" identity: "user:a@example.com" expect: MEMBER }`;
const realms = `realms { name: "p:r" bindings { permissions: "luci.serviceAccounts.mintToken" principals: "group:g" } }`;
const delegation = `rules {
  name: "r" owner: "o" requestor: "group:g" allowed_to_impersonate: "REQUESTOR" allowed_audience: "*"
  target_service: "service:files" max_validity_duration: 3600
}`;
const delegationYaml = `rules:
  - name: r
    requestor: [group:g]
    allowed_to_impersonate: [REQUESTOR, "PROJECTS"]
    allowed_audience: ["*"]
    target_service: &s ["service:files"]
    max_validity_duration: 3600`;

const words = [
  "{",
  "}",
  ":",
  '"',
  "'",
  "<",
  ">",
  "[",
  "]",
  "#",
  ",",
  ";",
  "group:",
  "*",
  "REQUESTOR",
  "&a",
  "*a",
  "<<: ",
];
words.push("|", "!!map ", "\n  ", "- ", "? ", "0x7fffffff", "\\777", "\\U00110000", "rules", "nested", "/*", "%");

it.each([
  ["tokenserver.cfg", tokenserver],
  ["groups.cfg", groups],
  ["realms.cfg", realms],
  ["delegation.cfg", delegation],
  ["delegation.yaml", delegationYaml],
])("reads any %s, or says where it cannot", async (name, text) => {
  const others = name.startsWith("groups") ? {} : { "groups.cfg": groups.split("cases")[0] ?? "" };
  await fuzzAsync(damagedText([text], words), async (changed) => {
    const files = policyOfFiles({ ...others, "fleet.pem": pem, [name]: changed });
    const compiled = await orRefusedAsync(() => compilePolicy(files), PolicyError);
    expect(compiled?.policy.delegation.at(-1)?.name ?? "allow-project-identities").toBe("allow-project-identities");
  });
});
