import { type Timestamp, timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { ServiceAccountTokenKind, TokenMinter } from "@tokens/api";
import { connectTo } from "./admin-client.js";
import { credentialHeaders, type CredentialOptions } from "./caller-credential.js";
import { parseDuration } from "./duration.js";
import { UsageError } from "./exit-code.js";
import { formatFailure, formatToken, type PrintedToken, type TokenFormat } from "./token-formats.js";

/** What `tokens mint project` and `tokens mint service-account` are asked alike. */
interface MintAccountOptions extends CredentialOptions {
  readonly minValidity?: string;
  readonly tag?: string[];
  readonly format: TokenFormat;
  readonly server?: string;
  readonly json?: true;
}

/** What `tokens mint project` was asked. */
export interface MintProjectOptions extends MintAccountOptions {
  readonly project: string;
  readonly scope: string[];
}

/** What `tokens mint service-account` was asked. */
export interface MintServiceAccountOptions extends MintAccountOptions {
  readonly account: string;
  readonly realm: string;
  readonly scope?: string[];
  readonly audience?: string;
}

/** A token that came, and whose it is. */
interface MintedToken {
  readonly kind: PrintedToken["kind"];
  readonly token: string;
  readonly account: string;
  readonly expiry: Timestamp | undefined;
}

/** Gets an access token of a project and prints it. */
export async function mintProject(options: MintProjectOptions): Promise<void> {
  const { headers, minter, ...common } = prepare(options);
  const request = { ...common, luciProject: options.project, oauthScope: options.scope };
  await printToken(options, async () => {
    const {
      accessToken: token,
      serviceAccountEmail: account,
      expiry,
    } = await minter.mintProjectToken(request, { headers });
    return { kind: "access", token, account, expiry };
  });
}

/** Gets an access token or an ID token of a service account and prints it. */
export async function mintServiceAccount(options: MintServiceAccountOptions): Promise<void> {
  const { account, realm, scope, audience } = options;
  if ((scope === undefined) === (audience === undefined)) {
    throw new UsageError("give --scope for an access token, or --audience for an ID token");
  }
  const { headers, minter, ...common } = prepare(options);
  const kind = scope === undefined ? "id" : "access";
  const { SERVICE_ACCOUNT_TOKEN_ACCESS_TOKEN: ACCESS, SERVICE_ACCOUNT_TOKEN_ID_TOKEN: ID } = ServiceAccountTokenKind;
  const wanted = { oauthScope: scope ?? [], idTokenAudience: audience ?? "", tokenKind: kind === "id" ? ID : ACCESS };
  const request = { ...common, ...wanted, serviceAccount: account, realm };
  await printToken(options, async () => {
    const { token, expiry } = await minter.mintServiceAccountToken(request, { headers });
    return { kind, token, account, expiry };
  });
}

function prepare(options: MintAccountOptions) {
  const { minValidity, tag = [], server } = options;
  const headers = credentialHeaders(options, process.env);
  const ms = minValidity === undefined ? 0 : parseDuration(minValidity, "min-validity");
  const minValidityDuration = BigInt(Math.ceil(ms / 1000));
  return { headers, minter: createClient(TokenMinter, connectTo(server)), minValidityDuration, auditTags: tag };
}

async function printToken({ format, json }: MintAccountOptions, mint: () => Promise<MintedToken>): Promise<void> {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const minted = await mint().catch((error: unknown) => {
    const { code, rawMessage: message } = ConnectError.from(error);
    const failure = json === true ? undefined : formatFailure({ code: Code[code], message }, format);
    if (failure !== undefined) print(failure);
    throw error;
  });
  const { kind, token, account, expiry } = minted;
  const expiryMs = expiry ? timestampMs(expiry) : 0;
  if (json !== true) print(formatToken({ kind, token, expiryMs }, format));
  else print(JSON.stringify({ token, serviceAccount: account, expiry: expiry && timestampDate(expiry).toISOString() }));
}
