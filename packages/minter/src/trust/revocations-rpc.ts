import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  ListRevocationsResponseSchema,
  type Operator,
  type RevocationEntry,
  RevocationEntrySchema,
  RevokeCAResponseSchema,
  RevokeMachineResponseSchema,
  RevokeTokenResponseSchema,
  UnrevokeMachineResponseSchema,
} from "@tokens/api/admin";
import { isIdentity, type RevokedSubject } from "@tokens/machine-auth";
import type { Recorder } from "../audit/recorder.js";
import { asciiLowerCase, isCanonicalDomain } from "../domain-name.js";
import { refuseCall } from "../errors.js";
import { callFacts } from "../rpc/call-facts.js";
import { operatorOf } from "../rpc/require-admin.js";
import type { FeedEntry } from "./feed-store.js";
import type { RevocationFeed } from "./revocation-feed.js";
import { subjectText } from "./subject-text.js";

/** What the RPCs need. */
export interface RevocationsRpcParts {
  readonly feed: RevocationFeed;
  /** The common name to which each id of a CA belongs, also of CAs that were removed. */
  readonly caOwners: () => Promise<ReadonlyMap<bigint, string>>;
  readonly recorder: Recorder;
  readonly serviceVersion: string;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Longest reason, in characters. */
const MAX_REASON_LENGTH = 500;

/** When the last token has died that is there now, in seconds from now: the longest life, and clocks that differ. */
const LAST_TOKEN_SECONDS = 86_400 + 600;

type Rpcs = Pick<
  ServiceImpl<typeof Operator>,
  "revokeToken" | "revokeMachine" | "unrevokeMachine" | "revokeCA" | "listRevocations"
>;

/** The RPCs that revoke, and ListRevocations. Beside the call, each records what it was about. */
export function revocationsRpcs(parts: RevocationsRpcParts): Rpcs {
  const { feed, clock } = parts;
  return {
    revokeToken: async ({ fingerprint: text, reason, until }, context) => {
      const fingerprint = asciiLowerCase(text);
      if (!/^[0-9a-f]{32}$/.test(fingerprint)) {
        throw refuseCall(Code.InvalidArgument, "a fingerprint is 32 hex digits; it is not the token itself");
      }
      const end = until ? untilOf(until, clock()) : Math.ceil(clock() / 1000) + LAST_TOKEN_SECONDS;
      const entry = await revoke({ kind: "token", fingerprint }, end, reason, context, parts);
      return create(RevokeTokenResponseSchema, { entry: messageOf(entry) });
    },
    revokeMachine: async ({ fqdn, reason, until }, context) => {
      const subject = { kind: "machine", fqdn: machineName(fqdn) } as const;
      const entry = await revoke(subject, untilOf(until, clock()), reason, context, parts);
      return create(RevokeMachineResponseSchema, { entry: messageOf(entry) });
    },
    unrevokeMachine: async ({ fqdn }, context) => {
      const entries = await feed.unrevokeMachine(machineName(fqdn));
      if (entries.length === 0) throw refuseCall(Code.NotFound, "no machine of that name is revoked by its name");
      for (const entry of entries) await recordEntry(entry, context, parts);
      return create(UnrevokeMachineResponseSchema, { entries: entries.map(messageOf) });
    },
    revokeCA: async ({ cn, reason }, context) => {
      const ids = [...(await parts.caOwners())].filter(([, owner]) => owner === cn).map(([id]) => id);
      if (ids.length === 0) throw refuseCall(Code.NotFound, "no such CA", `no such CA ${JSON.stringify(cn)}`);
      const entries: RevocationEntry[] = [];
      for (const caId of ids) {
        const entry = await revoke({ kind: "ca", caId }, Number.POSITIVE_INFINITY, reason, context, parts);
        entries.push(messageOf(entry));
      }
      return create(RevokeCAResponseSchema, { entries });
    },
    listRevocations: async ({ kind }) => {
      if (!["", "token", "machine", "certificate", "ca"].includes(kind)) {
        throw refuseCall(Code.InvalidArgument, "no such kind; there are token, machine, certificate and ca");
      }
      await feed.refresh();
      const { number, entries } = feed.current().feed;
      const wanted = entries.filter(({ subject }) => kind === "" || subject.kind === kind);
      return create(ListRevocationsResponseSchema, { number: BigInt(number), entries: wanted.map(messageOf) });
    },
  };
}

async function revoke(
  subject: RevokedSubject,
  until: number,
  reason: string,
  context: HandlerContext,
  parts: RevocationsRpcParts,
): Promise<FeedEntry> {
  if (reason.length > MAX_REASON_LENGTH) {
    throw refuseCall(Code.InvalidArgument, `a reason has at most ${MAX_REASON_LENGTH} characters`);
  }
  const who = { reason, revokedBy: operatorOf(context.values), revokedAtMs: parts.clock() };
  const entry = await parts.feed.revoke({ subject, until, ...who });
  if (!entry) throw refuseCall(Code.FailedPrecondition, "the revocation feed is full; revoke the CA instead");
  await recordEntry(entry, context, parts);
  return entry;
}

function recordEntry(
  { subject, number, reason }: FeedEntry,
  { values, requestHeader: headers, method }: HandlerContext,
  { recorder, serviceVersion }: RevocationsRpcParts,
): Promise<void> {
  const what = { subject_kind: subject.kind, subject: subjectText(subject), feed_number: number, detail: reason };
  const columns = {
    method: method.name,
    caller: operatorOf(values),
    ...what,
    ...callFacts({ values, headers }, serviceVersion),
  };
  return recorder.record({ kind: "operation", columns });
}

/** A name as tokens have it: in any other form the revocation would match nothing. */
function machineName(text: string): string {
  const fqdn = asciiLowerCase(text);
  if (fqdn.includes(".") && isCanonicalDomain(fqdn) && isIdentity(`bot:${fqdn}`)) return fqdn;
  throw refuseCall(Code.InvalidArgument, "the name of a machine is a host name with its domain, as in its tokens");
}

/** The end of a revocation in Unix seconds; whole seconds of it are never cut off. */
function untilOf(until: Timestamp | undefined, nowMs: number): number {
  if (!until) return Number.POSITIVE_INFINITY;
  const ms = timestampMs(until);
  if (!Number.isSafeInteger(Math.ceil(ms))) throw refuseCall(Code.InvalidArgument, "until is not a time");
  if (ms <= nowMs) throw refuseCall(Code.InvalidArgument, "until has passed already");
  return Math.ceil(ms / 1000);
}

function messageOf({ number, subject, until, reason, revokedBy, revokedAtMs }: FeedEntry): RevocationEntry {
  return create(RevocationEntrySchema, {
    number: BigInt(number),
    kind: subject.kind,
    subject: subjectText(subject),
    reason,
    revokedBy,
    revokedAt: timestampFromMs(revokedAtMs),
    ...(Number.isFinite(until) ? { until: timestampFromMs(until * 1000) } : {}),
  });
}
