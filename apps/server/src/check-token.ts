import {
  type Authentication,
  type Authenticator,
  authenticator,
  type GroupLookup,
  isIdentity,
  type TrustSource,
} from "@tokens/machine-auth";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { EXIT, UsageError } from "./exit-code.js";
import { readGroupsFile } from "./groups-file.js";
import { openTrust } from "./open-trust.js";
import { parseTime } from "./rfc3339.js";
import { TOKEN_KINDS, type TokenKind } from "./token-kinds.js";
import { linesOf } from "./token-lines.js";

/** What `tokens check-token` was asked. */
export interface CheckTokenOptions {
  readonly trust: string;
  readonly kind: keyof typeof TOKEN_KINDS;
  readonly issuer?: string;
  readonly at?: string;
  readonly service?: string;
  readonly audience?: string;
  readonly peer?: string;
  readonly groups?: string;
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
  const kind = TOKEN_KINDS[options.kind];
  requireService(options.service);
  const peer = options.kind === "delegation" ? peerOf(options) : undefined;
  const clock = clockAt(options.at);
  const groups = options.groups === undefined ? undefined : readGroupsFile(options.groups);
  const trust = openTrust(options.trust, options.issuer);
  const authenticate = authenticatorOf(trust, clock, groups, options);
  const print = options.json !== true && process.stdout.isTTY ? sentence : JSON.stringify;
  let exitCode: number = EXIT.ok;
  try {
    for await (const token of tokensFrom(given)) {
      // An empty token is a bad one here: there is no request that could have come without.
      const authentication = await authenticate({ ...kind.credentials(token === "" ? " " : token), peer });
      process.stdout.write(`${print(rowFor(token, kind, authentication))}\n`);
      exitCode = worse(exitCode, authentication);
    }
  } finally {
    trust.close();
  }
  return exitCode;
}

/** A service may have no name: it takes no delegation tokens then. */
function requireService(service = ""): void {
  if (service === "" || (service.startsWith("service:") && isIdentity(service))) return;
  throw new UsageError(`--service must be an identity like service:files, and not ${JSON.stringify(service)}`);
}

/** A delegation token is good for somebody at some service: without a peer it is an anonymous one. */
function peerOf({ service, peer = "anonymous:anonymous" }: CheckTokenOptions): string {
  if (service === undefined)
    throw new UsageError("--kind delegation needs --service service:ID, who would take the token");
  if (!isIdentity(peer)) throw new UsageError(`--peer must be an identity like bot:host.example.com, and not ${peer}`);
  return peer;
}

function clockAt(at: string | undefined): () => number {
  if (at === undefined) return Date.now;
  const time = parseTime(at, "at");
  return () => time;
}

function authenticatorOf(
  trust: TrustSource,
  clock: () => number,
  groups: GroupLookup | undefined,
  { service = "", audience = service }: CheckTokenOptions,
): Authenticator {
  const grouping = groups === undefined ? {} : { groups };
  const naming = { ...(service !== "" && { service }), ...(audience !== "" && { audience }) };
  return authenticator({ trust, clock, ...grouping, ...naming });
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

function rowFor(token: string, kind: TokenKind, authentication: Authentication): Row {
  const error = "error" in authentication ? authentication.error : undefined;
  return {
    ok: authentication.status === "confirmed",
    code: error?.code ?? null,
    message: error?.message ?? null,
    identity: authentication.status === "confirmed" ? authentication.identity : null,
    fingerprint: tokenFingerprint(token),
    body: bodyOf(token, kind),
  };
}

function bodyOf(token: string, kind: TokenKind): unknown {
  try {
    return kind.readUnverified(token);
  } catch {
    // What is wrong with it stands in the row already.
    return null;
  }
}

function sentence({ ok, code, message, identity, fingerprint }: Row): string {
  return ok ? `good     ${identity} (${fingerprint})` : `refused  ${code}: ${message} (${fingerprint})`;
}
