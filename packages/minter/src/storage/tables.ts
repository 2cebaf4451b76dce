import type { RevokedSubject } from "@tokens/machine-auth";
import type { Generated, Kysely } from "kysely";
import type { AuditKind } from "../audit/audit-store.js";
import type { KeyBackend } from "../keys/key-backend.js";
import type { KeyPurpose } from "../keys/key-store.js";

/** The tables, one property each. Times are Unix milliseconds. Features add theirs with a migration. */
export interface Tables {
  signing_keys: {
    key_id: string;
    purpose: KeyPurpose;
    generation: number;
    backend: KeyBackend["name"];
    private_key: Uint8Array;
    sealed_by: string | null;
    /** 1 while traces of the handle as it was before may be left. */
    scrub_due: number;
    certificate_pem: string;
    created_at_ms: number;
    signs_from_ms: number;
    tainted_at_ms: number | null;
  };
  policy_revisions: {
    number: Generated<number>;
    revision: string;
    files: string;
    imported_at_ms: number;
  };
  leases: { name: string; holder: string; until_ms: number; ran_at_ms: number | null };
  audit_records: {
    chain: string;
    sequence: number;
    kind: AuditKind;
    time_ms: number;
    data: string;
    previous: Uint8Array;
  };
  audit_chains: { chain: string; sequence: number; hash: Uint8Array; time_ms: number; checkpointed: Generated<number> };
  audit_checkpoints: { number: number; time_ms: number; body: string; key_id: string; signature: Uint8Array };
  certificate_authorities: {
    common_name: string;
    config: Uint8Array;
    files: string;
    added_revision: string;
    updated_revision: string;
    removed_revision: string;
  };
  authority_ids: { unique_id: string; common_name: string };
  crls: {
    list_id: string;
    version: number;
    this_update_s: number;
    next_update_s: number | null;
    number: string | null;
    entries: number;
    digest: string;
    etag: string;
    taken_at_ms: number;
    parts: number;
  };
  crl_parts: { list_id: string; digest: string; part: number; bytes: Uint8Array };
  trust_feed: {
    id: number;
    number: number;
    /** JSON: the keys that verifiers may trust. */
    keys: string;
    history_from: number;
  };
  revocations: {
    number: number;
    kind: RevokedSubject["kind"];
    subject: string;
    /** Unix seconds; null: for ever. */
    until_s: number | null;
    reason: string;
    revoked_by: string;
    revoked_at_ms: number;
    /** The feed's number from which on it is gone, and when it went. */
    removed_number: number | null;
    removed_at_ms: number | null;
  };
  seen_requests: { id: string; until_s: number };
  crl_checks: { list_id: string; checked_at_ms: number | null; failed_at_ms: number | null; failure: string };
}

/** The two engines. */
export type Engine = "sqlite" | "postgres";

/** An open database: Kysely for all queries but the audit append, which each engine does in its fastest way. */
export interface Database {
  readonly engine: Engine;
  readonly db: Kysely<Tables>;
}
