import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyObject } from "node:crypto";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { TokenMinter } from "@tokens/api";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { mintCall } from "./mint-call.js";

/** A machine's key and certificate. */
export interface LoadMachine {
  readonly key: KeyObject;
  readonly der: Uint8Array;
}

/** A machine of a throw-away CA, and the config folder of a server that trusts it. */
export interface LoadFleet extends LoadMachine {
  readonly config: string;
  /** Another machine of the same CA. */
  issue(commonName: string): Promise<LoadMachine>;
}

/** Writes the config folder of a throw-away CA with one machine. */
export async function makeLoadFleet(folder: string): Promise<LoadFleet> {
  const ca = await createCertificateAuthority({ commonName: "Load CA" });
  const issue = async (commonName: string) => {
    const { privateKey, certificate } = await issueMachineCertificate(ca, { commonName });
    return { key: privateKey, der: certificate };
  };
  const config = join(folder, "config");
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, "ca.pem"), toPem("CERTIFICATE", ca.certificate));
  writeFileSync(
    join(config, "tokenserver.cfg"),
    `certificate_authority { cn: "Load CA" cert_path: "ca.pem" unique_id: 1
      known_domains { domain: "load.example.com" machine_token_lifetime: 3600 } }`,
  );
  return { config, issue, ...(await issue("host-1.load.example.com")) };
}

/** Calls that go on, several at a time, until they are stopped. What they got is kept. */
export class MintingLoad {
  readonly tokens: string[] = [];
  readonly failures: ConnectError[] = [];
  readonly #fleet: LoadFleet;
  readonly #minter: ReturnType<typeof createClient<typeof TokenMinter>>;
  readonly #stop = new AbortController();
  readonly #callers: Promise<void>[];

  constructor(url: string, fleet: LoadFleet, callers = 4) {
    this.#fleet = fleet;
    this.#minter = createClient(TokenMinter, createConnectTransport({ baseUrl: url, httpVersion: "1.1" }));
    this.#callers = Array.from({ length: callers }, () => this.#call(this.#minter));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#callers);
  }

  /** The codes of the calls that failed. */
  codes(): Set<string> {
    return new Set(this.failures.map(({ code }) => Code[code]));
  }

  /** One more call. */
  async once(): Promise<void> {
    await this.#minter.mintMachineToken(mintCall(this.#fleet.der, this.#fleet.key));
  }

  async #call(minter: ReturnType<typeof createClient<typeof TokenMinter>>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const { tokenResponse } = await minter.mintMachineToken(mintCall(this.#fleet.der, this.#fleet.key));
        if (tokenResponse?.tokenType.case === "luciMachineToken") {
          this.tokens.push(tokenResponse.tokenType.value.machineToken);
        }
      } catch (error) {
        this.failures.push(ConnectError.from(error));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}
