import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Machine, makeMachine } from "../../test/machine.js";
import { type MinterStandIn, startMinter } from "../../test/minter-stand-in.js";
import type { Finding } from "./check.js";
import { checkCertificateDates } from "./check-files.js";
import { checkClock } from "./check-network.js";
import { runDoctor } from "./doctor.js";
import { doctorUsage, parseDoctorFlags } from "./doctor-flags.js";

let minter: MinterStandIn;
let machine: Machine;
beforeEach(async () => {
  minter = await startMinter();
  machine = await makeMachine(`127.0.0.1:${minter.port}`);
});
afterEach(() => {
  minter.close();
  machine.remove();
});

async function examine(...more: string[]) {
  const parsed = parseDoctorFlags([...machine.flags("--json", "-timeout=60s"), ...more]);
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  let printed = "";
  const code = await runDoctor(parsed.flags, (text) => (printed += text));
  const findings = printed
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Finding);
  return { code, findings, of: (check: string) => findings.find((finding) => finding.check === check) };
}

describe("tokend doctor", () => {
  it("goes the whole way when all is well, and leaves nothing behind", async () => {
    const before = readdirSync(machine.folder);
    const { code, findings } = await examine("-machine-ca", machine.file("ca.pem"));
    expect(findings.map(({ check, ok }) => [check, ok])).toEqual([
      ["files", true],
      ["key-matches-certificate", true],
      ["key-permissions", true],
      ["certificate-dates", true],
      ["certificate-chain", true],
      ["token-folder", true],
      ["proxy", true],
      ["dns", true],
      ["tcp", true],
      ["tls", null],
      ["clock", true],
      ["mint", true],
      ["write", true],
    ]);
    expect(code).toBe(0);
    expect(readdirSync(machine.folder)).toEqual(before);
  });

  it.each<[string, () => void | Promise<void>, string, RegExp]>([
    ["a key that is missing", () => rmSync(machine.file("key.pem")), "files", /paths/],
    ["garbage for a key", () => writeFileSync(machine.file("key.pem"), "x"), "key-matches-certificate", /together/],
    ["a key that all can read", () => chmodSync(machine.file("key.pem"), 0o644), "key-permissions", /chmod o-r/],
    ["a folder that all can write", () => chmodSync(machine.folder, 0o777), "token-folder", /chmod go-w/],
    ["a server that is down", () => minter.close(), "tcp", /firewall/],
    ["a server that refuses", () => void (minter.behaviour = "refuse"), "mint", /revocation list/],
    ["a server that is not well", () => void (minter.behaviour = "unavailable"), "mint", /checks above/],
  ])("finds %s, and says what to do", async (_, harm, check, fix) => {
    await harm();
    const { code, findings, of } = await examine();
    expect(findings.filter(({ ok }) => ok === false).map((finding) => finding.check)).toEqual([check]);
    expect(of(check)?.fix).toMatch(fix);
    expect(code).toBe(1);
  });

  it("knows a CA that did not issue the certificate", async () => {
    const other = await makeMachine("unused");
    const { of } = await examine("-machine-ca", other.file("ca.pem"));
    expect(of("certificate-chain")).toMatchObject({
      ok: false,
      detail: expect.stringContaining("did not issue") as string,
    });
    other.remove();
    expect((await examine("-machine-ca", machine.file("none"))).of("certificate-chain")?.ok).toBe(false);
    expect((await examine()).of("certificate-chain")).toMatchObject({ ok: null });
  });

  it("knows a server that it does not trust, and trusts it with -ca-file", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
    const dates = { notBefore: inDays(-1), notAfter: inDays(1) };
    const cert = toPem(
      "CERTIFICATE",
      await createSelfSignedCertificate({ privateKey, commonName: "localhost", ...dates }),
    );
    const key = privateKey.export({ type: "pkcs8", format: "pem" });
    const server = createTlsServer({ cert, key }, (_, response) => void response.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    // Only "localhost" itself is spoken to without TLS.
    const backend = ["-backend", `LOCALHOST:${(server.address() as AddressInfo).port}`];
    const { of } = await examine(...backend);
    expect(of("tls")).toMatchObject({ ok: false, fix: expect.stringContaining("-ca-file") as string });
    expect(of("mint")).toMatchObject({ ok: null });
    writeFileSync(machine.file("server.pem"), cert);
    expect((await examine(...backend, "-ca-file", machine.file("server.pem"))).of("tls")?.ok).toBe(true);
    server.close();
    server.closeAllConnections();
  });

  it("knows a name that does not resolve, and a proxy that is none", async () => {
    expect((await examine("-backend", "a..b:1")).of("dns")).toMatchObject({ ok: false });
    const before = process.env["HTTPS_PROXY"];
    process.env["HTTPS_PROXY"] = "socks5://proxy.example.com";
    try {
      expect((await examine("-backend", "tokens.example.com")).of("proxy")).toMatchObject({ ok: false });
    } finally {
      if (before === undefined) delete process.env["HTTPS_PROXY"];
      else process.env["HTTPS_PROXY"] = before;
    }
  });

  it("ends with a server that accepts and says nothing", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { of, code } = await examine(
      "-backend",
      `127.0.0.1:${(silent.address() as AddressInfo).port}`,
      "-timeout=2s",
    );
    expect([of("tcp")?.ok, of("http")?.ok, code]).toEqual([true, false, 1]);
    silent.close();
  });

  it("prints for people too", async () => {
    const parsed = parseDoctorFlags(machine.flags());
    let printed = "";
    if (parsed.kind === "run") await runDoctor(parsed.flags, (text) => (printed += text));
    expect(printed).toMatch(/^ok {4}files {19}/);
    expect(doctorUsage()).toContain("-machine-ca");
  });
});

it("checkCertificateDates knows too early and too late", async () => {
  const now = Date.now();
  const dates = { notBefore: new Date(now - 60_000), notAfter: new Date(now + 10 * 86_400_000) };
  const other = await makeMachine("unused", dates);
  const der = new X509Certificate(readFileSync(other.file("cert.pem"))).raw;
  const at = (days: number) => checkCertificateDates(der, now + days * 86_400_000);
  expect([at(-1).ok, at(1).ok, at(11).ok]).toEqual([false, true, false]);
  expect(at(-1).fix).toContain("clock");
  expect(at(11).fix).toContain("new certificate");
  other.remove();
});

it("checkClock compares with the server's clock", () => {
  const date = "Mon, 01 Jun 2026 12:00:00 GMT";
  const at = (seconds: number) => checkClock(date, Date.parse(date) + seconds * 1000);
  expect([at(0).ok, at(300).ok, at(-300).ok, at(301).ok, at(-301).ok]).toEqual([true, true, true, false, false]);
  expect(at(-600).detail).toBe("600 s behind the server");
  expect([checkClock(undefined, 0).ok, checkClock("yesterday", 0).ok]).toEqual([null, null]);
});
