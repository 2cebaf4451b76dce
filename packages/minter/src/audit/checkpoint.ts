import { createHash, type KeyObject, verify } from "node:crypto";
import type { Signer } from "../keys/signer.js";
import type { AuditStore, ChainHead, StoredCheckpoint } from "./audit-store.js";

/** What a checkpoint says. It is signed, so that whoever changes records later would have to sign another one. */
export interface CheckpointStatement {
  /** From 1 up, without a gap. */
  readonly number: number;
  /** SHA-256 of the body of the checkpoint before, hex; empty for the first. */
  readonly previous: string;
  /** Unix milliseconds. */
  readonly timeMs: number;
  /** Chains as they were then. */
  readonly heads: readonly ChainHead[];
  /** Chains whose oldest records go by age: the last record that goes. */
  readonly cuts: readonly ChainHead[];
  /** Checkpoints below this number go by age too. */
  readonly firstKept: number;
}

/** What a process wants a checkpoint to say. */
export type CheckpointContent = Partial<Pick<CheckpointStatement, "heads" | "cuts" | "firstKept">>;

/** Set apart from everything else that is signed. */
const CONTEXT = "tokens audit checkpoint v1\0";

/** How many replicas may be faster before something else must be wrong. */
const MAX_TRIES = 20;

type WrittenHead = [chain: string, sequence: number, hash: string, timeMs: number];

const writeHead = ({ chain, sequence, hash, timeMs }: ChainHead): WrittenHead => [
  chain,
  sequence,
  Buffer.from(hash).toString("hex"),
  timeMs,
];
const readHead = ([chain, sequence, hash, timeMs]: WrittenHead): ChainHead => ({
  chain,
  sequence,
  hash: Buffer.from(hash, "hex"),
  timeMs,
});

function encodeStatement({ heads, cuts, ...rest }: CheckpointStatement): string {
  return JSON.stringify({ ...rest, heads: heads.map(writeHead), cuts: cuts.map(writeHead) });
}

function decodeStatement(body: string): CheckpointStatement {
  const { heads, cuts, ...rest } = JSON.parse(body) as CheckpointStatement & Record<"heads" | "cuts", WrittenHead[]>;
  return { ...rest, heads: heads.map(readHead), cuts: cuts.map(readHead) };
}

/** The hash by which the next checkpoint names this one. */
export function hashCheckpoint({ body }: StoredCheckpoint): string {
  return createHash("sha256").update(body).digest("hex");
}

function signedBytes(body: string): Uint8Array {
  return Buffer.from(CONTEXT + body);
}

/** Signs and stores the next checkpoint. Rejects with StorageUnavailable. */
export async function addCheckpoint(
  store: AuditStore,
  signer: Signer,
  content: CheckpointContent,
  nowMs: number,
): Promise<StoredCheckpoint> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const last = await store.lastCheckpoint();
    const number = (last?.number ?? 0) + 1;
    const timeMs = Math.max(nowMs, last?.timeMs ?? 0);
    const previous = last ? hashCheckpoint(last) : "";
    const body = encodeStatement({ number, previous, timeMs, heads: [], cuts: [], firstKept: 0, ...content });
    const signature = await signer.sign(signedBytes(body));
    const checkpoint = { number, timeMs, body, keyId: signer.keyId, signature };
    if ((await store.addCheckpoint(checkpoint, content.heads ?? [])) === "added") return checkpoint;
  }
  throw new Error("other replicas took every checkpoint number");
}

/** What a checkpoint says, if the key signed it; undefined if not. */
export function verifyCheckpoint(
  { body, signature }: StoredCheckpoint,
  key: KeyObject,
): CheckpointStatement | undefined {
  return verify("sha256", signedBytes(body), key, signature) ? decodeStatement(body) : undefined;
}
