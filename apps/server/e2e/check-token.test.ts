import { createHash, createPrivateKey, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMachineToken, encodeMachineTokenBody } from "@tokens/machine-auth/machine-token";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runTokens, startTokens } from "./programs.js";
import { generateKeyPairSync } from "node:crypto";

const issuedBy = "minter@example.com";
const issuedAt = Date.parse("2026-06-01T12:00:00Z") / 1000;
const at = "2026-06-01T12:01:00Z";

let folder: string;
let trust: string;
let good: string;
let otherIssuer: string;
let forFiles: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "check-token-"));
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [notBefore, notAfter] = [new Date("2026-01-01T00:00:00Z"), new Date("2036-01-01T00:00:00Z")];
  const certificate = await createSelfSignedCertificate({ privateKey, commonName: "Signer", notBefore, notAfter });
  const keyId = createHash("sha256").update(certificate).digest("hex").slice(0, 40);
  const certificates = [{ key_name: keyId, x509_certificate_pem: toPem("CERTIFICATE", certificate) }];
  trust = join(folder, "certificates.json");
  writeFileSync(trust, JSON.stringify({ service_account_name: issuedBy, certificates, timestamp: 1 }));
  const tokenOf = (issuer: string, audience: string[] = []) => {
    const body = {
      machineFqdn: "host-1.example.com",
      issuedBy: issuer,
      issuedAt,
      lifetime: 3600,
      caId: 1n,
      certSn: "01",
      audience,
    };
    const tokenBody = encodeMachineTokenBody(body);
    const key = createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }));
    return encodeMachineToken({ tokenBody, keyId, rsaSha256: sign("sha256", tokenBody, key) });
  };
  [good, otherIssuer] = [tokenOf(issuedBy), tokenOf("other@example.com")];
  forFiles = tokenOf(issuedBy, ["service:files"]);
});

afterAll(() => rmSync(folder, { recursive: true }));

const check = (args: string[], input = "") => runTokens(["check-token", "--trust", trust, "--at", at, ...args], input);
const rows = (stdout: string) =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("tokens check-token", () => {
  it("ends without a word, but never with a yes, when its reader has seen enough", async () => {
    const child = startTokens(["check-token", "--trust", trust, "--at", at, "-"]);
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    const ended = new Promise((resolve) => child.on("close", resolve));
    child.stdin.on("error", () => undefined).write(`${good}\n`);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.destroy();
    const feeding = setInterval(() => child.stdin.write(`${good}\n`), 10);
    const code = await ended;
    clearInterval(feeding);
    expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
  });

  it("says who the machine is", async () => {
    const { code, stdout } = await check([good]);
    expect(code).toBe(0);
    expect(rows(stdout)).toEqual([
      {
        ok: true,
        code: null,
        message: null,
        identity: "bot:host-1.example.com",
        fingerprint: createHash("sha256").update(good).digest("hex").slice(0, 32),
        body: {
          machineFqdn: "host-1.example.com",
          issuedBy,
          issuedAt: String(issuedAt),
          lifetime: "3600",
          caId: "1",
          certSn: "AQ==",
        },
      },
    ]);
  });

  it("takes lines as they are: a blank or a carriage return makes another token", async () => {
    const { code, stdout } = await check(["-"], `${good}\n${good} \n${good}\r\n\n${otherIssuer}\n${good}`);
    expect(rows(stdout).map((row) => row["code"])).toEqual([
      null,
      "MALFORMED",
      "MALFORMED",
      "MALFORMED",
      "UNKNOWN_ISSUER",
      null,
    ]);
    expect(code).toBe(1);
  });

  it("answers each line before the next one comes", async () => {
    const { stdout, code } = await check([], `${good}\n`.repeat(500));
    expect([code, rows(stdout).length]).toEqual([0, 500]);
  });

  it("refuses what is over at the time it is asked for", async () => {
    const { code, stdout } = await runTokens(["check-token", "--trust", trust, "--at", "2026-06-01T14:00:00Z", good]);
    expect([code, rows(stdout)[0]?.["code"]]).toEqual([1, "EXPIRED"]);
  });

  it("trusts no document of another issuer than the one that is named", async () => {
    const { code, stdout } = await check(["--issuer", "other@example.com", good]);
    expect(code).toBe(3);
    expect(rows(stdout)[0]).toMatchObject({ ok: false, code: "BAD_DOCUMENT", identity: null });
  });

  it("cannot tell when the trust document is broken or the server is away", async () => {
    const broken = join(folder, "broken.json");
    writeFileSync(broken, "{");
    const { code, stdout } = await runTokens(["check-token", "--trust", broken, good, good]);
    expect([code, rows(stdout).map((row) => row["code"])]).toEqual([3, ["BAD_DOCUMENT", "BAD_DOCUMENT"]]);
    const away = await runTokens(["check-token", "--trust", "http://127.0.0.1:1", good]);
    expect([away.code, rows(away.stdout)[0]?.["code"]]).toEqual([3, "NEVER_FETCHED"]);
  });

  it.each<[string, string[], string]>([
    ["no trust", [], "--trust"],
    ["a trust file that is not there", ["--trust", "/does/not/exist.json"], "cannot read --trust /does/not/exist.json"],
    ["a trust URL that is not safe", ["--trust", "http://tokens.example.com"], "use https://HOST"],
    ["a time that is none", ["--trust", "x", "--at", "yesterday"], "--at must be a time like 2026-06-01T12:00:00Z"],
    ["a kind that is none", ["--trust", "x", "--kind", "x"], "--kind"],
    ["a delegation token without a service", ["--trust", "x", "--kind", "delegation"], "--service service:ID"],
    ["a service that is none", ["--trust", "x", "--service", "files"], "like service:files"],
    [
      "a peer that is none",
      ["--trust", "x", "--kind", "delegation", "--service", "service:a", "--peer", "a"],
      "--peer",
    ],
    [
      "groups that are not there",
      ["--trust", "x", "--groups", "/does/not/exist"],
      "cannot read --groups /does/not/exist",
    ],
    ["an option that is none", ["--trust", "x", "--nope"], "--nope"],
  ])("ends with 2 for %s and says what to do", async (_name, args, words) => {
    const { code, stdout, stderr } = await runTokens(["check-token", ...args, "token"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });

  it("never prints a token", async () => {
    const { stdout, stderr } = await check([good, `${good}x`, otherIssuer]);
    expect(stdout + stderr).not.toContain(good.slice(0, 40));
  });

  it("refuses a token that is meant for another service", async () => {
    const codes = await Promise.all(
      [[], ["--service", "service:other"], ["--audience", "service:files"], ["--service", "service:files"]].map(
        async (args) => rows((await check([...args, forFiles])).stdout)[0]?.["code"],
      ),
    );
    expect(codes).toEqual(["WRONG_AUDIENCE", "WRONG_AUDIENCE", null, null]);
  });
});
