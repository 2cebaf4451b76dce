import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { CertificateAuthorityConfigSchema } from "@tokens/api/config";
import { PolicyFindings } from "../policies/policy-findings.js";
import type { AuthorityStore, ImportedAuthority, StoredAuthority } from "./authority-store.js";
import type { CaPolicy, TrustedCa } from "./ca-policy.js";
import type { CaTokens } from "./crl-keeper.js";
import { compileCa } from "./compile-ca-policy.js";

/** A CA that is or was in the policy. */
export interface KnownAuthority {
  readonly ca: TrustedCa;
  readonly stored: StoredAuthority;
}

/** Finds a CA that is or was in the policy; undefined if it never was. */
export async function findAuthority(store: AuthorityStore, commonName: string): Promise<KnownAuthority | undefined> {
  const stored = (await store.list()).find((authority) => authority.commonName === commonName);
  if (!stored) return undefined;
  const config = fromBinary(CertificateAuthorityConfigSchema, stored.config);
  const readFile = (path: string) => Promise.resolve(stored.files[path] ?? "");
  const ca = await compileCa(config, [], readFile, new PolicyFindings());
  if (!ca) throw new Error(`the stored certificate of CA ${JSON.stringify(commonName)} cannot be read`);
  return { ca, stored };
}

/**
 * What is known of the tokens of a CA's machines. An entry that was never changed has always named its revocation list, and
 * nobody gets a token before that is there.
 */
export async function tokensOfCa(store: AuthorityStore, caName: string): Promise<CaTokens> {
  const [owners, authorities] = await Promise.all([store.owners(), store.list()]);
  const caIds = [...owners].filter(([, owner]) => owner === caName).map(([id]) => id);
  const stored = authorities.find(({ commonName }) => commonName === caName);
  return { caIds, mayPrecedeLists: stored?.addedRevision !== stored?.updatedRevision };
}

/** The CAs of a policy as they are kept. */
export function importedAuthorities(policy: CaPolicy): ImportedAuthority[] {
  return [...policy.values()].map(({ commonName, uniqueId, config, files }) => ({
    commonName,
    uniqueId,
    config: toBinary(CertificateAuthorityConfigSchema, config),
    files,
  }));
}
