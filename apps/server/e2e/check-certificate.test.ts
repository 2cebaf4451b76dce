import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyUsage, TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import { afterAll, describe, expect, it } from "vitest";
import { runTokens } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "check-certificate-"));
afterAll(() => rmSync(folder, { recursive: true }));

const root = TestCa.create("Fleet CA");
const middle = root.intermediate("Middle");
const good = root.issue("h.example.com", { serial: 0x10n });
const below = middle.issue("m.example.com", { serial: 0x20n });
const odd = root.issue("odd.example.com", { extensions: [keyUsage("keyEncipherment")] });

let files = 0;
function write(bytes: Uint8Array | string, name = `${files++}`): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}
const pem = (...certificates: Uint8Array[]) => certificates.map((der) => toPem("CERTIFICATE", der)).join("# next\n");

const ca = write(pem(root.certificate));
const goodFile = write(pem(good.certificate));
const belowFile = write(below.certificate);
const oddFile = write(pem(odd.certificate));
const middles = write(pem(TestCa.create("Other").certificate, middle.certificate));
const AT = ["--at", "2026-06-01T12:00:00Z"];

async function check(args: string[], input = "") {
  const { code, stdout, stderr } = await runTokens(["check-certificate", "--ca", ca, ...AT, ...args], input);
  return {
    code,
    stderr,
    rows: stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe("tokens check-certificate", () => {
  it("says yes, and by which path", async () => {
    const { code, rows } = await check(["--intermediates", middles, goodFile, belowFile]);
    expect(rows).toEqual([
      { file: goodFile, ok: true, code: null, message: null, path: ["h.example.com", "Fleet CA"] },
      { file: belowFile, ok: true, code: null, message: null, path: ["m.example.com", "Middle", "Fleet CA"] },
    ]);
    expect(code).toBe(0);
  });

  it("says no to one of several, with the name of a check that LUCI does not make", async () => {
    const { code, rows } = await check([goodFile, oddFile, belowFile]);
    expect(code).toBe(1);
    expect(rows[0]).toMatchObject({ ok: true });
    expect(rows[1]).toEqual({
      file: oddFile,
      ok: false,
      message: "key usage lacks digitalSignature",
      code: "PROFILE",
      policy: "key_usage",
    });
    expect(rows[2]).toMatchObject({ ok: false, code: "UNKNOWN_CA" });
    expect(rows[2]).not.toHaveProperty("policy");
  });

  it("obeys a policy file", async () => {
    const report = write("# note\nkey_usage: REPORT\n");
    const { code, rows } = await check(["--policy", report, oddFile]);
    expect(code).toBe(0);
    expect(rows[0]).toMatchObject({ ok: true, reports: [{ policy: "key_usage" }] });
    const off = await check(["--policy", write("key_usage: OFF"), oddFile]);
    expect(off.rows[0]).not.toHaveProperty("reports");
  });

  it("judges as of a time, and of now without one", async () => {
    const args = ["check-certificate", "--ca", ca, goodFile];
    expect((await runTokens(args)).code).toBe(0);
    const early = await check(["--at", "2019-12-31T23:59:59.999Z", goodFile]);
    expect([early.code, early.rows[0]?.["code"]]).toEqual([1, "NOT_YET_VALID"]);
  });

  it("looks at revocation where it gets lists", async () => {
    const [rootList, middleList] = [write(root.crl()), write(toPem("X509 CRL", middle.crl()))];
    const lists = ["--crl", rootList, "--crl", middleList, "--intermediates", middles];
    expect((await check([...lists, belowFile, goodFile])).code).toBe(0);
    const partly = await check(["--crl", rootList, "--intermediates", middles, goodFile, belowFile]);
    expect(partly.rows.map((row) => row["code"])).toEqual([null, "CRL_NOT_READY"]);
    const revoking = write(root.crl({ revoked: [0x10n] }));
    const revoked = await check(["--crl", revoking, goodFile]);
    expect([revoked.code, revoked.rows[0]?.["code"]]).toEqual([1, "REVOKED"]);
    expect((await check(["--crl", rootList, "--max-age", "24h", goodFile])).rows[0]).toMatchObject({
      code: "CRL_NOT_READY",
    });
    const broken = await check(["--crl", write("garbage"), goodFile]);
    expect(broken.rows[0]).toMatchObject({ ok: false, code: "CRL_NOT_READY" });
    expect(broken.stderr).toContain("is left out");
  });

  it("refuses what is no certificate, what has two, and the serial number that no token can name", async () => {
    const zero = write(root.issue("h.example.com", { serial: 0n }).certificate);
    const twice = write(pem(good.certificate, good.certificate));
    const trailing = write(Buffer.concat([good.certificate, Buffer.of(0)]));
    const { code, rows } = await check([write("garbage"), twice, trailing, zero, write("")]);
    expect(code).toBe(1);
    expect(rows.map((row) => row["code"])).toEqual(Array.from({ length: 5 }, () => "MALFORMED"));
  });

  it("reads a certificate from stdin", async () => {
    const { code, rows } = await check(["-"], pem(good.certificate));
    expect([code, rows[0]?.["file"]]).toEqual([0, "-"]);
  });

  it("leaves out what it cannot read among the CAs, and trusts nothing for it", async () => {
    const mixed = write(pem(Buffer.from("3000", "hex")) + pem(root.certificate));
    const { code, stderr } = await runTokens(["check-certificate", "--ca", mixed, ...AT, goodFile]);
    expect([code, /certificate 1 of --ca .* is left out/.test(stderr)]).toEqual([0, true]);
    const nothing = write(pem(Buffer.from("3000", "hex")));
    const { stdout } = await runTokens(["check-certificate", "--ca", nothing, ...AT, goodFile]);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: "UNKNOWN_CA" });
  });

  it.each<[string, string[], string]>([
    ["no CA", [goodFile], "--ca"],
    ["no certificate", ["--ca", ca], "CERT"],
    ["a CA file that is not there", ["--ca", "/does/not/exist", goodFile], "cannot read --ca /does/not/exist"],
    ["a CA file without a certificate", ["--ca", write("x"), goodFile], "has no certificate"],
    [
      "a certificate file that is not there",
      ["--ca", ca, "/does/not/exist"],
      "cannot read certificate /does/not/exist",
    ],
    ["a list that is not there", ["--ca", ca, "--crl", "/does/not/exist", goodFile], "cannot read --crl"],
    ["a time that is none", ["--ca", ca, "--at", "now", goodFile], "--at must be a time"],
    ["an age that is none", ["--ca", ca, "--crl", ca, "--max-age", "1d", goodFile], "--max-age must be a duration"],
    ["a policy with a mistake", ["--ca", ca, "--policy", write("x: OFF", "bad.cfg"), goodFile], "bad.cfg:1:1:"],
  ])("ends with 2 for %s", async (_, args, words) => {
    const { code, stdout, stderr } = await runTokens(["check-certificate", ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });
});
