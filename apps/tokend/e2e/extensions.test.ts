import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authenticator, type TrustSource } from "@tokens/machine-auth";
import { TestCa } from "@tokens/pki/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runAgent } from "./agent.js";
import { listen, type LoopbackServer, tokenServerOf } from "./token-servers.js";

const pem = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;

/** A CA for each policy: the last label of its name says which. */
const POLICIES = {
  plain: "",
  ec: "request_policy { ec_signature: ENFORCE }",
  report: "request_policy { nonce: REPORT server_name: REPORT }",
  audience: 'request_policy { audience: ENFORCE allowed_audience: "service:a" allowed_audience: "service:b" }',
  once: "request_policy { nonce: ENFORCE server_name: ENFORCE }",
};
type PolicyName = keyof typeof POLICIES;

const folder = mkdtempSync(join(tmpdir(), "extensions-"));
const cas = Object.keys(POLICIES).map((name) => [name, TestCa.create(name)] as const);
let server: LoopbackServer & { readonly trust: TrustSource };

beforeAll(async () => {
  const entries = cas.map(([name], index) => {
    const domains = 'known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }';
    const policy = POLICIES[name as PolicyName];
    return `certificate_authority { cn: "${name}" cert_path: "${name}.pem" unique_id: ${index} ${domains} ${policy} }`;
  });
  const files = new Map(cas.map(([name, ca]) => [`${name}.pem`, pem("CERTIFICATE", ca.certificate)]));
  files.set("tokenserver.cfg", entries.join("\n"));
  const read = (path: string) => Promise.resolve(files.get(path));
  const { listener, trust } = await tokenServerOf({ read });
  server = { ...(await listen(listener)), trust };
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the agent once with a new certificate of a CA: how it ended, by its status file. */
async function outcomeOf(
  policy: PolicyName,
  privateKey: KeyObject,
  ...flags: string[]
): Promise<{ outcome: string; token: string | undefined }> {
  const ca = cas.find(([name]) => name === policy)?.[1];
  const issued = ca?.issue("host-1.fleet.example.com", { privateKey });
  const here = mkdtempSync(join(folder, "run-"));
  const path = (name: string) => join(here, name);
  writeFileSync(path("key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(path("cert.pem"), pem("CERTIFICATE", issued?.certificate ?? new Uint8Array()));
  const inputs = ["-pkey-pem", path("key.pem"), "-cert-pem", path("cert.pem")];
  const outputs = ["-token-file", path("token.json"), "-status-file", path("status.json")];
  await runAgent([...inputs, ...outputs, "-backend", `127.0.0.1:${server.port}`, ...flags]);
  const { update_outcome: outcome } = JSON.parse(readFileSync(path("status.json"), "utf8")) as Record<string, string>;
  if (!existsSync(path("token.json"))) return { outcome: outcome ?? "", token: undefined };
  const file = JSON.parse(readFileSync(path("token.json"), "utf8")) as { luci_machine_token?: string };
  return { outcome: outcome ?? "", token: file.luci_machine_token };
}

const ecKey = (namedCurve = "P-256") => generateKeyPairSync("ec", { namedCurve }).privateKey;

describe("an agent with a key that LUCI's server does not take", () => {
  it.each([
    ["P-256", ecKey()],
    ["P-384", ecKey("P-384")],
    ["Ed25519", generateKeyPairSync("ed25519").privateKey],
  ])("gets a token with %s where the CA's policy takes such keys, and only there", async (_, key) => {
    const { outcome, token } = await outcomeOf("ec", key);
    expect(outcome).toBe("UPDATE_SUCCESS");
    expect(token).toMatch(/^[A-Za-z0-9+/]{100,}$/);
    expect((await outcomeOf("plain", key)).outcome).toBe("MINT_TOKEN_ERROR_UNSUPPORTED_SIGNATURE");
  });
});

describe("an agent whose CA wants requests that are good for once", () => {
  const { privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 2048 });

  it("gets a token with -server-name, and is refused with another name or none", async () => {
    expect((await outcomeOf("once", key, "-server-name", "prod")).outcome).toBe("UPDATE_SUCCESS");
    expect((await outcomeOf("once", key, "-server-name", "staging")).outcome).toBe(
      "MINT_TOKEN_ERROR_WRONG_SERVER_NAME",
    );
    expect((await outcomeOf("once", key)).outcome).toBe("MINT_TOKEN_ERROR_WRONG_SERVER_NAME");
  });

  it("gets one with and without it where that is only reported, or not in use", async () => {
    for (const policy of ["report", "plain"] as const) {
      expect((await outcomeOf(policy, key)).outcome).toBe("UPDATE_SUCCESS");
      expect((await outcomeOf(policy, key, "-server-name", "staging")).outcome).toBe("UPDATE_SUCCESS");
    }
  });
});

describe("an agent whose CA wants tokens for certain services", () => {
  const { privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 2048 });

  it("attack 18: gets a token for A, which B refuses", async () => {
    const { outcome, token = "" } = await outcomeOf("audience", key, "-audience", "service:a");
    expect(outcome).toBe("UPDATE_SUCCESS");
    const verdicts = await Promise.all(
      ["service:a", "service:b", undefined].map(async (audience) => {
        const authenticate = authenticator({ trust: server.trust, ...(audience !== undefined && { audience }) });
        const verdict = await authenticate({ machineTokens: [token] });
        return verdict.status === "invalid" ? verdict.error.code : verdict.status;
      }),
    );
    expect(verdicts).toEqual(["confirmed", "WRONG_AUDIENCE", "WRONG_AUDIENCE"]);
  });

  it("is refused without any, with one that is not allowed, and where none is", async () => {
    const refused = "MINT_TOKEN_ERROR_BAD_AUDIENCE";
    expect((await outcomeOf("audience", key)).outcome).toBe(refused);
    expect((await outcomeOf("audience", key, "-audience", "service:a", "-audience", "service:c")).outcome).toBe(
      refused,
    );
    expect((await outcomeOf("plain", key, "-audience", "service:a")).outcome).toBe(refused);
  });
});
