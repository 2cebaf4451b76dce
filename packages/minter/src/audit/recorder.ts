import type { AuditEntry } from "./audit-log.js";

/** Where features write what they did. */
export interface Recorder {
  /** Records what must not take effect without its record. Rejects with StorageUnavailable when it is not committed. */
  record(entry: AuditEntry): Promise<void>;
  /** Records what nobody waits for: the refusal of somebody who is known. */
  note(entry: AuditEntry): void;
  /** Counts the refusal of a stranger. */
  count(method: string, reason: string, peer: string): void;
}

/** Records nothing. For tests of what is not about records. */
export const noRecorder: Recorder = {
  record: () => Promise.resolve(),
  note: () => undefined,
  count: () => undefined,
};
