import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { MachineTokenType, TokenMinter } from "@tokens/api";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { createCertificateAuthority, issueMachineCertificate } from "@tokens/pki/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mintCall, type MintCallOptions } from "./mint-call.js";
import { type LoadFleet, type LoadMachine, makeLoadFleet } from "./minting-load.js";
import { repositoryPath, type RunningServer, run, runTokens, startServer } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "audit-"));
const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
let fleet: LoadFleet;
let server: RunningServer;

beforeAll(async () => {
  fleet = await makeLoadFleet(folder);
  server = await startServer(["--config", fleet.config, "--data", join(folder, "data")]);
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function mint(options: MintCallOptions = {}, machine: LoadMachine = fleet): Promise<string> {
  const minter = createClient(TokenMinter, createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }));
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  const { tokenResponse } = await minter.mintMachineToken(mintCall(machine.der, machine.key, options), { headers });
  return tokenResponse?.tokenType.case === "luciMachineToken" ? tokenResponse.tokenType.value.machineToken : "";
}

interface Row {
  [column: string]: unknown;
  audit: { kind: string; table?: string; time: string };
}

async function rows(...args: string[]): Promise<Row[]> {
  const { code, stdout, stderr } = await runTokens(["audit", "export", "--server", server.admin, ...args]);
  expect(code, stderr).toBe(0);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Row).filter(({ audit }) => audit as unknown);
}

describe("tokens audit export", () => {
  it("has a row with LUCI's columns for each token, and never the token", async () => {
    const token = await mint();
    const all = await rows("--kind", "machine");
    const row = all.find(({ fingerprint }) => fingerprint === tokenFingerprint(token));
    expect(row).toMatchObject({
      machine_fqdn: "host-1.load.example.com",
      token_type: "LUCI_MACHINE_TOKEN",
      signature_algorithm: "SHA256_RSA_ALGO",
      ca_common_name: "Load CA",
      peer_ip: "127.0.0.1",
      gae_request_id: trace,
      audit: { kind: "machine", table: "machine_tokens" },
    });
    expect(Date.parse(String(row?.["expiration"])) - Date.parse(String(row?.["issued_at"]))).toBe(3_600_000);
    expect(JSON.stringify(all)).not.toContain(token.slice(-60));
  });

  it("has the columns that the schema says, in its order", async () => {
    await mint();
    const { stdout } = await runTokens(["audit", "schema", "machine_tokens"]);
    const columns = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    const { audit: _, ...row } = (await rows("--kind", "machine"))[0] ?? { audit: undefined };
    // Rows are LUCI's unless a token has an audience, which only ours know.
    expect([...Object.keys(row), "audience"]).toEqual(columns);
  });

  it("begins where it is told to", async () => {
    await mint();
    const before = new Date().toISOString();
    expect((await rows("--since", before)).filter(({ audit }) => audit.kind === "machine")).toEqual([]);
    await mint();
    expect((await rows("--since", before)).filter(({ audit }) => audit.kind === "machine")).toHaveLength(1);
  });

  it("has a row for the refusal of a machine whose certificate is trusted", async () => {
    expect(await mint({}, await fleet.issue("host-2.elsewhere.example.org"))).toBe("");
    await expect
      .poll(() => rows("--kind", "refusal"))
      .toMatchObject([
        {
          method: "MintMachineToken",
          reason: "BAD_TOKEN_ARGUMENTS",
          detail: 'the domain "elsewhere.example.org" is not listed in the config',
          ca_common_name: "Load CA",
          policy_revision: expect.stringMatching(/^[0-9a-f]{40}$/),
          peer_ip: "127.0.0.1",
          audit: { kind: "refusal" },
        },
      ]);
    const [refusal] = await rows("--kind", "refusal");
    await expect.poll(() => server.log()).toContain(String(refusal?.["reference_id"]));
  });

  it("counts refusals of strangers, and sums them up at the latest when the server stops", async () => {
    const ca = await createCertificateAuthority({ commonName: "Load CA" });
    const stranger = await issueMachineCertificate(ca, { commonName: "host-3.load.example.com" });
    const before = (await rows("--kind", "refusal")).length;
    for (let call = 0; call < 3; call++) await mint({}, { der: stranger.certificate, key: stranger.privateKey });
    await mint({ tokenType: MachineTokenType.UNKNOWN_TYPE });
    expect(await rows("--kind", "refusal")).toHaveLength(before);
    await server.stop();
    server = await startServer(["--config", fleet.config, "--data", join(folder, "data")]);
    type Refusals = { method: string; reason: string; network: string; count: number };
    // Each minute has its own summary.
    const summaries = (await rows("--kind", "refusals")).flatMap(({ refusals }) => refusals as Refusals[]);
    const countOf = (reason: string) =>
      summaries
        .filter(
          (each) => each.method === "MintMachineToken" && each.reason === reason && each.network === "127.0.0.0/24",
        )
        .reduce((sum, { count }) => sum + count, 0);
    expect([countOf("UNTRUSTED_CERTIFICATE"), countOf("UNSUPPORTED_TOKEN_TYPE")]).toEqual([3, 1]);
  });

  it.each([
    ["an unknown kind", ["--kind", "nope"], 1, "no such kind"],
    ["a time that is none", ["--since", "yesterday"], 2, "--since"],
    ["a server that is not there", ["--server", "http://127.0.0.1:1"], 3, "tokens:"],
    ["a server on its public port", ["--server", "PUBLIC"], 1, "not an admin"],
  ])("refuses %s", async (_, args, code, words) => {
    const given = args.map((arg) => (arg === "PUBLIC" ? server.url : arg));
    const ended = await runTokens(["audit", "export", "--server", server.admin, ...given]);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(words);
    expect(ended.stdout).toBe("");
  });
});

describe("tokens audit tail", () => {
  it("prints new records as they come, and ends with 0 when it is told to", async () => {
    const args = ["audit", "tail", "--kind", "machine", "--server", server.admin];
    const tail = spawn(process.execPath, [repositoryPath("apps/server/bin/tokens.js"), ...args]);
    let text = "";
    tail.stdout.on("data", (chunk) => (text += String(chunk)));
    const ended = new Promise((resolve) => tail.on("close", resolve));
    const tokens: string[] = [];
    await expect
      .poll(async () => {
        tokens.push(await mint());
        return tokens.some((token) => text.includes(tokenFingerprint(token)));
      })
      .toBe(true);
    tail.kill("SIGINT");
    expect(await ended).toBe(0);
  });
});

describe("tokens audit verify", () => {
  const verify = async (...args: string[]) => {
    const { code, stdout } = await runTokens(["audit", "verify", "--json", ...args]);
    return { code, report: JSON.parse(stdout) as { ok: boolean; findings: { code: string }[]; keys: string[] } };
  };

  it("says that all is well: on the server, on its storage, on an export", async () => {
    await mint();
    const { stdout } = await runTokens(["audit", "export", "--server", server.admin]);
    writeFileSync(join(folder, "audit.ndjson"), stdout);
    for (const source of [
      ["--server", server.admin],
      ["--storage", join(folder, "data/tokens.db")],
      ["--export", join(folder, "audit.ndjson")],
    ]) {
      expect(await verify(...source)).toMatchObject({ code: 0, report: { ok: true, findings: [] } });
    }
    const piped = await runTokens(["audit", "verify", "--export", "-"], stdout);
    expect(piped.stdout).toMatch(/^good: \d+ records/);
  });

  it("finds a record that was changed, and says with 1 that somebody did", async () => {
    for (let index = 0; index < 3; index++) await mint();
    const path = join(folder, "changed.ndjson");
    const { stdout } = await runTokens(["audit", "export", "--server", server.admin]);
    writeFileSync(path, stdout.replace("host-1.load", "host-9.load"));
    expect(readFileSync(path, "utf8")).not.toBe(stdout);
    const { code, report } = await verify("--export", path);
    expect(code).toBe(1);
    expect(report.findings.map((finding) => finding.code)).toEqual(["RECORD_CHANGED"]);
  });

  it("signs a last checkpoint when a server stops, and another key is not believed", async () => {
    const data = join(folder, "data-2");
    const second = await startServer(["--config", fleet.config, "--data", data]);
    const first = server;
    server = second;
    await mint();
    server = first;
    expect((await second.stop()).code).toBe(0);
    const { report } = await verify("--storage", join(data, "tokens.db"));
    expect(report).toMatchObject({ ok: true, checkpoints: 1, records: 1 });
    const pinned = await verify("--storage", join(data, "tokens.db"), "--key", "another");
    expect(pinned).toMatchObject({ code: 1, report: { findings: [{ code: "UNKNOWN_KEY" }] } });
  });

  it.each([
    ["a file that is not there", ["--export", "/does/not/exist"]],
    ["a file that is no export", ["--export", repositoryPath("package.json")]],
  ])("takes %s for wrong usage", async (_, args) => {
    const { code, stderr } = await runTokens(["audit", "verify", ...args]);
    expect(code, stderr).toBe(2);
    expect(stderr).not.toContain("    at ");
  });
});

it("tokens audit schema describes LUCI's four tables as BigQuery wants it", async () => {
  const { stdout } = await runTokens(["audit", "schema"]);
  const schema = JSON.parse(stdout) as Record<string, { name: string; type: string; mode: string }[]>;
  expect(Object.keys(schema)).toEqual([
    "machine_tokens",
    "delegation_tokens",
    "project_tokens",
    "service_account_tokens",
  ]);
  expect(schema["delegation_tokens"]).toContainEqual({ name: "tags", type: "STRING", mode: "REPEATED" });
  expect(schema["delegation_tokens"]).toContainEqual({ name: "auth_db_rev", type: "INTEGER", mode: "NULLABLE" });
  expect(schema["machine_tokens"]).toContainEqual({ name: "issued_at", type: "TIMESTAMP", mode: "NULLABLE" });
  expect(
    (await run(process.execPath, [repositoryPath("apps/server/bin/tokens.js"), "audit", "schema", "x"])).code,
  ).toBe(2);
});
