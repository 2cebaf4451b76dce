import { randomBytes } from "node:crypto";
import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { TokenMinter } from "@tokens/api";
import { Admin, CertificateAuthorities, Operator } from "@tokens/api/admin";
import { isIdentity, type Revocations, type TrustSource } from "@tokens/machine-auth";
import { credentialKinds } from "./access/credential-kinds.js";
import { callerIdentifier } from "./access/identify-caller.js";
import { exportAuditRpc } from "./audit/audit-rpc.js";
import { explainRpc } from "./audit/explain.js";
import { type Audit, startAudit } from "./audit/start-audit.js";
import { certificateStatus } from "./certificate-authorities/certificate-status.js";
import { authoritiesRpc } from "./certificate-authorities/authorities-rpc.js";
import { inspectDelegationTokenRpc } from "./delegation/inspect-delegation-token.js";
import { delegationTokenRpc } from "./delegation/mint-delegation-token.js";
import { openCredentials } from "./credentials/open-credentials.js";
import { projectTokenRpc } from "./project-tokens/mint-project-token.js";
import { serviceAccountTokenRpc } from "./service-accounts/mint-service-account-token.js";
import { ServiceUrls } from "./delegation/service-urls.js";
import { importedAuthorities, tokensOfCa } from "./certificate-authorities/known-authorities.js";
import { type Authorities, startAuthorities } from "./certificate-authorities/start-authorities.js";
import { startJobs } from "./jobs/leased-jobs.js";
import { keysRpcs } from "./keys/keys-rpc.js";
import { DEFAULT_KEY_SETTINGS, SigningKeys } from "./keys/signing-keys.js";
import type { Signer } from "./keys/signer.js";
import { machineChecks } from "./machine-checks.js";
import { certificateAdmission } from "./machine-tokens/admit-certificate.js";
import { CertificateCache } from "./machine-tokens/certificate-cache.js";
import { decodeMintRequest } from "./machine-tokens/decode-mint-request.js";
import { encodeMintResponse } from "./machine-tokens/encode-mint-response.js";
import { inspectMachineTokenRpc } from "./machine-tokens/inspect-machine-token.js";
import { machineTokenRpc } from "./machine-tokens/mint-machine-token.js";
import { SeenRequests } from "./machine-tokens/seen-requests.js";
import { noMetrics } from "./metrics.js";
import { compilePolicy, type Policy } from "./policies/compile-policy.js";
import { followPolicies, policyImportJob } from "./policies/follow-policies.js";
import { importPoliciesRpc, importRpcs } from "./policies/import-rpcs.js";
import { PoliciesInForce, type PolicyImport } from "./policies/policies-in-force.js";
import { type DirectMethod, directMethods } from "./rpc/direct-call.js";
import { keepByteOrderMarks } from "./rpc/keep-byte-order-marks.js";
import { MAX_MACHINE_TOKEN_REQUEST_BYTES, MAX_REQUEST_BYTES } from "./rpc/limits.js";
import { prpcHandler } from "./rpc/prpc.js";
import { routerOptions } from "./rpc/router-options.js";
import { DEFAULT_AUDIT_SETTINGS, type TokenServerParts } from "./token-server-parts.js";
import {
  CERTIFICATES_PATH,
  type PublicDocuments,
  type PublishedKeys,
  publicDocuments,
} from "./trust/public-documents.js";
import { BundlePublisher } from "./trust/bundle-publisher.js";
import { ownTrust } from "./trust/own-trust.js";
import { forgetfulNumber } from "./trust/published-number.js";
import { RevocationFeed } from "./trust/revocation-feed.js";
import { revocationsRpcs } from "./trust/revocations-rpc.js";

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
  /** Answers GET of TRUST_BUNDLE_PATH. Rejects with Unavailable. */
  readonly trustBundle: BundlePublisher["answer"];
  /** Whether the storage answers. */
  readonly ping: () => Promise<void>;
  /** Imports the policy files now. Rejects with a PolicyError, and then nothing changes. */
  readonly importPolicy: () => Promise<PolicyImport>;
  /** Stops periodic work and commits what is left. The storage stays open. */
  close(): Promise<void>;
}

const monotonic = performance.now.bind(performance);

/**
 * Puts a token server together and starts its periodic work. Rejects with a TypeError for a service account that no
 * verifier would accept or OpenID issuers that must not be trusted, with a KeyUnusable when a stored key cannot be
 * used, with a FeedWentBack when the storage is older than what was published, with a PolicyError when there are no usable
 * policy files and were none before, with Unavailable.
 */
export async function startTokenServer(parts: TokenServerParts): Promise<TokenServer> {
  const { storage, log, serviceAccount, metrics = noMetrics, clock = Date.now } = parts;
  if (!isIdentity(`user:${serviceAccount}`)) {
    throw new TypeError(`the service account ${JSON.stringify(serviceAccount)} is not an e-mail address`);
  }
  keepByteOrderMarks();
  const work = await startWork({ ...parts, metrics, clock });
  const { keys, audit, policies, authorities, feed, seen } = work;
  const policy = () => policies.current();
  const signer = () => parts.signer ?? keys.signer("tokens");
  const published = publishedKeys(parts, keys);
  const documents = publicDocuments(parts, published, clock);
  const bundles = new BundlePublisher({ feed, signer: () => keys.signer("bundle"), serviceAccount });
  const trustWith = (revocations: () => Revocations) =>
    ownTrust({
      keys: () => published("tokens"),
      certificatesDocument: () => documents.get(CERTIFICATES_PATH)?.() ?? "",
      revocations,
    });
  const trust = trustWith(() => feed.current().revocations);
  // A report says what is known last; nothing is decided by it.
  const reportTrust = trustWith(() => feed.latest().revocations);
  const revocations = parts.revocations ?? authorities.keeper;
  const complete = {
    ...parts,
    metrics,
    clock,
    signer,
    trust,
    keyRing: keys,
    policy,
    authorities,
    revocations,
    feed,
    reportTrust,
    seen,
  };
  const routes = routesOf(complete, policies, audit);
  const routerOptions = routerOptionsOf(complete, audit);
  return {
    routes,
    routerOptions,
    prpc: prpcHandler(routes, routerOptions, log),
    direct: directMethods(routes, routerOptions, [
      { method: TokenMinter.method.mintMachineToken, decode: decodeMintRequest, encode: encodeMintResponse },
    ]),
    documents,
    trustBundle: (query) => bundles.answer(query),
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
  readonly feed: RevocationFeed;
  stop(): Promise<void>;
}

function publishedKeys({ signer }: Pick<TokenServerParts, "signer">, keys: SigningKeys): PublishedKeys {
  return (purpose) => (signer && purpose === "tokens" ? [signer] : keys.published(purpose));
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
  const published = publishedKeys(parts, keys);
  const feed = await RevocationFeed.open({
    ...(parts.feed ?? { published: forgetfulNumber(), rollback: "refuse" }),
    store: storage.feed,
    keys: () => published("tokens"),
    refreshKeys: () => keys.refresh(),
    ...tools,
  });
  const signer = () => keys.signer("audit");
  const audit = startAudit({ ...(parts.audit ?? DEFAULT_AUDIT_SETTINGS), store: storage.audit, signer, ...tools });
  const policies = await openPolicies(parts, clock);
  const cas = () => policies.current().cas;
  const authorities = await startAuthorities({
    ...parts,
    store: storage.crls,
    tokensOf: (caName) => tokensOfCa(storage.authorities, caName),
    policy: cas,
    crl: parts.crl ?? {},
  });
  const seen = new SeenRequests({
    store: storage.seen,
    metrics,
    clock,
    ...(parts.seenCapacity !== undefined && { capacity: parts.seenCapacity }),
  });
  const following = followPolicies(policies, log);
  const holder = randomBytes(8).toString("hex");
  const allJobs = [...audit.jobs, keys.job, feed.job, policyImportJob(policies), ...authorities.jobs, seen.job];
  const jobs = startJobs(allJobs, { leases: storage.leases, holder, log, metrics });
  const stop = async () => {
    following.stop();
    await authorities.stop();
    await feed.stop();
    await jobs.stop();
    await audit.stop();
    await keys.close();
  };
  return { keys, audit, policies, authorities, feed, seen, stop };
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

type Complete = Omit<TokenServerParts, "signer" | "feed"> &
  Required<Pick<TokenServerParts, "metrics" | "clock" | "revocations">> & {
    readonly signer: () => Signer;
    readonly keyRing: SigningKeys;
    /** The policy in force. */
    readonly policy: () => Policy;
    readonly authorities: Authorities;
    readonly seen: SeenRequests;
    readonly feed: RevocationFeed;
    /** What this server has signed. */
    readonly trust: TrustSource;
    /** The same for reports: revocations that were last known, however long ago. */
    readonly reportTrust: TrustSource;
  };

function routesOf(parts: Complete, policies: PoliciesInForce, { recorder }: Audit): (router: ConnectRouter) => void {
  const { policy, revocations, authorities, storage, clock } = parts;
  const checks = machineChecks(parts);
  const mintMachineToken = machineTokenRpc({
    ...parts,
    admitCertificate: certificateAdmission(parts.load?.perCertificate, parts.metrics, monotonic),
    serverNames: parts.serverNames ?? (() => new Set()),
    certificates: new CertificateCache(),
    recorder,
    configRevision: () => policy().revision,
    mayBeEc: () => [...policy().cas.values()].some(({ requests }) => requests.ec_signature !== "off"),
    checkCertificate: checks.byCa,
    whyRevoked: checks.whyRevoked,
  });
  const certificateAuthorities = authoritiesRpc({
    ...authorities,
    store: storage.authorities,
    policy: () => policy().cas,
    checkCertificate: checks.complete,
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
    trust: parts.reportTrust,
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
      ...revocationsRpcs({ ...parts, recorder, caOwners: () => storage.authorities.owners() }),
    });
  };
}

function routerOptionsOf(parts: Complete, { recorder }: Audit): ConnectRouterOptions {
  const { policy, clock, trust, load = {} } = parts;
  const identify = callerIdentifier({
    kinds: credentialKinds(parts, machineChecks(parts).ofClients),
    trust,
    service: `service:${parts.appId}`,
    policy,
    clock,
  });
  return routerOptions({ ...parts, recorder, identify, calls: load.calls, perAddress: load.perAddress, monotonic });
}
