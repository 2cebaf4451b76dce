import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Admin } from "@tokens/api/admin";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { type OpenIdProvider, startOpenIdProvider } from "openid-provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, runTokens, startServer } from "./programs.js";

type Authority = Awaited<ReturnType<typeof createCertificateAuthority>>;
type Machine = Awaited<ReturnType<typeof issueMachineCertificate>>;

let folder: string;
let provider: OpenIdProvider;
let other: OpenIdProvider;
let ca: Authority;
let server: RunningServer;

const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const keyPem = ({ privateKey }: Machine | Authority) => privateKey.export({ type: "pkcs8", format: "pem" }) as string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "callers-"));
  mkdirSync(join(folder, "config"));
  write(
    "config/groups.yaml",
    "groups: [{name: administrators, members: [user:root@example.com, bot:ops.example.com]}]",
  );
  [provider, other] = await Promise.all([startOpenIdProvider(), startOpenIdProvider()]);
  ca = await createCertificateAuthority({ commonName: "Clients" });
  const tls = await createCertificateAuthority({ commonName: "localhost" });
  const files = [
    ["--tls-cert", write("tls.pem", toPem("CERTIFICATE", tls.certificate))],
    ["--tls-key", write("tls.key", keyPem(tls))],
    ["--tls-client-ca", write("clients.pem", toPem("CERTIFICATE", ca.certificate))],
    ["--oidc-issuer", provider.issuer, "--oidc-audience", "tokens", "--oidc-domains", "example.com"],
    ["--oidc-issuer", other.issuer, "--oidc-audience", "tokens", "--oidc-domains", "example.org"],
    ["--config", join(folder, "config"), "--data", join(folder, "data")],
  ];
  server = await startServer(files.flat());
});

afterAll(async () => {
  await Promise.all([server.stop(), provider.stop(), other.stop()]);
  rmSync(folder, { recursive: true });
});

/** What an operators' call comes to: "ok", or the code of the refusal. */
async function adminCall(headers: Record<string, string>, machine?: Machine, httpVersion: "1.1" | "2" = "1.1") {
  const client = machine && { cert: toPem("CERTIFICATE", machine.certificate), key: keyPem(machine) };
  const nodeOptions = { rejectUnauthorized: false, ...client };
  const admin = createClient(Admin, createConnectTransport({ baseUrl: server.url, httpVersion, nodeOptions }));
  return admin.importCAConfigs({}, { headers }).then(
    () => "ok",
    (error: unknown) => Code[ConnectError.from(error).code],
  );
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const machineOf = (authority: Authority, commonName: string) => issueMachineCertificate(authority, { commonName });

describe("the rule for operators", () => {
  it("lets administrators in, by any credential and on any protocol", async () => {
    expect(await adminCall(bearer(await provider.login("Root@example.com")))).toBe("ok");
    const ops = await machineOf(ca, "ops.example.com");
    expect(await adminCall({}, ops)).toBe("ok");
    expect(await adminCall({}, ops, "2")).toBe("ok");
  });

  it("refuses everybody else", async () => {
    expect(await adminCall({})).toBe("PermissionDenied");
    expect(await adminCall(bearer(await provider.login("alice@example.com")))).toBe("PermissionDenied");
    expect(await adminCall(bearer(await other.login("root@example.org")))).toBe("PermissionDenied");
    expect(await adminCall({}, await machineOf(ca, "other.example.com"))).toBe("PermissionDenied");
  });

  it("takes nobody with a bad credential for anybody", async () => {
    const token = await provider.login("root@example.com");
    expect(await adminCall(bearer(token.slice(0, -4)))).toBe("Unauthenticated");
    expect(await adminCall({ authorization: "Basic cm9vdDpyb290" })).toBe("Unauthenticated");
    expect(await adminCall({ "x-luci-machine-token": "garbage" })).toBe("Unauthenticated");
    expect(await adminCall({ "x-delegation-token-v1": "garbage" })).toBe("Unauthenticated");
    const impostor = await createCertificateAuthority({ commonName: "Clients" });
    expect(await adminCall({}, await machineOf(impostor, "ops.example.com"))).toBe("Unauthenticated");
    expect(await adminCall(bearer(token), await machineOf(ca, "ops.example.com"))).toBe("Unauthenticated");
  });

  it("lets no issuer speak for the other's users", async () => {
    expect(await adminCall(bearer(await other.login("root@example.com")))).toBe("Unauthenticated");
  });

  it("records who made each call", async () => {
    await adminCall(bearer(await provider.login("root@example.com")));
    const { stdout } = await runTokens(["audit", "export", "--kind", "operation", "--server", server.admin]);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(JSON.stringify(records)).toContain("user:root@example.com");
    expect(JSON.stringify(records)).toContain("ImportCAConfigs");
    expect(JSON.stringify(records.at(-1))).toContain('"local"');
  });

  it("says nothing of credentials in the log", async () => {
    const token = await provider.login("alice@example.com");
    await adminCall(bearer(token));
    await adminCall(bearer(`${token}x`));
    await expect.poll(() => server.log()).toContain("user:alice@example.com");
    for (const part of token.split(".")) expect(server.log()).not.toContain(part);
  });
});

describe("an issuer that is down", () => {
  it("makes its own callers come again, and nobody else", async () => {
    const down = await startOpenIdProvider();
    const token = await down.login("root@example.com");
    await down.stop();
    const args = [
      ["--oidc-issuer", down.issuer, "--oidc-audience", "tokens", "--oidc-domains", "example.com"],
      ["--oidc-issuer", other.issuer, "--oidc-audience", "tokens", "--oidc-domains", "example.org"],
      ["--config", join(folder, "config"), "--data", join(folder, "data2")],
    ];
    const second = await startServer(args.flat());
    const call = async (headers: Record<string, string>) => {
      const response = await fetch(`${second.url}/tokenserver.admin.Admin/ImportCAConfigs`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: "{}",
      });
      return [response.status, response.headers.get("retry-after")];
    };
    expect(await call(bearer(token))).toEqual([503, "5"]);
    expect(await call(bearer(await other.login("root@example.org")))).toEqual([403, null]);
    expect(await call({})).toEqual([403, null]);
    await second.stop();
  });
});

describe("settings", () => {
  const serve = (...args: string[]) =>
    runTokens(["serve", "--listen", "127.0.0.1:0", "--config", folder, "--data", join(folder, "none"), ...args]);

  it.each([
    ["an issuer that anybody could be", ["--oidc-issuer", "http://example.com", "--oidc-audience", "a"], "https URL"],
    ["an issuer without an audience", ["--oidc-issuer", "https://example.com"], "oidc-audience"],
    ["client CAs without TLS", ["--tls-client-ca", "x"], "tls-client-ca needs tls-cert"],
    ["a proxy that is no network", ["--trusted-proxy", "proxy"], "trusted-proxy"],
  ])("refuse %s", async (_, args, message) => {
    const { code, stderr } = await serve(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
  });
});

describe("another user's process", () => {
  const isRoot = process.getuid?.() === 0;

  it.skipIf(!isRoot)("does not reach the admin socket, also where it can see it (needs root to try)", () => {
    const [path] = server.admin.split(":").slice(1);
    chmodSync(folder, 0o755);
    chmodSync(join(folder, "data"), 0o755);
    const script = `require("node:net").connect(process.argv[1]).on("connect", () => console.log("in")).on("error", (e) => console.log(e.code))`;
    const connect = (uid: number) =>
      execFileSync(process.execPath, ["-e", `${script}; setTimeout(() => process.exit(), 2000)`, path ?? ""], {
        uid,
        encoding: "utf8",
      }).trim();
    expect(connect(0)).toBe("in");
    expect(connect(65_534)).toBe("EACCES");
  });
});
