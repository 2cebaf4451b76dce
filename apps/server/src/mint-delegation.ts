import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { SubtokenSchema, TokenMinter } from "@tokens/api";
import { connectTo } from "./admin-client.js";
import { credentialHeaders, type CredentialOptions } from "./caller-credential.js";
import { parseDuration } from "./duration.js";

/** What `tokens mint delegation` was asked. */
export interface MintDelegationOptions extends CredentialOptions {
  readonly identity: string;
  readonly audience: string[];
  readonly service: string[];
  readonly validity?: string;
  readonly tag?: string[];
  readonly intent?: string;
  readonly server?: string;
  readonly json?: true;
}

/** Gets a delegation token and prints it. */
export async function mintDelegation(options: MintDelegationOptions): Promise<void> {
  const headers = credentialHeaders(options, process.env);
  const seconds = options.validity === undefined ? 0 : parseDuration(options.validity, "validity") / 1000;
  const minter = createClient(TokenMinter, connectTo(options.server));
  const request = {
    delegatedIdentity: options.identity,
    audience: options.audience,
    services: options.service,
    validityDuration: BigInt(Math.floor(seconds)),
    tags: options.tag ?? [],
    intent: options.intent ?? "",
  };
  const { token, delegationSubtoken } = await minter.mintDelegationToken(request, { headers });
  const subtoken = delegationSubtoken && toJson(SubtokenSchema, delegationSubtoken);
  process.stdout.write(`${options.json === true ? JSON.stringify({ token, subtoken }) : token}\n`);
}
