import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateIssuer, deltaIndicator, issuingDistributionPoint, revokedEntry, TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import { afterAll, describe, expect, it } from "vitest";
import { runTokens } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "check-crl-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function write(bytes: Uint8Array | string): string {
  const path = join(folder, `${files++}`);
  writeFileSync(path, bytes);
  return path;
}
const fleet = TestCa.create("Fleet CA");
const ca = write(toPem("CERTIFICATE", fleet.certificate));
const fresh = { thisUpdate: new Date("2026-06-01T00:00:00Z"), nextUpdate: new Date("2026-06-02T00:00:00Z") };
const list = fleet.crl({ ...fresh, number: 12, revoked: [1, 2, 3] });

async function check(args: string[], input = "", at = "2026-06-01T12:00:00Z") {
  const { code, stdout, stderr } = await runTokens(["check-crl", "--ca", ca, "--at", at, ...args], input);
  return {
    code,
    stderr,
    rows: stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe("tokens check-crl", () => {
  it("says that a list would be taken, and what it says", async () => {
    const file = write(list);
    const { code, rows } = await check([file, "-"], toPem("X509 CRL", list));
    const said = {
      ok: true,
      code: null,
      message: null,
      policy: null,
      number: "12",
      thisUpdate: "2026-06-01T00:00:00Z",
      nextUpdate: "2026-06-02T00:00:00Z",
      entries: 3,
    };
    expect(rows).toEqual([
      { file, ...said },
      { file: "-", ...said },
    ]);
    expect(code).toBe(0);
  });

  it.each<[string, Buffer, string, string | null]>([
    ["another CA's list", TestCa.create("Fleet CA").crl(fresh), "BAD_SIGNATURE", null],
    ["a list under another name", fleet.crl({ ...fresh, issuer: "Other" }), "PROFILE", "issuer_name"],
    ["a delta", fleet.crl({ ...fresh, extensions: [deltaIndicator(1)] }), "PROFILE", "delta"],
    ["a part", fleet.crl({ ...fresh, extensions: [issuingDistributionPoint("url")] }), "PROFILE", "partitioned"],
    [
      "an entry of another CA",
      fleet.crl({ ...fresh, revoked: [revokedEntry(1, certificateIssuer("x"))] }),
      "PROFILE",
      "indirect",
    ],
    ["a list of tomorrow", fleet.crl({ ...fresh, thisUpdate: new Date("2026-06-02") }), "NOT_YET_VALID", "future_date"],
    ["yesterday's list", fleet.crl({ ...fresh, nextUpdate: new Date("2026-06-01T11:59:59Z") }), "EXPIRED", null],
    ["what is no list", Buffer.from("garbage"), "MALFORMED", null],
  ])("refuses %s", async (_, bytes, code, policy) => {
    const answer = await check([write(bytes)]);
    expect(answer.code).toBe(1);
    expect(answer.rows[0]).toMatchObject({ ok: false, code, policy });
  });

  it("says what a refused list says, as far as it can be read", async () => {
    const unreadable = fleet.crl({
      ...fresh,
      number: undefined,
      nextUpdate: undefined,
      revoked: [Buffer.from("3000", "hex")],
    });
    const { rows } = await check([write(unreadable), write("x")]);
    expect(rows[0]).toMatchObject({
      code: "MALFORMED",
      thisUpdate: "2026-06-01T00:00:00Z",
      nextUpdate: null,
      entries: null,
    });
    expect(rows[1]).toMatchObject({
      code: "MALFORMED",
      number: null,
      thisUpdate: null,
      nextUpdate: null,
      entries: null,
    });
  });

  it("knows a greatest age", async () => {
    const file = write(list);
    expect((await check(["--max-age", "12h", file])).code).toBe(0);
    const { code, rows } = await check(["--max-age", "11h59m59s", file]);
    expect([code, rows[0]?.["policy"]]).toEqual([1, "max_age"]);
  });

  it.each<[string, string[], string]>([
    ["no CA", ["check-crl", ca], "--ca"],
    ["no list", ["check-crl", "--ca", ca], "CRL"],
    ["a list that is not there", ["check-crl", "--ca", ca, "/does/not/exist"], "cannot read revocation list"],
  ])("ends with 2 for %s", async (_, args, words) => {
    const { code, stdout, stderr } = await runTokens(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });
});
