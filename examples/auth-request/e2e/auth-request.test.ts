import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { encodeMachineToken, encodeMachineTokenBody } from "@tokens/machine-auth/machine-token";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const servers: Server[] = [];
let checker: ChildProcess;
let proxy: string;

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function token(): string {
  const tokenBody = encodeMachineTokenBody({
    machineFqdn: "host-1.example.com",
    issuedBy: "minter@example.com",
    issuedAt: Math.floor(Date.now() / 1000),
    lifetime: 3600,
    caId: 42n,
    certSn: "1001",
    audience: [],
  });
  return encodeMachineToken({ tokenBody, keyId: "key", rsaSha256: sign("sha256", tokenBody, privateKey) });
}

async function certificatesDocument(): Promise<string> {
  const [notBefore, notAfter] = [new Date("2026-01-01"), new Date("2036-01-01")];
  const certificate = await createSelfSignedCertificate({ privateKey, commonName: "Signer", notBefore, notAfter });
  const certificates = [{ key_name: "key", x509_certificate_pem: toPem("CERTIFICATE", certificate) }];
  return JSON.stringify({ service_account_name: "minter@example.com", certificates });
}

/** Sends a request on, with other headers; the answer's head. */
function forward(
  url: string,
  { method, headers }: Pick<IncomingMessage, "method" | "headers">,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers, agent: false }, resolve).on("error", reject).end();
  });
}

/** What nginx does with `auth_request` and the settings of the README. */
function authRequest(check: string, backend: string): RequestListener {
  return (incoming, response) => {
    const { method, headers } = incoming;
    void (async () => {
      const verdict = await forward(check, { method: "GET", headers });
      verdict.resume();
      if (verdict.statusCode !== 200) {
        return response.writeHead(verdict.statusCode ?? 500, verdict.headers).end();
      }
      const identity = verdict.headers["x-tokens-identity"];
      const answer = await forward(backend, { method, headers: { ...headers, "x-tokens-identity": identity } });
      return answer.pipe(response.writeHead(answer.statusCode ?? 500, answer.headers));
    })();
  };
}

beforeAll(async () => {
  const document = await certificatesDocument();
  const tokenServer = await listen((incoming, response) => {
    const found = incoming.url === "/auth/api/v1/server/certificates";
    response.writeHead(found ? 200 : 404).end(found ? document : undefined);
  });
  const script = fileURLToPath(new URL("../server.mjs", import.meta.url));
  checker = spawn(process.execPath, [script], { env: { ...process.env, TOKENS_SERVER: tokenServer, PORT: "0" } });
  const line = new Promise<string>((resolve) => {
    if (checker.stdout) createInterface({ input: checker.stdout }).once("line", resolve);
  });
  const check = (await line).replace("check server: ", "");
  const backend = await listen((incoming, response) =>
    response.end(`hello ${incoming.headers["x-tokens-identity"] as string}`),
  );
  proxy = await listen(authRequest(check, backend));
});

afterAll(() => {
  checker.kill();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

describe("the check server", () => {
  it("lets a machine through, and the backend knows who it is", async () => {
    const answer = await fetch(proxy, {
      headers: { "X-Luci-Machine-Token": token(), "X-Tokens-Identity": "user:root@x.y" },
    });
    expect([answer.status, await answer.text()]).toEqual([200, "hello bot:host-1.example.com"]);
  });

  it.each([
    ["no token", {}, undefined],
    ["a bad token", { "X-Luci-Machine-Token": "hello" }, "MALFORMED"],
    ["an identity that the client made up", { "X-Tokens-Identity": "user:root@x.y" }, undefined],
  ])("lets nothing through with %s", async (_name, headers, code) => {
    const answer = await fetch(proxy, { headers: headers as Record<string, string> });
    expect([answer.status, await answer.text()]).toEqual([401, ""]);
    const challenge = answer.headers.get("www-authenticate");
    expect(challenge).toBe(`MachineToken realm="machines"${code === undefined ? "" : `, error="${code}"`}`);
  });

  it("is ten lines", () => {
    const lines = readFileSync(fileURLToPath(new URL("../server.mjs", import.meta.url)), "utf8")
      .trimEnd()
      .split("\n");
    expect(lines.length).toBeLessThanOrEqual(10);
  });
});
