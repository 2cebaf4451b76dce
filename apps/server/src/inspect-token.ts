import { createClient } from "@connectrpc/connect";
import { MachineTokenType } from "@tokens/api";
import { Admin } from "@tokens/api/admin";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { connectTo } from "./admin-client.js";
import { readInput } from "./certificate-files.js";
import { EXIT } from "./exit-code.js";
import { type ReadToken, readToken } from "./read-token.js";

/** What `tokens inspect` was asked. */
export interface InspectOptions {
  readonly server?: string;
  readonly json?: true;
}

/** What the server that is said to have signed the token found. */
interface ServerFindings {
  readonly valid: boolean;
  readonly reason: string | null;
  readonly signed: boolean;
  readonly nonExpired: boolean;
  readonly nonRevoked?: boolean;
  readonly ca?: string;
}

/** The answer. `ok` is null when nobody was asked who could tell. */
type Row = { readonly ok: boolean | null; readonly message: string | null; readonly fingerprint: string } & Partial<
  ReadToken & { readonly server: ServerFindings }
>;

/** Says everything about a token; the exit code. */
export async function inspectToken(given: string, options: InspectOptions): Promise<number> {
  const text =
    given === "-"
      ? Buffer.from(readInput("-", "token"))
          .toString("latin1")
          .replace(/\r?\n$/, "")
      : given;
  const row = await rowFor(text, options);
  process.stdout.write(options.json ? `${JSON.stringify(row)}\n` : `${linesFor(row).map(harmless).join("\n")}\n`);
  if (row.ok === null) return EXIT.ok;
  if (!row.ok) console.error(harmless(`tokens: ${row.message}`));
  return row.ok ? EXIT.ok : EXIT.no;
}

async function rowFor(text: string, { server = process.env["TOKENS_SERVER"] }: InspectOptions): Promise<Row> {
  const fingerprint = tokenFingerprint(text);
  const token = readToken(text);
  if (!token) return { ok: false, message: "this is neither a machine token nor a delegation token", fingerprint };
  if (server) {
    const found = await ask(server, text, token);
    return { ok: found.valid, message: found.reason, fingerprint, ...token, server: found };
  }
  return { ok: token.problem === null ? null : false, message: token.problem, fingerprint, ...token };
}

async function ask(server: string, text: string, { kind }: ReadToken): Promise<ServerFindings> {
  const admin = createClient(Admin, connectTo(server));
  if (kind === "delegation") {
    const { valid, invalidityReason, signed, nonExpired } = await admin.inspectDelegationToken({ token: text });
    return { valid, reason: invalidityReason || null, signed, nonExpired };
  }
  const tokenType = MachineTokenType.LUCI_MACHINE_TOKEN;
  const found = await admin.inspectMachineToken({ token: text, tokenType });
  const { valid, invalidityReason, signed, nonExpired, nonRevoked, certCaName } = found;
  return { valid, reason: invalidityReason || null, signed, nonExpired, nonRevoked, ca: certCaName };
}

/** A token of a stranger must not command the terminal. */
const harmless = (line: string) => line.replace(/\p{C}/gu, "?");

const yesNo = (is: boolean) => (is ? "yes" : "no");

function linesFor({ ok, message, fingerprint, server, ...token }: Row): string[] {
  const verdict = ok === null ? "not verified: ask a server (--server), or tokens check-token" : yesNo(ok);
  const line = (name: string, value: string | number | null | undefined) =>
    value === undefined || value === "" ? [] : [`${name.padEnd(12)} ${value ?? "-"}`];
  return [
    ...line("fingerprint", fingerprint),
    ...line("kind", token.kind),
    ...line("good", verdict),
    ...line("why not", ok === false ? message : undefined),
    ...line("issuer", token.issuer),
    ...line("key", token.keyId),
    ...line("signature", token.signatureBytes === undefined ? undefined : `${token.signatureBytes} bytes`),
    ...line("issued at", token.issuedAt),
    ...line("expires", token.expires),
    ...(server ? serverLines(server, line) : []),
    ...(token.body === undefined ? [] : JSON.stringify(token.body, undefined, 2).split("\n")),
  ];
}

function serverLines(
  { signed, nonExpired, nonRevoked, ca }: ServerFindings,
  line: (name: string, value: string | undefined) => string[],
): string[] {
  return [
    ...line("signed", yesNo(signed)),
    ...line("not expired", yesNo(nonExpired)),
    ...line("not revoked", nonRevoked === undefined ? undefined : yesNo(nonRevoked)),
    ...line("CA", ca),
  ];
}
