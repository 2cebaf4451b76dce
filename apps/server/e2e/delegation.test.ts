import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { TokenMinter } from "@tokens/api";
import { DelegationTokens, TokenClient } from "@tokens/client";
import { type Authenticator, authenticator, trustFromServer, type TrustSource } from "@tokens/machine-auth";
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueMachineCertificate,
  toPem,
} from "@tokens/pki/x509";
import { type OpenIdProvider, startOpenIdProvider } from "openid-provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mintCall } from "./mint-call.js";
import { type RunningServer, runTokens, startServer } from "./programs.js";

const policy = `certificate_authority {
  cn: "Fleet" cert_path: "fleet.pem" unique_id: 42
  known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }
}`;
const groups = 'groups { name: "services" globs: "bot:*.fleet.example.com" }';
const rules = `rules {
  name: "users-to-services"
  requestor: "user:alice@example.com"
  allowed_to_impersonate: "REQUESTOR"
  allowed_audience: "group:services"
  target_service: "service:files"
  max_validity_duration: 3600
}`;

let folder: string;
let provider: OpenIdProvider;
let server: RunningServer;
let machineToken: string;
let trust: TrustSource;
let files: Server;
/** The service `files`, in the network of this test. */
let filesUrl: string;

/** A service that says what it is called, and nothing else. Returns its certificate. */
async function startFiles(): Promise<string> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
  const subject = { commonName: "localhost", notBefore: inDays(-1), notAfter: inDays(1) };
  const cert = toPem("CERTIFICATE", await createSelfSignedCertificate({ privateKey, ...subject }));
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  files = createServer({ key, cert }, (_, response) => void response.end('{"app_id":"files"}'));
  await new Promise<void>((resolve) => files.listen(0, "127.0.0.1", resolve));
  filesUrl = `https://localhost:${(files.address() as AddressInfo).port}`;
  return cert;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "delegation-"));
  mkdirSync(join(folder, "config"));
  const ca = await createCertificateAuthority({ commonName: "Fleet" });
  const texts = { "tokenserver.cfg": policy, "groups.cfg": groups, "delegation.cfg": rules };
  const pem = { "fleet.pem": toPem("CERTIFICATE", ca.certificate) };
  for (const [name, text] of Object.entries({ ...texts, ...pem })) writeFileSync(join(folder, "config", name), text);
  provider = await startOpenIdProvider();
  const oidc = ["--oidc-issuer", provider.issuer, "--oidc-audience", "tokens"];
  const extraCa = join(folder, "files.pem");
  writeFileSync(extraCa, await startFiles());
  const services = ["--allow-service-host", filesUrl.slice("https://".length)];
  const folders = ["--config", join(folder, "config"), "--data", join(folder, "data")];
  server = await startServer([...oidc, ...services, ...folders], { NODE_EXTRA_CA_CERTS: extraCa });
  const { certificate, privateKey } = await issueMachineCertificate(ca, { commonName: "web.fleet.example.com" });
  const minter = createClient(TokenMinter, createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }));
  const { tokenResponse } = await minter.mintMachineToken(mintCall(Buffer.from(certificate), privateKey));
  machineToken = tokenResponse?.tokenType.value?.machineToken ?? "";
  trust = trustFromServer(server.url);
});

afterAll(async () => {
  trust.close();
  files.close();
  await Promise.all([server.stop(), provider.stop()]);
  rmSync(folder, { recursive: true });
});

/** `tokens mint delegation` of a user. */
async function mint(email: string, ...options: string[]) {
  const bearer = await provider.login(email);
  return runTokens(["mint", "delegation", "--server", server.url, "--bearer-file", "-", ...options], bearer);
}

const asAllowed = ["--audience", "group:services", "--service", "service:files"];

/** A backend, as it asks who sends it a request. */
function backend(service: string, atMs = Date.now()): Authenticator {
  const members = (identity: string, group: string) =>
    group === "services" && /^bot:.*\.fleet\.example\.com$/.test(identity);
  return authenticator({ trust, service, groups: members, clock: () => atMs });
}

describe("a user who delegates to a service", () => {
  it("lets it act at a backend, which sees both of them", async () => {
    const { code, stdout } = await mint("alice@example.com", ...asAllowed);
    expect(code).toBe(0);
    const credentials = { machineTokens: [machineToken], delegationTokens: [stdout.trim()] };
    expect(await backend("service:files")(credentials)).toMatchObject({
      status: "confirmed",
      identity: "user:alice@example.com",
      peer: "bot:web.fleet.example.com",
    });
  });

  it("shows an operator what its token says", async () => {
    const { stdout } = await mint("alice@example.com", ...asAllowed);
    const inspect = async (...options: string[]) => {
      const { code, stdout: row } = await runTokens(["inspect", "-", "--json", ...options], stdout);
      return { code, row: JSON.parse(row) as unknown };
    };
    const body = { delegatedIdentity: "user:alice@example.com", services: ["service:files"] };
    expect(await inspect()).toMatchObject({ code: 0, row: { ok: null, kind: "delegation", body } });
    const found = { valid: true, signed: true, nonExpired: true };
    const asked = await inspect("--server", server.admin);
    expect(asked).toMatchObject({ code: 0, row: { ok: true, kind: "delegation", body, server: found } });
  });

  it("lets nobody else act, nowhere else, and not for longer", async () => {
    const { stdout } = await mint("alice@example.com", ...asAllowed, "--validity", "1m");
    const delegationTokens = [stdout.trim()];
    const machineTokens = [machineToken];
    const refused = async (authenticate: Authenticator, credentials: object, code: string) =>
      expect(await authenticate(credentials)).toMatchObject({ status: "invalid", error: { code } });
    await refused(backend("service:files"), { delegationTokens }, "WRONG_AUDIENCE");
    await refused(backend("service:files"), { delegationTokens, peer: "user:eve@example.com" }, "WRONG_AUDIENCE");
    await refused(backend("service:builds"), { delegationTokens, machineTokens }, "WRONG_SERVICE");
    await refused(backend("service:files", Date.now() + 62_000), { delegationTokens, machineTokens }, "EXPIRED");
  });

  it("may name the service by its URL, in a private network only if that is allowed", async () => {
    const { code, stdout } = await mint("alice@example.com", "--audience", "group:services", "--service", filesUrl);
    expect(code).toBe(0);
    const credentials = { machineTokens: [machineToken], delegationTokens: [stdout.trim()] };
    expect(await backend("service:files")(credentials)).toMatchObject({ status: "confirmed" });
    const elsewhere = filesUrl.replace("localhost", "127.0.0.1");
    const refused = await mint("alice@example.com", "--audience", "group:services", "--service", elsewhere);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`could not resolve "${elsewhere}" to service ID`);
  });

  it("keeps the tokens in its program, one for each request, until they are old", async () => {
    const client = new TokenClient(createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }));
    const headers = { authorization: `Bearer ${await provider.login("alice@example.com")}` };
    const now = { wallMs: Date.now(), monotonicMs: 0 };
    const tokens = new DelegationTokens({
      mint: (request) => client.mintDelegationToken(request, { headers }),
      clock: () => ({ ...now }),
    });
    const request = { identity: "REQUESTOR", audience: ["group:services"], services: ["service:files"] };
    const hour = { ...request, validitySeconds: 3600 };
    const first = await Promise.all(Array.from({ length: 5 }, () => tokens.delegate(hour)));
    const [{ token } = { token: "" }] = first;
    expect(new Set(first.map((each) => each.token))).toEqual(new Set([token]));
    const other = await tokens.delegate({ ...hour, intent: "another request" });
    expect(other.token).not.toBe(token);
    now.wallMs += 3_000_000;
    now.monotonicMs += 3_000_000;
    expect((await tokens.delegate({ ...hour, minTtlSeconds: 1200 })).token).not.toBe(token);
    const delegationTokens = [token];
    const answer = await backend("service:files")({ machineTokens: [machineToken], delegationTokens });
    expect(answer).toMatchObject({ status: "confirmed", identity: "user:alice@example.com" });
  });

  it("gets nothing that no rule allows, and says so by its exit code", async () => {
    const cases: [string, string[]][] = [
      ["bob@example.com", asAllowed],
      ["alice@example.com", ["--audience", "*", "--service", "service:files"]],
      ["alice@example.com", ["--audience", "group:services", "--service", "*"]],
      ["alice@example.com", [...asAllowed, "--validity", "2h"]],
      ["alice@example.com", [...asAllowed, "--identity", "user:bob@example.com"]],
    ];
    for (const [email, options] of cases) {
      const { code, stdout, stderr } = await mint(email, ...options);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("permission_denied");
    }
  });

  it.each([true, false])("gets nothing for names that begin with a byte order mark (binary: %s)", async (binary) => {
    const transport = createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", useBinaryFormat: binary });
    const headers = { authorization: `Bearer ${await provider.login("alice@example.com")}` };
    const asking = (audience: string) =>
      createClient(TokenMinter, transport).mintDelegationToken(
        { delegatedIdentity: "REQUESTOR", audience: [audience], services: ["service:files"] },
        { headers },
      );
    expect((await asking("group:services")).token).not.toBe("");
    await expect(asking("\uFEFFgroup:services")).rejects.toThrow("bad 'audience'");
  });

  it("learns an id by which an operator learns why", async () => {
    const bearer = await provider.login("alice@example.com");
    const response = await fetch(`${server.url}/tokenserver.minter.TokenMinter/MintDelegationToken`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ delegatedIdentity: "REQUESTOR", audience: ["group:services"], services: ["*"] }),
    });
    const id = response.headers.get("x-tokens-reference") ?? "";
    const explain = (...options: string[]) => runTokens(["explain", id, "--server", server.admin, ...options]);
    await expect.poll(async () => (await explain()).code).toBe(0);
    expect((await explain()).stdout.split("\n")).toEqual([
      "MintDelegationToken by user:alice@example.com: PermissionDenied",
      "forbidden - no matching delegation rules in the config",
      expect.stringMatching(/^policy [0-9a-f]{40}$/),
      "  users-to-services: fails at target_service",
      "  allow-project-identities: fails at requestor",
      "",
    ]);
    expect(JSON.parse((await explain("--json")).stdout)).toMatchObject({ caller: "user:alice@example.com" });
    const unknown = `${id.slice(0, 8)}00000000`;
    expect((await runTokens(["explain", unknown, "--server", server.admin])).code).toBe(1);
    expect((await runTokens(["explain", "nonsense", "--server", server.admin])).stderr).toContain("16 hex digits");
  });

  it("learns an id also where it may not speak for a project, or is no administrator", async () => {
    const bearer = await provider.login("alice@example.com");
    const call = async (path: string, headers: Record<string, string>) => {
      const all = { "content-type": "application/json", authorization: `Bearer ${bearer}`, ...headers };
      const response = await fetch(`${server.url}/${path}`, { method: "POST", headers: all, body: "{}" });
      return response.headers.get("x-tokens-reference") ?? "";
    };
    const explain = (id: string) => runTokens(["explain", id, "--server", server.admin]);
    const ids: [string, string][] = [
      [
        await call("tokenserver.minter.TokenMinter/MintDelegationToken", { "x-luci-project": "lab" }),
        "  group auth-luci-services: fails at peer",
      ],
      [await call("tokenserver.admin.Admin/ImportCAConfigs", {}), "  group administrators: fails at caller"],
    ];
    for (const [id, rule] of ids) {
      await expect.poll(async () => (await explain(id)).code).toBe(0);
      const lines = (await explain(id)).stdout.split("\n");
      expect(lines[0]).toMatch(/ by user:alice@example\.com: PermissionDenied$/);
      expect(lines.slice(2)).toEqual([expect.stringMatching(/^policy [0-9a-f]{40}$/), rule, ""]);
    }
  });

  it("is in the audit log, and its token is not", async () => {
    const { stdout } = await mint("alice@example.com", ...asAllowed, "--intent", "a test", "--json");
    const { token } = JSON.parse(stdout) as { token: string };
    const audit = await runTokens(["audit", "export", "--kind", "delegation", "--server", server.admin]);
    expect(audit.stdout).toContain('"requested_intent":"a test"');
    expect(audit.stdout).not.toContain(token);
    expect(server.log()).not.toContain(token);
  });
});

it("wants a credential, and not on the command line", async () => {
  const { code, stderr } = await runTokens(["mint", "delegation", "--server", server.url, ...asAllowed], "", {
    TOKENS_BEARER: "",
  });
  expect(code).toBe(2);
  expect(stderr).toContain("TOKENS_BEARER");
});
