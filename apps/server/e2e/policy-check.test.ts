import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestCa } from "@tokens/pki/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runTokens } from "./programs.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "policy-check-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

describe("tokens policy check", () => {
  it("says nothing about good files", async () => {
    write("groups.yaml", "groups: [{name: g, members: [user:a@x.y]}]\n");
    expect(await runTokens(["policy", "check", folder])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("says file, line and column of each error", async () => {
    write("groups.cfg", 'groups {\n  name: "g"\n  members: "user:A@x.y"\n  globs: "bot:*x.y"\n}\n');
    write("realms.cfg", 'realms {\n  name: "p"\n}\n');
    const { code, stdout } = await runTokens(["policy", "check", folder]);
    expect(code).toBe(1);
    expect(stdout.split("\n")).toEqual([
      'groups.cfg:3:3: "user:A@x.y" is not canonical; write "user:a@x.y"',
      'warning: groups.cfg:4:3: "bot:*x.y" also matches names that end with "evilx.y"; did you mean "bot:*.x.y"?',
      'realms.cfg:2:3: "p" is not a realm; write project:realm in lower case, or project:@root',
      "",
    ]);
  });

  it("looks at the projects and their accounts, too, as a staging server sees them if asked", async () => {
    const project = (id: string, owner: string) =>
      `projects { id: "${id}" owned_by: "${owner}" identity_config { staging_service_account_email: "d@x.y" } }\n`;
    write("projects.cfg", project("one", "a") + project("two", "b"));
    write("project_owned_accounts.yaml", "mapping:\n  - project: [one]\n    service_account: [a@x.y]\n");
    expect((await runTokens(["policy", "check", folder])).code).toBe(0);
    write("project_owned_accounts.yaml", "mapping:\n  - project: [one]\n    service_account: [A@x.y]\n");
    const { code, stdout } = await runTokens(["policy", "check", folder, "--staging"]);
    expect(code).toBe(1);
    expect(stdout.split("\n")).toEqual([
      "projects.cfg:2:54: project-scoped account d@x.y is used by multiple teams: a, b",
      'project_owned_accounts.yaml:3:23: service_account "A@x.y" must be lowercase',
      "",
    ]);
  });

  it("warns of lists at private addresses, but for hosts that are allowed", async () => {
    const ca = TestCa.create("Fleet").certificate.toString("base64").replace(/.{64}/g, "$&\n");
    write("ca.pem", `-----BEGIN CERTIFICATE-----\n${ca.trim()}\n-----END CERTIFICATE-----\n`);
    const url = "http://127.0.0.1:8200/fleet.crl";
    const domain = 'known_domains { domain: "x.y" machine_token_lifetime: 60 }';
    write("tokenserver.cfg", `certificate_authority { cn: "Fleet" cert_path: "ca.pem" crl_url: "${url}" ${domain} }`);
    const warned = await runTokens(["policy", "check", folder]);
    expect([warned.code, warned.stdout]).toEqual([0, expect.stringContaining("names a private address")]);
    const hosts = ["--allow-crl-host", "10.0.0.1:80", "--allow-crl-host", "127.0.0.1:8200"];
    expect(await runTokens(["policy", "check", ...hosts, folder])).toEqual({ code: 0, stdout: "", stderr: "" });
    const wrong = await runTokens(["policy", "check", "--allow-crl-host", "127.0.0.1", folder]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("HOST:PORT")]);
  });

  it("takes warnings for no reason to fail", async () => {
    write("groups.cfg", 'groups { name: "g" globs: "bot:*x.y" }\n');
    const { code, stdout } = await runTokens(["policy", "check", folder, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ severity: "warning", file: "groups.cfg", line: 1, column: 20 });
  });

  it("fails for a test that fails", async () => {
    write("groups.cfg", 'cases { identity: "user:a@x.y" group: "administrators" expect: ALLOW }\n');
    const { code, stdout } = await runTokens(["policy", "check", folder]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^groups\.cfg:1:1: the case fails: expected ALLOW, but user:a@x\.y is not in group/);
  });

  it("fails for a delegation rule that grants what its test forbids", async () => {
    const rule = `rules {
  name: "r" requestor: "user:a@x.y" allowed_to_impersonate: "REQUESTOR" allowed_audience: "*" target_service: "*"
  max_validity_duration: 3600
}`;
    const asked = `requestor: "user:a@x.y" delegated_identity: "REQUESTOR" audience: "*" services: "*"`;
    write("delegation.cfg", `${rule}\ncases { ${asked} expect: ALLOW rule: "r" }\ncases { ${asked} expect: DENY }\n`);
    const { code, stdout } = await runTokens(["policy", "check", folder]);
    expect(code).toBe(1);
    expect(stdout).toBe(
      "delegation.cfg:6:1: the case fails: expected DENY, but " +
        'user:a@x.y gets a token to act for user:a@x.y by "r"\n',
    );
  });

  it("takes a folder that is not there for wrong usage", async () => {
    const { code, stdout, stderr } = await runTokens(["policy", "check", join(folder, "none")]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("cannot read the config folder");
  });
});
