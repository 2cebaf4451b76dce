import { readFileSync } from "node:fs";
import { create, toJson } from "@bufbuild/protobuf";
import { MachineTokenBodySchema } from "@tokens/api";
import {
  authenticate,
  type Authentication,
  fixedTrust,
  trustFromCertificates,
  trustFromServer,
  type TrustSource,
  TrustUnavailable,
} from "@tokens/machine-auth";
import { decodeUnverifiedMachineToken, tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { EXIT, UsageError } from "./exit-code.js";
import { linesOf } from "./token-lines.js";

/** What `tokens check-token` was asked. */
export interface CheckTokenOptions {
  readonly trust: string;
  readonly issuer?: string;
  readonly at?: string;
  readonly json?: true;
}

/** The answer for one token. */
interface Row {
  readonly ok: boolean;
  readonly code: string | null;
  readonly message: string | null;
  readonly identity: string | null;
  readonly fingerprint: string;
  /** What the token says, believable only if `ok`; null when it cannot be read. */
  readonly body: unknown;
}

/** Checks tokens one by one, each answered as it comes; the exit code. */
export async function checkTokens(given: readonly string[], options: CheckTokenOptions): Promise<number> {
  const at = options.at === undefined ? undefined : parseTime(options.at);
  const trust = openTrust(options);
  const print = options.json !== true && process.stdout.isTTY ? sentence : JSON.stringify;
  let exitCode: number = EXIT.ok;
  try {
    for await (const token of tokensFrom(given)) {
      const authentication = await check(token, trust, at);
      process.stdout.write(`${print(rowFor(token, authentication))}\n`);
      exitCode = worse(exitCode, authentication);
    }
  } finally {
    trust.close();
  }
  return exitCode;
}

/** An empty token is a bad one here: there is no request that could have come without. */
function check(token: string, trust: TrustSource, at: number | undefined): Promise<Authentication> {
  return authenticate([token === "" ? " " : token], { trust, clock: at === undefined ? Date.now : () => at });
}

/** A refusal outweighs what nobody can tell, and that outweighs a good token. */
function worse(exitCode: number, { status }: Authentication): number {
  if (status === "confirmed" || exitCode === EXIT.no) return exitCode;
  return status === "unavailable" ? EXIT.unknown : EXIT.no;
}

async function* tokensFrom(given: readonly string[]): AsyncGenerator<string> {
  const sources = given.length === 0 ? ["-"] : given;
  for (const source of sources) {
    if (source === "-") yield* linesOf(process.stdin.setEncoding("utf8") as AsyncIterable<string>);
    else yield source;
  }
}

function openTrust({ trust, issuer }: CheckTokenOptions): TrustSource {
  const options = issuer === undefined ? {} : { issuer };
  if (/^https?:\/\//i.test(trust)) {
    try {
      return trustFromServer(trust, options);
    } catch (error) {
      throw new UsageError((error as Error).message, { cause: error });
    }
  }
  try {
    return fixedTrust(trustFromCertificates(readFileSync(trust, "utf8"), options));
  } catch (error) {
    if (error instanceof TrustUnavailable) return unavailable(error);
    throw new UsageError(`cannot read --trust ${trust}: ${(error as Error).message}`, { cause: error });
  }
}

/** A document that cannot be used: nobody can tell about any token. */
function unavailable(error: TrustUnavailable): TrustSource {
  const fail = () => Promise.reject(error);
  return {
    current: () => {
      throw error;
    },
    ready: fail,
    refresh: fail,
    close: () => undefined,
  };
}

function parseTime(text: string): number {
  const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
  const time = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new UsageError(`--at must be a time like 2026-06-01T12:00:00Z, and not ${JSON.stringify(text)}`);
  return time;
}

function rowFor(token: string, authentication: Authentication): Row {
  const error = "error" in authentication ? authentication.error : undefined;
  return {
    ok: authentication.status === "confirmed",
    code: error?.code ?? null,
    message: error?.message ?? null,
    identity: authentication.status === "confirmed" ? authentication.machine.identity : null,
    fingerprint: tokenFingerprint(token),
    body: bodyOf(token),
  };
}

function bodyOf(token: string): unknown {
  try {
    return toJson(MachineTokenBodySchema, create(MachineTokenBodySchema, readBody(token)));
  } catch {
    // What is wrong with it stands in the row already.
    return null;
  }
}

function readBody(token: string) {
  const { body } = decodeUnverifiedMachineToken(token);
  return {
    ...body,
    issuedAt: BigInt(body.issuedAt),
    lifetime: BigInt(body.lifetime),
    certSn: Buffer.from(body.certSn, "hex"),
    audience: [...body.audience],
  };
}

function sentence({ ok, code, message, identity, fingerprint }: Row): string {
  return ok ? `good     ${identity} (${fingerprint})` : `refused  ${code}: ${message} (${fingerprint})`;
}
