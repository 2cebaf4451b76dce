import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { compilePolicy } from "./compile-policy.js";
import { policyFolder } from "./policy-folder.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "policy-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const readPolicyFolder = async (path: string) => compilePolicy(await policyFolder(path));

it("takes a missing file for an empty one", async () => {
  expect((await readPolicyFolder(folder)).policy.cas.size).toBe(0);
});

it("does not take a missing folder for an empty one: a wrong path would drop every CA", async () => {
  await expect(readPolicyFolder(join(folder, "none"))).rejects.toThrow(`cannot read the config folder ${folder}`);
});

it.each(["../ca.pem", "/etc/hostname", "a/../../ca.pem", ".."])(
  "reads no certificate outside of the folder: %s",
  async (path) => {
    const ca = `certificate_authority { cn: "A" cert_path: "${path}" unique_id: 1 known_domains { domain: "a.example" machine_token_lifetime: 60 } }`;
    writeFileSync(join(folder, "tokenserver.cfg"), ca);
    await expect(readPolicyFolder(folder)).rejects.toThrow("inside of the config folder");
  },
);

it("refuses a file that is not UTF-8", async () => {
  writeFileSync(join(folder, "tokenserver.cfg"), Buffer.from([0x23, 0xff]));
  await expect(readPolicyFolder(folder)).rejects.toThrow("tokenserver.cfg:1:1: cannot be read");
});

it("takes no folder for a file", async () => {
  mkdirSync(join(folder, "groups.cfg"));
  await expect(readPolicyFolder(folder)).rejects.toThrow("groups.cfg:1:1: cannot be read");
});
