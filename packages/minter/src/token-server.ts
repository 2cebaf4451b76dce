import { randomBytes } from "node:crypto";
import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { TokenMinter } from "@tokens/api";
import { Admin, CertificateAuthorities, Operator } from "@tokens/api/admin";
import { isIdentity, type TrustSource } from "@tokens/machine-auth";
import { type Certificate, checkCertificate } from "@tokens/pki";
import { type ClientCertificateChecks, credentialKinds, type KnownCallers } from "./access/credential-kinds.js";
import { callerIdentifier } from "./access/identify-caller.js";
import type { AuditMode } from "./audit/audit-log.js";
import { exportAuditRpc } from "./audit/audit-rpc.js";
import { explainRpc } from "./audit/explain.js";
import type { RetentionAges } from "./audit/retention.js";
import { type Audit, startAudit } from "./audit/start-audit.js";
import { certificateStatus } from "./certificate-authorities/certificate-status.js";
import { authoritiesRpc } from "./certificate-authorities/authorities-rpc.js";
import { checkMachineCertificate, type RevocationLists } from "./certificate-authorities/check-machine-certificate.js";
import { inspectDelegationTokenRpc } from "./delegation/inspect-delegation-token.js";
import { delegationTokenRpc } from "./delegation/mint-delegation-token.js";
import { type GoogleAccounts, openCredentials } from "./credentials/open-credentials.js";
import { projectTokenRpc } from "./project-tokens/mint-project-token.js";
import { serviceAccountTokenRpc } from "./service-accounts/mint-service-account-token.js";
import { ServiceUrls } from "./delegation/service-urls.js";
import { importedAuthorities } from "./certificate-authorities/known-authorities.js";
import { type Authorities, type CrlSettings, startAuthorities } from "./certificate-authorities/start-authorities.js";
import { startJobs } from "./jobs/leased-jobs.js";
import { keysRpcs } from "./keys/keys-rpc.js";
import { DEFAULT_KEY_SETTINGS, type KeySettings, SigningKeys } from "./keys/signing-keys.js";
import type { Signer } from "./keys/signer.js";
import type { Logger } from "./log.js";
import { machineNameOf } from "./machine-tokens/machine-name.js";
import { inspectMachineTokenRpc } from "./machine-tokens/inspect-machine-token.js";
import { machineTokenRpc } from "./machine-tokens/mint-machine-token.js";
import { SeenRequests } from "./machine-tokens/seen-requests.js";
import { type Metrics, noMetrics } from "./metrics.js";
import { compilePolicy, type Policy } from "./policies/compile-policy.js";
import { followPolicies, policyImportJob } from "./policies/follow-policies.js";
import { importPoliciesRpc, importRpcs } from "./policies/import-rpcs.js";
import { PoliciesInForce, type PolicyImport } from "./policies/policies-in-force.js";
import type { PolicySource } from "./policies/policy-reader.js";
import { answerErrors } from "./rpc/answer-errors.js";
import { authenticateCaller } from "./rpc/authenticate-caller.js";
import { clampDeadline } from "./rpc/clamp-deadline.js";
import { type DirectMethod, directMethods } from "./rpc/direct-call.js";
import { MAX_CALL_MS, MAX_MACHINE_TOKEN_REQUEST_BYTES, MAX_REQUEST_BYTES } from "./rpc/limits.js";
import { prpcHandler } from "./rpc/prpc.js";
import { requireAdmin } from "./rpc/require-admin.js";
import type { Storage } from "./storage/storage.js";
import {
  CERTIFICATES_PATH,
  type PublicDocuments,
  type PublishedKeys,
  publicDocuments,
  type ServerIdentity,
} from "./trust/public-documents.js";
import { ownTrust } from "./trust/own-trust.js";

/** What a token server is made of. */
export interface TokenServerParts extends ServerIdentity, KnownCallers {
  readonly storage: Storage;
  /** Where the policy files are. What is imported from them is kept in the storage, and is in force on all replicas. */
  readonly policySource: PolicySource;
  readonly crl?: CrlSettings;
  /** Services, as `host:port`, that delegations may name by a URL with a private address. Default: none. */
  readonly serviceHosts?: ReadonlySet<string>;
  /** Who accepts the access tokens that this server makes itself. Default: its public URL. */
  readonly accessTokenAudience?: string | undefined;
  /** Service accounts whose tokens Google makes. Default: none; this server makes the tokens of all others. */
  readonly googleAccounts?: GoogleAccounts;
  /** Whether this is a server for trials, where projects may have other service accounts. Default: no. */
  readonly isStaging?: boolean;
  /** Default: required; records of machines are kept for 90 days, those of decisions for a year. */
  readonly audit?: AuditSettings;
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** How signing keys are kept and follow each other. Default: in this process and the storage; the lead is 10 minutes. */
  readonly keys?: KeySettings;
  /** Signs all tokens in place of those keys, and is never replaced. */
  readonly signer?: Signer;
  /** The revocation lists in force. Default: those that are fetched. */
  readonly revocations?: RevocationLists;
  /** What a request's `server_name` may say, where the policy of a CA wants one. Default: nothing, so that none fits. */
  readonly serverNames?: () => ReadonlySet<string>;
  /** How many used requests are remembered at most, where the policy of a CA wants nonces. Default: a million. */
  readonly seenCapacity?: number;
  /** Unix milliseconds. */
  readonly clock?: () => number;
}

/** How tokens and refusals are recorded. */
export interface AuditSettings {
  readonly mode: AuditMode;
  readonly ages: RetentionAges;
}

/** A token server without its sockets: RPCs for any Connect adapter, and documents for any web server. */
export interface TokenServer {
  /** Registers the RPCs. */
  readonly routes: (router: ConnectRouter) => void;
  /** How an adapter must run them: limits, and how errors are answered. */
  readonly routerOptions: ConnectRouterOptions;
  /** Answers the requests whose paths begin with `PRPC_PREFIX`: the same RPCs in LUCI's pRPC. Never rejects. */
  readonly prpc: UniversalHandlerFn;
  /** The calls that are many and hurry, by path, without Connect: they are answered in the same way. */
  readonly direct: ReadonlyMap<string, DirectMethod>;
  readonly documents: PublicDocuments;
  /** Whether the storage answers. */
  readonly ping: () => Promise<void>;
  /** Imports the policy files now. Rejects with a PolicyError, and then nothing changes. */
  readonly importPolicy: () => Promise<PolicyImport>;
  /** Stops periodic work and commits what is left. The storage stays open. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const defaultAudit: AuditSettings = { mode: "required", ages: { machines: 90 * DAY_MS, decisions: 365 * DAY_MS } };

/**
 * Puts a token server together and starts its periodic work. Rejects with a TypeError for a service account that no
 * verifier would accept or OpenID issuers that must not be trusted, with a KeyUnusable when a stored key cannot be
 * used, with a PolicyError when there are no usable policy files and were none before, with Unavailable.
 */
export async function startTokenServer(parts: TokenServerParts): Promise<TokenServer> {
  const { storage, log, serviceAccount, metrics = noMetrics, clock = Date.now } = parts;
  if (!isIdentity(`user:${serviceAccount}`)) {
    throw new TypeError(`the service account ${JSON.stringify(serviceAccount)} is not an e-mail address`);
  }
  const work = await startWork({ ...parts, metrics, clock });
  const { keys, audit, policies, authorities, seen } = work;
  const policy = () => policies.current();
  const signer = () => parts.signer ?? keys.signer("tokens");
  const published: PublishedKeys = (purpose) =>
    parts.signer && purpose === "tokens" ? [parts.signer] : keys.published(purpose);
  const documents = publicDocuments(parts, published, clock);
  const trust = ownTrust(
    () => published("tokens"),
    () => documents.get(CERTIFICATES_PATH)?.() ?? "",
  );
  const revocations = parts.revocations ?? authorities.keeper;
  const complete = { ...parts, metrics, clock, signer, trust, keyRing: keys, policy, authorities, revocations, seen };
  const routes = routesOf(complete, policies, audit);
  const routerOptions = routerOptionsOf(complete, audit);
  return {
    routes,
    routerOptions,
    prpc: prpcHandler(routes, routerOptions, log),
    direct: directMethods(routes, routerOptions, [TokenMinter.method.mintMachineToken]),
    documents,
    ping: () => storage.ping(),
    importPolicy: () => policies.import(),
    close: () => work.stop(),
  };
}

/** What goes on beside the calls as long as a server runs. */
interface Work {
  readonly keys: SigningKeys;
  readonly audit: Audit;
  readonly policies: PoliciesInForce;
  readonly authorities: Authorities;
  readonly seen: SeenRequests;
  stop(): Promise<void>;
}

async function startWork(parts: TokenServerParts & Pick<Complete, "metrics" | "clock">): Promise<Work> {
  const { storage, log, serviceAccount: owner, metrics, clock } = parts;
  const tools = { log, metrics, clock };
  const keys = await SigningKeys.open({
    ...(parts.keys ?? DEFAULT_KEY_SETTINGS),
    store: storage.keys,
    owner,
    ...tools,
  });
  const signer = () => keys.signer("audit");
  const audit = startAudit({ ...(parts.audit ?? defaultAudit), store: storage.audit, signer, ...tools });
  const policies = await openPolicies(parts, clock);
  const cas = () => policies.current().cas;
  const authorities = await startAuthorities({ ...parts, store: storage.crls, policy: cas, crl: parts.crl ?? {} });
  const seen = new SeenRequests({
    store: storage.seen,
    metrics,
    clock,
    ...(parts.seenCapacity !== undefined && { capacity: parts.seenCapacity }),
  });
  const following = followPolicies(policies, log);
  const holder = randomBytes(8).toString("hex");
  const allJobs = [...audit.jobs, keys.job, policyImportJob(policies), ...authorities.jobs, seen.job];
  const jobs = startJobs(allJobs, { leases: storage.leases, holder, log, metrics });
  const stop = async () => {
    following.stop();
    await authorities.stop();
    await jobs.stop();
    await audit.stop();
    await keys.close();
  };
  return { keys, audit, policies, authorities, seen, stop };
}

/** The policies of a server. The ids of its CAs are kept for ever: a new CA never gets the id of an old one. */
function openPolicies({ policySource, storage, crl, isStaging = false, log }: TokenServerParts, clock: () => number) {
  const crlHosts = crl?.hosts ?? new Set<string>();
  return PoliciesInForce.open({
    source: policySource,
    store: storage.policies,
    compile: async (source) =>
      compilePolicy(source, { owners: await storage.authorities.owners(), crlHosts, isStaging }),
    remember: ({ cas, revision }) => storage.authorities.replaceAll(importedAuthorities(cas), revision),
    log,
    clock,
  });
}

type Complete = Omit<TokenServerParts, "signer"> &
  Required<Pick<TokenServerParts, "metrics" | "clock" | "revocations">> & {
    readonly signer: () => Signer;
    readonly keyRing: SigningKeys;
    /** The policy in force. */
    readonly policy: () => Policy;
    readonly authorities: Authorities;
    readonly seen: SeenRequests;
    /** What this server has signed. */
    readonly trust: TrustSource;
  };

function routesOf(parts: Complete, policies: PoliciesInForce, { recorder }: Audit): (router: ConnectRouter) => void {
  const { policy, revocations, authorities, storage, clock } = parts;
  const checkMachine = (certificate: Certificate, nowSeconds: number) =>
    checkMachineCertificate(certificate, policy().cas, revocations, nowSeconds);
  const mintMachineToken = machineTokenRpc({
    ...parts,
    serverNames: parts.serverNames ?? (() => new Set()),
    recorder,
    configRevision: () => policy().revision,
    checkCertificate: checkMachine,
    mayBeEc: () => [...policy().cas.values()].some(({ requests }) => requests.ec_signature !== "off"),
  });
  const certificateAuthorities = authoritiesRpc({
    ...authorities,
    store: storage.authorities,
    policy: () => policy().cas,
    checkCertificate: checkMachine,
    clock,
  });
  const serviceUrls = new ServiceUrls({ hosts: parts.serviceHosts ?? new Set(), clock });
  const resolveServices = (urls: readonly string[]) => serviceUrls.resolve(urls);
  const mintDelegationToken = delegationTokenRpc({ ...parts, recorder, resolveServices });
  const credentials = openCredentials(parts, () => parts.keyRing.signer("jwt"));
  const mintProjectToken = projectTokenRpc({ ...parts, recorder, credentials });
  const mintServiceAccountToken = serviceAccountTokenRpc({ ...parts, recorder, credentials });
  const inspectDelegationToken = inspectDelegationTokenRpc(parts);
  const inspectMachineToken = inspectMachineTokenRpc({
    ...parts,
    statusOf: (id, serial) => certificateStatus(storage.authorities, revocations, id, serial, clock() / 1000),
  });
  const exportAudit = exportAuditRpc(storage.audit, () => storage.keys.list("audit"));
  return (router) => {
    router.service(TokenMinter, {});
    router.rpc(TokenMinter.method.mintMachineToken, mintMachineToken, {
      readMaxBytes: MAX_MACHINE_TOKEN_REQUEST_BYTES,
    });
    router.rpc(TokenMinter.method.mintDelegationToken, mintDelegationToken, { readMaxBytes: MAX_REQUEST_BYTES });
    router.rpc(TokenMinter.method.mintProjectToken, mintProjectToken, { readMaxBytes: MAX_REQUEST_BYTES });
    router.rpc(TokenMinter.method.mintServiceAccountToken, mintServiceAccountToken, {
      readMaxBytes: MAX_REQUEST_BYTES,
    });
    router.service(CertificateAuthorities, certificateAuthorities);
    router.service(Admin, { ...importRpcs(policies), inspectDelegationToken, inspectMachineToken });
    router.service(Operator, {
      exportAudit,
      importPolicies: importPoliciesRpc(policies),
      explain: explainRpc(storage.audit),
      ...keysRpcs(parts.keyRing, { ...parts, recorder }),
    });
  };
}

/** Errors are answered outermost, so that whatever goes wrong further in is answered in the same way. */
function routerOptionsOf(parts: Complete, { recorder }: Audit): ConnectRouterOptions {
  const { policy, clock, trust } = parts;
  const identify = callerIdentifier({
    kinds: credentialKinds(parts, clientCertificateChecks(parts)),
    trust,
    service: `service:${parts.appId}`,
    policy,
    clock,
  });
  return {
    acceptCompression: [],
    readMaxBytes: MAX_REQUEST_BYTES,
    interceptors: [
      answerErrors({ ...parts, recorder }),
      clampDeadline(MAX_CALL_MS),
      authenticateCaller(identify, clock),
      requireAdmin(policy, recorder, parts.serviceVersion),
    ],
  };
}

/** A client's CA that is in the policy too may have revoked the certificate: then all of its checks are made. */
function clientCertificateChecks({ policy, revocations }: Complete): ClientCertificateChecks {
  return {
    check: (certificate, clientCas, nowSeconds) => {
      const trust = { anchors: clientCas, intermediates: [], policy: {} };
      const ca = checkCertificate(certificate, trust, nowSeconds).path.at(-1);
      const known = policy().cas.get(ca?.subject.commonNames[0] ?? "");
      const isKnown = ca && known?.anchors.some(({ der }) => Buffer.compare(der, ca.der) === 0);
      if (!isKnown) return;
      checkMachineCertificate(certificate, policy().cas, revocations, nowSeconds);
    },
    nameOf: (certificate) => machineNameOf(certificate).fqdn,
  };
}
